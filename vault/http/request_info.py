"""What the door knows about a request before and after the handler: for logs, metrics and answers."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import web

from vault.http.language import Language, choose_language
from vault.http.proxies import client_address
from vault.model import new_id
from vault.policy import Principal

if TYPE_CHECKING:
    from vault.http.route import Route

_GIVEN_ID: Final = re.compile(r"^[A-Za-z0-9_-]{8,64}$")


@dataclass(slots=True)
class RequestInfo:
    """One request's facts. ``given_id`` is the id a caller's own tracing sent, if it is a plain one."""

    request_id: str
    given_id: str | None
    language: Language
    client: str
    route: "Route | None" = None
    principal: Principal | None = None
    limit_headers: dict[str, str] | None = None
    begun: bool = False  # the answer's headers have left


_KEY: Final = web.RequestKey("info", RequestInfo)


def begin(request: web.BaseRequest, trusted_proxies: tuple[str, ...]) -> RequestInfo:
    """Make and attach the facts of a new request."""
    given = request.headers.get("X-Request-Id", "")
    made = RequestInfo(
        request_id=new_id("req"),
        given_id=given if _GIVEN_ID.fullmatch(given) else None,
        language=choose_language(request.headers.get("Accept-Language", "")),
        client=client_address(request, trusted_proxies),
    )
    request[_KEY] = made
    return made


def info_of(request: web.BaseRequest) -> RequestInfo:
    """Return the facts of a request that passed the door."""
    found: RequestInfo = request[_KEY]
    return found
