"""The first look at a datagram, before any library sees it.

A leg's UDP port is open to the internet. What arrives is sorted by first byte (RFC 7983, 7) and source:

1. Empty, oversized and unknown datagrams are dropped: one empty datagram ends a call in the library below.
2. STUN requests that do not name us, and requests that do but come from new addresses, each pass on a small
   budget: the parser and the answer cost more than the attacker pays. Answers pass if we asked.
3. DTLS, RTP and RTCP pass only from an address that answered our own connectivity check with the password of
   the signalled session. DTLS that is ahead of our check is held in small number until the check succeeds.

The guard computes; it owns no socket and no clock.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Container

    from webrtc.limits import GuardLimits

Address = tuple[str, int]

STUN_HEADER_BYTES: Final = 20  # RFC 8489, 5
STUN_COOKIE: Final = b"\x21\x12\xa4\x42"

# RFC 7983, 7: what the first byte of a datagram tells.
STUN_BELOW: Final = 4
DTLS_FROM, DTLS_BELOW = 20, 64
MEDIA_FROM, MEDIA_BELOW = 128, 192


class Verdict(StrEnum):
    """What happens to a datagram. The first four go on; the others are why it was dropped."""

    STUN = "stun"
    DTLS = "dtls"
    MEDIA = "media"
    HELD = "held"
    EMPTY = "empty"
    OVERSIZED = "oversized"
    UNKNOWN = "unknown"
    STRANGER = "stranger"  # DTLS or media from an address that is no checked peer
    STRANGER_CHECK = "stranger_check"  # STUN above the budget of those who do not know our name
    UNASKED_ANSWER = "unasked_answer"  # a STUN answer to no question of ours, or an indication
    FULL = "full"  # more DTLS than the handshake may queue


class Budget:
    """A token bucket on the caller's clock: `burst` at once, `per_s` in the long run."""

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._tokens = float(burst)
        self._last_s = 0.0

    def take(self, now_s: float) -> bool:
        """Take one token if there is one."""
        elapsed_s = max(0.0, now_s - self._last_s)
        self._last_s = now_s
        self._tokens = min(self._burst, self._tokens + elapsed_s * self._per_s)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class Pace:
    """How many authentic packets one connection may have handled; topped up at each beat.

    Only what is authentic counts: who forges a peer's address takes nothing from its share.
    """

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self.room = float(burst)
        self._last_s: float | None = None

    def top_up(self, now_s: float) -> None:
        """Give back what the time since the last call is worth."""
        if self._last_s is not None:
            self.room = min(self._burst, self.room + (now_s - self._last_s) * self._per_s)
        self._last_s = now_s


class KnownSources:
    """The few sources that one connection's authentic packets may come from.

    libsrtp keeps a state for each source it ever saw and looks through them one by one: with ten thousand a
    packet costs a hundred times more, for the other calls too.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[bytes] = set()

    def admits(self, ssrc: bytes) -> bool:
        """Whether a packet of this source may be decrypted."""
        return ssrc in self._known or len(self._known) < self._most

    def add(self, ssrc: bytes) -> None:
        """Note a source whose packet was authentic."""
        self._known.add(ssrc)


class DatagramGuard:
    """Sorts the datagrams of one leg. `ufrag` is our ICE name, as the answer told it to the peer."""

    def __init__(self, limits: GuardLimits, *, ufrag: str) -> None:
        self._limits = limits
        # The USERNAME of a check to us begins with our name and a colon (RFC 8445, 7.2.2).
        self._our_name = f"{ufrag}:".encode()
        self._strangers = Budget(limits.stranger_checks_per_s, limits.stranger_checks_burst)
        self._named = Budget(limits.named_checks_per_s, limits.named_checks_burst)
        self._open: set[Address] = set()
        self._held: dict[Address, list[bytes]] = {}
        self._held_count = 0
        self.counts: Counter[Verdict] = Counter()

    def judge(
        self,
        datagram: bytes,
        source: Address,
        *,
        now_s: float,
        questions: Container[bytes] = (),
        queued: int = 0,
    ) -> Verdict:
        """Sort one datagram; `questions` are our open STUN transactions, `queued` the DTLS not yet read."""
        verdict = self._sort(datagram, source, now_s, questions)
        if verdict is Verdict.DTLS and queued >= self._limits.queued_datagrams:
            verdict = Verdict.FULL
        self.counts[verdict] += 1
        return verdict

    def admit_media(self, datagram: bytes) -> bool:
        """Count RTP or RTCP whose source is known to be open: `judge` for the many."""
        verdict = Verdict.MEDIA if len(datagram) <= self._limits.datagram_bytes else Verdict.OVERSIZED
        self.counts[verdict] += 1
        return verdict is Verdict.MEDIA

    def _sort(self, datagram: bytes, source: Address, now_s: float, questions: Container[bytes]) -> Verdict:
        if not datagram:
            return Verdict.EMPTY
        if len(datagram) > self._limits.datagram_bytes:
            return Verdict.OVERSIZED
        first = datagram[0]
        if MEDIA_FROM <= first < MEDIA_BELOW:
            return Verdict.MEDIA if source in self._open else Verdict.STRANGER
        if first < STUN_BELOW:
            return self._sort_stun(datagram, source, now_s, questions)
        if DTLS_FROM <= first < DTLS_BELOW:
            return Verdict.DTLS if source in self._open else self._hold(datagram, source)
        return Verdict.UNKNOWN

    def _sort_stun(
        self, datagram: bytes, source: Address, now_s: float, questions: Container[bytes]
    ) -> Verdict:
        if len(datagram) < STUN_HEADER_BYTES or datagram[4:8] != STUN_COOKIE:
            return Verdict.UNKNOWN
        # RFC 8489, 5: the two bits 0x0110 of the type are its class; zero is a request.
        is_answer = datagram[0] & 0x01
        is_request = not is_answer and not datagram[1] & 0x10
        if is_answer:
            return Verdict.STUN if datagram[8:20] in questions else Verdict.UNASKED_ANSWER
        if not is_request:
            return Verdict.UNASKED_ANSWER
        if source in self._open:
            return Verdict.STUN
        budget = self._named if self._our_name in datagram else self._strangers
        return Verdict.STUN if budget.take(now_s) else Verdict.STRANGER_CHECK

    def _hold(self, datagram: bytes, source: Address) -> Verdict:
        """Keep DTLS of an address that proved the password to us and is being checked by us."""
        waiting = self._held.get(source)
        if waiting is None:
            return Verdict.STRANGER
        if self._held_count >= self._limits.held_datagrams:
            return Verdict.FULL
        waiting.append(datagram)
        self._held_count += 1
        return Verdict.HELD

    def is_open(self, source: Address) -> bool:
        """Whether this address answered our check."""
        return source in self._open

    def expect(self, source: Address) -> None:
        """Note an address whose own check was authentic; its DTLS may wait for our check."""
        if source not in self._open and len(self._held) < self._limits.pairs:
            self._held.setdefault(source, [])

    def open(self, source: Address) -> list[bytes]:
        """Let an address in: it answered our check. Returns the datagrams it was ahead with."""
        self._open.add(source)
        waiting = self._held.pop(source, [])
        self._held_count -= len(waiting)
        return waiting

    def forget(self, source: Address) -> None:
        """Drop what is held of an address whose check failed."""
        self._held_count -= len(self._held.pop(source, []))

    @property
    def dropped(self) -> int:
        """How many datagrams went no further."""
        passed = (Verdict.STUN, Verdict.DTLS, Verdict.MEDIA, Verdict.HELD)
        return sum(self.counts.values()) - sum(self.counts[verdict] for verdict in passed)
