"""Two people who talk through a running program: a visitor with a token and an agent with a session."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import av
import numpy as np

from tests.end_to_end.program import Program
from tests.end_to_end.visitor import Agent, OpenedCall
from tests.webrtc.legs import eventually
from tests.webrtc.publisher import Publisher, PublisherPlan
from tests.webrtc.spectator import Spectator

VISITOR_HZ, AGENT_HZ = 440, 660
VISITOR_PLAN = PublisherPlan(width=320, height=180, fps=15, bit_rate=200_000, tone_hz=VISITOR_HZ)
AGENT_PLAN = PublisherPlan(width=160, height=96, fps=15, bit_rate=100_000, tone_hz=AGENT_HZ)
SDP = {"Content-Type": "application/sdp"}


@dataclass
class Side:
    """One of both: how it speaks to the program, what it publishes and what it watches."""

    http: aiohttp.ClientSession
    base: str
    headers: dict[str, str]
    publisher: Publisher
    spectator: Spectator = field(default_factory=Spectator)
    leg_id: str = ""

    async def post(self, path: str, offer: str) -> tuple[str, str]:
        """Send an offer; gives the answer and the path of what was made."""
        url = self.base + path
        async with self.http.post(url, data=offer, headers=self.headers | SDP) as response:
            body = await response.text()
            assert response.status == 201, (response.status, body)
            return body, response.headers["Location"]

    async def joins(self, call: OpenedCall, query: str = "") -> None:
        """Publish a leg."""
        answer, place = await self.post(f"/v1/calls/{call.id}/legs{query}", await self.publisher.offer())
        self.leg_id = place.rsplit("/", 1)[1]
        await self.publisher.accept(answer)
        await self.publisher.connected()

    async def watches(self, call: OpenedCall, leg_id: str) -> None:
        """Open a feed of the other's leg."""
        path = f"/v1/calls/{call.id}/legs/{leg_id}/feeds"
        answer, _ = await self.post(path, await self.spectator.offer())
        await self.spectator.accept(answer)

    async def sees(self, plan: PublisherPlan) -> None:
        """Wait for the other's very picture and tone, and fail where they are anything else."""
        frames = self.spectator.frames
        await eventually(lambda: len(frames["video"]) > 20 and len(frames["audio"]) > 60)
        picture = frames["video"][-1][1]
        assert (picture.width, picture.height) == (plan.width, plan.height)
        told = [number for number in self.spectator.numbers[-10:] if number]
        assert told == list(range(told[0], told[0] + len(told))) or 1 in told
        assert abs(self.spectator.tone_hz() - plan.tone_hz) < 5

    async def hangs_up(self, call: OpenedCall) -> None:
        """End the leg."""
        url = f"{self.base}/v1/calls/{call.id}/legs/{self.leg_id}"
        async with self.http.delete(url, headers=self.headers) as response:
            assert response.status == 200

    async def vanishes(self) -> None:
        """Cut every socket, as a killed browser does."""
        await self.publisher.vanish()


@dataclass
class Talk:
    """A call with both in it, each watching the other; ``events`` is what the agent was told."""

    call: OpenedCall
    visitor: Side
    agent: Side
    events: list[dict[str, Any]]

    def told(self, type_: str) -> list[dict[str, Any]]:
        """The events of a type."""
        return [each["data"] for each in self.events if each["type"] == type_]


@asynccontextmanager
async def screen(program: Program, agent: Agent) -> AsyncIterator[list[dict[str, Any]]]:
    """The agent's console: it listens, and somebody sits before it."""
    _, made = await agent.ask("POST", "/v1/events/tickets")
    told: list[dict[str, Any]] = []
    protocols = ("callvault.v1", f"ticket.{made['ticket']}")
    async with agent._http.ws_connect(
        f"{program.base}/v1/events?after=0", protocols=protocols, origin=program.base
    ) as socket:

        async def listen() -> None:
            while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                told.append(json.loads(message.data))

        listening = asyncio.create_task(listen(), name="screen")
        status, _ = await agent.ask("PUT", "/v1/me/presence", json={"available": True})
        assert status == 200
        try:
            yield told
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


@asynccontextmanager
async def two_talk(
    program: Program, http: aiohttp.ClientSession, agent: Agent, call: OpenedCall
) -> AsyncIterator[Talk]:
    """The visitor joins, it rings, the agent takes the call and joins; each watches the other."""
    token = {"Authorization": f"Bearer {call.token}", "Origin": program.base}
    VISITOR_PLAN.video_media(), AGENT_PLAN.video_media()  # encoded before the clock runs
    async with (
        screen(program, agent) as events,
        Publisher(VISITOR_PLAN) as from_visitor,
        Publisher(AGENT_PLAN) as from_agent,
        Spectator() as at_visitor,
        Spectator() as at_agent,
    ):
        visitor = Side(http, program.base, token, from_visitor, at_visitor)
        other = Side(agent._http, program.base, agent._origin, from_agent, at_agent)
        talk = Talk(call, visitor, other, events)
        await visitor.joins(call)
        await eventually(lambda: any(card["call_id"] == call.id for card in talk.told("call.ringing")))
        status, taken = await agent.ask("POST", f"/v1/calls/{call.id}/take")
        assert status == 200, taken
        await other.joins(call)
        await other.watches(call, taken["legs"][0]["id"])
        await visitor.watches(call, other.leg_id)
        yield talk


def heard_and_seen(recording: bytes) -> tuple[tuple[int, int], float, int]:
    """Decode a recording to its end: the picture's size, the strongest tone in Hz, how many pictures."""
    samples: list[Any] = []
    size, pictures, rate_hz = (0, 0), 0, 48_000
    with av.open(io.BytesIO(recording), "r") as container:
        frames: Any = container.decode()
        for frame in frames:
            if isinstance(frame, av.VideoFrame):
                size, pictures = (frame.width, frame.height), pictures + 1
            elif isinstance(frame, av.AudioFrame):
                rate_hz = frame.sample_rate
                samples.append(frame.to_ndarray()[0].astype(np.float64))
    heard = np.concatenate(samples)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    return size, float(np.argmax(spectrum) * rate_hz / len(heard)), pictures
