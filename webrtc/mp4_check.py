"""Reading an MP4 file back (ISO/IEC 14496-12): sample tables, offsets, times and bytes against the index."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from webrtc.file_check import FileCheck, TrackCheck, pieces, require
from webrtc.frames import Codec

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from webrtc.file_check import Steps
    from webrtc.media_index import MediaIndex

_BOX_HEAD_BYTES: Final = 8
_MOVIE_LIMIT: Final = 256 * 1024 * 1024  # twenty bytes a frame: ten times what an index may hold
_SAMPLE_ENTRIES: Final = {Codec.H264: b"avc1", Codec.OPUS: b"Opus"}


class _Run(NamedTuple):
    """Neighbouring bytes of one track in the media box."""

    offset: int
    size: int
    slot: int


class Mp4Check(FileCheck):
    """Feed it the stored MP4; `index` is the finished index the file was written from."""

    def __init__(self, index: MediaIndex) -> None:
        self._runs: list[_Run] = []
        super().__init__(index)

    def steps(self) -> Steps:
        """`ftyp`, `moov`, `mdat`, in this order and nothing else."""
        kind, size = yield from self._box_head()
        require("it does not begin with ftyp", ok=kind == b"ftyp" and size < _BOX_HEAD_BYTES * 100)
        yield size
        kind, size = yield from self._box_head()
        require("its index does not come first", ok=kind == b"moov" and size <= _MOVIE_LIMIT)
        self._movie((yield size))
        kind, size = yield from self._box_head()
        require("it has no media", ok=kind == b"mdat")
        end = self.position + size
        for run in self._runs:
            require("a chunk's offset", ok=run.offset == self.position)
            for step in pieces(run.size):
                self.tracks[run.slot].digest.update((yield step))
        require("the size of the media", ok=end == self.position)

    def _box_head(self) -> Generator[int, bytes, tuple[bytes, int]]:
        size, kind = struct.unpack(">I4s", (yield _BOX_HEAD_BYTES))
        if size != 1:
            require("a box's size", ok=size >= _BOX_HEAD_BYTES)
            return kind, size - _BOX_HEAD_BYTES
        (size,) = struct.unpack(">Q", (yield 8))
        require("a box's size", ok=size >= 2 * _BOX_HEAD_BYTES)
        return kind, size - 2 * _BOX_HEAD_BYTES

    def _movie(self, body: bytes) -> None:
        boxes = _boxes(body)
        (rate_hz,) = struct.unpack_from(">I", _only(boxes, b"mvhd"), 20)
        tracks = [content for kind, content in boxes if kind == b"trak"]
        require("its number of tracks", ok=len(tracks) == len(self.tracks))
        for slot, content in enumerate(tracks):
            self._runs += _Track(content, rate_hz).check(self.tracks[slot], slot)
        self._runs.sort()


class _Track:
    """One `trak` box, read into plain lists."""

    def __init__(self, body: bytes, movie_rate_hz: int) -> None:
        boxes = _boxes(body)
        media = _boxes(_only(boxes, b"mdia"))
        self._tables = _boxes(_only(_boxes(_only(media, b"minf")), b"stbl"))
        (self._rate_hz,) = struct.unpack_from(">I", _only(media, b"mdhd"), 20)
        self._wait = self._first_edit(_only(_boxes(_only(boxes, b"edts")), b"elst"), movie_rate_hz)

    def _first_edit(self, body: bytes, movie_rate_hz: int) -> tuple[int, int]:
        """Ticks of the track to wait before the first sample, within how many it is exact."""
        length, media_time = struct.unpack_from(">Qq", body, 8)
        if media_time != -1:
            return 0, 0
        return length * self._rate_hz // movie_rate_hz, self._rate_hz // movie_rate_hz + 1

    def check(self, check: TrackCheck, slot: int) -> list[_Run]:
        """Compare with the index; the places of the track's bytes."""
        track = check.track
        entries = _boxes(_only(self._tables, b"stsd")[8:])
        wanted = _SAMPLE_ENTRIES[track.info.codec]
        require("its codec", ok=bool(entries) and all(kind == wanted for kind, _ in entries))
        sizes = _numbers(_only(self._tables, b"stsz"), 12)
        keys = self._keys(len(sizes))
        for size, is_key in zip(sizes, keys, strict=True):
            check.frame(size, is_key=is_key)
        wait, exact = self._wait
        require("when it begins", ok=abs(wait - track.ticks[0]) <= exact)
        at = track.ticks[0]
        durations = self._durations(len(track))
        for place, duration in enumerate(durations):
            require("a sample's time", ok=at == track.ticks[place])
            at += duration
        return self._chunks(sizes, slot)

    def _keys(self, samples: int) -> list[bool]:
        found = [content for kind, content in self._tables if kind == b"stss"]
        if not found:
            return [True] * samples
        keys = set(_numbers(found[0], 8))
        return [number in keys for number in range(1, samples + 1)]

    def _durations(self, samples: int) -> list[int]:
        rows = _numbers(_only(self._tables, b"stts"), 8)
        runs = list(zip(rows[::2], rows[1::2], strict=True))
        require("its number of durations", ok=sum(count for count, _ in runs) == samples)
        return [duration for count, duration in runs for _ in range(count)]

    def _chunks(self, sizes: list[int], slot: int) -> list[_Run]:
        wide = [content for kind, content in self._tables if kind == b"co64"]
        offsets = _numbers(wide[0], 8, "Q") if wide else _numbers(_only(self._tables, b"stco"), 8)
        rows = _numbers(_only(self._tables, b"stsc"), 8)
        firsts, counts = rows[::3], rows[1::3]
        runs: list[_Run] = []
        at = row = 0
        for number, offset in enumerate(offsets, start=1):
            if row + 1 < len(firsts) and firsts[row + 1] == number:
                row += 1
            runs.append(_Run(offset, sum(sizes[at : at + counts[row]]), slot))
            at += counts[row]
        require("its chunks", ok=at == len(sizes))
        return runs


def check_mp4(chunks: Iterable[bytes], index: MediaIndex) -> None:
    """Read a whole file back. Raises `FileMismatchError`."""
    check = Mp4Check(index)
    for chunk in chunks:
        check.feed(chunk)
    check.finish()


def _boxes(body: bytes) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = []
    at = 0
    while at < len(body):
        require("a box is cut short", ok=at + _BOX_HEAD_BYTES <= len(body))
        size, kind = struct.unpack_from(">I4s", body, at)
        require("a box's size", ok=_BOX_HEAD_BYTES <= size <= len(body) - at)
        found.append((kind, body[at + _BOX_HEAD_BYTES : at + size]))
        at += size
    return found


def _only(boxes: list[tuple[bytes, bytes]], kind: bytes) -> bytes:
    found = [content for name, content in boxes if name == kind]
    require(f"it has not one {kind.decode()} box", ok=len(found) == 1)
    return found[0]


def _numbers(body: bytes, start: int, code: str = "I") -> list[int]:
    """The rows of a table from `start` on, as many as there are."""
    width = 8 if code == "Q" else 4
    count = (len(body) - start) // width
    return list(struct.unpack_from(f">{count}{code}", body, start))
