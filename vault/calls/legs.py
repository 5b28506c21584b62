"""The legs this process carries: peer connections, their captures, and the end that always finalises.

A leg's life is one task. It waits for the peer to close, whatever the reason, then closes the capture, ends
the rows and hands the recording to the finisher. Whoever asks a leg to end only asks its peer to close.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from storage.errors import StorageError
from storage.store import ObjectStore
from vault.calls.calls import Calls, CallView
from vault.clock import Clock
from vault.errors import (
    BusyError,
    ConfigurationError,
    ConflictError,
    MalformedError,
    NotFoundError,
    OfferRefusedError,
    PreconditionFailedError,
    TooManyLegsError,
    VaultError,
)
from vault.media.capture import Begun, Capture
from vault.media.recordings import LegToRecord, Recordings
from vault.media.spool import Spool
from vault.model import ConsentChoice, Id, new_id
from vault.policy import Permission, Principal, require, require_own_call, require_same_tenant
from vault.settings import LimitSettings, MediaSettings, RecordingSettings
from webrtc.errors import (
    FragmentRefusedError,
    IceRestartRefusedError,
    NoAddressError,
    WebrtcError,
)
from webrtc.errors import OfferRefusedError as GateRefusedError
from webrtc.frames import MediaKind
from webrtc.ice import own_addresses
from webrtc.lifecycle import CloseReason
from webrtc.limits import IceSettings, OfferLimits, PeerLimits
from webrtc.peer import Peer
from webrtc.udpmux import UdpMux

log = structlog.get_logger(__name__)

FINALISE_PAUSES_S: Final = (0.2, 1.0, 3.0, 10.0)  # away for longer: the next start ends the rows
FULL: Final = "size_limit"  # why a recording ended before its leg
BUSY_RETRY_S: Final = 10  # a full node: calls last minutes, somebody hangs up soon


@dataclass(slots=True)
class LiveLeg:
    """One leg that is being carried; ``task`` ends when everything about it is final."""

    id: Id
    call: CallView
    principal_id: Id
    address: str
    peer: Peer
    ends: "Ends"
    capture: Capture | None
    task: asyncio.Task[None] | None = None


class Ends:
    """What a peer tells of its life, as something that can be waited for."""

    def __init__(self) -> None:
        self.reason: CloseReason | None = None
        self._connected = asyncio.Event()
        self._closed = asyncio.Event()

    def connected(self) -> None:
        """The media keys are agreed."""
        self._connected.set()

    def closed(self, reason: CloseReason) -> None:
        """The leg has ended."""
        self.reason = reason
        self._closed.set()
        self._connected.set()

    async def until_connected(self) -> bool:
        """Wait for the one or the other; True when media may flow."""
        await self._connected.wait()
        return self.reason is None

    async def until_closed(self) -> CloseReason:
        """Wait for the end and tell why."""
        await self._closed.wait()
        return self.reason or CloseReason.FAILED


@dataclass(frozen=True, slots=True)
class Answered:
    """What the signalling answers: the SDP, and the leg's entity tag."""

    leg_id: Id
    sdp: str
    etag: str


