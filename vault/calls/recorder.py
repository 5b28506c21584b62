"""What is kept of a participant: the capture of each leg, the recording over all, what an erasure leaves.

A recording goes on over the legs of one participant and kind. Between two of them it rests: the row stays
*capturing* until they are back, their time to come back is over, or the call is.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import structlog

from crypto.keys import DataKey
from storage.errors import StorageError
from storage.store import ObjectStore
from vault.calls.floor import LiveLeg
from vault.calls.graces import REPLACED
from vault.calls.waits import Waits
from vault.clock import Clock
from vault.errors import KeyForgottenError, KeyProviderError, VaultError
from vault.keys.store import KeyStore
from vault.media.capture import Begun, Capture
from vault.media.recordings import FULL, INTERRUPTED, LeftOpen, LegToRecord, OpenRecording, Recordings
from vault.media.spool import Spool, SpooledLeg, SpoolEnd
from vault.model import Id, RecordingState
from vault.settings import RecordingSettings
from webrtc.fragment_format import GapCause
from webrtc.fragments import GoesOn

log = structlog.get_logger(__name__)

OTHER_CODEC: Final = "codec_changed"  # why a recording ended: its file could not hold the next leg's picture
STANDS_WITHIN_S: Final = 5.0  # a store that takes longer to say costs a recording its continuation, no call
GAP_LATEST_S: Final = 12 * 3600.0  # what is longer is a wall clock that was set, not an outage


@dataclass(frozen=True, slots=True)
class _Resting:
    """A recording whose participant was lost; ``legs`` counts those it came by.

    ``end`` and ``shift_us`` say where this process left it, and what puts our monotonic clock on its own;
    what another process left is asked of the store. ``key`` is what this process recorded with: it may not
    be to be had again before the call is over.
    """

    call_id: Id
    legs: int
    end: SpoolEnd | None = None
    shift_us: int = 0
    reason: str = ""  # why the last of them ended; INTERRUPTED where nobody ended it
    key: DataKey | None = field(default=None, repr=False)


class Recorder:
    """Makes captures; ``on_ended`` hears of each recording to be finished."""

    def __init__(
        self,
        recordings: Recordings,
        keys: KeyStore,
        store: ObjectStore,
        clock: Clock,
        settings: RecordingSettings,
        *,
        rejoin_s: float,
        on_ended: Callable[[Id], None],
    ) -> None:
        self._recordings = recordings
        self._keys = keys
        self._store = store
        self._clock = clock
        self._settings = settings
        self._on_ended = on_ended
        self._resting: dict[Id, _Resting] = {}
        self._waits = Waits(self._give_up, wait_s=rejoin_s)

    async def attach(self, leg: LiveLeg, *, goes_on: bool = True) -> None:
        """Record what a leg sends from now on, in the recording of the leg before if there was one.

        In a pause it is recorded from its end on. ``goes_on`` is False where the leg before still stores its
        last: that recording ends by itself, and this leg begins another.

        Nothing where its visitor said no, the button records nothing, or the recording was erased while it
        ran. The same holds for everybody in the call: the visitor's answer is the one the notice asks for.
        """
        call = leg.call
        if not leg.permit.may_begin:
            return
        to_record = LegToRecord(
            call.tenant_id,
            call.id,
            leg.id,
            call.button_id,
            call.retention_days,
            person_id=None if leg.is_visitors else leg.by.id,
            kind=leg.kind,
            codecs=tuple(leg.peer.codecs.values()),
        )
        capture = leg.capture = self._capture(leg, to_record)
        if goes_on:
            await capture.resume(lambda: self._resumed(to_record))
        if capture.begun is not None:
            self._waits.stop(capture.begun.media_id)
            self._resting.pop(capture.begun.media_id, None)
        if capture.begun is None and await self._recordings.is_barred(to_record):
            leg.capture = None
            return
        if leg.permit.state() is RecordingState.RECORDING and not capture.is_over:  # of now, not of before
            leg.peer.attach(capture)

    async def rest(self, leg: LiveLeg, capture: Capture, *, reason: str) -> None:
        """Keep the recording of a capture that is done open for a while: its participant may come back."""
        begun = capture.begun
        if begun is None:
            return
        if capture.is_full or capture.end_reason is not None:
            await self.end(capture, reason=reason)
        elif await self._recordings.rest(begun.media_id, fragments=capture.fragments):
            self._resting[begun.media_id] = _Resting(
                leg.call.id,
                begun.goes_on.leg + 1 if begun.goes_on is not None else 1,
                SpoolEnd(capture.fragments, capture.last_us, capture.stored_bytes),
                capture.shift_us,
                key=begun.key,
            )
            self._waits.begin(begun.media_id, reason)
        else:
            await self._forget(begun.media_id)

    async def end(self, capture: Capture, *, reason: str) -> None:
        """End the recording of a capture that is done; the finisher has it from here."""
        if capture.begun is not None:
            why = FULL if capture.is_full else capture.end_reason or reason
            await self._end(capture.begun.media_id, reason=why, fragments=capture.fragments)

    async def end_resting(self, call_id: Id, *, reason: str) -> None:
        """End the recordings of a call that is over which nobody sends into."""
        for media_id, resting in list(self._resting.items()):
            if resting.call_id == call_id:
                await self._end_rest(media_id, reason)
                self._waits.stop(media_id)

    async def left_open(self) -> Sequence[LeftOpen]:
        """Tell what the process before left open."""
        return await self._recordings.left_open()

    def expect(self, left: Sequence[LeftOpen], calls: Collection[Id]) -> Collection[Id]:
        """Keep open what the process before left open in these calls; returns which recordings these are."""
        self._resting |= {
            one.media_id: _Resting(one.call_id, one.legs, reason=_why_left(one))
            for one in left
            if one.call_id in calls
        }
        return list(self._resting)

    def wait(self) -> None:
        """Begin to wait for those whose recordings rest."""
        for media_id, resting in self._resting.items():
            self._waits.begin(media_id, resting.reason)

    async def aclose(self) -> None:
        """Wait for nobody any more; what rests is seen to by the next start."""
        await self._waits.aclose()

    async def _give_up(self, media_id: Id, reason: str) -> bool:
        """End a recording that rests; False where that could not be written, so that it is tried again."""
        try:
            await self._end_rest(media_id, reason)
        except (VaultError, StorageError) as error:
            log.error("recording.not_ended", media=media_id, error=type(error).__name__)
            return False
        return True

    async def _end_rest(self, media_id: Id, reason: str) -> None:
        """End a recording that rests, unless a leg has gone on with it since."""
        resting = self._resting.get(media_id)
        if resting is not None:
            fragments = resting.end.next_number if resting.end is not None else None
            await self._end(media_id, reason=reason, fragments=fragments, legs=resting.legs)

    async def _end(
        self, media_id: Id, *, reason: str, fragments: int | None = None, legs: int | None = None
    ) -> None:
        resting = self._resting.get(media_id)
        recovered = resting is not None and resting.reason == INTERRUPTED
        if await self._recordings.end(
            media_id, reason=reason, recovered=recovered, fragments=fragments, legs=legs
        ):
            self._resting.pop(media_id, None)
            self._on_ended(media_id)
        else:
            await self._forget(media_id)

    async def _forget(self, media_id: Id) -> None:
        """What an erasure could not see coming is deleted here: its key is gone already."""
        owner = await self._recordings.erased_of(media_id)
        if owner is not None:
            self._resting.pop(media_id, None)
            await Spool(self._store).shred(tenant_id=owner, media_id=media_id)

    def _capture(self, leg: LiveLeg, to_record: LegToRecord) -> Capture:
        async def begin() -> Begun:
            now_s = self._clock.monotonic()
            return await self._recordings.begin(to_record, age_s=now_s - (capture.first_s or now_s))

        capture = Capture(
            begin,
            self._store,
            self._clock,
            fragment_s=self._settings.fragment_s,
            spill_bytes=self._settings.spill_bytes,
            max_bytes=self._settings.max_bytes,
            request_keyframe=leg.peer.request_keyframe,
            on_full=leg.peer.detach,
        )
        return capture

    async def _resumed(self, leg: LegToRecord) -> Begun | None:
        """Find the recording that a leg goes on with, and write that it does."""
        found = await self._recordings.open_of(leg)
        if found is None:
            return None
        if not found.takes(leg.codecs):
            await self._end(found.media_id, reason=OTHER_CODEC)
            return None
        try:
            key = await self._key_of(found)
            spooled = SpooledLeg(found.tenant_id, found.media_id, found.first_leg_id, key)
            end, goes_on = await self._standing(found, spooled)
        except KeyForgottenError:
            return None  # an erasure was faster; the row will bar the leg
        except (StorageError, TimeoutError, KeyProviderError) as error:
            log.error("recording.not_resumed", media=found.media_id, error=type(error).__name__)
            await self._end(found.media_id, reason=INTERRUPTED)
            return None
        first, cause = goes_on.first_number, goes_on.cause.name.lower()
        if not await self._recordings.go_on(found, leg, first_fragment=first, cause=cause):
            return None
        return Begun(
            found.tenant_id,
            found.media_id,
            found.first_leg_id,
            key,
            goes_on=goes_on,
            stored_bytes=end.stored_bytes,
        )

    async def _key_of(self, found: OpenRecording) -> DataKey:
        """Get the key a recording is sealed with; KeyProviderError where only a process before had it."""
        place = {"tenant_id": found.tenant_id, "object_id": found.media_id}
        try:
            return await self._keys.data_key(**place, gen=found.gen, hurried=True)
        except KeyProviderError:
            resting = self._resting.get(found.media_id)
            if resting is None or resting.key is None:
                raise
            return resting.key

    async def _standing(self, found: OpenRecording, spooled: SpooledLeg) -> tuple[SpoolEnd, GoesOn]:
        """Tell where a recording is to go on: as this process left it, else as store and clocks say."""
        resting = self._resting.get(found.media_id)
        if resting is not None and resting.end is not None:
            end, shift_us, cause = resting.end, resting.shift_us, GapCause.RECONNECT
        else:
            async with asyncio.timeout(STANDS_WITHIN_S):
                end = await Spool(self._store).end_of(spooled)
            shift_us, cause = self._shift_us(found, end), GapCause.RESTART
        first = max(end.next_number, found.fragments)
        return end, GoesOn(first, found.legs, shift_us, cause, end.last_us or found.started_us)

    def _shift_us(self, found: OpenRecording, end: SpoolEnd) -> int:
        """Put our monotonic clock on the one of a process that is no more, by the time on the wall.

        The writer moves a frame that would come before the last one stored.
        """
        now_us = found.started_us + (self._clock.now() - found.started_at) // timedelta(microseconds=1)
        latest_us = (end.last_us or found.started_us) + round(GAP_LATEST_S * 1e6)
        return min(now_us, latest_us) - round(self._clock.monotonic() * 1e6)


def _why_left(left: LeftOpen) -> str:
    """Say why what a process left open came to rest: one that replaced a leg may not have stored its last."""
    return INTERRUPTED if left.reason == REPLACED else left.reason
