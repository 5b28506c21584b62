"""The visitor's half of the HTTP contract with a real aiortc peer, for tests of the call button alone.

Run as a module with two ports: it serves the vault on the first and a shop page of another origin on the
second, and ends on SIGTERM. GET /double/facts tells what it saw. Button ids choose behaviour: `btn_video`,
`btn_audio`, `btn_unrecorded`, `btn_slow` (the leg answers after 2 s), `btn_problem_<status>_<code>`; one that
begins with `btn_live` has events and another side (agent.py), the others are those of an older vault.
"""

# ruff: noqa: RUF001  French typography

from __future__ import annotations

import asyncio
import hashlib
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiohttp import web
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from tests.browser.widget.agent import OtherSide

WEB = Path(__file__).resolve().parents[3] / "vault" / "web"
TEXTS = {
    "fr": "Atelier Lumen enregistre cet appel pour améliorer son service. L’enregistrement est chiffré, "
    "gardé 180 jours en France, puis effacé. Le serveur reçoit l’appel : il n’est pas chiffré de bout en "
    "bout. Vous pouvez refuser : l’appel a lieu de la même façon.",
    "en": "Atelier Lumen records this call to improve its service. The recording is encrypted, kept for 180 "
    "days in France, then erased. The server receives the call: it is not end-to-end encrypted. "
    "You may refuse: the call takes place all the same.",
}
PURPOSES = {"fr": "Améliorer la qualité de notre assistance", "en": "To improve the quality of our support"}
STRICT_CSP = (
    "default-src 'none'; script-src {vault}; connect-src {vault} {sockets}; style-src 'none'; "
    "img-src 'self'; require-trusted-types-for 'script'; base-uri 'none'; form-action 'none'"
)
SHOP = """<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>Shop</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<script type="module" src="{vault}/widget.js"></script></head>
<body><main><h1>Shop</h1><call-button button="{button}" {extra}></call-button></main></body></html>"""


