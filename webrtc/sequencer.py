"""One source's packets back in order: gaps are held open, asked for again, and given up in time.

Pure computation on the caller's clock. Sequence numbers inside are unwrapped and never repeat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from webrtc.rtp import unwrap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from webrtc.rtp import RtpPacket

NOTHING: Final[tuple[RtpPacket, ...]] = ()
NONE: Final = range(0)
ROUND_TRIP_WEIGHT: Final = 0.125  # of a new measure, as TCP does (RFC 6298, 2)


@dataclass(slots=True)
class _Missing:
    since_s: float
    asked_s: float
    asked: int


@dataclass(frozen=True, slots=True)
class SequencerLimits:
    """What one source may cost: times in seconds, `held` and `jump` in packets."""

    wait_s: float
    held: int
    jump: int
    nack_interval_s: float
    nack_interval_max_s: float
    nacks_per_packet: int


class Sequencer:
    """Takes packets as they come; gives them in order, each once."""

    def __init__(self, limits: SequencerLimits) -> None:
        self._limits = limits
        self._next: int | None = None
        self._highest = 0
        self._held: dict[int, RtpPacket] = {}
        self._missing: dict[int, _Missing] = {}
        self._fresh = NONE  # missing since the packet that came last
        self._round_trip_s = limits.nack_interval_s
        self.restarts = 0  # jumps too far to be loss: the sender started anew (RFC 3550, A.1)
        self.late = 0  # came after they were given up, or twice
        self.recovered = 0  # were missing and came in time

    @property
    def has_gap(self) -> bool:
        """Whether packets are waited for."""
        return bool(self._missing)

    def push(self, packet: RtpPacket, now_s: float) -> Sequence[RtpPacket]:
        """Take one packet; returns those that are in order now."""
        following = self._next
        if following is None:
            self._next = packet.sequence + 1
            self._highest = packet.sequence
            return (packet,)
        if packet.sequence == following & 0xFFFF and not self._missing:
            self._next = following + 1
            self._highest = following
            return (packet,)
        return self._push_slowly(packet, unwrap(packet.sequence, following, 16), following, now_s)

    def _push_slowly(
        self, packet: RtpPacket, sequence: int, following: int, now_s: float
    ) -> Sequence[RtpPacket]:
        self._fresh = NONE
        if abs(sequence - following) > self._limits.jump:
            return self._restart(packet, sequence)
        if sequence < following or sequence in self._held:
            self.late += 1
            return NOTHING
        found = self._missing.pop(sequence, None)
        if found is not None:
            self.recovered += 1
            if found.asked == 1:  # of a packet asked for twice nobody knows which request was answered
                self._round_trip_s += ROUND_TRIP_WEIGHT * (now_s - found.asked_s - self._round_trip_s)
        self._fresh = range(self._highest + 1, sequence)
        for absent in self._fresh:
            self._missing[absent] = _Missing(now_s, now_s, 0)
        self._highest = max(self._highest, sequence)
        self._held[sequence] = packet
        return self._drain()

    def _restart(self, packet: RtpPacket, sequence: int) -> Sequence[RtpPacket]:
        self.restarts += 1
        self._held.clear()
        self._missing.clear()
        self._next = sequence + 1
        self._highest = sequence
        return (packet,)

    def _drain(self) -> list[RtpPacket]:
        ready = []
        following = self._next or 0
        while (packet := self._held.pop(following, None)) is not None:
            ready.append(packet)
            following += 1
        self._next = following
        return ready

    def to_ask_first(self, now_s: float) -> list[int]:
        """The packets that are missing since the last one came, rising: to ask for at once.

        It looks at no other missing one: with a large gap that would cost each packet that comes a walk.
        """
        asked = []
        for sequence in self._fresh:
            missing = self._missing.get(sequence)
            if missing is not None and missing.asked == 0:
                missing.asked, missing.asked_s = 1, now_s
                asked.append(sequence)
        return asked

    def to_ask(self, now_s: float) -> list[int]:
        """The missing packets to ask for now, rising: each at once, then every round trip. Walks them all."""
        limits = self._limits
        interval_s = min(max(self._round_trip_s, limits.nack_interval_s), limits.nack_interval_max_s)
        asked = []
        for sequence, missing in self._missing.items():
            if missing.asked == 0 or (
                missing.asked < limits.nacks_per_packet and now_s - missing.asked_s >= interval_s
            ):
                missing.asked += 1
                missing.asked_s = now_s
                asked.append(sequence)
        return sorted(asked)

    def give_up(self, now_s: float, *, everything: bool = False) -> tuple[int, list[RtpPacket]]:
        """Leave the first gap if its time is over, or if too much is held behind it.

        Returns how many packets are lost (0: nothing to give up) and those in order after them. Call again
        until it returns 0.
        """
        following = self._next
        if following is None or following not in self._missing:
            return 0, []
        overdue = now_s - self._missing[following].since_s >= self._limits.wait_s
        if not (overdue or everything or len(self._held) > self._limits.held):
            return 0, []
        lost = 0
        while following in self._missing:
            del self._missing[following]
            following += 1
            lost += 1
        self._next = following
        return lost, self._drain()
