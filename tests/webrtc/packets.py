"""RTP packets made by hand, for tests below the network."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder

from webrtc.rtp import RtpPacket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.webrtc.media import Clip


def packet(
    sequence: int, payload: bytes = b"x", *, timestamp: int = 0, marker: bool = True, ssrc: int = 1
) -> RtpPacket:
    """A packet as parsed; the sequence number may be unwrapped."""
    return RtpPacket(ssrc, 96, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, marker, payload, None, None, None)


def packetized(clip: Clip, count: int) -> Iterator[RtpPacket]:
    """The packets a stock sender makes of a clip's first frames."""
    encoder = Vp8Encoder() if clip.codec == "vp8" else H264Encoder()
    sequences = itertools.count(65_500)
    for each in clip.packets(count):
        payloads, timestamp = encoder.pack(each)
        for place, payload in enumerate(payloads):
            is_last = place == len(payloads) - 1
            yield packet(next(sequences), payload, timestamp=timestamp, marker=is_last)