class Legs:
    """Takes offers, carries legs, ends them; ``on_ended`` hears of each recording to be finished."""

    def __init__(
        self,
        calls: Calls,
        recordings: Recordings,
        store: ObjectStore,
        clock: Clock,
        *,
        media: MediaSettings,
        recording: RecordingSettings,
        limits: LimitSettings,
        on_ended: Callable[[Id], None],
    ) -> None:
        self._calls = calls
        self._recordings = recordings
        self._store = store
        self._clock = clock
        self._media = media
        self._recording = recording
        self._limits = limits
        self._on_ended = on_ended
        self._legs: dict[Id, LiveLeg] = {}
        self._draining = False
        self._mux: UdpMux | None = None

    @property
    def live(self) -> int:
        """How many legs are carried now."""
        return len(self._legs)

    async def start(self) -> None:
        """Bind the shared media port, where the settings name a single one; raises ConfigurationError."""
        port = self._media.port_first
        if port == 0 or port != self._media.port_last:
            return
        mux = UdpMux(self._media.addresses or own_addresses(), port)
        try:
            await mux.open()
        except NoAddressError as cause:
            raise ConfigurationError(f"media.port_first: {cause}") from cause
        self._mux = mux

    async def join(self, call_id: str, offer: str, *, by: Principal, address: str) -> Answered:
        """Answer an offer with a new leg; raises OfferRefusedError, BusyError and what the call says.

        ``address`` names where the offer came from; TooManyLegsError where too many legs came from there.
        The order matters: the notice is answered, there is room, the offer is acceptable, the row is
        written; only then does the other side learn where to send.
        """
        call = await self._calls.ready_for_leg(call_id, by=by)
        self._require_room(call, address)
        leg_id = new_id("leg")
        leg = self._make(leg_id, call, by, address)
        self._legs[leg_id] = leg  # counted before the first wait, so that a rush cannot pass the limit
        joined = False
        try:
            answer = await self._answer(leg, offer)
            joined = True  # from here on there may be a row, and whoever made it sees it ended
            await self._calls.leg_joined(call, leg_id, by)
        except ConflictError:
            await self._give_up(leg)
            raise
        except BaseException:
            await self._give_up(leg, has_row=joined)
            raise
        leg.task = asyncio.create_task(self._carry(leg), name=f"leg-{leg_id}")
        return Answered(leg_id, answer, leg.peer.etag)

    def _require_room(self, call: CallView, address: str) -> None:
        """Raise where one more leg may not be: no address, button or tenant fills the house alone."""
        legs = self._legs.values()
        if sum(leg.address == address for leg in legs) >= self._limits.legs_per_address:
            raise TooManyLegsError("this address has its fill of calls", retry_after_s=BUSY_RETRY_S)
        if (
            self._draining
            or len(legs) >= self._media.max_legs
            or sum(leg.call.button_id == call.button_id for leg in legs) >= self._limits.legs_per_button
            or sum(leg.call.tenant_id == call.tenant_id for leg in legs) >= self._limits.legs_per_tenant
        ):
            raise BusyError(
                "no room for another call just now; try again shortly", retry_after_s=BUSY_RETRY_S
            )

    async def trickle(
        self, call_id: str, leg_id: str, fragment: str, *, if_match: str, by: Principal
    ) -> None:
        """Take the other side's candidates (RFC 9725, 4.3); the tag must be this session's."""
        leg = self._own(call_id, leg_id, by)
        if if_match not in {"*", leg.peer.etag}:
            raise PreconditionFailedError("this leg has another ICE session; use the ETag of its answer")
        try:
            await leg.peer.trickle(fragment)
        except IceRestartRefusedError as cause:
            raise ConflictError("this leg cannot change its network; open a new leg") from cause
        except FragmentRefusedError as cause:
            raise MalformedError("the fragment is not one this leg can take (RFC 8840)") from cause

    async def hang_up(self, call_id: str, leg_id: str, *, by: Principal) -> None:
        """End a leg and wait until its rows are final; NotFoundError for one that is not carried."""
        leg = self._own(call_id, leg_id, by)
        await leg.peer.close(CloseReason.HANGUP)
        if leg.task is not None:
            await asyncio.shield(leg.task)

    async def stop_capture(self, media_id: str) -> None:
        """Stop recording into a media item that is to be erased, and wait until nothing is under way."""
        for leg in list(self._legs.values()):
            capture = leg.capture
            begun = await capture.recording() if capture is not None else None
            if capture is not None and begun is not None and begun.media_id == media_id:
                leg.peer.detach()
                capture.abandon()
                await capture.done()

    async def _give_up(self, leg: LiveLeg, *, has_row: bool = False) -> None:
        """Undo a leg that was never carried; its row, if it may have one, ends as any other leg's."""
        await leg.peer.close(CloseReason.FAILED)
        if has_row:
            leg.task = asyncio.create_task(self._carry(leg), name=f"leg-{leg.id}")
        else:
            del self._legs[leg.id]

    def drain(self) -> None:
        """Take no further leg."""
        self._draining = True

    async def aclose(self) -> None:
        """End every leg and wait until each is final, those too that are just being answered."""
        self.drain()
        while legs := list(self._legs.values()):
            await asyncio.gather(*(leg.peer.close(CloseReason.SHUTDOWN) for leg in legs))
            tasks = [leg.task for leg in legs if leg.task is not None]
            await asyncio.gather(*tasks, return_exceptions=True)  # one that failed does not keep the others
            await asyncio.sleep(0.01)  # a leg without a task yet gets one, or goes
        if self._mux is not None:
            self._mux.close()

    def _make(self, leg_id: Id, call: CallView, by: Principal, address: str) -> LiveLeg:
        ends = Ends()
        peer = Peer(
            limits=self._peer_limits(),
            ice=self._ice(),
            mux=self._mux,
            kinds=frozenset(map(MediaKind, call.media)),  # the notice named these, and no other
            on_closed=ends.closed,
            on_connected=ends.connected,
            name=leg_id,
        )
        capture = None
        if call.consent is ConsentChoice.ACCEPTED and call.records:
            capture = self._capture(leg_id, call, peer)
            peer.attach(capture)
        return LiveLeg(leg_id, call, by.id, address, peer, ends, capture)

    def _capture(self, leg_id: Id, call: CallView, peer: Peer) -> Capture:
        to_record = LegToRecord(call.tenant_id, call.id, leg_id, call.button_id, call.retention_days)

        async def begin() -> Begun:
            now_s = self._clock.monotonic()
            return await self._recordings.begin(to_record, age_s=now_s - (capture.first_s or now_s))

        capture = Capture(
            begin,
            self._store,
            self._clock,
            fragment_s=self._recording.fragment_s,
            spill_bytes=self._recording.spill_bytes,
            max_bytes=self._recording.max_bytes,
            request_keyframe=peer.request_keyframe,
            on_full=peer.detach,
        )
        return capture

    async def _answer(self, leg: LiveLeg, offer: str) -> str:
        try:
            return await leg.peer.answer(offer)
        except GateRefusedError as cause:
            raise OfferRefusedError(str(cause), reason=cause.code.value) from cause
        except WebrtcError as cause:
            raise BusyError("the media side could not set up a leg; try again") from cause

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
            await self._finalise(leg, capturing, reason)

    async def _until_closed(self, leg: LiveLeg) -> CloseReason:
        if await leg.ends.until_connected():
            try:
                await self._calls.leg_connected(leg.call.id, leg.id)
            except VaultError as error:
                # The call goes on: its row says "connecting" until it says "ended".
                log.error("leg.not_marked_live", leg=leg.id, error=type(error).__name__)
        try:
            async with asyncio.timeout(self._media.max_call_s):
                return await leg.ends.until_closed()
        except TimeoutError:
            await leg.peer.close(CloseReason.HANGUP)
            return await leg.ends.until_closed()

    async def _finalise(self, leg: LiveLeg, capturing: Awaitable[None] | None, reason: CloseReason) -> None:
        """End the recording, then the rows: the one is tried whatever became of the other."""
        try:
            if leg.capture is not None and capturing is not None:
                capture = leg.capture
                capture.close()
                (broken,) = await asyncio.gather(capturing, return_exceptions=True)
                if broken is not None:
                    log.error("leg.capture_broken", leg=leg.id, error=type(broken).__name__)
                await _patiently(leg.id, lambda: self._end_recording(capture, reason))
            await _patiently(leg.id, lambda: self._calls.leg_ended(leg.call.id, leg.id, reason=reason.value))
        finally:
            self._legs.pop(leg.id, None)

    async def _end_recording(self, capture: Capture, reason: CloseReason) -> None:
        if capture.begun is None:
            return
        media_id = capture.begun.media_id
        why = FULL if capture.is_full else reason.value
        if await self._recordings.end(media_id, reason=why, fragments=capture.fragments):
            self._on_ended(media_id)
        elif await self._recordings.is_erased(media_id):
            # What the erasure could not see coming is deleted here: its key is gone already.
            await Spool(self._store).shred(tenant_id=capture.begun.tenant_id, media_id=media_id)

    def _own(self, call_id: str, leg_id: str, by: Principal) -> LiveLeg:
        require(by, Permission.CALL_JOIN)
        leg = self._legs.get(Id(leg_id))
        if leg is None or leg.call.id != call_id:
            raise NotFoundError("there is no such thing here")
        require_same_tenant(by, leg.call.tenant_id)
        require_own_call(by, leg.call.id)
        return leg

    def _peer_limits(self) -> PeerLimits:
        return PeerLimits(
            setup_timeout_s=self._media.setup_deadline_s,
            stalled_after_s=self._media.stalled_after_s,
            dead_after_s=self._media.dead_after_s,
            offer=OfferLimits(size_bytes=self._media.max_offer_bytes),
        )

    def _ice(self) -> IceSettings:
        ports = (self._media.port_first, self._media.port_last) if self._media.port_first else None
        return IceSettings(
            peers=frozenset(self._media.addresses) if self._media.local_only else None,
            addresses=self._media.addresses,
            announced=self._media.announced_address or None,
            ports=ports,
        )


async def _patiently(leg_id: Id, step: Callable[[], Awaitable[None]]) -> None:
    """Take a last step, again after a pause where a database or store does not answer.

    After the last try the rows stay open, and the next start ends them, as after a crash.
    """
    for pause_s in (*FINALISE_PAUSES_S, None):
        try:
            return await step()
        except (VaultError, StorageError) as error:
            log.error("leg.finalise_failed", leg=leg_id, error=type(error).__name__, again_in_s=pause_s)
            if pause_s is not None:
                await asyncio.sleep(pause_s)
    return None
