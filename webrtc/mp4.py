"""MP4 for H.264 and Opus: one seekable file, written in order, from fragments read twice.

Layout (ISO/IEC 14496-12): `ftyp`, `moov`, `mdat`: the index stands first, so a player seeks at once.
Sound and picture alternate every half second in the media box. Parameter sets stay in the keyframes as well
as in the sample descriptions: decoders differ in which of the two they follow when the picture changes.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from webrtc.bitstreams import OPUS_PRE_SKIP, OPUS_RATE_HZ
from webrtc.frames import Codec
from webrtc.isobmff import MAX_UINT32, UNITY_MATRIX, box, full_box, mdat_head, table
from webrtc.media_index import ContainerError, FrameFeed, IndexedTrack, MediaIndex
from webrtc.mp4_tables import Chunk, Descriptions, sample_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from webrtc.fragment_format import Fragment

MOVIE_RATE_HZ: Final = OPUS_RATE_HZ  # edits are told in it: exact for sound, within 0.02 ms for pictures
WINDOW_MS: Final = 500  # sound and picture alternate that often: more is waiting, less is overhead
_INDEX_ROOM: Final = 256 * 1024 * 1024  # no index is that big: when in doubt, offsets get 64 bits
_LANGUAGE_UNKNOWN: Final = 0x55C4  # "und" in 5-bit letters
_FULL_VOLUME: Final = 0x0100
_ENABLED_IN_MOVIE: Final = 3
_SELF_CONTAINED: Final = 1


class Mp4Writer:
    """Writes a finished index of H.264 and Opus tracks: `header()`, then `body(fragment)` for each fragment.

    Raises `ContainerError` at once if the index holds another codec.
    """

    suffix: Final = "mp4"

    def __init__(self, index: MediaIndex) -> None:
        if any(track.info.codec is Codec.VP8 for track in index.tracks) or not index.tracks:
            raise ContainerError("an MP4 file holds H.264 and Opus: write this index as WebM")
        self.media_type = f"{index.tracks[-1].info.kind}/mp4"  # pictures come last
        self._tracks = index.tracks
        self._descriptions = [Descriptions(track) for track in index.tracks]
        self._chunks, self._media_bytes = self._layout()
        self._head = self._header()
        order = (slot for slot, count, _ in _windows(self._tracks) for _ in range(count))
        self._feed = FrameFeed(index, order)

    @property
    def size_bytes(self) -> int:
        """The whole file."""
        return len(self._head) + self._media_bytes

    def header(self) -> Iterator[bytes]:
        """All that comes before the first sample."""
        yield self._head

    def body(self, fragment: Fragment) -> Iterator[bytes]:
        """The bytes this fragment makes possible. Exhaust it before the next call; fragments as in pass 1."""
        for _, payload in self._feed.push(fragment):
            yield payload

    def finish(self) -> None:
        """Raises `ContainerError` if a frame of the index never came: the file is not complete."""
        if not self._feed.is_drained:
            raise ContainerError("fragments of the index are missing in the second pass")

    def _layout(self) -> tuple[list[list[Chunk]], int]:
        chunks: list[list[Chunk]] = [[] for _ in self._tracks]
        offset = 0
        for slot, count, first in _windows(self._tracks):
            track, descriptions = self._tracks[slot], self._descriptions[slot]
            begin = first
            while begin < first + count:
                description = descriptions.of(begin)
                end = begin + 1
                while end < first + count and descriptions.of(end) == description:
                    end += 1
                chunks[slot].append(Chunk(end - begin, description, offset))
                offset += sum(track.sizes[begin:end])
                begin = end
        return chunks, offset

    def _header(self) -> bytes:
        brands = box(b"ftyp", b"isom", (0x200).to_bytes(4, "big"), b"isomiso2avc1mp41")
        wide = self._media_bytes + _INDEX_ROOM > MAX_UINT32
        head = mdat_head(self._media_bytes)
        base = len(brands) + len(self._movie(0, wide=wide)) + len(head)
        return brands + self._movie(base, wide=wide) + head

    def _movie(self, base: int, *, wide: bool) -> bytes:
        lengths = [_movie_end(track) for track in self._tracks]
        head = full_box(
            b"mvhd",
            1,
            0,
            struct.pack(">QQIQ", 0, 0, MOVIE_RATE_HZ, max(lengths)),
            struct.pack(">IH10x", 0x10000, _FULL_VOLUME),  # normal speed
            UNITY_MATRIX,
            struct.pack(">24xI", len(self._tracks) + 1),
        )
        return box(b"moov", head, *[self._track(slot, base, wide=wide) for slot in range(len(self._tracks))])

    def _track(self, slot: int, base: int, *, wide: bool) -> bytes:
        track = self._tracks[slot]
        samples = sample_table(track, self._descriptions[slot], self._chunks[slot], base, wide=wide)
        handler = (b"soun", b"sound\0") if track.is_audio else (b"vide", b"picture\0")
        opener = (b"smhd", 0, bytes(4)) if track.is_audio else (b"vmhd", 1, bytes(8))
        kind_head = full_box(opener[0], 0, *opener[1:])
        source = box(b"dinf", table(b"dref", 1, full_box(b"url ", 0, _SELF_CONTAINED)))
        media = box(
            b"mdia",
            full_box(
                b"mdhd",
                1,
                0,
                struct.pack(">QQIQ", 0, 0, track.info.clock_rate_hz, track.end_ticks - track.ticks[0]),
                struct.pack(">HH", _LANGUAGE_UNKNOWN, 0),
            ),
            full_box(b"hdlr", 0, 0, struct.pack(">I4s12x", 0, handler[0]), handler[1]),
            box(b"minf", kind_head, source, samples),
        )
        return box(b"trak", _track_head(slot + 1, track), _edits(track), media)


def _windows(tracks: tuple[IndexedTrack, ...]) -> Iterator[tuple[int, int, int]]:
    """(slot, frames, first frame) in the order of the file: a track's frames of one half second together."""
    placed = [0] * len(tracks)
    spans = [track.info.clock_rate_hz * WINDOW_MS // 1000 for track in tracks]
    while True:
        coming = [
            track.ticks[at] // span
            for track, at, span in zip(tracks, placed, spans, strict=True)
            if at < len(track)
        ]
        if not coming:
            return
        window = min(coming)
        for slot, track in enumerate(tracks):
            first = at = placed[slot]
            stop_ticks = (window + 1) * spans[slot]
            while at < len(track) and track.ticks[at] < stop_ticks:
                at += 1
            if at > first:
                placed[slot] = at
                yield slot, at - first, first


def _movie_ticks(ticks: int, track: IndexedTrack) -> int:
    rate = track.info.clock_rate_hz
    return (ticks * MOVIE_RATE_HZ + rate // 2) // rate


def _movie_end(track: IndexedTrack) -> int:
    """Where a track's presentation ends; the sound skipped at its start does not count."""
    skip = OPUS_PRE_SKIP if track.is_audio else 0
    wait = _movie_ticks(track.ticks[0], track)
    return max(_movie_ticks(track.end_ticks, track) - skip, wait + 1)


def _track_head(number: int, track: IndexedTrack) -> bytes:
    width, height = (0, 0) if track.is_audio else (track.pictures[0].width, track.pictures[0].height)
    volume = _FULL_VOLUME if track.is_audio else 0
    return full_box(
        b"tkhd",
        1,
        _ENABLED_IN_MOVIE,
        struct.pack(">QQI4xQ", 0, 0, number, _movie_end(track)),
        struct.pack(">8xHHH2x", 0, 0, volume),
        UNITY_MATRIX,
        struct.pack(">II", width << 16, height << 16),
    )


def _edits(track: IndexedTrack) -> bytes:
    """A late track waits in an empty edit; sound skips the encoder's look-ahead (14496-12, 8.6.6)."""
    wait = _movie_ticks(track.ticks[0], track)
    skip = OPUS_PRE_SKIP if track.is_audio else 0
    rows = [struct.pack(">Qqhh", wait, -1, 1, 0)] if wait else []
    rows.append(struct.pack(">Qqhh", _movie_end(track) - wait, skip, 1, 0))
    return box(b"edts", full_box(b"elst", 1, 0, len(rows).to_bytes(4, "big"), *rows))
