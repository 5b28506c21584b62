"""Cross-origin calls of the widget: exact origins of the button's own list, never ``*``, no cookies.

Fetch standard, CORS protocol: a preflight asks, the answer names the one origin; the vault's own pages need
none of it.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from sqlalchemy import select

from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import buttons, calls
from vault.errors import DependencyError
from vault.policy import Principal

ALLOWED_HEADERS: Final = "Authorization, Content-Type, If-Match, Idempotency-Key, Accept-Language"
EXPOSED_HEADERS: Final = "Location, ETag, Link, Retry-After, X-Request-Id"
PREFLIGHT_S: Final = 600
KEPT_S: Final = (
    5.0  # a page calls in bursts; a changed list is heeded this much later, where calls open at once
)
KEPT_LISTS: Final = 10_000  # strangers choose how many names are asked for; about 5 MB


@dataclass(frozen=True, slots=True)
class _Kept:
    origins: tuple[str, ...]  # none for a name that leads nowhere
    tenant_id: str | None
    until_s: float


class ButtonOrigins:
    """Looks up which origins may embed a button, by the button or by a call that it opened.

    What was found is kept for seconds, so that preflights and refused requests cost no query each, and for
    longer while the database does not answer: a visitor can stop the recording then, too. This only decides
    what a browser lets a page send and read; opening a call asks the button itself.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def allows(self, origin: str, path: Mapping[str, str], *, who: Principal | None = None) -> bool:
        """Tell whether the button of this path lists the origin, letter for letter.

        For somebody known, another's call has no origins: else a header would tell that it exists.
        """
        if "button_id" in path:
            return origin in (await self._of(path["button_id"], by_call=False)).origins
        if "call_id" not in path or (who is not None and who.call_id not in {None, path["call_id"]}):
            return False
        found = await self._of(path["call_id"], by_call=True)
        return origin in found.origins and (who is None or who.tenant_id == found.tenant_id)

    async def _of(self, name: str, *, by_call: bool) -> _Kept:
        now_s = self._clock.monotonic()
        kept = self._kept.get(name)
        if kept is None or kept.until_s <= now_s:
            try:
                origins, tenant_id = await self._ask(name, by_call=by_call)
            except DependencyError:
                if kept is None:
                    raise
                return kept
            kept = _Kept(origins, tenant_id, now_s + KEPT_S)
            self._kept[name] = kept
            self._kept.move_to_end(name)
            if len(self._kept) > KEPT_LISTS:
                self._kept.popitem(last=False)
        return kept

    async def _ask(self, name: str, *, by_call: bool) -> tuple[tuple[str, ...], str | None]:
        query = select(buttons.c.allowed_origins, buttons.c.tenant_id).where(buttons.c.disabled_at.is_(None))
        if by_call:
            query = query.join(calls, calls.c.button_id == buttons.c.id).where(calls.c.id == name)
        else:
            query = query.where(buttons.c.id == name)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        return (tuple(row.allowed_origins), row.tenant_id) if row is not None else ((), None)


def add_cors_headers(response: web.StreamResponse, origin: str) -> None:
    """Let the page of that origin read the answer."""
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"


def let_refused_page_read(response: web.StreamResponse, request: web.Request) -> None:
    """Let a page that is not on a button's list read that it is not, so that the widget can say so.

    Nothing else: a preflight stays refused, so the only answer such a page ever reads is this sentence.
    """
    origin = request.headers.get("Origin")
    if origin is not None and "button_id" in request.match_info and request.method != "OPTIONS":
        response.headers["Access-Control-Allow-Origin"] = origin


def preflight_answer(origin: str, methods: list[str]) -> web.Response:
    """Answer a preflight that is allowed."""
    response = web.Response(status=204)
    add_cors_headers(response, origin)
    response.headers["Access-Control-Allow-Methods"] = ", ".join(methods)
    response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
    response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_S)
    return response
