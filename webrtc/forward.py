"""Encoded packets of one leg to one viewer: header rewritten, payload untouched, nothing decoded.

Each viewer has sources of its own. A packet that arrives late is passed on as it came: what is missing is the
viewer's to ask for, and is sent again from a bounded history, encrypted as it was. Times stay
in sync because the source's own sender reports are passed on with the same shift as its packets.
"""

from __future__ import annotations

import logging
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import pylibsrtp

from webrtc import rtcp
from webrtc.frames import MediaKind
from webrtc.guard import Budget, KnownSources, Pace
from webrtc.keyframes import starts_keyframe
from webrtc.outgoing import OutTrack
from webrtc.rtcp_feedback import Estimate, KeyframeWanted, Nacked, read_viewer, sender_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from webrtc.frames import TrackEnd, TrackInfo
    from webrtc.limits import ForwardLimits
    from webrtc.offer import Offer
    from webrtc.rtcp import ReportBlock, SenderClock
    from webrtc.rtp import RtpPacket

logger = logging.getLogger(__name__)

REPORT_UNIT: Final = 65_536  # of the delay since the last sender report, per second
CNAME_BYTES: Final = 12


class PacketSink(Protocol):
    """Where a leg's packets go besides the recording. Called on the media loop: never blocks or raises."""

    @property
    def estimate_bps(self) -> int | None:
        """What the way to the viewer can carry, once it told."""

    def packet(self, info: TrackInfo, packet: RtpPacket, now_s: float) -> None:
        """One media packet of the track, as it came."""

    def sender_report(self, info: TrackInfo, clock: SenderClock, now_s: float) -> None:
        """The clock of the track's source."""

    def catch_up(self, info: TrackInfo, clock: SenderClock, now_s: float) -> None:
        """The clock as it was told before; only for one who has not heard of the track's yet."""

    def source_ended(self) -> None:
        """Nothing more will come."""


class Leg(Protocol):
    """What a viewer asks of the leg it sees."""

    def request_keyframe(self) -> None:
        """Ask for a keyframe; asking often costs nothing more."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a viewer last reported of one source (RFC 3550, 6.4.1)."""

    fraction_lost: float  # since the report before, 0 to 1
    lost: int  # packets since the beginning; what came twice makes it smaller
    jitter_s: float


@dataclass(slots=True)
class ForwardCounts:
    """What happened on the way to one viewer: numbers that rise, then what the viewer last told."""

    packets: int = 0
    payload_bytes: int = 0
    resent: int = 0
    not_resent: int = 0  # asked for too late or too often
    keyframe_requests: int = 0
    unsent: int = 0
    early: int = 0
    forged: int = 0
    excess: int = 0  # over the pace, or of one source more than is kept
    raised: int = 0
    round_trip_s: float | None = None
    heard: dict[MediaKind, Heard] = field(default_factory=dict)


