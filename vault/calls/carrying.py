"""The life of a leg, from its answer to the end that always finalises.

It is one task. It waits for the peer to close, whatever the reason, then ends what hangs from the leg, closes
the capture and ends the rows. Whoever asks a leg to end only asks its peer to close.
"""

import asyncio
from collections.abc import Awaitable, Collection
from typing import Final

import structlog

from vault.calls.calls import Calls
from vault.calls.floor import Floor, LiveLeg
from vault.calls.graces import UNWISHED, Graces, visitor_is_back, visitor_is_coming
from vault.calls.last_steps import LastSteps
from vault.calls.recorder import Recorder
from vault.calls.tellings import Tellings
from vault.calls.waits import Waits
from vault.errors import VaultError
from vault.model import Id
from webrtc.lifecycle import CloseReason

log = structlog.get_logger(__name__)

CALL_ENDED: Final = "call_ended"  # why a leg ended whose visitor has left


class Carrier:
    """Carries legs."""

    def __init__(
        self,
        calls: Calls,
        recorder: Recorder,
        floor: Floor,
        tellings: Tellings,
        *,
        max_call_s: float,
        rejoin_s: float,
    ) -> None:
        self._calls = calls
        self._recorder = recorder
        self._floor = floor
        self._tellings = tellings
        self._max_call_s = max_call_s
        self._last = LastSteps()
        self._waits = Waits(
            self._end_call,
            wait_s=rejoin_s,
            is_back=lambda call_id: visitor_is_back(floor, call_id),
            is_coming=lambda call_id: visitor_is_coming(floor, call_id),
        )
        self._graces = Graces(floor, self._waits)

    @property
    def waiting(self) -> Collection[Id]:
        """The calls that stay open for a visitor who was lost."""
        return self._waits.waiting

    def begin(self, leg: LiveLeg) -> None:
        """Carry a leg from now on."""
        leg.task = asyncio.create_task(self._carry(leg), name=f"leg-{leg.id}")

    def expect(self, call_id: Id, reason: str) -> None:
        """Wait for the visitor of a call that no leg of this process belongs to."""
        self._graces.begin(call_id, reason)

    def hurry(self) -> None:
        """The process ends: no database is waited for until it is back."""
        self._last.hurry()

    async def aclose(self) -> None:
        """Wait for nobody any more; legs are ended by whoever asks their peers to."""
        await self._waits.aclose()
        await self._recorder.aclose()

    async def _carry(self, leg: LiveLeg) -> None:
        """Carry one leg from its answer to its end."""
        capturing = None
        if leg.capture is not None:
            capturing = asyncio.create_task(leg.capture.run(), name=f"capture-{leg.id}")
        reason = CloseReason.FAILED
        try:
            reason = await self._until_closed(leg)
        finally:
            await leg.peer.close(CloseReason.FAILED)  # whatever happened: no peer outlives its leg
            await self._end(leg, capturing, leg.why or reason.value)

    async def _until_closed(self, leg: LiveLeg) -> CloseReason:
        if await leg.ends.until_connected():
            await self._live(leg)
        try:
            async with asyncio.timeout(self._max_call_s):
                return await leg.ends.until_closed()
        except TimeoutError:
            await leg.peer.close(CloseReason.HANGUP)
            return await leg.ends.until_closed()

    async def _live(self, leg: LiveLeg) -> None:
        is_first = not any(
            other.is_live and other.by.id == leg.by.id for other in self._floor.legs_of(leg.call.id)
        )
        leg.is_live = True
        if leg.is_visitors:
            self._graces.stop(leg.call.id)
        try:
            await self._calls.leg_connected(leg.call.id, leg.id)
        except VaultError as error:
            # The call goes on: its row says "connecting" until it says "ended".
            log.error("leg.not_marked_live", leg=leg.id, error=type(error).__name__)
        await self._tellings.joined(leg, is_first=is_first)

    async def _end(self, leg: LiveLeg, capturing: Awaitable[None] | None, reason: str) -> None:
        """End what hangs from a leg, then the leg: its recording and rows, whatever became of the rest."""
        is_last = self._floor.end(leg)
        is_over = is_last and leg.is_visitors and self._graces.is_over(leg, reason)
        if leg.is_visitors and not is_over:
            self._graces.begin(leg.call.id, reason)
        people: frozenset[Id] = frozenset()
        try:
            people = await self._tellings.everybody(leg.call.id)
            self._tellings.left(leg, people, reason=reason)
            if is_over:
                self._graces.stop(leg.call.id)
                await self._tellings.rings_no_more(leg.call.id, reason=reason)
                await self._end_others(leg.call.id)
            elif is_last:
                await self._end_feeds(leg)
        finally:
            await self._finalise(leg, capturing, reason, is_over=is_over)
        if is_over:
            await self._last.take(leg.call.id, lambda: self._recorder.end_resting(leg.call.id, reason=reason))
            self._tellings.over(leg.call.id, people, reason=reason)

    async def _end_call(self, call_id: Id, reason: str) -> bool:
        """End a call whose visitor did not come back; False where there is a leg of theirs after all."""
        people = await self._tellings.everybody(call_id)
        is_over = bool(await self._last.take(call_id, lambda: self._calls.end_left(call_id, reason=reason)))
        if is_over:
            await self._tellings.rings_no_more(call_id, reason=reason)
            await self._end_others(call_id)
            await self._last.take(call_id, lambda: self._recorder.end_resting(call_id, reason=reason))
            self._tellings.over(call_id, people, reason=reason)
        return is_over

    async def _end_feeds(self, leg: LiveLeg) -> None:
        """With the last leg of somebody end what they watch."""
        watched = [feed.viewer for feed in self._floor.feeds_of(leg.call.id) if feed.by.id == leg.by.id]
        await asyncio.gather(*(viewer.close(CloseReason.HANGUP) for viewer in watched))

    async def _end_others(self, call_id: Id) -> None:
        """With its visitor gone end the whole call."""
        others = list(self._floor.legs_of(call_id))
        for other in others:
            other.why = CALL_ENDED
        await asyncio.gather(
            *(feed.viewer.close(CloseReason.HANGUP) for feed in self._floor.feeds_of(call_id)),
            *(other.peer.close(CloseReason.HANGUP) for other in others),
        )

    async def _finalise(
        self, leg: LiveLeg, capturing: Awaitable[None] | None, reason: str, *, is_over: bool
    ) -> None:
        """End the capture, then the rows: the one is tried whatever became of the other.

        The recording ends with it, unless whoever it is of was lost and may come back.
        """
        try:
            if leg.capture is not None and capturing is not None:
                capture = leg.capture
                capture.close()
                (broken,) = await asyncio.gather(capturing, return_exceptions=True)
                if broken is not None:
                    log.error("leg.capture_broken", leg=leg.id, error=type(broken).__name__)
                if reason in UNWISHED and not is_over:
                    await self._last.take(leg.id, lambda: self._recorder.rest(leg, capture, reason=reason))
                else:
                    await self._last.take(leg.id, lambda: self._recorder.end(capture, reason=reason))
            await self._last.take(
                leg.id,
                lambda: self._calls.leg_ended(leg.call.id, leg.id, reason=reason, call_goes_on=not is_over),
            )
        finally:
            self._floor.legs.pop(leg.id, None)
