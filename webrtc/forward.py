"""Encoded packets of one leg to one viewer: header rewritten, payload untouched, nothing decoded.

Each viewer has sources of its own. A packet that arrives late or twice is passed on as it came: what is
missing is the viewer's to ask for, and is sent again from a bounded history, encrypted as it was. Times stay
in sync because the source's own sender reports are passed on with the same shift as its packets.
"""

from __future__ import annotations

import logging
import secrets
import struct
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import pylibsrtp

from webrtc import rtcp
from webrtc.guard import Budget
from webrtc.rtcp_feedback import Estimate, KeyframeWanted, Nacked, read_viewer, sender_report
from webrtc.rtp import HEADER, ONE_BYTE_PROFILE

if TYPE_CHECKING:
    from collections.abc import Callable

    from webrtc.frames import MediaKind, TrackEnd, TrackInfo
    from webrtc.limits import ForwardLimits
    from webrtc.offer import AcceptedMedia, Offer
    from webrtc.rtcp import ReportBlock, SenderClock
    from webrtc.rtp import RtpPacket

logger = logging.getLogger(__name__)

RTP_FLAGS: Final = 2 << 6  # version 2, no padding, no contributing sources
WITH_EXTENSION: Final = 1 << 4
SEND_TIME: Final = struct.Struct("!HHL")  # profile, one word, id with length and 24 bits of time
SEND_TIME_UNIT: Final = 1 << 18  # of a second, in 6.18 fixed point
FIRST_SEQUENCES: Final = 1 << 15  # a start in the lower half keeps libsrtp's roll-over counter at zero
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


class Leg(Protocol):
    """What a viewer asks of the leg it sees."""

    def request_keyframe(self) -> None:
        """Ask for a keyframe; asking often costs nothing more."""


@dataclass(slots=True)
class ForwardCounts:
    """What happened on the way to one viewer; numbers only rise, but for the last three."""

    packets: int = 0
    payload_bytes: int = 0
    resent: int = 0
    not_resent: int = 0  # asked for too late or too often
    keyframe_requests: int = 0
    unsent: int = 0
    early: int = 0
    forged: int = 0
    raised: int = 0
    fraction_lost: float = 0.0
    jitter_s: float = 0.0
    round_trip_s: float | None = None


class OutTrack:
    """One source of ours: continues in number and time whatever happens to the source it is fed from."""

    def __init__(self, media: AcceptedMedia, history: int, send_time_id: int) -> None:
        self.media = media
        self.ssrc = secrets.randbits(32)
        self.packets = 0
        self.payload_bytes = 0
        self.report_sent: tuple[int, float] | None = None  # middle of the NTP stamp told, and when
        self._rate_hz = media.codec.clock_rate_hz
        self._send_time_id = send_time_id
        self._history = history
        self._sent: dict[int, bytes] = {}
        self._order: deque[int] = deque()
        self._source: int | None = None
        self._sequence_shift = 0
        self._stamp_shift = 0
        self._last_sequence = secrets.randbelow(FIRST_SEQUENCES)
        self._last_stamp = secrets.randbits(32)
        self._last_s = 0.0

    def write(self, packet: RtpPacket, now_s: float) -> tuple[int, bytes]:
        """Our number of the packet, and the packet as it goes out, in the clear."""
        if packet.ssrc != self._source:
            self._follow(packet, now_s)
        sequence = packet.sequence + self._sequence_shift & 0xFFFF
        stamp = packet.timestamp + self._stamp_shift & 0xFFFFFFFF
        ahead = sequence - self._last_sequence & 0xFFFF
        if ahead < FIRST_SEQUENCES:
            self._last_sequence, self._last_stamp, self._last_s = sequence, stamp, now_s
        self.packets += 1
        self.payload_bytes += len(packet.payload)
        marked_type = packet.marker << 7 | self.media.payload_type
        if not self._send_time_id:
            return sequence, HEADER.pack(RTP_FLAGS, marked_type, sequence, stamp, self.ssrc) + packet.payload
        head = HEADER.pack(RTP_FLAGS | WITH_EXTENSION, marked_type, sequence, stamp, self.ssrc)
        at = int(now_s * SEND_TIME_UNIT) & 0xFFFFFF
        return sequence, head + SEND_TIME.pack(
            ONE_BYTE_PROFILE, 1, (self._send_time_id << 4 | 2) << 24 | at
        ) + packet.payload

    def _follow(self, packet: RtpPacket, now_s: float) -> None:
        """Go on from where we are with another source."""
        passed = 1 if self._source is None else max(1, round((now_s - self._last_s) * self._rate_hz))
        self._source = packet.ssrc
        self._sequence_shift = self._last_sequence + 1 - packet.sequence
        self._stamp_shift = self._last_stamp + passed - packet.timestamp

    def shifted(self, clock: SenderClock) -> SenderClock | None:
        """The source's clock on our stamps; None for another source's."""
        if clock.ssrc != self._source:
            return None
        return clock._replace(
            ssrc=self.ssrc, rtp_timestamp=clock.rtp_timestamp + self._stamp_shift & 0xFFFFFFFF
        )

    def keep(self, sequence: int, datagram: bytes) -> None:
        """Remember what was sent, in place of the oldest."""
        self._sent[sequence] = datagram
        self._order.append(sequence)
        if len(self._order) > self._history:
            self._sent.pop(self._order.popleft(), None)

    def again(self, sequence: int) -> bytes | None:
        """What was sent under this number, if it is still remembered."""
        return self._sent.get(sequence)

    def forget(self) -> None:
        """Drop the history."""
        self._sent.clear()
        self._order.clear()


