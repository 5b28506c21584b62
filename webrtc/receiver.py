"""One accepted m-line: its packets to frames, and what is asked of the sender on the way.

No decoder, no thread. While nobody is attached a packet is only counted. Packets are put in order as they
come, and into frames some at a time: the same code over many of them at once costs less than half.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from webrtc import rtcp
from webrtc.assembly import OpusAssembler
from webrtc.frames import Codec, EncodedFrame, MediaKind, TrackEnd, TrackInfo
from webrtc.h264 import H264Assembler
from webrtc.sequencer import Sequencer, SequencerLimits
from webrtc.source import Reception, Sent, TrackClock
from webrtc.vp8 import Vp8Assembler

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from webrtc.assembly import Assembler, Picture
    from webrtc.limits import TapLimits
    from webrtc.offer import AcceptedMedia
    from webrtc.outlet import Outlet
    from webrtc.rtcp import ReportBlock, SenderClock
    from webrtc.rtp import RtpPacket

RTX_HEADER_BYTES = 2  # the original sequence number (RFC 4588, 4)


@dataclass(slots=True)
class ReceiverCounts:
    """What happened on one m-line so far."""

    packets: int = 0
    resent: int = 0
    payload_bytes: int = 0
    frames: int = 0
    keyframes: int = 0
    lost: int = 0
    unusable: int = 0
    nacks: int = 0
    keyframe_requests: int = 0
    sources: int = 0
    vanished: int = 0  # reports that told of payload of which nothing has come
    refused: int = 0  # of a payload type or source that is not this m-line's


def _sequencer_limits(limits: TapLimits, kind: MediaKind) -> SequencerLimits:
    is_video = kind is MediaKind.VIDEO
    return SequencerLimits(
        wait_s=limits.video_wait_s if is_video else limits.audio_wait_s,
        held=limits.held_video_packets if is_video else limits.held_audio_packets,
        jump=limits.sequence_jump,
        nack_interval_s=limits.nack_interval_s,
        nack_interval_max_s=limits.nack_interval_max_s,
        nacks_per_packet=limits.nacks_per_packet,
    )


class PassthroughReceiver:
    """Receives one m-line. `send(rtcp)` sends at once; `our_ssrc` is where our RTCP comes from."""

    def __init__(
        self,
        media: AcceptedMedia,
        info: TrackInfo,
        limits: TapLimits,
        outlet: Outlet,
        *,
        our_ssrc: int,
        send: Callable[[bytes], object],
    ) -> None:
        self.media = media
        self.info = info
        self.counts = ReceiverCounts()
        self._limits = limits
        self._outlet = outlet
        self._our_ssrc = our_ssrc
        self._send = send
        self._clock = TrackClock(info.clock_rate_hz)
        self._reception: Reception | None = None
        self._sent = Sent(info.clock_rate_hz)
        self._not_before_s: float | None = None  # what was sent before is not for the taker of frames
        self._left_s: dict[int, float] = {}  # sources of before, and when another took their place
        self._report: SenderClock | None = None
        self._came_then = 0  # packets, when it came
        self._keyframe_asked_s = -limits.keyframe_retry_s
        self._keyframe_urgent = False
        self._listening = False
        self._restart()

    def _restart(self) -> None:
        """Start with an empty sequence and, for video, wait for a keyframe; what was gathered is dropped."""
        self._gathered: list[tuple[RtpPacket, float]] = []  # in order, with the time of arrival
        self._sequencer = Sequencer(_sequencer_limits(self._limits, self.info.kind))
        self._restarts_seen = 0
        self._assembler = self._new_assembler()
        self._keyframe_urgent = True

    def _new_assembler(self) -> Assembler:
        if self.info.codec is Codec.VP8:
            return Vp8Assembler(self._emit, self._limits.frame_bytes)
        if self.info.codec is Codec.H264:
            return H264Assembler(self._emit, self._limits.frame_bytes)
        return OpusAssembler(self._emit, self._limits.frame_bytes)

    # packets in

    def push(self, packet: RtpPacket, now_s: float) -> RtpPacket | None:
        """Take a packet; returns the media packet it is or resends, None if it is none of this m-line's."""
        if packet.payload_type == self.media.payload_type:
            return self._push_media(packet, now_s)
        if packet.payload_type == self.media.rtx_payload_type:
            return self._push_resent(packet, now_s)
        self.counts.refused += 1
        return None

    def _push_media(self, packet: RtpPacket, now_s: float) -> RtpPacket | None:
        reception = self._reception
        if reception is None or reception.ssrc != packet.ssrc:
            if not self._may_take_over(packet.ssrc, now_s):
                self.counts.refused += 1
                return None
            reception = self._change_source(packet.ssrc, now_s)
        counts = self.counts
        counts.packets += 1
        counts.payload_bytes += len(packet.payload)
        reception.add(packet, now_s)
        self._sent.add(packet.timestamp, now_s)
        self._follow(packet, now_s)
        return packet

    def _may_take_over(self, ssrc: int, now_s: float) -> bool:
        """Whether a source may become the track's: new, or back after a rest, and not one change too many."""
        if self.counts.sources > self._limits.source_changes:
            return False
        left_s = self._left_s.get(ssrc)
        return left_s is None or now_s - left_s >= self._limits.source_rest_s

    def _push_resent(self, packet: RtpPacket, now_s: float) -> RtpPacket | None:
        """Unwrap a resent packet (RFC 4588, 4) of the current source."""
        if self._reception is None or len(packet.payload) < RTX_HEADER_BYTES:
            return None  # padding that probes the path, or before the first packet
        original = self.media.rtx_sources.get(packet.ssrc, self._reception.ssrc)
        if original != self._reception.ssrc:
            return None
        self.counts.resent += 1
        sequence = int.from_bytes(packet.payload[:RTX_HEADER_BYTES], "big")
        if len(packet.payload) == RTX_HEADER_BYTES:
            return None
        resent = packet._replace(ssrc=original, sequence=sequence, payload=packet.payload[RTX_HEADER_BYTES:])
        self._follow(resent, now_s)
        return resent

    def _change_source(self, ssrc: int, now_s: float) -> Reception:
        """Go on with another source of the same track; what the old one still owes is given up."""
        if self._reception is not None:
            self._give_up(now_s, everything=True)
            self.assemble()
            self._left_s[self._reception.ssrc] = now_s
            self._outlet.lost(self.info, 0, now_s)
        self.counts.sources += 1
        self._reception = Reception(ssrc, self.info.clock_rate_hz)
        self._sent = Sent(self.info.clock_rate_hz)
        self._report = None
        self._clock.new_source()
        self._restart()
        return self._reception

    def _follow(self, packet: RtpPacket, now_s: float) -> None:
        """Put a packet in its place and give out the frames it completes."""
        if not self._outlet.is_wanted:
            return
        if not self._listening:
            self._listening = True
            self._restart()
        sequencer, assembler = self._sequencer, self._assembler
        ready = sequencer.push(packet, now_s)
        if sequencer.restarts != self._restarts_seen:
            self._restarts_seen = sequencer.restarts
            self._lost(0, now_s)
        for each in ready:
            self._gathered.append((each, now_s))
        if (
            len(self._gathered) >= self._limits.gathered_packets
            or sequencer.has_gap
            or assembler.needs_keyframe
        ):
            self.assemble()
        if sequencer.has_gap:
            self._give_up(now_s)
            self._ask(sequencer.to_ask_first(now_s))
        if assembler.needs_keyframe and self._may_start(now_s):
            self._want_keyframe(now_s)

    def start_after(self, not_before_s: float) -> None:
        """Give out only what was sent from this time on, and for video from a keyframe on.

        It is told by a frame's stamp, not by its arrival: what was sent before may come long after, out of a
        queue or sent again. Asking for the keyframe waits until its answer is not sent too early as well.
        """
        self._not_before_s = not_before_s
        self._await_keyframe()

    def _await_keyframe(self) -> None:
        if self.info.kind is MediaKind.VIDEO:
            self._assembler.needs_keyframe = True
            self._keyframe_urgent = True

    def _may_start(self, now_s: float) -> bool:
        """Whether what is sent now is for the taker of frames."""
        return self._not_before_s is None or now_s >= self._not_before_s

    def _is_too_early(self, packet: RtpPacket, now_s: float) -> bool:
        """Whether a frame was sent before its taker may have it; after the first that was not, none is."""
        not_before_s = self._not_before_s
        if not_before_s is None:
            return False
        if not self._may_start(now_s) or self._sent.at_s(packet.timestamp, now_s) < not_before_s:
            self._await_keyframe()
            return True
        self._not_before_s = None
        return False

    # frames out

    def assemble(self) -> None:
        """Put the packets gathered so far into frames; asked for some times a second."""
        gathered, self._gathered = self._gathered, []
        push = self._assembler.push
        for packet, arrival_s in gathered:
            push(packet, arrival_s)

    def _emit(self, picture: Picture, packet: RtpPacket, now_s: float) -> None:
        stamp = self._clock.place(packet.timestamp, now_s)
        if stamp is None:
            self.counts.unusable += 1
            return
        if self._is_too_early(packet, now_s):
            return
        self.counts.frames += 1
        self.counts.keyframes += picture.is_keyframe
        frame = EncodedFrame(
            self.info.kind,
            self.info.codec,
            stamp,
            now_s,
            picture.payload,
            picture.is_keyframe,
            picture.width,
            picture.height,
            packet.audio_level,
        )
        self._outlet.frame(self.info, frame, self._located_report)

    def _located_report(self) -> tuple[SenderClock, int] | None:
        stamp = None if self._report is None else self._clock.locate(self._report.rtp_timestamp)
        return None if self._report is None or stamp is None else (self._report, stamp)

    def _lost(self, packets: int, now_s: float) -> None:
        self.assemble()
        self.counts.lost += packets
        self._assembler.broken()
        self._keyframe_urgent = True
        self._outlet.lost(self.info, packets, now_s)

    # time

    @property
    def has_gap(self) -> bool:
        """Whether `tick` has something to do."""
        return self._listening and self._sequencer.has_gap

    def tick(self, now_s: float) -> None:
        """Give up what waited too long, ask again for what may still come."""
        self._give_up(now_s)
        self._ask(self._sequencer.to_ask(now_s))
        if self._assembler.needs_keyframe and self._may_start(now_s):
            self._want_keyframe(now_s)

    def pause(self) -> None:
        """Forget what is in hand: nobody takes frames."""
        self._listening = False
        self._restart()

    def _give_up(self, now_s: float, *, everything: bool = False) -> None:
        while True:
            lost, ready = self._sequencer.give_up(now_s, everything=everything)
            if not lost:
                return
            self._lost(lost, now_s)
            for packet in ready:
                self._assembler.push(packet, now_s)

    def _ask(self, asked: Sequence[int]) -> None:
        if asked and self._reception is not None:
            self.counts.nacks += len(asked)
            self._send(rtcp.nack(self._our_ssrc, self._reception.ssrc, asked))

    def _want_keyframe(self, now_s: float) -> None:
        """Ask for a keyframe: soon for a new reason, else every retry interval while none comes."""
        if self._reception is None or self.info.kind is MediaKind.AUDIO:
            return
        limits = self._limits
        wait_s = limits.keyframe_interval_s if self._keyframe_urgent else limits.keyframe_retry_s
        if now_s - self._keyframe_asked_s >= wait_s:
            self._keyframe_asked_s = now_s
            self._keyframe_urgent = False
            self.counts.keyframe_requests += 1
            self._send(rtcp.picture_loss(self._our_ssrc, self._reception.ssrc))

    def request_keyframe(self, now_s: float) -> None:
        """Ask for a keyframe for someone else's reasons; the floor between requests holds."""
        self._keyframe_urgent = True
        self._want_keyframe(now_s)

    # reports

    @property
    def clock(self) -> SenderClock | None:
        """What the current source told last of its clock."""
        return self._report

    def sender_report(self, report: SenderClock, now_s: float) -> None:
        """Take the sender's clock; told on if it is the current source's."""
        if self._reception is None or report.ssrc != self._reception.ssrc:
            return
        self._reception.reported(report, now_s)
        came, before = self.counts.packets + self.counts.resent, self._report
        if before is not None and came == self._came_then and report.payload_bytes != before.payload_bytes:
            self.counts.vanished += 1
        self._came_then = came
        self._report = report
        located = self._located_report()
        if located is not None:
            self._outlet.clock(self.info, *located)

    def goodbye(self, ssrc: int, now_s: float) -> None:
        """Wait no longer for packets of a source that stopped; it may start again (a camera switched off)."""
        if self._listening and self._reception is not None and self._reception.ssrc == ssrc:
            self._give_up(now_s, everything=True)

    def report(self, now_s: float) -> ReportBlock | None:
        """This m-line's block of the next receiver report."""
        return None if self._reception is None else self._reception.block(now_s)

    def end(self, reason: TrackEnd, now_s: float) -> None:
        """Give out what is complete and tell the end."""
        if self._listening and self._outlet.is_attached:
            self._give_up(now_s, everything=True)
            self.assemble()
        self._outlet.ended(self.info, reason)

    @property
    def is_followed(self) -> bool:
        """Whether packets are put into frames, so that those can be counted."""
        return self._outlet.is_wanted

    @property
    def missed(self) -> int:
        """Packets of the source that sends now that were not there at first."""
        return max(0, self._reception.lost) if self._reception is not None else 0

    @property
    def jitter_s(self) -> float:
        """How unevenly its packets come (RFC 3550, A.8)."""
        return self._reception.jitter_s if self._reception is not None else 0.0

    @property
    def unusable(self) -> int:
        """Frames that came but could not be used."""
        return self.counts.unusable + self._assembler.unusable
