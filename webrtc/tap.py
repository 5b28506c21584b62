"""All media of a leg: decrypts, routes to the m-lines, and sends what the receivers ask of the sender.

It stands beside the library's receive loop, not in it: the guard hands RTP and RTCP of checked peers here at
once, so there is no queue to fill and no task to wake per packet.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pylibsrtp

from webrtc import rtcp
from webrtc.feedback import TransportFeedback
from webrtc.frames import MediaKind, TrackEnd, TrackInfo
from webrtc.guard import KnownSources, Pace
from webrtc.outlet import Outlet
from webrtc.receiver import PassthroughReceiver
from webrtc.rtcp_feedback import remb
from webrtc.rtp import parse_rtp

if TYPE_CHECKING:
    from collections.abc import Callable

    from webrtc.forward import PacketSink
    from webrtc.frames import FrameSink
    from webrtc.limits import TapLimits
    from webrtc.offer import Offer
    from webrtc.rtp import RtpPacket

logger = logging.getLogger(__name__)

UNLIMITED_BPS: Final = 1_000_000_000
LIFTS: Final = 3  # a limit holds in a browser until it is told another; one word may be lost


@dataclass(slots=True)
class TapCounts:
    """What happened to the leg's media datagrams."""

    early: int = 0  # before the media keys were agreed
    forged: int = 0  # not authentic under the media keys, or replayed
    malformed: int = 0
    unrouted: int = 0  # of no m-line, or one source too many
    excess: int = 0  # over the pace, or of one source more than is kept
    raised: int = 0  # defects of ours, contained