@dataclass
class Facts:
    """What the double saw, as tests read it."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    consents: list[dict[str, Any]] = field(default_factory=list)
    legs: list[dict[str, Any]] = field(default_factory=list)
    fragments: list[str] = field(default_factory=list)
    own_links: int = 0


class Double:
    """State and handlers of one double."""

    def __init__(self) -> None:
        self.facts = Facts()
        self.other = OtherSide(self.own_legs)
        self.ended: set[str] = set()
        self.is_gone = False
        self.peers: dict[str, RTCPeerConnection] = {}
        self.readers: set[asyncio.Task[None]] = set()
        self.vault = ""

    def own_legs(self) -> list[dict[str, Any]]:
        """The visitor's legs that have not ended."""
        return [
            {
                "id": leg["id"],
                "role": "visitor",
                "kind": leg["kind"],
                "name": None,
                "state": "live",
                "mine": True,
            }
            for leg in self.facts.legs
            if leg["id"] in self.peers
        ]

    async def button(self, request: web.Request) -> web.Response:
        """GET /v1/buttons/{button}/widget."""
        button = request.match_info["button"]
        media = ["audio"] if button.endswith("_audio") else ["audio", "video"]
        label = {"fr": "Parler à un technicien", "en": "Talk to a technician"}
        body = {"label": label, "media": media, "tenant_name": "Atelier Lumen", "languages": ["fr", "en"]}
        return web.json_response(body)

    async def create_call(self, request: web.Request) -> web.Response:
        """POST /v1/buttons/{button}/calls."""
        button = request.match_info["button"]
        if button.startswith("btn_problem_"):
            _, _, status, code = button.split("_", 3)
            problem = {"code": code, "title": "No", "status": int(status)}
            return web.json_response(problem, status=int(status), content_type="application/problem+json")
        wish = await request.json()
        self.facts.calls.append(wish | {"button": button})
        language = wish["language"]
        notice: dict[str, Any] = {
            "version": "1",
            "hash": hashlib.sha256(TEXTS[language].encode()).hexdigest(),
            "language": language,
            "tenant_name": "Atelier Lumen",
            "purpose": PURPOSES[language],
            "retention_days": 180,
            "records": [] if button.endswith("_unrecorded") else wish["media"],
            "text": TEXTS[language],
        }
        call = {
            "id": f"call_{uuid4().hex}",
            "state": "created",
            "token": f"token-of-{button}",
            "notice": notice,
        }
        return web.json_response(
            call | {"token_expires_at": "2027-01-01T00:00:00Z", "ice_servers": []}, status=201
        )

    async def consent(self, request: web.Request) -> web.Response:
        """POST /v1/calls/{call}/consents."""
        self.facts.consents.append(await request.json())
        return web.json_response({"id": f"con_{uuid4().hex}"}, status=201)

    async def create_leg(self, request: web.Request) -> web.Response:
        """POST /v1/calls/{call}/legs: answers as the vault does, receive-only."""
        if self.is_gone:
            raise web.HTTPNotFound
        offer = await request.text()
        if "btn_slow" in request.headers["Authorization"]:
            await asyncio.sleep(2)
        leg_id, peer = f"leg_{uuid4().hex}", RTCPeerConnection()
        fact: dict[str, Any] = {
            "id": leg_id,
            "kind": request.query.get("kind", "camera"),
            "offer": offer,
            "frames": {"audio": 0, "video": 0},
            "deleted": False,
        }
        self.facts.legs.append(fact)
        self.peers[leg_id] = peer

        @peer.on("track")
        def on_track(track: MediaStreamTrack) -> None:
            reader = asyncio.create_task(count_frames(track, fact), name=f"count {track.kind} of {leg_id}")
            self.readers.add(reader)
            reader.add_done_callback(self.readers.discard)

        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        location = f"/v1/calls/{request.match_info['call']}/legs/{leg_id}"
        headers = {"Location": location, "ETag": '"one"', "Content-Type": "application/sdp"}
        return web.Response(status=201, text=peer.localDescription.sdp, headers=headers)

    async def trickle(self, request: web.Request) -> web.Response:
        """PATCH of a leg."""
        self.facts.fragments.append(await request.text())
        return web.Response(status=204)

    async def end_leg(self, request: web.Request) -> web.Response:
        """DELETE of a leg ends the call."""
        leg_id = request.match_info["leg"]
        next(leg for leg in self.facts.legs if leg["id"] == leg_id)["deleted"] = True
        await self.end(request.match_info["call"], leg_id)
        return web.Response(status=200)

    async def hang_up(self, _request: web.Request) -> web.Response:
        """POST /double/hang-up: the other side ends the newest leg's call."""
        leg_id = self.facts.legs[-1]["id"]
        await self.end("*", leg_id)
        return web.Response(status=204)

    async def vanish(self, _request: web.Request) -> web.Response:
        """POST /double/vanish: the newest leg's peer closes, and its call takes no other."""
        self.is_gone = True
        return await self.drop(_request)

    async def drop(self, _request: web.Request) -> web.Response:
        """POST /double/drop: the newest leg's peer closes, the call goes on."""
        await self.peers.pop(self.facts.legs[-1]["id"]).close()
        return web.Response(status=204)

    async def end(self, call_id: str, leg_id: str) -> None:
        """Remembers the end, then closes the peer."""
        self.ended.add(call_id)
        if peer := self.peers.pop(leg_id, None):
            await peer.close()

    async def state(self, request: web.Request) -> web.Response:
        """GET /v1/calls/{call}."""
        ended = not self.ended.isdisjoint({"*", request.match_info["call"]})
        told: dict[str, Any] = {"id": request.match_info["call"], "state": "ended" if ended else "live"}
        if "btn_live" in request.headers.get("Authorization", ""):
            told |= {"recording": {"state": "recording", "pause": None, "on_withdrawal": "erase"}}
        return web.json_response(told)

    async def withdraw(self, _request: web.Request) -> web.Response:
        """POST /v1/calls/{call}/consents/withdrawal: it has stopped, and cannot be written yet."""
        problem = {"code": "dependency_unavailable", "title": "Away", "status": 503}
        return web.json_response(problem, status=503, content_type="application/problem+json")

    async def own_link(self, request: web.Request) -> web.Response:
        """POST /v1/calls/{call}/own-link: none where the vault does not answer."""
        self.facts.own_links += 1
        if "btn_pageless" in request.headers["Authorization"]:
            return web.json_response({"code": "dependency_unavailable"}, status=503)
        url = f"{self.vault}/v/{request.match_info['call']}#{'s' * 22}"
        return web.json_response({"url": url, "expires_at": "2027-01-01T00:00:00Z"}, status=201)

    async def tell(self, _request: web.Request) -> web.Response:
        """GET /double/facts."""
        return web.json_response(vars(self.facts) | self.other.facts)

    async def forget(self, _request: web.Request) -> web.Response:
        """POST /double/forget: a clean slate for the next test."""
        self.facts, self.ended, self.is_gone = Facts(), set(), False
        await self.other.close()
        self.other.forget()
        return web.Response(status=204)

    async def shop(self, request: web.Request) -> web.Response:
        """A page of another origin, with the strictest policy a site may have."""
        query = request.query
        page = SHOP.format(
            lang=query.get("lang", "fr"),
            vault=self.vault,
            button=query.get("button", "btn_video"),
            extra=query.get("extra", ""),
        )
        headers = {
            "Content-Security-Policy": STRICT_CSP.format(
                vault=self.vault, sockets=self.vault.replace("http", "ws")
            )
        }
        return web.Response(text=page, content_type="text/html", headers=headers)

    def routes(self) -> list[web.RouteDef]:
        """The vault's routes, then the double's own."""
        return [
            web.get("/v1/buttons/{button}/widget", self.button),
            web.post("/v1/buttons/{button}/calls", self.create_call),
            web.post("/v1/calls/{call}/consents", self.consent),
            web.post("/v1/calls/{call}/consents/withdrawal", self.withdraw),
            web.post("/v1/calls/{call}/legs", self.create_leg),
            web.patch("/v1/calls/{call}/legs/{leg}", self.trickle),
            web.delete("/v1/calls/{call}/legs/{leg}", self.end_leg),
            web.get("/v1/calls/{call}", self.state),
            web.post("/v1/calls/{call}/own-link", self.own_link),
            web.get("/widget.js", static("widget/widget.js")),
            web.get("/{folder:widget|shared|demo}/{name}", static(None)),
            web.get("/demo", demo),
            web.get("/double/facts", self.tell),
            web.post("/double/forget", self.forget),
            web.post("/double/hang-up", self.hang_up),
            web.post("/double/vanish", self.vanish),
            web.post("/double/drop", self.drop),
            *self.other.routes(),
        ]

    async def close(self) -> None:
        """Closes the peers and waits for their readers."""
        await self.other.close()
        await asyncio.gather(*(peer.close() for peer in self.peers.values()))
        await asyncio.gather(*self.readers)


