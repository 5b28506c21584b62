"""Whoever may no longer join calls is in none, and who is in none watches none: asked every few seconds.

A session that grew old, or a token that ran out, is no reason to cut a conversation short; a person who was
turned off, a role that no longer answers calls and a token that was revoked are.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

import structlog

from vault.calls.floor import Floor
from vault.errors import VaultError
from vault.model import Role
from vault.policy import Permission, Principal
from webrtc.lifecycle import CloseReason

log = structlog.get_logger(__name__)

EVERY_S: Final = 2.0  # a change takes effect within 5 s
TURNED_OUT: Final = "access_ended"  # why a leg ended whose owner may no longer be there

MayGoOn = Callable[[Principal], Awaitable[Principal | None]]


class Rechecks:
    """Ends the legs and feeds of people who lost the right to them."""

    def __init__(self, floor: Floor, may_go_on: MayGoOn) -> None:
        self._floor = floor
        self._may_go_on = may_go_on

    async def run(self) -> None:
        """Ask again and again; until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.end_unseen()
            await self.turn()

    async def end_unseen(self) -> None:
        """End what is watched by who has no leg in the call any more: nobody hears others unseen.

        With somebody's last leg ends what they watch; here also where that end waits for a database.
        """
        unseen = [
            feed for feed in self._floor.feeds.values() if not self._floor.has_leg(feed.leg.call.id, feed.by)
        ]
        for feed in unseen:
            log.warning("feed.unseen", feed=feed.id)
        await asyncio.gather(*(feed.viewer.close(CloseReason.HANGUP) for feed in unseen))

    async def turn(self) -> None:
        """Ask once of everybody but visitors, whose right is the call itself."""
        there = [*(leg.by for leg in self._floor.legs.values()), *(f.by for f in self._floor.feeds.values())]
        people = {(who.id, who.token_id): who for who in there if who.role is not Role.VISITOR}
        answers = await asyncio.gather(*(self._may_stay(who) for who in people.values()))
        for who, may_stay in zip(people.values(), answers, strict=True):
            if not may_stay:
                await self._turn_out(who)

    async def _may_stay(self, who: Principal) -> bool:
        try:
            now = await self._may_go_on(replace(who, session_id=None, until=None))
        except VaultError as error:
            # A database that does not answer must not end every call of the house.
            log.error("legs.not_rechecked", principal_id=who.id, error=type(error).__name__)
            return True
        return now is not None and now.may(Permission.CALL_JOIN)

    async def _turn_out(self, who: Principal) -> None:
        closing = [
            feed.viewer.close(CloseReason.HANGUP) for feed in self._floor.feeds.values() if feed.by == who
        ]
        for leg in list(self._floor.legs.values()):
            if leg.by == who and not leg.is_ending:
                leg.why = TURNED_OUT
                closing.append(leg.peer.close(CloseReason.HANGUP))
        log.info("legs.turned_out", principal_id=who.id, ended=len(closing))
        await asyncio.gather(*closing)