class Forwarder:
    """The media side of one viewer. `send(datagram)` sends an encrypted datagram at once.

    `on_source_ended()` is called when the leg it sees has ended.
    """

    def __init__(
        self,
        offer: Offer,
        limits: ForwardLimits,
        send: Callable[[bytes], object],
        source: Leg,
        on_source_ended: Callable[[], None],
    ) -> None:
        self.counts = ForwardCounts()
        self.cname = secrets.token_hex(CNAME_BYTES)
        self.estimate_bps: int | None = None
        self._send_datagram = send
        self._source = source
        self._on_source_ended = on_source_ended
        self._limits = limits
        self._again = Budget(limits.resends_per_s, limits.resends_burst)
        self._pace = Pace(limits.words_per_s, limits.words_burst)
        self._known = KnownSources(limits.known_ssrcs)
        self._keyframes = Budget(limits.keyframes_per_s, limits.keyframes_burst)
        self._inbound: pylibsrtp.Session | None = None
        self._outbound: pylibsrtp.Session | None = None
        self.tracks: dict[MediaKind, OutTrack] = {
            media.codec.kind: OutTrack(media, limits.history_packets, offer.extensions.abs_send_time)
            for media in offer.accepted
            if media.is_used
        }
        self._by_ssrc = {track.ssrc: track for track in self.tracks.values()}
        self._wants_keyframe = MediaKind.VIDEO in self.tracks
        self._keyframe_asked_s = 0.0

    def start(self, inbound: pylibsrtp.Session, outbound: pylibsrtp.Session) -> None:
        """Begin to send with the agreed media keys; the picture begins with a keyframe."""
        self._inbound, self._outbound = inbound, outbound
        self._source.request_keyframe()

    # from the source

    def packet(self, info: TrackInfo, packet: RtpPacket, now_s: float) -> None:
        """Send a media packet on."""
        track = self.tracks.get(info.kind)
        if track is None or self._outbound is None or not track.is_fed_by(info):
            return
        if self._wants_keyframe and info.kind is MediaKind.VIDEO:
            self._look_for_keyframe(info, packet, now_s)
        try:
            written = track.write(packet, now_s)
            if written is None:
                return
            sequence, plain = written
            datagram = self._outbound.protect(plain)
        except Exception as error:  # noqa: BLE001 - one viewer's defect must not reach the leg it sees
            self._contain(error)
            return
        track.keep(sequence, datagram)
        self.counts.packets += 1
        self.counts.payload_bytes += len(packet.payload)
        self._send(datagram)

    def _look_for_keyframe(self, info: TrackInfo, packet: RtpPacket, now_s: float) -> None:
        """Ask again until a keyframe passes: a request may be lost, or fall into the floor between two."""
        if starts_keyframe(info.codec, packet.payload):
            self._wants_keyframe = False
        elif now_s - self._keyframe_asked_s >= self._limits.keyframe_retry_s:
            self._ask_for_keyframe(now_s)

    def _ask_for_keyframe(self, now_s: float) -> None:
        """Ask within this viewer's share: each keyframe costs the sender a burst."""
        self._wants_keyframe = True
        if self._keyframes.take(now_s):
            self._keyframe_asked_s = now_s
            self._source.request_keyframe()

    def sender_report(self, info: TrackInfo, clock: SenderClock, now_s: float) -> None:
        """Pass the source's clock on, with the shift of its packets."""
        track = self.tracks.get(info.kind)
        shifted = None if track is None else track.shifted(clock)
        if track is None or shifted is None or self._outbound is None:
            return
        track.report_sent = (shifted.ntp_middle, now_s)
        plain = sender_report(
            shifted, packets=track.packets, payload_bytes=track.payload_bytes, cname=self.cname
        )
        try:
            datagram = self._outbound.protect_rtcp(plain)
        except pylibsrtp.Error as error:
            self._contain(error)
            return
        self._send(datagram)

    def catch_up(self, info: TrackInfo, clock: SenderClock, now_s: float) -> None:
        """Pass on a clock of before this viewer came, so that sound and picture are in sync at once."""
        track = self.tracks.get(info.kind)
        if track is not None and track.report_sent is None:
            self.sender_report(info, clock, now_s)

    def source_ended(self) -> None:
        """Tell that there is nothing more to see."""
        self._on_source_ended()

    # from the viewer

    def take(self, datagram: bytes, now_s: float) -> None:
        """Take one SRTCP datagram of the viewer; media is not its to send."""
        if self._inbound is None:
            self.counts.early += 1
            return
        if not rtcp.is_rtcp(datagram):
            return
        ssrc = datagram[4:8]
        if self._pace.room < 1 or not self._known.admits(ssrc):
            self.counts.excess += 1
            return
        try:
            plain = self._inbound.unprotect_rtcp(datagram)
        except pylibsrtp.Error:
            self.counts.forged += 1
            return
        self._pace.room -= 1
        self._known.add(ssrc)
        for word in read_viewer(plain):
            if isinstance(word, Nacked):
                self._send_again(word, now_s)
            elif isinstance(word, KeyframeWanted):
                self.counts.keyframe_requests += 1
                self._ask_for_keyframe(now_s)
            elif isinstance(word, Estimate):
                self.estimate_bps = max(self._limits.least_bps, word.bps)
            else:
                self._hear(word, now_s)

    def _send_again(self, nacked: Nacked, now_s: float) -> None:
        track = self._by_ssrc.get(nacked.ssrc)
        if track is None:
            return
        for sequence in nacked.sequences:
            datagram = track.again(sequence)
            if datagram is None or not self._again.take(now_s):
                self.counts.not_resent += 1
                continue
            self.counts.resent += 1
            self._send(datagram)

    def _hear(self, block: ReportBlock, now_s: float) -> None:
        """Keep what the viewer says of what it gets (RFC 3550, 6.4.1)."""
        track = self._by_ssrc.get(block.ssrc)
        if track is None:
            return
        codec = track.media.codec
        self.counts.heard[codec.kind] = Heard(
            block.fraction_lost / 256, block.lost, block.jitter / codec.clock_rate_hz
        )
        if track.report_sent is not None and track.report_sent[0] == block.last_report:
            passed_s = now_s - track.report_sent[1] - block.since_last_report / REPORT_UNIT
            self.counts.round_trip_s = max(0.0, passed_s)

    # the rhythm and the end

    def send_feedback(self) -> None:
        """Nothing is due more often than the source reports; time passes for the viewer's share."""
        self._pace.top_up(time.monotonic())

    def send_report(self, now_s: float) -> None:
        """Nothing of our own is due: reports are passed on as the source makes them."""

    def end(self, reason: TrackEnd) -> None:  # noqa: ARG002 - the viewer learns the end from its connection
        """Send nothing more and forget what was sent."""
        self._inbound = self._outbound = None
        for track in self.tracks.values():
            track.forget()

    def _send(self, datagram: bytes) -> None:
        try:
            sent = self._send_datagram(datagram)
        except Exception as error:  # noqa: BLE001 - as in `packet`
            self._contain(error)
            return
        if sent is False:
            self.counts.unsent += 1

    def _contain(self, error: Exception) -> None:
        self.counts.raised += 1
        if self.counts.raised == 1:
            logger.warning("forwarding raised %s; the call goes on", type(error).__name__)
