"""WebM for VP8 and Opus: one seekable file, written in order, from fragments read twice.

Layout (RFC 9559): EBML header; Segment of known size with SeekHead, Info (Duration), Tracks, Cues, Clusters.
The cues stand before the clusters, so a player seeks after reading the first kilobytes. Pass 1 (the index)
knows every frame's size and time, so all positions are known before the first byte is written.
"""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass, field
from heapq import merge
from itertools import repeat
from typing import TYPE_CHECKING, Final

from webrtc.bitstreams import OPUS_PRE_SKIP, OPUS_RATE_HZ
from webrtc.ebml import element, fixed_number, long_size, master, number, real, size_of, text
from webrtc.frames import Codec
from webrtc.media_index import ContainerError, FrameFeed, IndexedTrack, MediaIndex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from webrtc.fragment_format import Fragment

CLUSTER_MS: Final = 5_000  # longer: a seek reads much; shorter: more overhead (a block lies 32 s in at most)
_SECOND_NS: Final = 1_000_000_000
_SEEK_PRE_ROLL_NS: Final = 80_000_000  # RFC 7845, 4.6: an Opus decoder needs 80 ms to settle after a seek
_CODEC_DELAY_NS: Final = OPUS_PRE_SKIP * _SECOND_NS // OPUS_RATE_HZ
_BLOCK_HEAD: Final = struct.Struct(">BhB")  # track, time in the cluster, flags
_BLOCK_IS_KEY: Final = 0x80

_SEGMENT: Final = b"\x18\x53\x80\x67"
_INFO, _TRACKS, _CUES = b"\x15\x49\xa9\x66", b"\x16\x54\xae\x6b", b"\x1c\x53\xbb\x6b"
_CLUSTER, _TIMESTAMP, _SIMPLE_BLOCK = b"\x1f\x43\xb6\x75", b"\xe7", b"\xa3"
_WRITER: Final = "callvault"


@dataclass(slots=True)
class _Cluster:
    """One cluster of the layout: when it begins, what it holds, where players may enter."""

    time_ms: int
    frames: int = 0
    body_bytes: int = 0
    entries: list[tuple[int, int, int]] = field(default_factory=list)  # (ms, slot, offset in the body)


class WebmWriter:
    """Writes a finished index of VP8 and Opus tracks: `header()`, then `body(fragment)` for each fragment.

    Raises `ContainerError` at once if the index holds another codec.
    """

    suffix: Final = "webm"

    def __init__(self, index: MediaIndex) -> None:
        if any(track.info.codec is Codec.H264 for track in index.tracks) or not index.tracks:
            raise ContainerError("a WebM file holds VP8 and Opus: write this index as MP4")
        self.media_type = f"{index.tracks[-1].info.kind}/webm"  # pictures come last
        self._tracks = index.tracks
        self._times = [times_ms(track) for track in index.tracks]
        self._clusters = _layout(self._tracks, self._times)
        self._head = self._header()
        self._feed = FrameFeed(index, (slot for _, slot in _in_order(self._times)))
        self._placed = [0] * len(self._tracks)
        self._cluster = 0
        self._left = 0

    @property
    def size_bytes(self) -> int:
        """The whole file."""
        return len(self._head) + sum(_cluster_bytes(cluster) for cluster in self._clusters)

    def header(self) -> Iterator[bytes]:
        """All that comes before the first cluster."""
        yield self._head

    def body(self, fragment: Fragment) -> Iterator[bytes]:
        """The bytes this fragment makes possible. Exhaust it before the next call; fragments as in pass 1."""
        for slot, payload in self._feed.push(fragment):
            if self._left == 0:
                yield self._open_cluster()
            self._left -= 1
            at = self._placed[slot]
            self._placed[slot] = at + 1
            ahead_ms = self._times[slot][at] - self._clusters[self._cluster - 1].time_ms
            flags = _BLOCK_IS_KEY if self._tracks[slot].is_key(at) else 0
            head = _BLOCK_HEAD.pack(0x80 | slot + 1, ahead_ms, flags)
            yield b"".join((_SIMPLE_BLOCK, size_of(len(head) + len(payload)), head, payload))

    def finish(self) -> None:
        """Raises `ContainerError` if a frame of the index never came: the file is not complete."""
        if not self._feed.is_drained:
            raise ContainerError("fragments of the index are missing in the second pass")

    def _open_cluster(self) -> bytes:
        cluster = self._clusters[self._cluster]
        self._cluster += 1
        self._left = cluster.frames
        stamp = number(_TIMESTAMP, cluster.time_ms)
        return _CLUSTER + size_of(len(stamp) + cluster.body_bytes) + stamp

    def _header(self) -> bytes:
        ebml = master(
            b"\x1a\x45\xdf\xa3",
            [
                number(b"\x42\x86", 1),  # EBMLVersion
                number(b"\x42\xf7", 1),  # EBMLReadVersion
                number(b"\x42\xf2", 4),  # EBMLMaxIDLength
                number(b"\x42\xf3", 8),  # EBMLMaxSizeLength
                text(b"\x42\x82", "webm"),  # DocType
                number(b"\x42\x87", 4),  # DocTypeVersion
                number(b"\x42\x85", 2),  # DocTypeReadVersion
            ],
        )
        info, tracks = self._info(), self._track_table()
        # Positions count from the first byte inside the Segment; all are written in eight bytes, so the
        # seek head and the cues have the same length before and after the positions are known.
        seek_bytes = len(_seek_head(0, 0, 0))
        cues_at = seek_bytes + len(info) + len(tracks)
        first_cluster = cues_at + len(self._cues(0))
        cues = self._cues(first_cluster)
        inside = b"".join((_seek_head(seek_bytes, seek_bytes + len(info), cues_at), info, tracks, cues))
        clusters = sum(_cluster_bytes(cluster) for cluster in self._clusters)
        return ebml + _SEGMENT + long_size(len(inside) + clusters) + inside

    def _info(self) -> bytes:
        ends = [track.ms(track.end_ticks) for track in self._tracks]
        return master(
            _INFO,
            [
                number(b"\x2a\xd7\xb1", 1_000_000),  # TimestampScale: one tick is 1 ms
                real(b"\x44\x89", float(max(ends))),  # Duration
                text(b"\x4d\x80", _WRITER),
                text(b"\x57\x41", _WRITER),
            ],
        )

    def _track_table(self) -> bytes:
        entries = [
            _audio_entry(slot + 1, track) if track.is_audio else _video_entry(slot + 1, track)
            for slot, track in enumerate(self._tracks)
        ]
        return master(_TRACKS, entries)

    def _cues(self, first_cluster: int) -> bytes:
        points = []
        position = first_cluster
        for cluster in self._clusters:
            stamp_bytes = len(number(_TIMESTAMP, cluster.time_ms))
            for time_ms, slot, offset in cluster.entries:
                place = [
                    number(b"\xf7", slot + 1),  # CueTrack
                    fixed_number(b"\xf1", position),  # CueClusterPosition
                    number(b"\xf0", stamp_bytes + offset),  # CueRelativePosition
                ]
                points.append(master(b"\xbb", [number(b"\xb3", time_ms), master(b"\xb7", place)]))
            position += _cluster_bytes(cluster)
        return master(_CUES, points)


