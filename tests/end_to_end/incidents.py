"""What happens in a call of two until it ends. Each leaves rows; none may be open when the call is over."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from tests.end_to_end.crowd import Pair
from tests.end_to_end.program import Program
from tests.end_to_end.sides import Side, screen
from tests.end_to_end.visitor import Agent
from tests.webrtc.legs import eventually
from tests.webrtc.publisher import Publisher, PublisherPlan


@dataclass
class Colleague:
    """Somebody who takes what they are asked for, one call at a time."""

    program: Program
    agent: Agent
    person_id: str
    events: list[dict[str, Any]]
    plan: PublisherPlan
    free: asyncio.Lock

    @classmethod
    async def at_work(
        cls, stack: AsyncExitStack, program: Program, agent: Agent, plan: PublisherPlan
    ) -> "Colleague":
        """At their screen for as long as the stack is open."""
        events = await stack.enter_async_context(screen(program, agent))
        _, me = await agent.ask("GET", "/v1/me")
        return cls(program, agent, me["id"], events, plan, asyncio.Lock())

    def rings(self, call_id: str) -> bool:
        """Whether a call has rung on their screen because somebody asked for them."""
        told = (each["data"] for each in self.events if each["type"] == "call.ringing")
        return any(card["call_id"] == call_id and card["purpose"] != "answer" for card in told)

    async def joins(self, stack: AsyncExitStack, pair: Pair) -> Side:
        """Take what rings, and be heard."""
        await eventually(partial(self.rings, pair.call.id))
        await require(self.agent, "POST", f"/v1/calls/{pair.call.id}/take", 200)
        publisher = await stack.enter_async_context(Publisher(self.plan))
        side = Side(self.agent._http, self.program.base, self.agent._origin, publisher)
        await side.joins(pair.call)
        return side


async def require(agent: Agent, method: str, path: str, status: int, **more: Any) -> Any:
    """Ask for something that has to be granted; the body of the answer."""
    told, body = await agent.ask(method, path, **more)
    if told != status:
        raise LookupError(f"{method} {path} was answered {told}: {body!r}")
    return body


@dataclass(frozen=True, slots=True)
class Scene:
    """A call in which something happens; ``stack`` closes what is opened for it."""

    stack: AsyncExitStack
    program: Program
    agent: Agent
    pair: Pair
    colleague: Colleague
    plan: PublisherPlan

    @property
    def path(self) -> str:
        """Where the call is."""
        return f"/v1/calls/{self.pair.call.id}"

    async def asks(self, what: str) -> None:
        """The agent asks the colleague for something."""
        body = {"person_id": self.colleague.person_id}
        await require(self.agent, "POST", f"{self.path}/{what}s", 201, json=body)


async def nothing(_: Scene) -> None:
    """They talk."""


async def rejoins(scene: Scene) -> None:
    """The visitor comes back with a leg in the place of the one they have."""
    visitor = scene.pair.visitor
    visitor.publisher = await scene.stack.enter_async_context(Publisher(scene.plan))
    await visitor.joins(scene.pair.call)


async def viewer_leaves(scene: Scene) -> None:
    """The visitor looks no more."""
    await scene.pair.visitor.spectator.pc.close()


async def viewer_dies(scene: Scene) -> None:
    """What the agent watches with is cut off."""
    ice = scene.pair.agent.spectator.pc.getTransceivers()[0].receiver.transport.transport
    for protocol in ice._connection._protocols:
        protocol.transport.abort()


async def pauses_to_the_end(scene: Scene) -> str:
    """The recording rests; gives the pause's path."""
    pause = await require(scene.agent, "POST", f"{scene.path}/pauses", 201)
    await asyncio.sleep(0.3)
    return f"{scene.path}/pauses/{pause['id']}"


async def pauses(scene: Scene) -> None:
    """The recording rests for a while."""
    await require(scene.agent, "POST", f"{await pauses_to_the_end(scene)}/resume", 200)


async def writes(scene: Scene) -> None:
    """Both write."""
    path, visitor = f"{scene.path}/messages", scene.pair.visitor
    await require(scene.agent, "POST", path, 201, json={"text": "What is it?", "key": secrets.token_hex(8)})
    said = {"text": "The lift.", "key": secrets.token_hex(8)}
    async with visitor.http.post(visitor.base + path, json=said, headers=visitor.headers) as response:
        if response.status != 201:
            raise LookupError(f"the visitor's message was answered {response.status}")


async def shares_to_the_end(scene: Scene) -> Side:
    """The agent shows a screen."""
    publisher = await scene.stack.enter_async_context(Publisher(replace(scene.plan, audio=False)))
    agent = scene.pair.agent
    shared = Side(agent.http, agent.base, agent.headers, publisher)
    await shared.joins(scene.pair.call, "?kind=screen")
    await asyncio.sleep(0.5)
    return shared


async def shares(scene: Scene) -> None:
    """The agent shows a screen for a while."""
    await (await shares_to_the_end(scene)).hangs_up(scene.pair.call)


async def invites(scene: Scene) -> None:
    """The agent makes a link for somebody else, and takes it back."""
    body = {"button_id": scene.program.button_id(), "visitor": {"name": "Zoé"}}
    made = await require(scene.agent, "POST", "/v1/invitations", 201, json=body)
    await require(scene.agent, "DELETE", f"/v1/invitations/{made['id']}", 204)


async def is_lost(scene: Scene) -> None:
    """The visitor's line is cut."""
    await scene.pair.visitor.vanishes()
    await scene.pair.agent.hangs_up(scene.pair.call)


async def hands_over(scene: Scene) -> None:
    """The colleague has the call, and whose it was is in it no more."""
    async with scene.colleague.free:
        await scene.asks("transfer")
        other = await scene.colleague.joins(scene.stack, scene.pair)
        await asyncio.sleep(0.3)
        await replace(scene.pair, agent=other).hangs_up()


async def asks_in_vain(scene: Scene) -> None:
    """It rings at the colleague's, and the call ends meanwhile."""
    async with scene.colleague.free:
        await scene.asks("join")
        await eventually(partial(scene.colleague.rings, scene.pair.call.id))
        await scene.pair.hangs_up()


Incident = Callable[[Scene], Awaitable[object]]
BEFORE_THE_END: Final[tuple[Incident, ...]] = (
    nothing,
    rejoins,
    viewer_leaves,
    viewer_dies,
    pauses,
    pauses_to_the_end,
    writes,
    shares,
    shares_to_the_end,
    invites,
)
ENDS: Final[tuple[Incident, ...]] = (is_lost, hands_over, asks_in_vain)
