"""What the manifest declares of a finished index: tracks, gaps, losses; times in ms on the file's clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from webrtc.fragment_format import WHOLE_LEG, GapCause

if TYPE_CHECKING:
    from collections.abc import Iterator

    from webrtc.media_index import IndexedTrack, MediaIndex

_SOUND_HOLE_MS: Final = 100  # nobody hears a shorter one, and jitter of the sender's clock makes some
_PICTURE_HOLE_MS: Final = 2_000  # a still screen is sent that seldom; a camera never
_LOST_PICTURE_HOLE_MS: Final = 200  # where loss was told, a picture that stands still that long is a gap
_SILENCE_MS: Final = 2_000  # DTX sends comfort noise every 400 ms: a longer quiet is no silence
_TOLD_AS_IT_IS: Final = frozenset(GapCause) - {GapCause.LOSS}
_PICTURE_MS: Final = 33  # how long a picture counts as shown before a gap begins


@dataclass(frozen=True, slots=True)
class Gap:
    """No media of a track (0: of the whole leg). `end_ms` is None where it has no known end."""

    track_id: int
    start_ms: int
    end_ms: int | None
    cause: str  # a `GapCause` in lower case


@dataclass(frozen=True, slots=True)
class Pause:
    """Capture of the whole leg was paused; `end_ms` is None where it never went on."""

    start_ms: int
    end_ms: int | None


@dataclass(frozen=True, slots=True)
class LossNote:
    """Packets given up by a track, placed at the frame before the hole."""

    at_ms: int
    packets: int


@dataclass(frozen=True, slots=True)
class PictureSize:
    """From this time on the picture has this size in pixels."""

    at_ms: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class TrackReport:
    """One track of the file; `clock` is "sender" (placed by sender reports) or "arrival"."""

    track_id: int
    number: int  # the track's number in the file, from 1
    kind: str
    codec: str
    mid: str
    frames: int
    media_bytes: int
    frames_dropped: int  # not playable: before the first keyframe, or after a hole up to the next
    timestamps_repaired: int
    first_ms: int
    last_ms: int
    end_ms: int
    clock: str
    packets_lost: int
    losses: tuple[LossNote, ...]
    sizes: tuple[PictureSize, ...]
    ended: str | None
    sha256: str  # over the payloads of all frames, in order


@dataclass(frozen=True, slots=True)
class LegSpan:
    """What of the file came by one leg of the recording; `leg` counts them from 0."""

    leg: int
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class MediaReport:
    """The file as a whole. `started_us` is its zero on the monotonic clock of the frames' arrival.

    `zero_ms` is how long after the leg's first frame that zero lies; less than 0 where it lies before.
    """

    duration_ms: int
    started_us: int
    zero_ms: int
    tracks: tuple[TrackReport, ...]
    tracks_left_out: tuple[int, ...]
    gaps: tuple[Gap, ...]
    gaps_not_listed: int
    legs: tuple[LegSpan, ...]
    pauses: tuple[Pause, ...] = ()


def report(index: MediaIndex) -> MediaReport:
    """Describe a finished index; at most `limits.notes` gaps are listed, further ones counted."""
    gaps = sorted(_gaps(index), key=lambda gap: (gap.start_ms, gap.track_id))
    listed = gaps[: index.limits.notes]
    return MediaReport(
        duration_ms=_duration_ms(index),
        started_us=index.zero_us,
        zero_ms=round((index.zero_us - (index.first_us or index.zero_us)) / 1_000),
        tracks=tuple(_track(index, number, track) for number, track in enumerate(index.tracks, start=1)),
        tracks_left_out=tuple(track.info.id for track in index.left_out),
        gaps=tuple(listed),
        gaps_not_listed=len(gaps) - len(listed),
        legs=_legs(index),
        pauses=tuple(_pauses(index))[: index.limits.notes],
    )


def _legs(index: MediaIndex) -> tuple[LegSpan, ...]:
    """From the first frame of each leg to the end of its last, whatever the track."""
    spans: dict[int, tuple[int, int]] = {}
    for track in index.tracks:
        stops = [*(start for _, start in track.legs[1:]), len(track)]
        for (leg, start), stop in zip(track.legs, stops, strict=True):
            if start == stop:
                continue
            last = stop - 1
            shown = track.duration_ticks(last) if track.is_audio or stop == len(track) else 0
            begins, ends = track.ms(track.ticks[start]), track.ms(track.ticks[last] + shown)
            known = spans.get(leg, (begins, ends))
            spans[leg] = (min(begins, known[0]), max(ends, known[1]))
    return tuple(LegSpan(leg, *spans[leg]) for leg in sorted(spans))


def _duration_ms(index: MediaIndex) -> int:
    return max(track.ms(track.end_ticks) for track in index.tracks)


def _track(index: MediaIndex, number: int, track: IndexedTrack) -> TrackReport:
    def at_ms(frame: int) -> int:
        return track.ms(track.ticks[min(frame, len(track) - 1)])

    return TrackReport(
        track_id=track.info.id,
        number=number,
        kind=track.info.kind.value,
        codec=track.info.codec.value,
        mid=track.info.mid,
        frames=len(track),
        media_bytes=sum(track.sizes),
        frames_dropped=index.gate.dropped.get(track.info.id, 0),
        timestamps_repaired=track.repeated,
        first_ms=at_ms(0),
        last_ms=at_ms(len(track) - 1),
        end_ms=track.ms(track.end_ticks),
        clock="sender" if track.is_exact else "arrival",
        packets_lost=track.packets_lost,
        losses=tuple(LossNote(at_ms(max(at - 1, 0)), packets) for at, packets in track.losses),
        sizes=tuple(PictureSize(at_ms(one.at), one.width, one.height) for one in track.pictures),
        ended=track.ended,
        sha256=track.digest.hexdigest(),
    )


def _pauses(index: MediaIndex) -> Iterator[Pause]:
    """Pauses on the file's clock: from the last frame's arrival before to the moment capture went on."""
    for begin_us, end_us in index.pauses:
        start_ms, end_ms = (
            None if at_us is None else max(0, (at_us - index.zero_us) // 1000) for at_us in (begin_us, end_us)
        )
        yield Pause(start_ms or 0, end_ms)


def _gaps(index: MediaIndex) -> Iterator[Gap]:
    for track in index.tracks:
        yield from _holes(index, track)
        paused = index.open_gaps.get(track.info.id) or index.open_gaps.get(WHOLE_LEG)
        if paused is not None:
            yield Gap(track.info.id, track.ms(track.end_ticks), None, paused.cause.name.lower())
    if index.crashed:
        yield Gap(WHOLE_LEG, _duration_ms(index), None, GapCause.CRASH.name.lower())


def _holes(index: MediaIndex, track: IndexedTrack) -> Iterator[Gap]:
    """Places where the next frame begins later than the last one ends, and somebody would notice."""
    ticks, rate = track.ticks, track.info.clock_rate_hz
    quiet = rate * min(_SOUND_HOLE_MS, _LOST_PICTURE_HOLE_MS) // 1000
    for at in range(1, len(track)):
        apart = ticks[at] - ticks[at - 1]
        if apart <= quiet and at not in track.marks:
            continue
        shown = track.duration_ticks(at - 1) if track.is_audio else min(apart, rate * _PICTURE_MS // 1000)
        hole_ms = (apart - shown) * 1000 // rate
        cause = _cause(index, track, at, hole_ms)
        if cause is not None:
            start, end = track.ms(ticks[at - 1] + shown), track.ms(ticks[at])
            yield Gap(track.info.id, start, end, cause.name.lower())


def _cause(index: MediaIndex, track: IndexedTrack, at: int, hole_ms: int) -> GapCause | None:
    """Why there is a hole before frame `at`, or None if it is none."""
    told = track.marks.get(at)
    if told in _TOLD_AS_IT_IS:
        return told if hole_ms > 0 else None
    if told is GapCause.LOSS:
        return told if hole_ms >= (1 if track.is_audio else _LOST_PICTURE_HOLE_MS) else None
    if track.is_audio and index.is_silence(track, at) and hole_ms <= _SILENCE_MS:
        return None
    limit_ms = _SOUND_HOLE_MS if track.is_audio else _PICTURE_HOLE_MS
    return GapCause.MUTE if hole_ms >= limit_ms else None
