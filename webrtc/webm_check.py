"""Reading a WebM file back (RFC 9559): structure, positions, cues, times and bytes against the index."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from webrtc.file_check import FileCheck, pieces, require
from webrtc.frames import Codec

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from webrtc.file_check import Steps
    from webrtc.media_index import MediaIndex

_EBML, _SEGMENT, _SEEK_HEAD = 0x1A45DFA3, 0x18538067, 0x114D9B74
_INFO, _TRACKS, _CUES, _CLUSTER = 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1F43B675
_DOC_TYPE, _SEEK, _SEEK_ID, _SEEK_POSITION, _DURATION = 0x4282, 0x4DBB, 0x53AB, 0x53AC, 0x4489
_TRACK_ENTRY, _TRACK_NUMBER, _CODEC_ID = 0xAE, 0xD7, 0x86
_CUE_POINT, _CUE_TIME, _CUE_PLACES, _CUE_TRACK, _CUE_CLUSTER, _CUE_INSIDE = 0xBB, 0xB3, 0xB7, 0xF7, 0xF1, 0xF0
_TIMESTAMP, _SIMPLE_BLOCK = 0xE7, 0xA3
_BLOCK_HEAD: Final = struct.Struct(">BhB")
_HEAD_LIMIT: Final = 16 * 1024 * 1024  # seek head, tracks and cues of ten hours stay far below
_CODEC_IDS: Final = {Codec.VP8: b"V_VP8", Codec.OPUS: b"A_OPUS"}
_KEY_FLAG: Final = 0x80
_LONGEST_NUMBER: Final = 8  # bytes (RFC 8794, 7.2)


class WebmCheck(FileCheck):
    """Feed it the stored WebM; `index` is the finished index the file was written from."""

    def __init__(self, index: MediaIndex) -> None:
        self._end_ms = max(track.ms(track.end_ticks) for track in index.tracks)
        self._seeks: dict[int, int] = {}
        self._starts: dict[int, int] = {}
        self._cues: set[tuple[int, int, int, int]] = set()  # time, track, cluster, place in the cluster
        self._inside = 0
        self._last_ms = [-1 for _ in index.tracks]
        super().__init__(index)

    def steps(self) -> Steps:
        """Header, then the segment's elements until its size is used up."""
        ident, size = yield from _element_head()
        require("it does not begin as EBML", ok=ident == _EBML and size <= _HEAD_LIMIT)
        header = yield size
        require("its DocType", ok=dict(_children(header)).get(_DOC_TYPE) == b"webm")
        ident, size = yield from _element_head()
        require("it has no segment", ok=ident == _SEGMENT)
        self._inside = self.position
        end = self.position + size
        while self.position < end:
            start = self.position - self._inside
            ident, size = yield from _element_head()
            require("an element is longer than the segment", ok=self.position + size <= end)
            if ident == _CLUSTER:
                yield from self._cluster(start, size)
                continue
            require("its head is too long", ok=size <= _HEAD_LIMIT)
            body = yield size
            self._starts[ident] = start
            self._head_element(ident, body)

    def ended(self) -> None:
        """Every cue led to its block, every seek entry to its element."""
        super().ended()
        require("a cue leads nowhere", ok=not self._cues)
        require("the seek head", ok={_INFO, _TRACKS, _CUES} == set(self._seeks))
        require("a seek position", ok=all(self._starts.get(i) == at for i, at in self._seeks.items()))

    def _head_element(self, ident: int, body: bytes) -> None:
        if ident == _SEEK_HEAD:
            for _, entry in _children(body):
                fields = dict(_children(entry))
                self._seeks[_number(fields[_SEEK_ID])] = _number(fields[_SEEK_POSITION])
        elif ident == _INFO:
            (duration,) = struct.unpack(">d", dict(_children(body))[_DURATION])
            require("its duration", ok=duration == self._end_ms)
        elif ident == _TRACKS:
            entries = [dict(_children(entry)) for _, entry in _children(body)]
            found = [(_number(entry[_TRACK_NUMBER]), entry[_CODEC_ID]) for entry in entries]
            wanted = [(at + 1, _CODEC_IDS[one.track.info.codec]) for at, one in enumerate(self.tracks)]
            require("its track table", ok=found == wanted)
        elif ident == _CUES:
            self._cues = {_cue(point) for _, point in _children(body)}

    def _cluster(self, start: int, size: int) -> Steps:
        require("a cluster before the cues", ok=_CUES in self._starts)
        inside = self.position
        end = self.position + size
        time_ms: int | None = None
        while self.position < end:
            place = self.position - inside
            ident, size = yield from _element_head()
            if ident == _TIMESTAMP:
                require("a cluster's time", ok=size <= _LONGEST_NUMBER)
                time_ms = _number((yield size))
                continue
            require("a cluster holds something unknown", ok=ident == _SIMPLE_BLOCK and time_ms is not None)
            number, ahead_ms, flags = _BLOCK_HEAD.unpack((yield _BLOCK_HEAD.size))
            at_ms = (time_ms or 0) + ahead_ms
            if flags & _KEY_FLAG:
                self._cues.discard((at_ms, number & 0x7F, start, place))
            slot = (number & 0x7F) - 1
            require("a block's track", ok=0 <= slot < len(self.tracks))
            self._block(slot, at_ms, size - _BLOCK_HEAD.size, flags)
            for step in pieces(size - _BLOCK_HEAD.size):
                self.tracks[slot].digest.update((yield step))

    def _block(self, slot: int, at_ms: int, size: int, flags: int) -> None:
        check = self.tracks[slot]
        at = check.frame(size, is_key=bool(flags & _KEY_FLAG))
        # The nearest millisecond, or the one after the frame before where two fall on the same.
        wanted_ms = max(check.track.ms(check.track.ticks[at]), self._last_ms[slot] + 1)
        require("a block's time", ok=at_ms == wanted_ms)
        self._last_ms[slot] = at_ms


