"""Transport-wide congestion feedback: which packets of a leg came, and when.

draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1. The sender's bandwidth estimate lives on it; without
it a browser stays at its first guess. It is sent at a steady pace, never per packet: no load on a busy core.
"""

from __future__ import annotations

import struct
from typing import Final

from webrtc import rtcp
from webrtc.rtp import unwrap

TICK_S: Final = 0.00025  # of a delta
TICKS_PER_REFERENCE: Final = 256  # the reference time counts 64 ms
SMALL_DELTA: Final = 0xFF
LARGE_DELTA: Final = 0x7FFF
NOT_RECEIVED, SMALL, LARGE = 0, 1, 2
SYMBOLS_PER_CHUNK: Final = 7  # two bits each
LONGEST_RUN: Final = 0x1FFF  # 13 bits
MAX_STATUSES: Final = 600  # per packet: 100 ms at 6,000 packets per second; keeps it under 1,400 bytes
MAX_KEPT: Final = 4096


class TransportFeedback:
    """Collects arrivals of one leg and writes the feedback packets."""

    def __init__(self, ssrc: int) -> None:
        self._ssrc = ssrc
        self._arrivals: dict[int, float] = {}
        self._next: int | None = None  # the first sequence number not yet reported
        self._count = 0

    def add(self, transport_sequence: int, arrival_s: float) -> None:
        """Note one packet. What was reported already is left alone."""
        if self._next is None:
            self._next = transport_sequence
        sequence = unwrap(transport_sequence, self._next, 16)
        if sequence >= self._next and len(self._arrivals) < MAX_KEPT:
            self._arrivals.setdefault(sequence, arrival_s)

    def take(self, media_ssrc: int) -> bytes | None:
        """The next feedback packet, or None if nothing came since the last one."""
        if not self._arrivals or self._next is None:
            return None
        # Start at the first arrival: a hole before it was reported as such when the packet after it was,
        # or is too long to matter.
        base = max(self._next, min(self._arrivals)) if self._count == 0 else self._next
        base = max(base, max(self._arrivals) - MAX_STATUSES + 1)
        arrivals = {s: at for s, at in self._arrivals.items() if s >= base}
        self._arrivals.clear()
        last = max(arrivals)
        self._next = last + 1
        statuses, deltas, reference = _measure(arrivals, base, last)
        body = struct.pack("!LLHH", self._ssrc, media_ssrc, base & 0xFFFF, len(statuses))
        body += (reference & 0xFFFFFF).to_bytes(3, "big") + bytes([self._count & 0xFF])
        self._count += 1
        body += _chunks(statuses) + deltas
        body += b"\x00" * (-len(body) % 4)
        return (
            rtcp.HEADER.pack(rtcp.VERSION_BITS | rtcp.TRANSPORT_CC, rtcp.TRANSPORT_FEEDBACK, len(body) // 4)
            + body
        )


def _measure(arrivals: dict[int, float], base: int, last: int) -> tuple[list[int], bytes, int]:
    """Statuses from `base` to `last`, the deltas of those received, and the reference time in 64 ms."""
    first_tick = round(arrivals[min(arrivals)] / TICK_S)
    reference = first_tick // TICKS_PER_REFERENCE
    clock = reference * TICKS_PER_REFERENCE
    statuses = []
    deltas = bytearray()
    for sequence in range(base, last + 1):
        arrival_s = arrivals.get(sequence)
        if arrival_s is None:
            statuses.append(NOT_RECEIVED)
            continue
        delta = round(arrival_s / TICK_S) - clock
        if 0 <= delta <= SMALL_DELTA:
            statuses.append(SMALL)
            deltas.append(delta)
        else:
            delta = max(-LARGE_DELTA, min(LARGE_DELTA, delta))
            statuses.append(LARGE)
            deltas += struct.pack("!h", delta)
        clock += delta
    return statuses, bytes(deltas), reference


def _chunks(statuses: list[int]) -> bytes:
    """Pack statuses: runs of at least seven alike as run-length chunks, the rest as vectors of seven."""
    packed = bytearray()
    at = 0
    while at < len(statuses):
        run = at + 1
        while run < len(statuses) and statuses[run] == statuses[at] and run - at < LONGEST_RUN:
            run += 1
        if run - at >= SYMBOLS_PER_CHUNK:
            packed += struct.pack("!H", statuses[at] << 13 | (run - at))
            at = run
            continue
        chunk = 0b11 << 14
        for place, status in enumerate(statuses[at : at + SYMBOLS_PER_CHUNK]):
            chunk |= status << (12 - 2 * place)
        packed += struct.pack("!H", chunk)
        at += SYMBOLS_PER_CHUNK
    return bytes(packed)
