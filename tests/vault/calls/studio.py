"""Legs with real peers: the rooms' Legs over a workshop, a publisher on loopback, and waiting for ends."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.webrtc.publisher import Publisher, PublisherPlan
from tests.webrtc.spectator import Spectator
from vault.calls.connections import Connections
from vault.calls.feeds import Feeds, Shown
from vault.calls.floor import Floor
from vault.calls.legs import Answered, Legs
from vault.calls.load import Load
from vault.calls.names import Names
from vault.calls.participants import take_part
from vault.calls.pauses import Pauses
from vault.calls.recorder import Recorder
from vault.calls.stage import Stage
from vault.calls.tellings import Tellings
from vault.calls.withdrawals import Withdrawals
from vault.media.capture import Capture
from vault.model import LegKind, Role
from vault.policy import Principal
from vault.settings import LimitSettings, MediaSettings, RecordingSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    from tests.vault.media.workshop import Workshop
    from vault.calls.calls import CallView, OpenedCall
    from vault.model import Id
    from webrtc.frames import EncodedFrame

SOUND_ONLY = PublisherPlan(video=None)
HERE = "127.0.0.1"
QUICK: dict[str, Any] = {"stalled_after_s": 0.5, "dead_after_s": 2.5}  # and no leg dies of a busy machine


@dataclass(frozen=True)
class Told:
    """One thing that somebody was told; ``to`` is empty for what rings."""

    to: str
    type: str
    data: dict[str, object]


class Ear:
    """Hears every event."""

    def __init__(self, told: list[Told]) -> None:
        self._told = told

    def tell(self, principal_id: Id, type_: str, data: Mapping[str, object]) -> None:
        """Note an event."""
        self._told.append(Told(principal_id, type_, dict(data)))


class Bell:
    """Notes when a call begins and ends to ring."""

    def __init__(self, told: list[Told]) -> None:
        self._told = told

    async def visitor_joined(self, call: CallView) -> None:
        """It rings."""
        self._told.append(Told("", "rings", {"call_id": call.id}))

    async def visitor_left(self, call_id: str, reason: str) -> None:
        """It rings no longer."""
        self._told.append(Told("", "rings_no_more", {"call_id": call_id, "reason": reason}))

    async def agent_joined(self, call_id: Id, person_id: Id) -> None:
        """One of the tenant's people is there: nothing rings differently here."""


@dataclass
class Studio:
    """The legs and feeds of one process, which recordings they handed over, and what was told."""

    work: Workshop
    legs: Legs
    feeds: Feeds
    stage: Stage
    ended: list[Id]
    told: list[Told]
    pauses: Pauses
    withdrawals: Withdrawals
    load: Load

    async def join(
        self,
        call: OpenedCall,
        publisher: Publisher,
        address: str = HERE,
        *,
        by: Principal | None = None,
        kind: LegKind = LegKind.CAMERA,
    ) -> Answered:
        """Answer the publisher's offer, as the visitor by default; nothing flows before it knows."""
        return await self.legs.join(
            call.id,
            await publisher.offer(),
            by=by or self.work.visitor(call),
            address=address,
            kind=kind,
        )

    async def live(
        self, call: OpenedCall, publisher: Publisher, address: str = HERE, **more: Any
    ) -> Answered:
        """Join and connect."""
        answered = await self.join(call, publisher, address, **more)
        await publisher.accept(answered.sdp)
        await publisher.connected()
        return answered

    async def agent(self, *calls: OpenedCall, name: str = "Ada") -> Principal:
        """One of the tenant's people, who has taken these calls."""
        work = self.work
        person = await work.people.add(
            tenant_id=work.tenant_id, role=Role.AGENT, profile={"name": name, "email": ""}, by=None
        )
        async with work.database.write() as connection:
            for call in calls:
                await take_part(
                    connection,
                    tenant_id=work.tenant_id,
                    call_id=call.id,
                    person_id=person.id,
                    at=work.clock.now(),
                )
        return Principal(person.id, person.tenant_id, person.role)

    @asynccontextmanager
    async def watching(
        self,
        call: OpenedCall,
        leg_id: Id,
        by: Principal,
        *,
        kinds: tuple[str, ...] = ("audio", "video"),
        address: str = HERE,
    ) -> AsyncIterator[tuple[Shown, Spectator]]:
        """A stock receiver that watches a leg."""
        async with Spectator(kinds) as spectator:
            shown = await self.feeds.open(call.id, leg_id, await spectator.offer(), by=by, address=address)
            await spectator.accept(shown.sdp)
            yield shown, spectator

    async def lose(self, publisher: Publisher) -> None:
        """A connection goes silent, and its leg is final."""
        before = self.legs.live
        await publisher.vanish()
        await until(lambda: self._carries_less_than(before))

    async def _carries_less_than(self, count: int) -> bool:
        return self.legs.live < count

    def heard(self, who: Id, *types: str) -> list[dict[str, object]]:
        """What somebody was told, of these types."""
        return [told.data for told in self.told if told.to == who and told.type in types]

    async def rows(self, call: OpenedCall) -> tuple[str, str | None]:
        """State and end reason of a call."""
        view = await self.work.calls.view(call.id, by=self.work.by())
        return view.state.value, view.end_reason

    async def over(self, call: OpenedCall) -> str | None:
        """Wait until a call's rows are final and no leg is carried; the reason."""
        await until(lambda: self._is_over(call))
        return (await self.rows(call))[1]

    async def _is_over(self, call: OpenedCall) -> bool:
        return not self.legs.live and (await self.rows(call))[0] == "ended"


