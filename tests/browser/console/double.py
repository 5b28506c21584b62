"""A double of the vault for the console's pages: the HTTP contract, kept in memory, over real media.

It answers what the API promises and nothing more, and lets a test choose what is hard to bring about with the
whole program: a link that dies in seconds, a role, a refusal, an erasure that stays pending.
"""

import asyncio
import json
import secrets
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web

from tests.browser.console import media
from tests.browser.console.whole import export, standing, whole_call
from vault.http.pages import CATALOGUES

WEB = Path(__file__).resolve().parents[3] / "vault" / "web"
DURATION_S = 24
START = datetime(2026, 11, 12, 14, 5, 3, tzinfo=UTC)
PLAYS = ["media:list", "media:play", "media:history", "buttons:read", "whoami"]
ERASES = ["media:erase", "erasure:request", "erasure:read"]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ident(prefix: str, number: int) -> str:
    """An identifier of the vault's shape."""
    return f"{prefix}_{number:032x}"


def words(language: str) -> dict[str, str]:
    """A catalogue of the console, read the way the server reads it: the outer braces hold JSON."""
    found: dict[str, str] = {}
    for name in CATALOGUES:
        text = (WEB / "console" / name.format(language)).read_text("utf-8")
        found |= json.loads(text[text.index("{") : text.rindex("}") + 1])
    return found


def problem(status: int, code: str, **more: Any) -> web.Response:
    """An answer in RFC 9457's form."""
    body = {"type": "about:blank", "title": code, "status": status, "code": code, "instance": "req_1", **more}
    return web.json_response(body, status=status, content_type="application/problem+json")


def recording(number: int, **changes: Any) -> dict[str, Any]:
    """One recording as the API lists it."""
    start = START - timedelta(hours=7 * number)
    item = {
        "id": ident("rec", number),
        "kind": "recording",
        "state": "ready",
        "call_id": ident("call", number),
        "leg_id": ident("leg", number),
        "leg_role": "visitor",
        "leg_kind": "camera",
        "button_id": ident("btn", 1),
        "button_name": "Assistance chaudière" if number % 3 else "Sinistre habitation",
        "created_at": stamp(start),
        "started_at": stamp(start),
        "ended_at": stamp(start + timedelta(seconds=DURATION_S)),
        "duration_ms": DURATION_S * 1000 if number == 1 else 61_000 * number,
        "size_bytes": 2_417_332 * number,
        "content_type": "video/webm",
        "codecs": ["vp8", "opus"] if number % 4 else ["opus"],
        "has": ["media", "thumb", "wave", "manifest"],
    }
    return {**item, **changes}


TRACKS = (
    {"id": 1, "kind": "audio", "codec": "opus", "frames": 1200, "first_ms": 0, "last_ms": 24_000}
    | {"lost_packets": 12},
    {"id": 2, "kind": "video", "codec": "vp8", "frames": 240, "first_ms": 40, "last_ms": 23_900}
    | {"lost_packets": 0},
)


def manifest(item: dict[str, Any]) -> dict[str, Any]:
    """A manifest with one gap and some loss."""
    return {
        "v": 1,
        "recording": item["id"],
        "call": item["call_id"],
        "leg": item["leg_id"],
        "legs": [item["leg_id"]],
        "consent": {
            "choice": "accepted",
            "at": stamp(START - timedelta(seconds=9)),
            "language": "fr",
            "notice_version": "3",
            "notice_hash": "0" * 64,
        },
        "started_at": item["started_at"],
        "ended_at": item["ended_at"],
        "duration_ms": item["duration_ms"],
        "tracks": [dict(track) for track in TRACKS],
        "gaps": [
            {"track": 2, "from_ms": 9_000, "to_ms": 10_500, "cause": "loss"},
            {"track": 0, "from_ms": 17_000, "to_ms": 18_600, "cause": "crash"},
        ],
        "clock": {},
        "end_reason": "peer_left",
        "recovered": True,
    }