def check_webm(chunks: Iterable[bytes], index: MediaIndex) -> None:
    """Read a whole file back. Raises `FileMismatchError`."""
    check = WebmCheck(index)
    for chunk in chunks:
        check.feed(chunk)
    check.finish()


def _element_head() -> Generator[int, bytes, tuple[int, int]]:
    first = (yield 1)[0]
    width = 9 - first.bit_length()
    require("an element's id", ok=width <= 4)  # noqa: PLR2004  EBMLMaxIDLength
    rest = (yield width - 1) if width > 1 else b""
    ident = int.from_bytes(bytes((first,)) + rest, "big")
    first = (yield 1)[0]
    width = 9 - first.bit_length()
    require("an element's size", ok=width <= 8)  # noqa: PLR2004  EBMLMaxSizeLength
    rest = (yield width - 1) if width > 1 else b""
    size = int.from_bytes(bytes((first,)) + rest, "big") & ((1 << 7 * width) - 1)
    return ident, size


def _children(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Elements inside one that is held in memory."""
    at = 0
    while at < len(body):
        ident, at = _vint(body, at, keep_marker=True)
        size, at = _vint(body, at, keep_marker=False)
        require("an element is cut short", ok=at + size <= len(body))
        yield ident, body[at : at + size]
        at += size


def _vint(body: bytes, at: int, *, keep_marker: bool) -> tuple[int, int]:
    require("an element is cut short", ok=at < len(body) and body[at] > 0)
    width = 9 - body[at].bit_length()
    value = int.from_bytes(body[at : at + width], "big")
    return value if keep_marker else value & ((1 << 7 * width) - 1), at + width


def _number(body: bytes) -> int:
    return int.from_bytes(body, "big")


def _cue(point: bytes) -> tuple[int, int, int, int]:
    fields = dict(_children(point))
    place = dict(_children(fields[_CUE_PLACES]))
    return (
        _number(fields[_CUE_TIME]),
        _number(place[_CUE_TRACK]),
        _number(place[_CUE_CLUSTER]),
        _number(place[_CUE_INSIDE]),
    )