def times_ms(track: IndexedTrack) -> array[int]:
    """A track's timestamps in milliseconds, strictly rising."""
    times = array("q")
    last = -1
    rate = track.info.clock_rate_hz
    half = rate // 2
    for ticks in track.ticks:
        last = max((ticks * 1000 + half) // rate, last + 1)
        times.append(last)
    return times


def _in_order(times: list[array[int]]) -> Iterator[tuple[int, int]]:
    """(ms, slot) of every frame by time; sound before picture at the same millisecond."""
    return merge(*(zip(track, repeat(slot)) for slot, track in enumerate(times)))


def _layout(tracks: tuple[IndexedTrack, ...], times: list[array[int]]) -> list[_Cluster]:
    """Clusters begin at video keyframes, and where five seconds are full.

    Each cluster is entered once per track that can start in it: by picture at a keyframe, by sound at the
    first packet, so that a player finds its way also where there is no picture.
    """
    clusters: list[_Cluster] = []
    placed = [0] * len(tracks)
    entered: set[int] = set()
    for time_ms, slot in _in_order(times):
        track, at = tracks[slot], placed[slot]
        placed[slot] = at + 1
        is_key = track.is_key(at)
        starts = is_key and not track.is_audio
        if not clusters or starts or time_ms - clusters[-1].time_ms >= CLUSTER_MS:
            clusters.append(_Cluster(time_ms))
            entered = set()
        cluster = clusters[-1]
        if is_key and slot not in entered:
            cluster.entries.append((time_ms, slot, cluster.body_bytes))
            entered.add(slot)
        cluster.frames += 1
        inner = _BLOCK_HEAD.size + track.sizes[at]
        cluster.body_bytes += 1 + len(size_of(inner)) + inner
    return clusters


def _cluster_bytes(cluster: _Cluster) -> int:
    inner = len(number(_TIMESTAMP, cluster.time_ms)) + cluster.body_bytes
    return len(_CLUSTER) + len(size_of(inner)) + inner


def _seek_head(info_at: int, tracks_at: int, cues_at: int) -> bytes:
    entries = [(_INFO, info_at), (_TRACKS, tracks_at), (_CUES, cues_at)]
    return master(
        b"\x11\x4d\x9b\x74",
        [
            master(b"\x4d\xbb", [element(b"\x53\xab", ident), fixed_number(b"\x53\xac", at)])
            for ident, at in entries
        ],
    )


def opus_head(track: IndexedTrack) -> bytes:
    """The identification header of RFC 7845, 5.1, with the channels the packets really have."""
    channels = 2 if track.is_stereo else 1
    return b"OpusHead" + struct.pack("<BBHIhB", 1, channels, OPUS_PRE_SKIP, OPUS_RATE_HZ, 0, 0)


def _audio_entry(track_number: int, track: IndexedTrack) -> bytes:
    audio = [real(b"\xb5", float(OPUS_RATE_HZ)), number(b"\x9f", 2 if track.is_stereo else 1)]
    details = [
        number(b"\x56\xaa", _CODEC_DELAY_NS),  # CodecDelay: the look-ahead, which a player takes off again
        number(b"\x56\xbb", _SEEK_PRE_ROLL_NS),
        element(b"\x63\xa2", opus_head(track)),  # CodecPrivate
        master(b"\xe1", audio),
    ]
    return _entry(track_number, 2, "A_OPUS", details)


def _video_entry(track_number: int, track: IndexedTrack) -> bytes:
    first = track.pictures[0]
    video = [number(b"\xb0", first.width), number(b"\xba", first.height)]
    return _entry(track_number, 1, "V_VP8", [master(b"\xe0", video)])


def _entry(track_number: int, track_type: int, codec: str, details: list[bytes]) -> bytes:
    head = [
        number(b"\xd7", track_number),
        number(b"\x73\xc5", track_number),  # TrackUID: unique in the file is enough, and it tells nothing
        number(b"\x83", track_type),
        number(b"\x9c", 0),  # FlagLacing: every block holds one frame
        text(b"\x86", codec),
    ]
    return master(b"\xae", head + details)
