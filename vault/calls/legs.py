"""The legs this process carries: who may have one, what it records, and how it is asked to end."""

import asyncio
from dataclasses import dataclass
from typing import Final

from vault.calls import capturing
from vault.calls.calls import Calls, CallView
from vault.calls.carrying import Carrier
from vault.calls.connections import offers_judged, take_fragment
from vault.calls.floor import Ends, Floor, LiveLeg
from vault.calls.load import Load
from vault.calls.recorder import Recorder
from vault.calls.replacing import Replaced
from vault.calls.seats import Seats
from vault.calls.stage import Stage
from vault.errors import ConflictError, NotFoundError
from vault.model import Id, LegKind, LegState, RecordingState, Role, new_id
from vault.policy import Permission, Principal, require, require_own_call, require_same_tenant
from vault.settings import LimitSettings, MediaSettings
from webrtc.frames import MediaKind
from webrtc.lifecycle import CloseReason
from webrtc.peer import Peer

FINAL_WITHIN_S: Final = 15.0  # a database that is away for longer has its rows written when it is back


@dataclass(frozen=True, slots=True)
class Answered:
    """What the signalling answers: the SDP, and the leg's entity tag."""

    leg_id: Id
    sdp: str
    etag: str


@dataclass(frozen=True, slots=True)
class LegView:
    """A leg as the others in its call see it. ``state`` is connecting or live."""

    id: Id
    role: Role
    kind: LegKind
    name: str
    state: LegState
    mine: bool
    recording: RecordingState


