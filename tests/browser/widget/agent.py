"""The other side of the double: an agent who rings, takes, is seen and heard, and leaves, as a test says."""

from __future__ import annotations

import asyncio
import fractions
import math
import struct
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from aiohttp import WSCloseCode, web
from aiortc import AudioStreamTrack, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from av import AudioFrame, VideoFrame

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.frame import Frame

PROTOCOL = "callvault.v1"
SIZE = {"camera": (320, 240), "screen": (640, 360)}
COLOUR = {"camera": (200, 90), "screen": (60, 170)}  # U and V: blue for a camera, orange for a screen
RATE_HZ, FRAME_S, TONE_HZ, LOUDNESS = 48_000, 0.02, 440, 12_000


class Picture(VideoStreamTrack):
    """One plain colour, its brightness moving, so that new frames can be told from old ones."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind
        self._count = 0

    async def recv(self) -> Frame:
        """Gives the next frame when its time has come."""
        pts, time_base = await self.next_timestamp()
        width, height = SIZE[self._kind]
        u, v = COLOUR[self._kind]
        self._count += 1
        luma = 90 + self._count % 60
        frame = VideoFrame(width, height, "yuv420p")
        for plane, value in zip(frame.planes, (luma, u, v), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.pts, frame.time_base = pts, time_base
        return frame


class Tone(AudioStreamTrack):
    """A steady tone: somebody who never stops speaking."""

    def __init__(self) -> None:
        super().__init__()
        self._at = 0

    async def recv(self) -> Frame:
        """Gives the next 20 ms when their time has come."""
        samples = int(RATE_HZ * FRAME_S)
        await asyncio.sleep(FRAME_S)
        wave = (
            int(LOUDNESS * math.sin(2 * math.pi * TONE_HZ * (self._at + one) / RATE_HZ))
            for one in range(samples)
        )
        frame = AudioFrame("s16", "mono", samples)
        frame.planes[0].update(struct.pack(f"<{samples}h", *wave))
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, self._at, fractions.Fraction(1, RATE_HZ)
        self._at += samples
        return frame


class OtherSide:
    """Event sockets and feeds. It keeps every event of a call, so that a socket may resume."""

    def __init__(self, mine: Callable[[], list[dict[str, Any]]]) -> None:
        self._mine = mine
        self.forget()

    def forget(self) -> None:
        """Begins anew, for the next test."""
        self.told: list[dict[str, Any]] = []
        self.sockets: set[web.WebSocketResponse] = set()
        self.tickets: set[str] = set()
        self.legs: dict[str, dict[str, Any]] = {}
        self.feeds: dict[str, RTCPeerConnection] = {}
        self.facts: dict[str, list[Any]] = {"openings": [], "feeds": []}
        self.forgetful = False

    async def ticket(self, request: web.Request) -> web.Response:
        """POST /v1/events/tickets: only `btn_live` buttons have events, the others are an older vault."""
        if not request.headers.get("Authorization", "").startswith("Bearer token-of-btn_live"):
            raise web.HTTPNotFound
        ticket = uuid4().hex
        self.tickets.add(ticket)
        return web.json_response({"ticket": ticket, "expires_at": "2027-01-01T00:00:00Z"}, status=201)

    async def events(self, request: web.Request) -> web.WebSocketResponse:
        """GET /v1/events: hello, what was missed, then what comes."""
        socket = web.WebSocketResponse(protocols=[PROTOCOL])
        offered = request.headers["Sec-WebSocket-Protocol"].split(", ")
        self.tickets.remove(offered[1].removeprefix("ticket."))
        await socket.prepare(request)
        after = int(request.query["after"])
        self.facts["openings"].append(after)
        resumed = after > 0 and not self.forgetful
        await socket.send_json(
            {
                "type": "hello",
                "n": len(self.told),
                "resumed": resumed,
                "snapshot": {"call": {"state": "live"}},
            }
        )
        for event in self.told[after:] if resumed else []:
            await socket.send_json(event)
        self.sockets.add(socket)
        async for _ in socket:
            pass
        self.sockets.discard(socket)
        return socket

    async def tell(self, request: web.Request) -> web.Response:
        """POST /double/event {type, data}: an event for everybody who listens."""
        given = await request.json()
        await self._push(given["type"], given.get("data", {}))
        return web.Response(status=204)

    async def join(self, request: web.Request) -> web.Response:
        """POST /double/join {kind, name, quietly?}: an agent's leg, told about unless quietly."""
        given = await request.json()
        leg = {"id": f"leg_{uuid4().hex}", "role": "agent", "kind": given["kind"], "name": given["name"]}
        self.legs[leg["id"]] = leg | {"state": "live", "mine": False}
        if not given.get("quietly"):
            data = {"leg_id": leg["id"], **{key: leg[key] for key in ("role", "kind", "name")}}
            await self._push("call.leg_joined", data)
        return web.json_response({"id": leg["id"]})

    async def leave(self, request: web.Request) -> web.Response:
        """POST /double/leave {id, reason}: an agent's leg ends."""
        given = await request.json()
        self.legs.pop(given["id"], None)
        await self._push("call.leg_ended", {"leg_id": given["id"], "reason": given["reason"]})
        return web.Response(status=204)

    async def cut(self, request: web.Request) -> web.Response:
        """POST /double/cut {forgetful?}: every event socket breaks."""
        self.forgetful = (await request.json()).get("forgetful", False)
        for socket in list(self.sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY)
        return web.Response(status=204)

    async def list_legs(self, _request: web.Request) -> web.Response:
        """GET /v1/calls/{call}/legs: the visitor's own among them."""
        return web.json_response({"items": [*self._mine(), *self.legs.values()]})

    async def feed(self, request: web.Request) -> web.Response:
        """POST /v1/calls/{call}/legs/{leg}/feeds: sends the leg's picture and sound."""
        leg = self.legs.get(request.match_info["leg"])
        if leg is None:
            raise web.HTTPNotFound
        offer, feed_id, peer = await request.text(), f"feed_{uuid4().hex}", RTCPeerConnection()
        self.feeds[feed_id] = peer
        self.facts["feeds"].append({"id": feed_id, "leg": leg["id"], "offer": offer, "deleted": False})
        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        if leg["kind"] == "camera":
            peer.addTrack(Tone())
        if leg["name"] != "Voice":
            peer.addTrack(Picture(leg["kind"]))
        await peer.setLocalDescription(await peer.createAnswer())
        headers = {"Location": f"{request.path}/{feed_id}", "ETag": '"f"', "Content-Type": "application/sdp"}
        return web.Response(status=201, text=peer.localDescription.sdp, headers=headers)

    async def end_feed(self, request: web.Request) -> web.Response:
        """DELETE of a feed."""
        feed_id = request.match_info["feed"]
        for fact in self.facts["feeds"]:
            fact["deleted"] |= fact["id"] == feed_id
        if peer := self.feeds.pop(feed_id, None):
            await peer.close()
        return web.Response(status=200)

    async def trickle_feed(self, _request: web.Request) -> web.Response:
        """PATCH of a feed."""
        return web.Response(status=204)

    def routes(self) -> list[web.RouteDef]:
        """The vault's routes of the other side, then those by which a test plays it."""
        feed = "/v1/calls/{call}/legs/{leg}/feeds"
        return [
            web.post("/v1/events/tickets", self.ticket),
            web.get("/v1/events", self.events),
            web.get("/v1/calls/{call}/legs", self.list_legs),
            web.post(feed, self.feed),
            web.patch(feed + "/{feed}", self.trickle_feed),
            web.delete(feed + "/{feed}", self.end_feed),
            web.post("/double/event", self.tell),
            web.post("/double/join", self.join),
            web.post("/double/leave", self.leave),
            web.post("/double/cut", self.cut),
        ]

    async def close(self) -> None:
        """Ends feeds and sockets."""
        await asyncio.gather(*(peer.close() for peer in self.feeds.values()))
        await asyncio.gather(*(socket.close() for socket in list(self.sockets)))

    async def _push(self, type_: str, data: dict[str, Any]) -> None:
        event = {"type": type_, "n": len(self.told) + 1, "at": "2026-01-01T00:00:00Z", "data": data}
        self.told.append(event)
        for socket in list(self.sockets):
            await socket.send_json(event)
