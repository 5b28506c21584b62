"""Ends of calls that leave their one core to more calls: stock aiortc, less what a load has no use for.

Connections, encryption, packets, sender and receiver reports stay as they are. Nothing is decoded, put
together or estimated: no decoder, no jitter buffer, no NACK (nothing is lost on loopback), no REMB.
"""

import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

import aiortc.clock
import aiortc.rtcrtpreceiver
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpreceiver import StreamStatistics

NTP_EPOCH_S: Final = 2_208_988_800  # 1970 in seconds since 1900 (RFC 5905)
NS_PER_S: Final = 1_000_000_000
HEADER: Final = struct.Struct("!xBHII")  # marker and type, number, timestamp, source (RFC 3550, 5.1)


@dataclass(frozen=True, slots=True)
class Header:
    """What receiver reports are made of."""

    sequence_number: int
    timestamp: int


async def _counted(transport: Any, plain: bytes, **_: int) -> None:
    """Count a packet at its receiver, for its reports."""
    kind, number, stamp, ssrc = HEADER.unpack_from(plain)
    router = transport._rtp_router
    receiver = router.ssrc_table.get(ssrc) or _known(router, kind & 0x7F, ssrc)
    if receiver is None:
        return
    streams = receiver._RTCRtpReceiver__remote_streams
    if ssrc not in streams:
        codec = receiver._RTCRtpReceiver__codecs[kind & 0x7F]
        streams[ssrc] = StreamStatistics(codec.clockRate)
    streams[ssrc].add(cast("Any", Header(number, stamp)))


def _known(router: Any, payload_type: int, ssrc: int) -> Any:
    """The receiver of a source that is new: by its payload type, as the stock router finds it.

    None where there is not just one: as behind the end of its receiver.
    """
    receivers = router.payload_type_table.get(payload_type, ())
    if len(receivers) != 1:
        return None
    (router.ssrc_table[ssrc],) = receivers
    return router.ssrc_table[ssrc]


def _ntp_now() -> int:
    seconds, rest_ns = divmod(time.time_ns(), NS_PER_S)
    return (seconds + NTP_EPOCH_S) << 32 | (rest_ns << 32) // NS_PER_S


def _undecoded(_: Any, frames: Any, *__: Any) -> None:
    """Wait for the end as the stock decoder does, with nothing to do before."""
    while frames.get() is not None:
        continue


@contextmanager
def light_ends() -> Iterator[None]:
    """Make every connection of this process a light one, for the length of the block."""
    places: tuple[tuple[Any, str, Any], ...] = (
        (aiortc.rtcrtpreceiver, "decoder_worker", _undecoded),
        (RTCDtlsTransport, "_handle_rtp_data", _counted),
        (aiortc.clock, "current_ntp_time", _ntp_now),
    )
    before = [getattr(owner, name) for owner, name, _ in places]
    for owner, name, light in places:
        setattr(owner, name, light)
    try:
        yield
    finally:
        for (owner, name, _), heavy in zip(places, before, strict=True):
            setattr(owner, name, heavy)
