"""A leg in numbers: for logs, metrics and the recording's manifest. Nothing in it is personal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from webrtc.dtls import LegDtls
    from webrtc.ice import GuardedConnection
    from webrtc.lifecycle import PeerState
    from webrtc.receiver import PassthroughReceiver
    from webrtc.tap import Tap


@dataclass(frozen=True, slots=True)
class TrackStats:
    """One m-line so far. Counts are of packets or frames as named."""

    track_id: int
    mid: str
    codec: str
    packets: int
    payload_bytes: int
    resent_packets: int
    lost_packets: int
    missed: int  # of the source that sends now: not there at first; some came when they were asked for
    jitter_s: float
    frames: int
    keyframes: int
    unusable_frames: int
    nacks: int
    keyframe_requests: int
    sources: int
    vanished: int  # sender reports that told of payload of which nothing has come
    is_followed: bool  # frames and losses are counted only while somebody takes them


@dataclass(frozen=True, slots=True)
class PeerStats:
    """One leg so far. `datagrams` counts them by the guard's verdict."""

    state: PeerState
    is_stalled: bool
    setup_s: float | None
    srtp_profile: str = ""
    dtls_suite: str = ""
    datagrams: dict[str, int] = field(default_factory=dict)
    forged: int = 0
    early: int = 0
    malformed: int = 0
    unrouted: int = 0
    contained: int = 0
    sink_errors: int = 0
    tracks: tuple[TrackStats, ...] = ()


def collect(
    *,
    state: PeerState,
    is_stalled: bool,
    setup_s: float | None,
    connection: GuardedConnection | None,
    dtls: LegDtls | None,
    tap: Tap | None,
) -> PeerStats:
    """Take the numbers of a leg's parts; before the answer there are none."""
    if connection is None or dtls is None or tap is None:
        return PeerStats(state, is_stalled, setup_s)
    return PeerStats(
        state,
        is_stalled,
        setup_s,
        srtp_profile=dtls.profile,
        dtls_suite=dtls.suite,
        datagrams={verdict.value: count for verdict, count in connection.guard.counts.items()},
        forged=tap.counts.forged,
        early=tap.counts.early,
        malformed=tap.counts.malformed,
        unrouted=tap.counts.unrouted,
        contained=connection.contained + tap.counts.raised,
        sink_errors=tap.outlet.raised,
        tracks=tuple(_track(receiver) for receiver in tap.receivers),
    )


def _track(receiver: PassthroughReceiver) -> TrackStats:
    counts = receiver.counts
    return TrackStats(
        track_id=receiver.info.id,
        mid=receiver.info.mid,
        codec=receiver.info.codec.value,
        packets=counts.packets,
        payload_bytes=counts.payload_bytes,
        resent_packets=counts.resent,
        lost_packets=counts.lost,
        missed=receiver.missed,
        jitter_s=receiver.jitter_s,
        frames=counts.frames,
        keyframes=counts.keyframes,
        unusable_frames=receiver.unusable,
        nacks=counts.nacks,
        keyframe_requests=counts.keyframe_requests,
        sources=counts.sources,
        vanished=counts.vanished,
        is_followed=receiver.is_followed,
    )