class Legs:
    """Takes offers, carries legs, ends them."""

    def __init__(
        self,
        calls: Calls,
        recorder: Recorder,
        stage: Stage,
        load: Load,
        *,
        media: MediaSettings,
        limits: LimitSettings,
    ) -> None:
        self._calls = calls
        self._recorder = recorder
        self._stage = stage
        self._floor = stage.floor
        self._carrier = Carrier(
            calls,
            recorder,
            stage.floor,
            stage.tellings,
            max_call_s=media.max_call_s,
            rejoin_s=media.rejoin_s,
        )
        self.seats = Seats(
            stage.floor, load, media=media, limits=limits, waiting=lambda: self._carrier.waiting
        )

    @property
    def floor(self) -> Floor:
        """What this process carries."""
        return self._floor

    @property
    def live(self) -> int:
        """How many legs are carried now."""
        return len(self._floor.legs)

    async def start(self) -> None:
        """Bind the shared media port, where the settings name a single one; raises ConfigurationError."""
        await self._stage.connections.start()

    async def join(
        self, call_id: str, offer: str, *, by: Principal, address: str, kind: LegKind = LegKind.CAMERA
    ) -> Answered:
        """Answer an offer with a new leg; raises OfferRefusedError, BusyError and what the call says.

        ``address`` names where the offer came from; TooManyLegsError where too many legs came from there.
        The order matters: the notice is answered, there is room, the offer is acceptable, the row is written
        (in the place of a camera leg that this one replaces), that one is closed, its recording is found.
        Only then does the other side learn where to send.
        """
        call = await self._calls.ready_for_leg(call_id, by=by)
        name = await self._stage.names.of(by)
        replaced = Replaced.by(self._floor, call, by, kind)
        self.seats.require_for_leg(call, address, by=by, besides=replaced.legs)
        leg = self._make(call, by, kind, name, address)
        self._floor.legs[leg.id] = leg  # counted before the first wait, so that a rush cannot pass the limit
        joined = False
        try:
            with offers_judged():
                answer = await leg.peer.answer(offer)
            await replaced.settle()
            joined = True  # from here on there may be a row, and whoever made it sees it ended
            with replaced.giving_way() as ends:
                await self._calls.leg_joined(call, leg.id, by, kind, leg.permit.narrow, ends=ends)
            if not leg.permit.may_begin:  # the rows say so, whoever wrote it, and whoever has heard of it
                capturing.pause(self._floor, call.id)
            await self._recorder.attach(leg, goes_on=await replaced.close())
        except ConflictError:
            await self._give_up(leg)
            raise
        except BaseException:
            await self._give_up(leg, has_row=joined)
            raise
        self._carrier.begin(leg)
        return Answered(leg.id, answer, leg.peer.etag)

    async def of_call(self, call_id: str, *, by: Principal) -> list[LegView]:
        """List the legs of a call that somebody is in; NotFoundError for everybody else."""
        await self.require_in(call_id, by=by)
        return [
            LegView(
                id=leg.id,
                role=leg.by.role,
                kind=leg.kind,
                name=leg.name,
                state=LegState.LIVE if leg.is_live else LegState.CONNECTING,
                mine=leg.by.id == by.id,
                recording=leg.recording,
            )
            for leg in self._floor.legs_of(call_id)
        ]

    async def require_in(self, call_id: str, *, by: Principal) -> CallView:
        """Return a call that somebody is in, or was lost from; NotFoundError for everybody else."""
        require(by, Permission.CALL_JOIN)
        call = await self._calls.view(call_id, by=by)
        if by.role is not Role.VISITOR:
            try:
                await self._calls.joined(call_id, by=by, or_lost=True)
            except ConflictError as cause:  # not in it, or over
                raise NotFoundError from cause
        return call

    async def trickle(
        self, call_id: str, leg_id: str, fragment: str, *, if_match: str, by: Principal
    ) -> None:
        """Take the other side's candidates; see ``take_fragment``."""
        leg = self._own(call_id, leg_id, by)
        await take_fragment(leg.peer, fragment, if_match=if_match)

    async def hang_up(self, call_id: str, leg_id: str, *, by: Principal) -> None:
        """End a leg and wait until its rows are final, a while; NotFoundError for one that is not carried."""
        leg = self._own(call_id, leg_id, by)
        await leg.peer.close(CloseReason.HANGUP)
        if leg.task is not None:
            await asyncio.wait({leg.task}, timeout=FINAL_WITHIN_S)

    async def stop_capture(self, media_id: str) -> None:
        """Stop recording into a media item that is to be erased, and wait until nothing is under way."""
        for leg in list(self._floor.legs.values()):
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
            self._carrier.begin(leg)
        else:
            del self._floor.legs[leg.id]

    def expect(self, call_id: Id, reason: str) -> None:
        """Wait for the visitor of a call that the process before left open."""
        self._carrier.expect(call_id, reason)

    def drain(self) -> None:
        """Take no new call; those that run go on, and who lost the connection may come back."""
        self.seats.drain()

    async def drained(self, limit_s: float) -> None:
        """Drain, tell who is in a call how long it may still last, and wait for the calls' ends that long."""
        self.drain()
        for call_id in {leg.call.id for leg in self._floor.legs.values()}:
            await self._stage.tellings.draining(call_id, ends_in_s=limit_s)
        deadline_s = asyncio.get_running_loop().time() + limit_s
        while self.live and asyncio.get_running_loop().time() < deadline_s:  # noqa: ASYNC110  # both
            await asyncio.sleep(0.1)

    async def aclose(self) -> None:
        """End every leg and feed and wait until each is final, those too that are just being answered.

        Their calls and recordings stay open: the next start waits for whoever was in them.
        """
        self.seats.close()
        self._carrier.hurry()
        while legs := list(self._floor.legs.values()):
            await asyncio.gather(*(leg.peer.close(CloseReason.SHUTDOWN) for leg in legs))
            tasks = [leg.task for leg in legs if leg.task is not None]
            await asyncio.gather(*tasks, return_exceptions=True)  # one that failed does not keep the others
            await asyncio.sleep(0.01)  # a leg without a task yet gets one, or goes
        await self._carrier.aclose()
        while feeds := list(self._floor.feeds.values()):
            await asyncio.gather(*(feed.viewer.close(CloseReason.SHUTDOWN) for feed in feeds))
            await asyncio.sleep(0.01)
        self._stage.connections.close()

    def _make(self, call: CallView, by: Principal, kind: LegKind, name: str, address: str) -> LiveLeg:
        """Put a leg together. Between this and its answer nothing waits, so pictures agree on a codec."""
        ends, leg_id = Ends(), new_id("leg")
        connections = self._stage.connections
        peer = Peer(
            limits=connections.limits,
            ice=connections.ice,
            mux=connections.mux,
            kinds=frozenset(map(MediaKind, call.media)),  # the notice named these, and no other
            video=self._floor.picture_of(call.id),
            on_closed=ends.closed,
            on_connected=ends.connected,
            name=leg_id,
        )
        permit = self._floor.permit_of(call)
        return LiveLeg(leg_id, call, by, kind, name, address, peer, ends, permit)

    def _own(self, call_id: str, leg_id: str, by: Principal) -> LiveLeg:
        require(by, Permission.CALL_JOIN)
        leg = self._floor.legs.get(Id(leg_id))
        if leg is None or leg.call.id != call_id or leg.by.id != by.id:
            raise NotFoundError
        require_same_tenant(by, leg.call.tenant_id)
        require_own_call(by, leg.call.id)
        return leg
