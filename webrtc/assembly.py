"""Packets in order to whole frames, per codec. A frame is given out whole or not at all.

After a hole nothing is shown before the next keyframe: frames between would be decoded against pictures that
are not in the recording.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from webrtc.rtp import RtpPacket


class Picture(NamedTuple):
    """The bytes of one frame and what its header tells; the size only of keyframes."""

    payload: bytes
    is_keyframe: bool
    width: int | None
    height: int | None


class Assembler(Protocol):
    """What a source needs of a codec. `emit(picture, last_packet, now_s)` is told at construction."""

    needs_keyframe: bool
    unusable: int

    def push(self, packet: RtpPacket, now_s: float) -> None:
        """Take the next packet in order."""

    def broken(self) -> None:
        """Packets before the next one are lost."""


class OpusAssembler:
    """Each packet is a frame (RFC 7587, 4.2); a hole breaks nothing after it."""

    needs_keyframe = False

    def __init__(self, emit: Callable[[Picture, RtpPacket, float], None], frame_bytes: int) -> None:
        self._emit = emit
        self._frame_bytes = frame_bytes
        self.unusable = 0

    def push(self, packet: RtpPacket, now_s: float) -> None:
        """Give out the packet; an empty one is padding."""
        if len(packet.payload) > self._frame_bytes:
            self.unusable += 1
        elif packet.payload:
            self._emit(Picture(packet.payload, is_keyframe=True, width=None, height=None), packet, now_s)

    def broken(self) -> None:
        """Go on: Opus frames do not need one another."""


class PictureAssembler(ABC):
    """What VP8 and H.264 share: a frame is the packets of one timestamp, ended by the marker bit."""

    def __init__(self, emit: Callable[[Picture, RtpPacket, float], None], frame_bytes: int) -> None:
        self._emit = emit
        self._frame_bytes = frame_bytes
        self._parts: list[bytes | bytearray] = []
        self._size_bytes = 0
        self._last: RtpPacket | None = None
        self._whole = True  # no packet of the frame in hand is missing
        self._boundary = False  # the packet before ended a frame and was not lost
        self.needs_keyframe = True
        self.unusable = 0

    @abstractmethod
    def _starts(self, packet: RtpPacket) -> bool:
        """Whether the packet itself shows that a frame begins with it."""

    @abstractmethod
    def _add(self, packet: RtpPacket) -> bool:
        """Add the packet's share to `_parts`; False if it is malformed."""

    @abstractmethod
    def _picture(self, parts: list[bytes | bytearray]) -> Picture | None:
        """The frame of these parts, or None if they are none."""

    def push(self, packet: RtpPacket, now_s: float) -> None:
        """Take the next packet in order; a packet without payload is padding."""
        if not packet.payload:
            return
        last = self._last
        if last is not None and packet.timestamp != last.timestamp:
            self._finish(last, now_s)
            last = None
        if last is None:
            self._whole = self._boundary or self._starts(packet)
        self._last = packet
        self._size_bytes += len(packet.payload)
        if self._whole and (self._size_bytes > self._frame_bytes or not self._add(packet)):
            self._whole = False
            self._parts.clear()
        self._boundary = True
        if packet.marker:
            self._finish(packet, now_s)

    def broken(self) -> None:
        """Drop the frame in hand and wait for a keyframe."""
        if self._last is not None:
            self.unusable += 1
        self._clear()
        self._boundary = False
        self.needs_keyframe = True

    def _finish(self, packet: RtpPacket, now_s: float) -> None:
        parts, whole = self._parts, self._whole
        self._clear()
        picture = self._picture(parts) if whole and parts else None
        if picture is None:
            if not whole:
                self.unusable += 1
                self.needs_keyframe = True
            return
        if picture.is_keyframe:
            self.needs_keyframe = False
        elif self.needs_keyframe:
            self.unusable += 1
            return
        self._emit(picture, packet, now_s)

    def _clear(self) -> None:
        self._parts = []
        self._size_bytes = 0
        self._last = None
        self._whole = True
