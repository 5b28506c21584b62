"""Frames of one leg, cut into fragments, sealed in memory, stored about once a second.

A capture is of one leg; the recording it fills may have been begun by an earlier leg (``resume``).

The sink's methods run on the media loop and only copy. One task per capture seals and stores, in order. What
the store cannot take yet waits sealed, up to a limit; past it the newest fragment is dropped and the loss is
declared, so that neither memory nor the disk ever holds more, and nothing is ever held in the clear.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from crypto.keys import DataKey
from crypto.streaming import seal
from storage.errors import StorageError
from storage.store import ObjectStore
from vault.clock import Clock
from vault.errors import VaultError
from vault.media.places import SPOOL_SEGMENT_BYTES, spool_associated, spool_key
from vault.model import Id
from webrtc.fragments import FragmentPace, FragmentWriter, GoesOn
from webrtc.frames import EncodedFrame, TrackInfo
from webrtc.rhythm import on_grid

log = structlog.get_logger(__name__)

TICK_S: Final = 0.2  # how late a fragment may close when no frame comes to close it
RETRY_S: Final = 0.5  # between two tries of a store that does not answer
LAST_TRIES_S: Final = 20.0  # at the end of a call: how long a stored end is worth waiting for


@dataclass(frozen=True, slots=True)
class Begun:
    """A recording that exists: its row, its key, its first ledger entry are durable.

    ``leg_id`` is its first leg: every fragment is bound to that one. ``goes_on`` is set where this leg is not
    the first, and ``stored_bytes`` is what those before have stored.
    """

    tenant_id: Id
    media_id: Id
    leg_id: Id
    key: DataKey
    goes_on: GoesOn | None = None
    stored_bytes: int = 0


class Begins(Protocol):
    """Makes the recording's row and key when the first fragment is there to be kept."""

    async def __call__(self) -> Begun:
        """Return the recording; raises VaultError where it cannot be begun."""
        ...


Resumes = Callable[[], Awaitable[Begun | None]]
"""Finds the recording that a leg goes on with, and writes that it does; None where it begins its own."""


@dataclass(slots=True)
class CaptureCounts:
    """What was taken, and what became of the fragments; numbers only rise."""

    frames: int = 0
    stored: int = 0
    stored_bytes: int = 0
    dropped: int = 0
    failures: int = 0


@dataclass(slots=True)
class _Waiting:
    """Sealed fragments in the order they were closed."""

    fragments: deque[tuple[int, bytes]] = field(default_factory=deque)
    held_bytes: int = 0


