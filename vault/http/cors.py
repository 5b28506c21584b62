"""Cross-origin calls of the widget: exact origins of the button's own list, never ``*``, no cookies.

Fetch standard, CORS protocol: a preflight asks, the answer names the one origin; the vault's own pages need
none of it.
"""

from collections.abc import Mapping
from typing import Final

from aiohttp import web
from sqlalchemy import select

from vault.db.engine import Database
from vault.db.tables import buttons, calls
from vault.policy import Principal

ALLOWED_HEADERS: Final = "Authorization, Content-Type, If-Match, Idempotency-Key, Accept-Language"
EXPOSED_HEADERS: Final = "Location, ETag, Link, Retry-After, X-Request-Id"
PREFLIGHT_S: Final = 600


class ButtonOrigins:
    """Looks up which origins may embed a button, by the button or by a call that it opened."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def allows(self, origin: str, path: Mapping[str, str], *, who: Principal | None = None) -> bool:
        """Tell whether the button of this path lists the origin, letter for letter.

        For somebody known, another's call has no origins: else a header would tell that it exists.
        """
        query = select(buttons.c.allowed_origins).where(buttons.c.disabled_at.is_(None))
        if "button_id" in path:
            query = query.where(buttons.c.id == path["button_id"])
        elif "call_id" in path:
            if who is not None and who.call_id not in {None, path["call_id"]}:
                return False
            query = query.join(calls, calls.c.button_id == buttons.c.id).where(calls.c.id == path["call_id"])
            if who is not None:
                query = query.where(calls.c.tenant_id == who.tenant_id)
        else:
            return False
        async with self._database.read() as connection:
            allowed = (await connection.execute(query)).scalar_one_or_none()
        return allowed is not None and origin in allowed


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
