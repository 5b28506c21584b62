"""The sample tables of one MP4 track (ISO/IEC 14496-12, 8.5 to 8.7): what, when, how big, and where."""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from webrtc.bitstreams import OPUS_PRE_SKIP, OPUS_RATE_HZ, ParameterSets
from webrtc.isobmff import big_endian, box, full_box, run_lengths, table

if TYPE_CHECKING:
    from webrtc.media_index import IndexedTrack, SizeChange

_OPUS_ROLL: Final = -4  # packets to decode before the one sought: 80 ms (Opus in ISOBMFF, 4.3.6.2)
_HIGH_PROFILES: Final = frozenset({100, 110, 122, 144})  # avcC tells chroma and depth (14496-15, 5.3.3.1)
_SCREEN_DPI: Final = 0x480000  # 72 dots per inch, 16.16: what every file says


@dataclass(frozen=True, slots=True)
class Chunk:
    """Neighbouring samples of one track: number, sample description (from 1), place in the media box."""

    samples: int
    description: int
    offset: int


class Descriptions:
    """Each frame's sample description: H.264 gets a new one when size or parameter sets change."""

    def __init__(self, track: IndexedTrack) -> None:
        self.distinct: list[SizeChange | None] = []
        self._starts: list[tuple[int, int]] = []  # (frame, description) where another one begins
        if track.is_audio:
            self.distinct.append(None)
            self._starts.append((0, 1))
        for change in track.pictures:
            known = [self._same(change, other) for other in self.distinct]
            if not any(known):
                self.distinct.append(change)
                known.append(True)
            self._starts.append((change.at, known.index(True) + 1))
        self._next = 0
        self._current = 1

    def of(self, at: int) -> int:
        """The description of a frame; frames are asked for in order, once through."""
        while self._next < len(self._starts) and self._starts[self._next][0] <= at:
            self._current = self._starts[self._next][1]
            self._next += 1
        return self._current

    @staticmethod
    def _same(one: SizeChange, other: SizeChange | None) -> bool:
        if other is None:
            return False
        return (one.width, one.height, one.sets) == (other.width, other.height, other.sets)


def sample_table(
    track: IndexedTrack, descriptions: Descriptions, chunks: list[Chunk], base: int, *, wide: bool
) -> bytes:
    """The `stbl` box; `base` is where the media box's contents begin, `wide` asks for 64-bit offsets."""
    entries = [_opus(track) if change is None else _avc(change) for change in descriptions.distinct]
    parts = [
        table(b"stsd", len(entries), b"".join(entries)),
        _times(track),
        _chunk_runs(chunks),
        full_box(b"stsz", 0, 0, struct.pack(">II", 0, len(track)), big_endian(track.sizes)),
        _offsets(chunks, base, wide=wide),
    ]
    if track.is_audio:
        parts += _roll_group(len(track))
    else:
        keys = array("I", [at + 1 for at in range(len(track)) if track.is_key(at)])
        parts.append(table(b"stss", len(keys), big_endian(keys)))
    return box(b"stbl", *parts)


def _times(track: IndexedTrack) -> bytes:
    """Each sample lasts up to the next one: a gap in the sound is a long last sample before it."""
    ticks = track.ticks
    durations = [later - sooner for sooner, later in pairwise(ticks)]
    durations.append(track.duration_ticks(len(track) - 1))
    runs = run_lengths(durations)
    return table(b"stts", len(runs), b"".join(struct.pack(">II", *run) for run in runs))


def _chunk_runs(chunks: list[Chunk]) -> bytes:
    rows: list[bytes] = []
    last: tuple[int, int] | None = None
    for number, chunk in enumerate(chunks, start=1):
        shape = (chunk.samples, chunk.description)
        if shape != last:
            rows.append(struct.pack(">III", number, *shape))
            last = shape
    return table(b"stsc", len(rows), b"".join(rows))


def _offsets(chunks: list[Chunk], base: int, *, wide: bool) -> bytes:
    offsets = array("Q" if wide else "I", [base + chunk.offset for chunk in chunks])
    return table(b"co64" if wide else b"stco", len(chunks), big_endian(offsets))


def _roll_group(samples: int) -> list[bytes]:
    group = full_box(b"sgpd", 1, 0, b"roll", struct.pack(">IIh", 2, 1, _OPUS_ROLL))
    members = full_box(b"sbgp", 0, 0, b"roll", struct.pack(">III", 1, samples, 1))
    return [group, members]


def _opus(track: IndexedTrack) -> bytes:
    """OpusSampleEntry (Encapsulation of Opus in ISOBMFF, 4.3)."""
    channels = 2 if track.is_stereo else 1
    head = struct.pack(">6xH8xHHIHH", 1, channels, 16, 0, OPUS_RATE_HZ, 0)
    specific = box(b"dOps", struct.pack(">BBHIhB", 0, channels, OPUS_PRE_SKIP, OPUS_RATE_HZ, 0, 0))
    return box(b"Opus", head, specific)


def _avc(change: SizeChange) -> bytes:
    """AVCSampleEntry (14496-15, 5.4.2.1)."""
    head = struct.pack(
        ">6xH16xHHIIIH32xHh", 1, change.width, change.height, _SCREEN_DPI, _SCREEN_DPI, 0, 1, 0x18, -1
    )
    sets = change.sets or ParameterSets((), ())
    return box(b"avc1", head, box(b"avcC", _avc_config(sets)))


def _avc_config(sets: ParameterSets) -> bytes:
    profile = sets.sps[0][1:4]
    parts = [b"\x01", profile, b"\xff", bytes((0xE0 | len(sets.sps),))]  # lengths of 4 bytes
    parts += [len(unit).to_bytes(2, "big") + unit for unit in sets.sps]
    parts.append(bytes((len(sets.pps),)))
    parts += [len(unit).to_bytes(2, "big") + unit for unit in sets.pps]
    if profile[0] in _HIGH_PROFILES:
        parts.append(b"\xfd\xf8\xf8\x00")  # 4:2:0, 8 bits, no extension: all that browsers send
    return b"".join(parts)