class Forwarder:
    """The media side of one viewer. `send(datagram)` sends an encrypted datagram at once."""

    def __init__(
        self, offer: Offer, limits: ForwardLimits, send: Callable[[bytes], object], source: Leg
    ) -> None:
        self.counts = ForwardCounts()
        self.cname = secrets.token_hex(CNAME_BYTES)
        self.estimate_bps: int | None = None
        self._send_datagram = send
        self._source = source
        self._limits = limits
        self._again = Budget(limits.resends_per_s, limits.resends_burst)
        self._inbound: pylibsrtp.Session | None = None
        self._outbound: pylibsrtp.Session | None = None
        self.tracks: dict[MediaKind, OutTrack] = {
            media.codec.kind: OutTrack(media, limits.history_packets, offer.extensions.abs_send_time)
            for media in offer.accepted
            if media.is_used
        }
        self._by_ssrc = {track.ssrc: track for track in self.tracks.values()}

    def start(self, inbound: pylibsrtp.Session, outbound: pylibsrtp.Session) -> None:
        """Begin to send with the agreed media keys; the picture begins with a keyframe."""
        self._inbound, self._outbound = inbound, outbound
        self._source.request_keyframe()

    # from the source

    def packet(self, info: TrackInfo, packet: RtpPacket, now_s: float) -> None:
        """Send a media packet on."""
        track = self.tracks.get(info.kind)
        if track is None or self._outbound is None or track.media.codec is not info.codec:
            return
        try:
            sequence, plain = track.write(packet, now_s)
            datagram = self._outbound.protect(plain)
        except Exception as error:  # noqa: BLE001 - one viewer's defect must not reach the leg it sees
            self._contain(error)
            return
        track.keep(sequence, datagram)
        self.counts.packets += 1
        self.counts.payload_bytes += len(packet.payload)
        self._send(datagram)

    def sender_report(self, info: TrackInfo, clock: SenderClock, now_s: float) -> None:
        """Pass the source's clock on, with the shift of its packets."""
        track = self.tracks.get(info.kind)
        shifted = None if track is None else track.shifted(clock)
        if track is None or shifted is None:
            return
        track.report_sent = (shifted.ntp_middle, now_s)
        self._send_rtcp(
            sender_report(shifted, packets=track.packets, payload_bytes=track.payload_bytes, cname=self.cname)
        )

    # from the viewer

    def take(self, datagram: bytes, now_s: float) -> None:
        """Take one SRTCP datagram of the viewer; media is not its to send."""
        if self._inbound is None:
            self.counts.early += 1
            return
        if not rtcp.is_rtcp(datagram):
            return
        try:
            plain = self._inbound.unprotect_rtcp(datagram)
        except pylibsrtp.Error:
            self.counts.forged += 1
            return
        for word in read_viewer(plain):
            if isinstance(word, Nacked):
                self._send_again(word, now_s)
            elif isinstance(word, KeyframeWanted):
                self.counts.keyframe_requests += 1
                self._source.request_keyframe()
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
        self.counts.fraction_lost = block.fraction_lost / 256
        self.counts.jitter_s = block.jitter / track.media.codec.clock_rate_hz
        if track.report_sent is not None and track.report_sent[0] == block.last_report:
            passed_s = now_s - track.report_sent[1] - block.since_last_report / REPORT_UNIT
            self.counts.round_trip_s = max(0.0, passed_s)

    # the rhythm and the end

    def send_feedback(self) -> None:
        """Nothing is due more often than the source reports."""

    def send_report(self, now_s: float) -> None:
        """Nothing of our own is due: reports are passed on as the source makes them."""

    def end(self, reason: TrackEnd) -> None:  # noqa: ARG002 - the viewer learns the end from its connection
        """Send nothing more and forget what was sent."""
        self._outbound = None
        for track in self.tracks.values():
            track.forget()

    def _send_rtcp(self, plain: bytes) -> None:
        if self._outbound is not None:
            self._send(self._outbound.protect_rtcp(plain))

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
