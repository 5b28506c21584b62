"""A double of the vault for what is about the company as a whole: an exit in every state, and evidence."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import web

from tests.browser.console.double import START, Double, ident, problem, stamp

NAME = "Chaleur & Cie"
KEY = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"  # of the format's own README
SECRET = "Zm9sbG93LXVwLWxpbmst_w"
ADMIN = ["tenant:read", "tenant:leave", "evidence:read", "retention:read", "holds:read", "restrictions:read"]
AUDITOR = [permission for permission in ADMIN if permission != "tenant:leave"]
MAIN = b"what lies in a volume, sealed"
MEDIA = b"what lies in another, sealed"


def volume(number: int, items: int, content: bytes) -> dict[str, Any]:
    """A volume as the API lists it."""
    return {
        "number": number,
        "sealed_bytes": len(content) * 40_000_000 if items else len(content) * 91_000,
        "sha256": hashlib.sha256(content).hexdigest(),
        "items": items,
        "url": f"/v1/exit/volumes/{number}",
    }


VOLUMES = (volume(1, 0, MAIN), volume(2, 214, MEDIA), volume(3, 1, MEDIA))


def leaving(state: str, **changes: Any) -> dict[str, Any]:
    """An exit as a follow-up link and the API tell it: their members together."""
    return {
        "id": ident("xit", 1),
        "state": state,
        "recipient": KEY,
        "grace_days": 30,
        "asked_at": stamp(START),
        "ends_at": None,
        "waits_for": None,
        "items_left": None,
        "volumes": [],
        "request_id": None,
        "ended_at": None,
        "erasing_since": None,
        "erased": {"versions": 0, "rows": 0},
        "receipt": None,
        **changes,
    }


@dataclass
class CompanyDouble(Double):
    """The vault of a company that leaves, or may. A test sets the exit; what is asked changes it."""

    role: str = "admin"
    permissions: list[str] = field(default_factory=lambda: [*ADMIN])
    exit: dict[str, Any] | None = None
    notifies: bool = True
    lasting: dict[str, int] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    knows_key: bool = True

    def shown_to(self) -> dict[str, Any]:
        """An administrator or an auditor, by the permissions."""
        may = set(self.permissions)
        bar = self.exit and {name: self.exit[name] or "" for name in ("state", "ends_at", "waits_for")}
        return {
            **super().shown_to(),
            "audits": "evidence:read" in may,
            "leaves": "tenant:read" in may,
            "exit": bar,
        }

    async def show_exit(self, _: web.Request) -> web.Response:
        """How far it is; 401 once nobody is let in, as every request of the company is answered."""
        if self.exit is None:
            return problem(404, "not_found")
        if self.exit["state"] in {"leaving", "gone"}:
            self.sessions.clear()
            return problem(401, "unauthenticated")
        url = f"{self.address}/console/leaving/{self.exit['id']}#{SECRET}"
        hidden = ("erasing_since", "erased", "receipt")
        told = {name: value for name, value in self.exit.items() if name not in hidden}
        return web.json_response({**told, "follow_url": url})

    async def begin(self, request: web.Request) -> web.Response:
        """Begin: what was asked is kept for the test."""
        asked = await request.json()
        if asked["recipient"] and not self.knows_key:
            return problem(422, "invalid", errors=[{"pointer": "#/recipient", "code": "not_age"}])
        self.asked.append({**asked, "key": request.headers.get("Idempotency-Key", "")})
        self.exit = leaving("exporting", recipient=asked["recipient"], grace_days=asked["grace_days"])
        self.exit["items_left"] = 12 if asked["recipient"] else None
        return await self.show_exit(request)

    async def stay(self, request: web.Request) -> web.Response:
        """Take it back."""
        answer = await self.show_exit(request)
        self.exit = None
        return answer

    async def terms(self, _: web.Request) -> web.Response:
        """What may be asked for."""
        return web.json_response({"grace_days": 30, "grace_days_max": 365, "notifies": self.notifies})

    async def tenant(self, _: web.Request) -> web.Response:
        """The company's name."""
        return web.json_response({"id": ident("ten", 1), "name": NAME, "on_withdrawal": "erase"})

    async def placed(self, request: web.Request) -> web.Response:
        """Holds or restrictions that last, as many as the test says."""
        count = self.lasting.get(request.match_info["kind"], 0)
        return web.json_response({"items": [{"id": str(number)} for number in range(count)][:1]})

    async def volume(self, request: web.Request) -> web.Response:
        """A volume's bytes."""
        return web.Response(body=MAIN if request.match_info["number"] == "1" else MEDIA)

    async def follow(self, request: web.Request) -> web.Response:
        """The end, for whoever has the link."""
        is_good = (await request.json())["secret"] == SECRET and self.exit is not None
        if not is_good or self.exit is None or request.match_info["id"] != self.exit["id"]:
            return problem(404, "not_found")
        hidden = ("recipient", "grace_days", "items_left", "volumes")
        return web.json_response({name: value for name, value in self.exit.items() if name not in hidden})

    async def evidence(self, _: web.Request) -> web.Response:
        """A pack: of it the page tells when, since when and which entry."""
        pack = {"v": 1, "made_at": stamp(START), "period": {"from": stamp(START - timedelta(days=316))}}
        leaf = json.dumps({"type": "evidence.made", "sha256": hashlib.sha256(MAIN).hexdigest()})
        proof = "c2sp.org/tlog-proof@v1\nindex 4711\nAA==\n\nvault.example\n4712\nAA==\n"
        text = json.dumps({"evidence": pack, "leaf": leaf, "proof": proof, "v": 1})
        return web.Response(text=text, content_type="application/json")

    async def follow_page(self, request: web.Request) -> web.Response:
        """The shell of a follow-up link."""
        request.match_info["name"] = "follow"
        return await self.page(request)

    @web.middleware
    async def gate(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Let anybody follow an exit; else as everywhere."""
        if request.path.endswith("/follow") or request.path == "/v1/ledger/key":
            self.seen.append((request.method, request.path_qs))
            return await handler(request)  # type: ignore[no-any-return]
        return await super().gate(request, handler)

    def application(self) -> web.Application:
        """The contract's other routes beside those of every page."""
        app = super().application()
        app.add_routes(
            [
                web.get("/console/{name:leaving|evidence|keeping}", self.page),
                web.get("/console/leaving/{id}", self.follow_page),
                web.get("/v1/exit", self.show_exit),
                web.post("/v1/exit", self.begin),
                web.delete("/v1/exit", self.stay),
                web.get("/v1/exit/terms", self.terms),
                web.get("/v1/exit/volumes/{number}", self.volume),
                web.post("/v1/exits/{id}/follow", self.follow),
                web.get("/v1/tenant", self.tenant),
                web.get("/v1/{kind:holds|restrictions}", self.placed),
                web.get("/v1/evidence", self.evidence),
            ]
        )
        return app
