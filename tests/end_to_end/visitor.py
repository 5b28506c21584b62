"""A visitor without a browser: opens a call over HTTP, answers the notice, leaves the leg to a publisher."""

from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.end_to_end.program import Program


@dataclass(frozen=True)
class OpenedCall:
    """A call whose notice has been answered; `legs` is where an offer is posted (WHIP)."""

    id: str
    token: str
    legs: str


async def open_call(
    http: aiohttp.ClientSession,
    program: Program,
    *,
    choice: str | None = "accepted",
    visitor: dict[str, str] | None = None,
    page_url: str | None = None,
    button_id: str | None = None,
) -> OpenedCall:
    """Press the demo button, or another, as its page would; ``choice`` None leaves the notice unanswered."""
    origin = {"Origin": program.base}
    asked: dict[str, Any] = {"language": "en", "media": ["audio", "video"], "visitor": visitor or {}}
    if page_url is not None:
        asked["page_url"] = page_url
    url = f"{program.base}/v1/buttons/{button_id or program.button_id()}/calls"
    async with http.post(url, json=asked, headers=origin) as response:
        response.raise_for_status()
        opened = await response.json()
    call = OpenedCall(opened["id"], opened["token"], f"{program.base}/v1/calls/{opened['id']}/legs")
    if choice is not None:
        answer = {"choice": choice, "notice_hash": opened["notice"]["hash"], "language": "en"}
        headers = {**origin, "Authorization": f"Bearer {call.token}"}
        consents = f"{program.base}/v1/calls/{call.id}/consents"
        async with http.post(consents, json=answer, headers=headers) as response:
            response.raise_for_status()
    return call


class Agent:
    """The demo tenant's administrator, or whose code it is, signed in with it; speaks JSON."""

    def __init__(self, http: aiohttp.ClientSession, program: Program, *, code: str | None = None) -> None:
        self._http = http
        self._base = program.base
        self._code = code or program.code
        self._origin = {"Origin": program.base, "Sec-Fetch-Site": "same-origin"}

    async def sign_in(self) -> None:
        """Exchange the code for a session cookie, which the client session keeps."""
        status, body = await self.ask("POST", "/v1/sessions", json={"code": self._code})
        if status != 201:
            raise LookupError(f"signing in was answered {status}: {body!r}")

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        """Send a request; give the status and the body, read as JSON where it is JSON."""
        headers = {**self._origin, **more.pop("headers", {})}
        async with self._http.request(method, self._base + path, headers=headers, **more) as response:
            raw = await response.read()
            is_json = "json" in response.headers.get("Content-Type", "")
            return response.status, (await response.json(content_type=None) if is_json and raw else raw)

    async def link(self, media_id: str) -> dict[str, str]:
        """Make a link and give its URLs."""
        status, body = await self.ask("POST", f"/v1/media/{media_id}/links", json={"purpose": "a test"})
        if status != 201:
            raise LookupError(f"making a link was answered {status}: {body!r}")
        urls: dict[str, str] = body["urls"]
        return urls