class Tap:
    """The media side of one leg. `send(datagram)` sends an encrypted datagram to the peer at once."""

    def __init__(self, offer: Offer, limits: TapLimits, send: Callable[[bytes], object]) -> None:
        self.counts = TapCounts()
        self.outlet = Outlet()
        self._limits = limits
        self._ids = offer.extensions
        self._send_datagram = send
        self._ssrc = secrets.randbits(32)
        self._inbound: pylibsrtp.Session | None = None
        self._outbound: pylibsrtp.Session | None = None
        self._pace = Pace(limits.packets_per_s, limits.packets_burst)
        self._known = KnownSources(limits.known_ssrcs)
        self._feedback = TransportFeedback(self._ssrc)
        self._timer: asyncio.TimerHandle | None = None
        self._asking: asyncio.TimerHandle | None = None  # for the keyframe after a pause
        self._ended = False
        self._viewers: tuple[PacketSink, ...] = ()
        self._lifts = 0  # how often the sender is still told that its last limit is gone
        self.receivers = [
            PassthroughReceiver(
                media,
                TrackInfo(number, media.codec.kind, media.codec, media.codec.clock_rate_hz, media.mid),
                limits,
                self.outlet,
                our_ssrc=self._ssrc,
                send=self._send_rtcp,
            )
            for number, media in enumerate(offer.accepted, start=1)
        ]
        self._by_mid = {receiver.media.mid.encode(): receiver for receiver in self.receivers}
        self._by_ssrc: dict[int, PassthroughReceiver] = {
            ssrc: receiver for receiver in self.receivers for ssrc in receiver.media.sources
        }

    def start(self, inbound: pylibsrtp.Session, outbound: pylibsrtp.Session) -> None:
        """Begin to decrypt with the agreed media keys."""
        self._inbound, self._outbound = inbound, outbound

    # in

    def take(self, datagram: bytes, now_s: float) -> None:
        """Take one SRTP or SRTCP datagram of the checked peer."""
        if self._inbound is None or self._ended:
            self.counts.early += 1
            return
        is_rtcp = rtcp.is_rtcp(datagram)
        ssrc = datagram[4:8] if is_rtcp else datagram[8:12]
        if self._pace.room < 1 or not self._known.admits(ssrc):
            self.counts.excess += 1
            return
        try:
            plain = self._inbound.unprotect_rtcp(datagram) if is_rtcp else self._inbound.unprotect(datagram)
        except pylibsrtp.Error:
            self.counts.forged += 1
            return
        self._pace.room -= 1
        self._known.add(ssrc)
        if is_rtcp:
            self._take_rtcp(plain, now_s)
        else:
            self._take_rtp(plain, now_s)

    def _take_rtp(self, plain: bytes, now_s: float) -> None:
        packet = parse_rtp(plain, self._ids)
        if packet is None:
            self.counts.malformed += 1
            return
        if packet.transport_sequence is not None:
            self._feedback.add(packet.transport_sequence, now_s)
        receiver = self._by_ssrc.get(packet.ssrc) or self._route(packet)
        if receiver is None:
            self.counts.unrouted += 1
            return
        taken = receiver.push(packet, now_s)
        if taken is not None:
            for viewer in self._viewers:
                viewer.packet(receiver.info, taken, now_s)
        if self._timer is None and receiver.has_gap:
            self._arm()

    def _route(self, packet: RtpPacket) -> PassthroughReceiver | None:
        """Find the m-line of a new source: by its name, else by payload type (RFC 8843, 9.2)."""
        if len(self._by_ssrc) >= self._limits.sources_per_leg:
            return None
        found = self._by_mid.get(packet.mid) if packet.mid is not None else None
        if found is None:
            owners = [r for r in self.receivers if packet.payload_type in r.media.payload_types]
            if len(owners) != 1:
                return None
            found = owners[0]
        self._by_ssrc[packet.ssrc] = found
        return found

    def _take_rtcp(self, plain: bytes, now_s: float) -> None:
        for item in rtcp.read_rtcp(plain):
            receiver = self._by_ssrc.get(item.ssrc)
            if receiver is None:
                continue
            if isinstance(item, rtcp.SenderClock):
                receiver.sender_report(item, now_s)
                for viewer in self._viewers:
                    viewer.sender_report(receiver.info, item, now_s)
            else:
                receiver.goodbye(item.ssrc, now_s)

    # out

    def _send_rtcp(self, plain: bytes) -> None:
        if self._outbound is not None and not self._ended:
            self._send_datagram(self._outbound.protect_rtcp(plain))

    def send_feedback(self) -> None:
        """Give out the frames so far; send the arrivals since the last call, for the sender's estimate."""
        self._pace.top_up(time.monotonic())
        self.flush()
        packet = self._feedback.take(self._main_source())
        if packet is not None:
            self._send_rtcp(packet)

    def send_report(self, now_s: float) -> None:
        """Send a receiver report on every track."""
        blocks = [block for receiver in self.receivers if (block := receiver.report(now_s)) is not None]
        if blocks:
            self._send_rtcp(rtcp.receiver_report(self._ssrc, blocks))
        self._catch_up(now_s)
        estimates = [each.estimate_bps for each in self._viewers if each.estimate_bps is not None]
        if estimates:
            self._lifts = LIFTS
        elif self._lifts:
            self._lifts -= 1
            estimates.append(UNLIMITED_BPS)
        if estimates and (sources := self._pictures()):
            self._send_rtcp(remb(self._ssrc, sources, min(estimates)))

    def _catch_up(self, now_s: float) -> None:
        """Tell viewers who came later the clocks told before them: a sound's next report is seconds away."""
        for receiver in self.receivers:
            if (clock := receiver.clock) is not None:
                for viewer in self._viewers:
                    viewer.catch_up(receiver.info, clock, now_s)

    def _pictures(self) -> list[int]:
        """The sources that a bandwidth estimate is about."""
        return [ssrc for ssrc, each in self._by_ssrc.items() if each.info.kind is MediaKind.VIDEO]

    def _main_source(self) -> int:
        return next(iter(self._by_ssrc), 0)

    # who takes the frames

    def attach(self, sink: FrameSink, *, not_before_s: float | None = None) -> None:
        """Give the frames that follow to `sink`; video starts at a keyframe, which is asked for.

        With `not_before_s`, a monotonic time, nothing that was sent before it, whenever it comes.
        """
        self.outlet.attach(sink)
        if not_before_s is None:
            self.request_keyframe()
        else:
            for receiver in self.receivers:
                receiver.start_after(not_before_s)
            self._ask_at(not_before_s)

    def _ask_at(self, not_before_s: float) -> None:
        """Ask for a keyframe then, too: a source that has nothing new to show sends no packet to answer."""
        self._cancel_asking()
        self._asking = asyncio.get_running_loop().call_at(not_before_s, self.request_keyframe)

    def _cancel_asking(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
        self._asking = None

    def flush(self) -> None:
        """Give out the frames that are complete by now."""
        for receiver in self.receivers:
            receiver.assemble()

    def detach(self) -> None:
        """Drop the frames that follow, from the next packet on."""
        self._cancel_asking()
        self.outlet.detach()
        if not self.outlet.is_wanted:
            for receiver in self.receivers:
                receiver.pause()

    def forward_to(self, viewer: PacketSink) -> None:
        """Give the packets that follow to `viewer` as well; its picture starts at a keyframe: ask for one."""
        self._viewers = (*self._viewers, viewer)
        self.outlet.is_watched = True
        self.request_keyframe()

    def forget(self, viewer: PacketSink) -> None:
        """Give no more packets to `viewer`."""
        self._viewers = tuple(each for each in self._viewers if each is not viewer)
        self.outlet.is_watched = bool(self._viewers)
        if not self.outlet.is_wanted:
            self.detach()

    def request_keyframe(self) -> None:
        """Ask the sender of each video track for a keyframe."""
        for receiver in self.receivers:
            receiver.request_keyframe(time.monotonic())

    # time

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._limits.nack_interval_s, self._tick)

    def _tick(self) -> None:
        """Serve open gaps; the timer runs only while there are any."""
        self._timer = None
        now_s = time.monotonic()
        try:
            for receiver in self.receivers:
                if receiver.has_gap:
                    receiver.tick(now_s)
        except Exception as error:  # noqa: BLE001 - one odd packet must not stop the timer of a call
            self.counts.raised += 1
            logger.warning("serving a gap raised %s", type(error).__name__)
        if any(receiver.has_gap for receiver in self.receivers):
            self._arm()

    def end(self, reason: TrackEnd) -> None:
        """Give out what is complete and tell the end of each track; nothing is taken afterwards."""
        if self._ended:
            return
        self._cancel_asking()
        if self._timer is not None:
            self._timer.cancel()
        now_s = time.monotonic()
        for receiver in self.receivers:
            receiver.end(reason, now_s)
        self._ended = True
        self._inbound = self._outbound = None
