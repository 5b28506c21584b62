"""One source of ours on the way to one viewer: numbers, times and what was sent, whatever feeds it.

A number goes out once. AES-GCM must never protect two packets under one number (RFC 7714, 11): who sees both
learns the key of their tags. So what comes twice is dropped, and what is sent again is the datagram that was
sent, from a history of the last numbers; what is older than the history is too late.
"""

from __future__ import annotations

import secrets
import struct
from typing import TYPE_CHECKING, Final

from webrtc.rtp import HEADER, ONE_BYTE_PROFILE

if TYPE_CHECKING:
    from webrtc.frames import TrackInfo
    from webrtc.offer import AcceptedMedia
    from webrtc.rtcp import SenderClock
    from webrtc.rtp import RtpPacket

RTP_FLAGS: Final = 2 << 6  # version 2, no padding, no contributing sources
WITH_EXTENSION: Final = 1 << 4
SEND_TIME: Final = struct.Struct("!HHL")  # profile, one word, id with length and 24 bits of time
SEND_TIME_UNIT: Final = 1 << 18  # of a second, in 6.18 fixed point
FIRST_SEQUENCES: Final = 1 << 15  # a start in the lower half keeps libsrtp's roll-over counter at zero
MAX_DROPOUT: Final = 3000  # RFC 3550, A.1: a larger jump is a sender that began anew


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
        self._track_id: int | None = None
        self._source: int | None = None
        self._sequence_shift = 0
        self._stamp_shift = 0
        # Not below the history's length: what comes late may then be a little older than the first.
        self._last_sequence = history + secrets.randbelow(FIRST_SEQUENCES - history)
        self._last_stamp = secrets.randbits(32)
        self._last_s = 0.0
        self._stray: int | None = None  # what would follow the last packet that was out of all order

    def is_fed_by(self, info: TrackInfo) -> bool:
        """Whether this is the leg's track that we send on: the first of our codec that had a packet."""
        if self._track_id is None and info.codec is self.media.codec:
            self._track_id = info.id
        return info.id == self._track_id

    def write(self, packet: RtpPacket, now_s: float) -> tuple[int, bytes] | None:
        """Our number of the packet, and the packet as it goes out, in the clear; None if it must not."""
        if packet.ssrc != self._source:
            self._follow(packet, now_s)
        sequence = self._place(packet, now_s)
        if sequence is None:
            return None
        stamp = packet.timestamp + self._stamp_shift & 0xFFFFFFFF
        if sequence == self._last_sequence:
            self._last_stamp, self._last_s = stamp, now_s
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

    def _place(self, packet: RtpPacket, now_s: float) -> int | None:
        """Our number for a packet, if it has not gone out yet and is not too late."""
        sequence = packet.sequence + self._sequence_shift & 0xFFFF
        ahead = sequence - self._last_sequence & 0xFFFF
        if MAX_DROPOUT <= ahead <= 0x10000 - self._history:
            begins_anew, self._stray = packet.sequence == self._stray, packet.sequence + 1 & 0xFFFF
            if not begins_anew:
                return None
            self._follow(packet, now_s)
            sequence, ahead = self._last_sequence + 1 & 0xFFFF, 1
        if sequence in self._sent:
            return None
        if ahead < FIRST_SEQUENCES:
            self._advance(sequence, ahead)
        return sequence

    def _advance(self, sequence: int, ahead: int) -> None:
        """Move the history on: it holds the newest number and those just before it."""
        oldest = self._last_sequence - self._history + 1
        self._last_sequence = sequence
        self._stray = None
        if ahead >= self._history:
            self._sent.clear()
            return
        for gone in range(oldest, oldest + ahead):
            self._sent.pop(gone & 0xFFFF, None)

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
        """Remember what was sent."""
        self._sent[sequence] = datagram

    def again(self, sequence: int) -> bytes | None:
        """What was sent under this number, if it is still remembered."""
        return self._sent.get(sequence)

    def forget(self) -> None:
        """Drop the history."""
        self._sent.clear()
