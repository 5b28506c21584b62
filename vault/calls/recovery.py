"""What a start does with the calls that the process before left open: whoever was in them may come back.

The rows are the truth. Every leg of the process before is over. A call whose visitor's token still lives
stays open for ``media.rejoin_s``, counted from the moment at which the doors are open, and so do its
recordings. Who does not come back ends as anybody else who was lost. Nothing here is remembered by more than
this process: a second crash during the wait begins the same anew.
"""

from collections.abc import Collection
from datetime import timedelta

import structlog

from vault.calls.calls import Calls
from vault.calls.legs import Legs
from vault.calls.recorder import Recorder
from vault.clock import Clock
from vault.media.recordings import INTERRUPTED
from vault.model import Id

log = structlog.get_logger(__name__)


class Recovery:
    """Finds what is open at the start, and waits for those who may return to it."""

    def __init__(
        self, calls: Calls, recorder: Recorder, legs: Legs, clock: Clock, *, visitor_token_s: float
    ) -> None:
        self._calls = calls
        self._recorder = recorder
        self._legs = legs
        self._clock = clock
        self._token_life = timedelta(seconds=visitor_token_s)
        self._calls_open: Collection[Id] = ()
        self._recordings_open: Collection[Id] = ()

    @property
    def calls(self) -> Collection[Id]:
        """The calls that stay open."""
        return self._calls_open

    @property
    def recordings(self) -> Collection[Id]:
        """The recordings that stay open; all others that are being captured are the finisher's."""
        return self._recordings_open

    async def find(self) -> None:
        """End every leg, and every call to which nobody can come back; before anything else begins."""
        capturing = (
            await self._recorder.left_open()
        )  # before the legs' rows say nothing of the crash any more
        await self._calls.end_interrupted(joinable_since=self._clock.now() - self._token_life)
        self._calls_open = await self._calls.begun()
        self._recordings_open = self._recorder.expect(capturing, self._calls_open)
        if self._calls_open:
            log.info("calls.waiting", calls=len(self._calls_open), recordings=len(self._recordings_open))

    def wait(self) -> None:
        """Begin to wait; the doors are open."""
        for call_id in self._calls_open:
            self._legs.expect(call_id, INTERRUPTED)
        self._recorder.wait()