@contextmanager
def arrivals() -> Iterator[list[float]]:
    """When the last packet came of each frame that a capture takes, on this process's monotonic clock."""
    found: list[float] = []
    take = Capture.frame

    def noting(capture: Capture, track_id: int, frame: EncodedFrame) -> None:
        before = capture.counts.frames
        take(capture, track_id, frame)
        found.extend([frame.arrival_s] * (capture.counts.frames - before))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Capture, "frame", noting)
        yield found


def insisting(answer: str, offer: str) -> str:
    """An answer whose refused picture is turned into an accepted one: the publisher sends it all the same."""
    head, _ = answer.split("m=video 0 ")
    _, wished = offer.split("m=video ")
    formats = wished.split("\r\n", 1)[0].split(" ", 1)[1]
    codec = [
        line for line in wished.split("\r\n") if line.startswith(("a=mid", "a=rtpmap", "a=fmtp", "a=rtcp-fb"))
    ]
    starts = ("c=", "a=rtcp-mux", "a=candidate", "a=ice-", "a=fingerprint", "a=setup", "a=end-of")
    port = head.split("m=audio ")[1].split(" ")[0]
    transport = [line for line in head.split("m=audio ")[1].split("\r\n") if line.startswith(starts)]
    group = "a=group:BUNDLE 0"
    lines = [f"m=video {port} {formats}", *transport, *codec, "a=recvonly", ""]
    return head.replace(group, f"{group} 1") + "\r\n".join(lines)


async def until(holds: Callable[[], Awaitable[bool]], timeout_s: float = 15.0) -> None:
    """Wait until something holds, or fail with TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while not await holds():  # noqa: ASYNC110  # rows and stores have no event
            await asyncio.sleep(0.02)


@asynccontextmanager
async def open_studio(
    work: Workshop,
    *,
    spill_bytes: int = 1 << 20,
    max_bytes: int = 1 << 30,
    remind_s: float = 300,
    limits: LimitSettings | None = None,
    **media: Any,
) -> AsyncIterator[Studio]:
    """Legs on loopback; every one is closed at the end."""
    ended: list[Id] = []
    told: list[Told] = []
    settings = MediaSettings(addresses=("127.0.0.1",), **{"rejoin_s": 0.2, **media})
    floor = Floor()
    tellings = Tellings(work.database, floor, Ear(told), Bell(told))
    stage = Stage(floor, Connections(settings), tellings, Names(work.people))
    recorder = Recorder(
        work.recordings,
        work.keys,
        work.store,
        work.clock,
        RecordingSettings(spill_bytes=spill_bytes, max_bytes=max_bytes),
        rejoin_s=settings.rejoin_s,
        on_ended=ended.append,
    )
    limits = limits or LimitSettings()
    load = Load(work.clock, full_lag_s=settings.full_lag_s, full_cpu=settings.full_cpu)
    legs = Legs(work.calls, recorder, stage, load, media=settings, limits=limits)
    feeds = Feeds(work.calls, stage, media=settings, limits=limits)
    rooms = (work.database, work.ledger, work.calls, floor, stage.tellings, work.clock)
    pauses = Pauses(*rooms, remind_s=remind_s)
    withdrawals = Withdrawals(*rooms)
    withdrawals.erase_with(work.keeper.stopped)
    await legs.start()
    try:
        yield Studio(work, legs, feeds, stage, ended, told, pauses, withdrawals, load)
    finally:
        await legs.aclose()
