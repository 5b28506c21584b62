"""What is kept of a leg: its capture while it lasts, its recording's end, what an erasure leaves behind."""

from collections.abc import Callable
from typing import Final

from storage.store import ObjectStore
from vault.calls.calls import CallView
from vault.clock import Clock
from vault.media.capture import Begun, Capture
from vault.media.recordings import LegToRecord, Recordings
from vault.media.spool import Spool
from vault.model import ConsentChoice, Id
from vault.settings import RecordingSettings
from webrtc.peer import Peer

FULL: Final = "size_limit"  # why a recording ended before its leg


class Recorder:
    """Makes captures; ``on_ended`` hears of each recording to be finished."""

    def __init__(
        self,
        recordings: Recordings,
        store: ObjectStore,
        clock: Clock,
        settings: RecordingSettings,
        *,
        on_ended: Callable[[Id], None],
    ) -> None:
        self._recordings = recordings
        self._store = store
        self._clock = clock
        self._settings = settings
        self._on_ended = on_ended

    def attach(self, leg_id: Id, call: CallView, peer: Peer) -> Capture | None:
        """Record what a leg sends from now on; None where its visitor said no, or the button records nothing.

        The same holds for everybody in the call: the visitor's answer is the one the notice asks for.
        """
        if call.consent is not ConsentChoice.ACCEPTED or not call.records:
            return None
        to_record = LegToRecord(call.tenant_id, call.id, leg_id, call.button_id, call.retention_days)

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
            request_keyframe=peer.request_keyframe,
            on_full=peer.detach,
        )
        peer.attach(capture)
        return capture

    async def end(self, capture: Capture, *, reason: str) -> None:
        """End the recording of a capture that is done; the finisher has it from here."""
        if capture.begun is None:
            return
        begun = capture.begun
        why = FULL if capture.is_full else reason
        if await self._recordings.end(begun.media_id, reason=why, fragments=capture.fragments):
            self._on_ended(begun.media_id)
        elif await self._recordings.is_erased(begun.media_id):
            # What the erasure could not see coming is deleted here: its key is gone already.
            await Spool(self._store).shred(tenant_id=begun.tenant_id, media_id=begun.media_id)