def static(fixed: str | None) -> Any:
    """A handler for files of vault/web, readable from any origin as module scripts must be."""

    async def handler(request: web.Request) -> web.StreamResponse:
        name = fixed or f"{request.match_info['folder']}/{request.match_info['name']}"
        if not (WEB / name).is_file():
            raise web.HTTPNotFound
        headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-cache"}
        return web.FileResponse(WEB / name, headers=headers)

    return handler


async def demo(request: web.Request) -> web.Response:
    """The demo page with the button id filled in."""
    text = (WEB / "demo" / "demo.html").read_text().replace("{{ button_id }}", "btn_video")
    csp = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'"
    return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": csp})


async def count_frames(track: MediaStreamTrack, fact: dict[str, Any]) -> None:
    """Counts what arrives until the track ends."""
    try:
        while True:
            await track.recv()
            fact["frames"][track.kind] += 1
    except MediaStreamError:
        return


@web.middleware
async def cors(request: web.Request, handler: Any) -> web.StreamResponse:
    """Exact origin, as the vault does for the button's allowed origins."""
    try:
        response = web.Response(status=204) if request.method == "OPTIONS" else await handler(request)
    except web.HTTPNotFound:
        response = web.json_response({"code": "not_found", "title": "No", "status": 404}, status=404)
    if response.prepared:  # a web socket that has ended
        return response
    response.headers.setdefault("Access-Control-Allow-Origin", request.headers.get("Origin", "null"))
    response.headers["Access-Control-Expose-Headers"] = "Location, ETag"
    response.headers["Access-Control-Allow-Methods"] = "GET, POST, PATCH, DELETE"
    response.headers["Access-Control-Allow-Headers"] = "authorization, content-type, if-match"
    return response


async def serve(app: web.Application, port: int) -> web.AppRunner:
    """Starts the application on a loopback port."""
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


async def main(vault_port: int, shop_port: int) -> None:
    """Serves until SIGTERM."""
    double, stop = Double(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    vault_app, shop_app = web.Application(middlewares=[cors]), web.Application()
    vault_app.add_routes(double.routes())
    shop_app.add_routes([web.get("/", double.shop)])
    double.vault = f"http://127.0.0.1:{vault_port}"
    runners = [await serve(vault_app, vault_port), await serve(shop_app, shop_port)]
    await stop.wait()
    await double.close()
    await asyncio.gather(*(runner.cleanup() for runner in runners))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
