"""How long a question to the peer and its answer take: measured on the checks that ICE sends anyway.

The library gives up on a check after half a second, and its answer may come all the same: on a long path none
comes sooner. So what was asked is remembered a little longer here.
"""

from __future__ import annotations

from typing import Final

from aioice import stun

REMEMBERED: Final = 8  # checks; they are seconds apart
LONGEST_S: Final = 5.0  # who takes longer to answer only wants to


class RoundTrip:
    """The newest measure of one connection."""

    def __init__(self) -> None:
        self.newest_s = 0.0
        self._asked_s: dict[bytes, float] = {}

    def asked(self, transaction_id: bytes, now_s: float) -> None:
        """Note a check that is sent. Sent again, it counts from the first time: longer, never shorter."""
        self._asked_s[transaction_id] = now_s
        while len(self._asked_s) > REMEMBERED:
            del self._asked_s[next(iter(self._asked_s))]

    def heard(self, datagram: bytes, password: str | None, now_s: float) -> None:
        """Take an authentic answer to a check; whatever else it is, it is none."""
        asked_s = self._asked_s.get(datagram[8:20])
        if asked_s is None or password is None:
            return
        try:
            answer = stun.parse_message(datagram)
            if not answer.check_message_integrity(password.encode()):
                return
        except ValueError:
            return
        if answer.message_class is stun.Class.RESPONSE:
            del self._asked_s[answer.transaction_id]
            self.newest_s = min(now_s - asked_s, LONGEST_S)
