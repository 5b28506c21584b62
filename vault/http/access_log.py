"""One line for each request: who, what, when, how long. Never a query string, a token, or a link's path.

aiohttp's own access log writes the whole request line and the Referer; both can hold secrets. Here the
route's template stands for the path, and the client's network for its address.
"""

from typing import Final

import structlog
from aiohttp import web

from vault.http.proxies import coarse
from vault.http.request_info import RequestInfo

NO_ROUTE: Final = "(none)"
_log = structlog.get_logger("vault.http")


def route_label(info: RequestInfo) -> str:
    """Return the path template a request matched: a bounded set, safe for metrics."""
    return info.route.path if info.route is not None else NO_ROUTE


def log_request(request: web.BaseRequest, info: RequestInfo, *, status: int, seconds: float) -> None:
    """Write the line."""
    if info.route is not None and not info.route.logged:
        return
    who = info.principal
    _log.info(
        "request",
        request_id=info.request_id,
        given_id=info.given_id,
        method=request.method if info.route is not None else "(any)",
        route=route_label(info),
        status=status,
        duration_ms=round(seconds * 1_000, 1),
        network=coarse(info.client),
        tenant_id=who.tenant_id if who else None,
        principal_id=who.id if who else None,
        role=who.role.value if who else None,
    )