class Capture:
    """The recorder of one leg; a ``webrtc.frames.FrameSink``.

    ``begin`` is awaited once, when the first fragment closes: a leg that never sends leaves no trace.
    ``first_s`` is the monotonic time of the first frame: where the recording's clock begins.
    ``request_keyframe`` asks the sender to start a picture that can be decoded. ``on_full`` is called once,
    when the next fragment would not fit into ``max_bytes``: what was recorded is kept, nothing follows.
    """

    def __init__(
        self,
        begin: Begins,
        store: ObjectStore,
        clock: Clock,
        *,
        fragment_s: float,
        spill_bytes: int,
        max_bytes: int,
        request_keyframe: Callable[[], None],
        on_full: Callable[[], None],
    ) -> None:
        self.counts = CaptureCounts()
        self.begun: Begun | None = None
        self.first_s: float | None = None
        self.is_full = False
        self.end_reason: str | None = None  # why it ended before its leg
        self._begin = begin
        self._store = store
        self._clock = clock
        self._spill_bytes = spill_bytes
        self._max_bytes = max_bytes
        self._request_keyframe = request_keyframe
        self._on_full = on_full
        self._pace = FragmentPace(early_s=0.8 * fragment_s, usual_s=fragment_s, latest_s=1.2 * fragment_s)
        self._writer = FragmentWriter(pace=self._pace)
        self._plain: deque[tuple[int, bytes]] = deque()
        self._plain_bytes = 0
        self._waiting = _Waiting()
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._abandoned = False
        self._done = asyncio.Event()
        self._beginning = asyncio.Lock()
        self._limit: asyncio.Timeout | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing is taken any more: it was closed, filled up or abandoned."""
        return self._closing

    @property
    def fragments(self) -> int:
        """How many fragments of the recording were cut so far, stored or not."""
        return self._writer.number

    @property
    def stored_bytes(self) -> int:
        """How much of the recording is stored, that of earlier legs counted."""
        return self.counts.stored_bytes + (self.begun.stored_bytes if self.begun is not None else 0)

    @property
    def last_us(self) -> int:
        """Where on the recording's clock the last frame came."""
        return self._writer.last_us

    @property
    def shift_us(self) -> int:
        """What puts this process's monotonic clock on the recording's."""
        return self._writer.shift_us

    # --- the sink, on the media loop ------------------------------------------------------------------------

    def track_started(self, info: TrackInfo) -> None:
        """Write the track into the table of the next fragment."""
        self._writer.track_started(info)

    def frame(self, track_id: int, frame: EncodedFrame) -> None:
        """Copy one frame into the fragment under collection."""
        if self.first_s is None:
            self.first_s = frame.arrival_s
        if self._writer.due(self._clock.monotonic(), upcoming=frame):
            self._cut()
        self.counts.frames += self._writer.frame(track_id, frame)

    def lost(self, track_id: int, packets: int, at_s: float) -> None:
        """Note packets that never came."""
        self._writer.lost(track_id, packets, at_s)

    def sender_report(self, track_id: int, ntp_s: float, rtp_timestamp: int) -> None:
        """Note the sender's clock."""
        self._writer.sender_report(track_id, ntp_s, rtp_timestamp)

    def track_ended(self, track_id: int, reason: str) -> None:
        """Note that no frame of the track follows."""
        self._writer.track_ended(track_id, reason)

    async def resume(self, find: Resumes) -> None:
        """Go on with the recording of an earlier leg, if there is one; called before the first frame."""
        async with self._beginning:
            begun = await find()
            if begun is not None:
                self._writer = FragmentWriter(goes_on=begun.goes_on, pace=self._pace)
                self.begun = begun

    def pause(self) -> None:
        """Take nothing from now on, and close what was taken before: no frame waits for the end of a pause.

        The pause is declared in the fragment; one before the first frame is not on the recording's clock.
        """
        if not self._closing and self.first_s is not None:
            self._writer.pause(self._clock.monotonic())
            self._cut()

    def take_again(self) -> None:
        """Take frames again, on the same clock."""
        self._writer.resume(self._clock.monotonic())

    # --- the task -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Store fragments until ``close``; returns when the last one is stored or given up."""
        self._schedule()
        try:
            async with asyncio.timeout(None) as self._limit:
                if self._closing:
                    self._end_within(LAST_TRIES_S)
                while not self._closing:
                    await self._wake.wait()
                    self._wake.clear()
                    while not await self._store_waiting() and not self._closing:
                        continue
                while not self._abandoned and not await self._store_waiting():
                    continue
        except TimeoutError:
            lost = len(self._waiting.fragments) + len(self._plain)
            self.counts.dropped += lost
            if lost:
                log.error("capture.end_lost", fragments=lost)
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._done.set()

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(on_grid(loop.time(), TICK_S), self._tick)

    def _tick(self) -> None:
        """Close the fragment in time when no frame comes to close it."""
        if self._writer.due(self._clock.monotonic()):
            self._cut()
        self._schedule()

    def _end_within(self, limit_s: float) -> None:
        """Bound what ``run`` still does: a put under way is cancelled, and ends before ``run`` does."""
        if self._limit is not None and not self._limit.expired() and not self._done.is_set():
            self._limit.reschedule(asyncio.get_running_loop().time() + limit_s)

    def abandon(self) -> None:
        """Throw away what is not stored yet and let ``run`` end: the recording is being erased."""
        self._abandoned = self._closing = True
        self._plain.clear()
        self._waiting.fragments.clear()
        self._plain_bytes = self._waiting.held_bytes = 0
        self._wake.set()
        self._end_within(0)

    async def recording(self) -> Begun | None:
        """Tell what is recorded into; waits for a beginning that is under way, so that none is overlooked."""
        async with self._beginning:
            return self.begun

    async def done(self) -> None:
        """Wait until ``run`` has ended: from then on nothing more is put into the store."""
        await self._done.wait()

    def close(self) -> None:
        """Cut what is there and let ``run`` come to its end."""
        if not self._closing:
            self._closing = True
            if not self._writer.is_empty:
                self._cut()
            self._end_within(LAST_TRIES_S)
            self._wake.set()

    def _cut(self) -> None:
        number = self._writer.number
        plain = self._writer.close()
        if self._abandoned or self.is_full:
            return
        held_bytes = self._plain_bytes + self._waiting.held_bytes
        if self.stored_bytes + held_bytes + len(plain) > self._max_bytes:
            self._fill()
        elif held_bytes + len(plain) > self._spill_bytes:
            # The missing number declares the loss; the picture can only go on from a new keyframe.
            self.counts.dropped += 1
            self._request_keyframe()
        else:
            self._plain.append((number, plain))
            self._plain_bytes += len(plain)
            self._seal_all()  # at once: a store that does not answer is no reason to wait in the clear
        self._wake.set()

    def _fill(self) -> None:
        """End as at the end of a call: the recording's limit is reached."""
        self.is_full = True
        self.counts.dropped += 1
        self._on_full()
        self.close()

    async def _store_waiting(self) -> bool:
        """Seal and store what waits, oldest first; False where the store did not take it."""
        try:
            await self._begin_once()
            self._seal_all()
            while self._waiting.fragments:
                number, sealed = self._waiting.fragments[0]
                await self._put(number, sealed)
                if self._abandoned:
                    return True
                self._waiting.fragments.popleft()
                self._waiting.held_bytes -= len(sealed)
                self.counts.stored += 1
                self.counts.stored_bytes += len(sealed)
        except (StorageError, VaultError, TimeoutError) as error:
            self.counts.failures += 1
            log.warning(
                "capture.store_failed", error=type(error).__name__, waiting=len(self._waiting.fragments)
            )
            await asyncio.sleep(RETRY_S)
            return not self._waiting.fragments and not self._plain
        return True

    async def _begin_once(self) -> None:
        if self._plain and self.begun is None:
            async with self._beginning:
                self.begun = await self._begin()

    def _seal_all(self) -> None:
        while self._plain and self.begun is not None:
            number, plain = self._plain.popleft()
            self._plain_bytes -= len(plain)
            sealed = seal(
                self.begun.key,
                plain,
                associated_data=spool_associated(
                    tenant_id=self.begun.tenant_id,
                    media_id=self.begun.media_id,
                    leg_id=self.begun.leg_id,
                    number=number,
                ),
                segment_bytes=SPOOL_SEGMENT_BYTES,
            )
            self._waiting.fragments.append((number, sealed))
            self._waiting.held_bytes += len(sealed)

    async def _put(self, number: int, sealed: bytes) -> None:
        if self.begun is None:  # sealed fragments exist only after begin
            return
        key = spool_key(tenant_id=self.begun.tenant_id, media_id=self.begun.media_id, number=number)
        await self._store.put(key, sealed)