@dataclass
class Double:
    """The vault as the console sees it. A test changes its fields, the next request meets the change."""

    folder: Path
    items: list[dict[str, Any]] = field(
        default_factory=lambda: [recording(number) for number in range(1, 61)]
    )
    role: str = "supervisor"
    permissions: list[str] = field(default_factory=lambda: [*PLAYS, *ERASES])
    link_s: float = 900.0
    refusals: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    irrecoverable_by: str | None = stamp(START + timedelta(days=19))
    finishes_erasures: bool = True
    actors: list[str] = field(default_factory=lambda: ["Camille Durand"])
    codes: set[str] = field(default_factory=lambda: {"one-time-code"})
    sessions: set[str] = field(default_factory=set)
    links: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: list[tuple[str, str]] = field(default_factory=list)
    address: str = ""
    exports: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)

    # --- pages ---

    def shown_to(self) -> dict[str, Any]:
        """Who the page is rendered for, and what leads on from it."""
        who = {"name": "Camille Durand", "role": self.role, "tenant_name": "Chaleur & Cie"}
        return {**who, "answers": False, "keeps": False, "audits": False, "leaves": False, "exit": None}

    async def page(self, request: web.Request) -> web.Response:
        """A page shell, with the policy the vault sends."""
        language = request.cookies.get("callvault_language", "fr")
        signed_in = request.cookies.get("session") in self.sessions
        name = request.match_info.get("name") or "recordings"
        if name not in {"login", "follow"} and not signed_in:
            raise web.HTTPSeeOther(f"/console/login?why=ended&next={request.path}")
        nonce = secrets.token_urlsafe(16)
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(WEB / "console" / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )
        text = environment.get_template(f"{name}.html").render(
            lang=language,
            words=words(language),
            me=self.shown_to() if signed_in and name != "follow" else None,
            nonce=nonce,
            recording_id=request.match_info.get("id", ""),
            exit_id=request.match_info.get("id", ""),
        )
        policy = (
            f"default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; "
            "img-src 'self' data:; media-src 'self'; connect-src 'self'; "
            "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )
        headers = {
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }
        return web.Response(text=text, content_type="text/html", headers=headers)

    # --- sessions ---

    async def sign_in(self, request: web.Request) -> web.Response:
        """A one-time code is good once; any three-part token is good."""
        secret = await request.json()
        if secret.get("code") not in self.codes and "token" not in secret:
            return problem(401, "unauthenticated")
        self.codes.discard(secret.get("code", ""))
        session = secrets.token_urlsafe(8)
        self.sessions.add(session)
        answer = web.json_response({"id": ident("ses", 1)}, status=201)
        answer.set_cookie("session", session, httponly=True, samesite="Lax")
        return answer

    async def sign_out(self, request: web.Request) -> web.Response:
        """End the session."""
        self.sessions.discard(request.cookies["session"])
        return web.Response(status=204)

    async def me(self, request: web.Request) -> web.Response:
        """Who is signed in."""
        if request.cookies.get("session") not in self.sessions:
            return problem(401, "unauthenticated")
        who = {"id": ident("per", 1), "name": "Camille Durand"}
        return web.json_response({**who, "role": self.role, "permissions": self.permissions})

    async def buttons(self, _: web.Request) -> web.Response:
        """Two buttons."""
        names = ["Assistance chaudière", "Sinistre habitation"]
        items = [{"id": ident("btn", number), "name": name} for number, name in enumerate(names, 1)]
        return web.json_response({"items": items, "next_cursor": None})

    # --- media ---

    async def media(self, request: web.Request) -> web.Response:
        """A page of the list: the cursor is the place of its first item."""
        asked = request.query
        found = [
            item
            for item in self.items
            if asked.get("state") in {None, item["state"]}
            and asked.get("from", "") <= item["created_at"] < asked.get("to", "9")
            and ("button_id" not in asked or asked["button_id"] == item["button_id"])
            and asked.get("call_id") in {None, item["call_id"]}
        ]
        at, limit = int(asked.get("cursor", 0)), int(asked.get("limit", 50))
        following = str(at + limit) if at + limit < len(found) else None
        return web.json_response({"items": found[at : at + limit], "next_cursor": following})

    async def call_manifest(self, request: web.Request) -> web.Response:
        """A call on one clock: its sides as they began, and three moments."""
        return web.json_response(whole_call(request.match_info["id"], self.items))

    async def quality(self, _: web.Request) -> web.Response:
        """How the lines of a call did."""
        return web.json_response({"items": self.lines})

    async def call_exports(self, request: web.Request) -> web.Response:
        """Exports of any call; one that is asked for is being made."""
        if request.method == "POST":
            format_ = (await request.json())["format"]
            self.exports.insert(0, export(len(self.exports) + 1, request.match_info["id"], format_))
            return web.json_response(self.exports[0], status=202)
        return web.json_response({"items": self.exports})

    def item(self, request: web.Request) -> dict[str, Any] | None:
        """The recording of the path."""
        return next((item for item in self.items if item["id"] == request.match_info["id"]), None)

    async def one(self, request: web.Request) -> web.Response:
        """One recording, or 410 with what is left of it, or 404."""
        item = self.item(request)
        if item is None:
            return problem(404, "not_found")
        if item["state"] == "erased":
            left = {name: item[name] for name in ("erased_at", "deletion_request_id") if name in item}
            return problem(410, "erased", **left)
        return web.json_response({**item, "irrecoverable_by": self.irrecoverable_by})

    async def access(self, request: web.Request) -> web.Response:
        """The history, two pages of it."""
        links = [("link.made", link["purpose"], None) for link in reversed(self.links.values())]
        old = [
            ("access.refused", None, None),
            ("capture.ended", None, "peer_left"),
            ("consent.given", None, None),
        ]
        entries = [
            {
                "type": kind,
                "at": stamp(START),
                "actor": self.actors[number % len(self.actors)],
                "purpose": purpose,
                "result": result,
            }
            for number, (kind, purpose, result) in enumerate([*links, *old])
        ]
        at = int(request.query.get("cursor", 0))
        following = str(at + 3) if at + 3 < len(entries) else None
        return web.json_response({"items": entries[at : at + 3], "next_cursor": following})

    async def why(self, request: web.Request) -> web.Response:
        """Why a recording is still here: its rule."""
        item = self.item(request)
        return problem(404, "not_found") if item is None else web.json_response(standing(item))

    async def link(self, request: web.Request) -> web.Response:
        """A right to play for a while."""
        item = self.item(request)
        if item is None or item["state"] == "erased":
            return problem(410, "erased")
        name = secrets.token_hex(8)
        until = datetime.now(UTC) + timedelta(seconds=self.link_s)
        purpose = (await request.json())["purpose"]
        self.links[name] = {"purpose": purpose, "until": until, "item": item, "open": True}
        files = {
            "media": "media.webm",
            "poster": "poster.jpg",
            "waveform": "waveform.json",
            "manifest": "manifest.json",
        }
        urls = {part: f"/p/{name}/{file}" for part, file in files.items()}
        return web.json_response({"id": name, "expires_at": stamp(until), "urls": urls}, status=201)

    async def unlink(self, request: web.Request) -> web.Response:
        """Give the right back."""
        self.links[request.match_info["id"]]["open"] = False
        return web.Response(status=204)

    async def part(self, request: web.Request) -> web.StreamResponse:
        """Serve a part while its link lives; the file response does ranges."""
        link = self.links.get(request.match_info["link"])
        if link is None or not link["open"] or link["until"] < datetime.now(UTC):
            return problem(404, "link_dead")
        item = link["item"]
        if item["state"] == "erased":
            return problem(410, "erased", deletion_request_id=item["deletion_request_id"])
        name = request.match_info["file"]
        if name == "media.webm":
            kind = "sight" if "vp8" in item["codecs"] else "sound"
            return web.FileResponse(
                self.folder / f"{kind}.webm", headers={"Content-Type": item["content_type"]}
            )
        if name == "poster.jpg":
            return web.Response(body=media.poster(), content_type="image/jpeg")
        wave = {"v": 1, "peaks_per_s": 20, "peaks": media.peaks(DURATION_S), "duration_ms": DURATION_S * 1000}
        return web.json_response(wave if name == "waveform.json" else manifest(item))

    # --- erasure ---

    async def erase(self, request: web.Request) -> web.Response:
        """Begin an erasure; it is complete two questions later, unless the test holds it."""
        item = self.item(request)
        if item is None:
            return problem(404, "not_found")
        name, now = ident("del", len(self.requests) + 1), stamp(datetime.now(UTC))
        self.requests[name] = {
            "id": name,
            "state": "pending",
            "reason": request.query["reason"],
            "requested_at": now,
            "completed_at": None,
            "items": [{"object_id": item["id"], "state": "pending", "live_erased_at": now}],
            "receipt_url": f"/v1/deletion-requests/{name}/receipt",
            "asked": 0,
        }
        item.update(state="erased", erased_at=now, deletion_request_id=name)
        location = {"Location": f"/v1/deletion-requests/{name}"}
        return web.json_response(self.requests[name], status=202, headers=location)

    async def erasure(self, request: web.Request) -> web.Response:
        """How far the erasure is."""
        found = self.requests[request.match_info["id"]]
        found["asked"] += 1
        if self.finishes_erasures and found["asked"] > 1:
            found.update(state="complete", completed_at=stamp(datetime.now(UTC)))
        return web.json_response(found)

    async def receipt(self, request: web.Request) -> web.Response:
        """The receipt file."""
        body = {"v": 1, "request": request.match_info["id"], "status": "complete", "entries": []}
        return web.json_response(body, headers={"Content-Disposition": 'attachment; filename="receipt.json"'})

    async def keys(self, _: web.Request) -> web.Response:
        """The ledger's verifier keys."""
        keys = ["vault.example+0a+AQ==", "vault.example+0b+Bg=="]
        return web.json_response({"origin": "vault.example", "keys": keys})

    # --- the server ---

    async def asset(self, request: web.Request) -> web.StreamResponse:
        """A script, stylesheet or picture of the console; never a template."""
        path = (WEB / request.match_info["path"]).resolve()
        if not path.is_relative_to(WEB) or path.suffix not in {".js", ".css", ".svg"} or not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path)

    @web.middleware
    async def gate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Note each request; answer a chosen refusal; let nobody unknown into the API."""
        self.seen.append((request.method, request.path_qs))
        for (method, prefix), (status, code) in self.refusals.items():
            if request.method == method and request.path.startswith(prefix):
                answer = problem(status, code)
                answer.headers["Retry-After"] = "7"
                return answer
        known = request.cookies.get("session") in self.sessions
        if request.path.startswith("/v1/") and not known and request.path != "/v1/sessions":
            return problem(401, "unauthenticated")
        return await handler(request)

    def application(self) -> web.Application:
        """All routes of the contract that the console uses."""
        app = web.Application(middlewares=[self.gate])
        app.add_routes(
            [
                web.get("/console", self.page),
                web.get("/console/{name:login}", self.page),
                web.get("/console/recordings/{id}", self.recording_page),
                web.get("/assets/{path:.+}", self.asset),
                web.post("/v1/sessions", self.sign_in),
                web.delete("/v1/sessions/current", self.sign_out),
                web.get("/v1/me", self.me),
                web.get("/v1/buttons", self.buttons),
                web.get("/v1/media", self.media),
                web.get("/v1/calls/{id}/manifest", self.call_manifest),
                web.get("/v1/calls/{id}/quality", self.quality),
                web.route("*", "/v1/calls/{id}/exports", self.call_exports),
                web.get("/v1/media/{id}", self.one),
                web.delete("/v1/media/{id}", self.erase),
                web.get("/v1/media/{id}/access", self.access),
                web.get("/v1/media/{id}/retention", self.why),
                web.post("/v1/media/{id}/links", self.link),
                web.delete("/v1/links/{id}", self.unlink),
                web.get("/p/{link}/{file}", self.part),
                web.get("/v1/deletion-requests/{id}", self.erasure),
                web.get("/v1/deletion-requests/{id}/receipt", self.receipt),
                web.get("/v1/ledger/key", self.keys),
            ]
        )
        return app

    async def recording_page(self, request: web.Request) -> web.Response:
        """The shell of one recording."""
        request.match_info["name"] = "recording"
        return await self.page(request)


class Running:
    """The double's server in a thread of its own, so that the browser can be driven without an event loop."""

    def __init__(self, double: Double) -> None:
        self._double = double
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="console double")
        self._runner = web.AppRunner(double.application(), shutdown_timeout=1.0)

    async def _start(self) -> str:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    def __enter__(self) -> Double:
        self._thread.start()
        self._double.address = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self._double

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
