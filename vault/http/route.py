"""What one route is. A route that says too little, or contradicts itself, cannot be built."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal

from aiohttp import web
from pydantic import BaseModel

from vault.errors import VaultError
from vault.http.ask import Answer, Ask
from vault.http.errors import RouteTableError
from vault.policy import Permission

Handler = Callable[[Ask[Any, Any]], Awaitable[Answer | web.StreamResponse]]
Content = type[BaseModel] | str | None
"""A JSON model, the name of another content type, or nothing."""


class Limit(StrEnum):
    """Which rate limit counts a request (``vault.http.limits``)."""

    NONE = "none"  # health checks and files; nobody is asked who they are
    API = "api"
    CALLS = "calls"
    VISITS = "visits"  # by network and by call: a secret is guessed at
    SIGN_IN = "sign_in"
    EVIDENCE = "evidence"  # as API, and by company: what is answered counts through its entries


class Cors(StrEnum):
    """Whose pages may call a route from another origin."""

    NONE = "none"
    BUTTON = "button"  # pages on the list of the button in the path, or of the call's button
    CALLER = "caller"  # pages on the list of the button of the visitor who asks: no preflight knows whom


PATH_IDS: Final = {
    "ask_id": "ask",
    "button_id": "btn",
    "change_id": "rtc",
    "call_id": "call",
    "deletion_id": "del",
    "feed_id": "feed",
    "hold_id": "hold",
    "invitation_id": "inv",
    "issuer_id": "iss",
    "leg_id": "leg",
    "link_id": "lnk",
    "exit_id": "xit",
    "export_id": "exp",
    "media_id": "rec",
    "pause_id": "pau",
    "person_id": "per",
    "restriction_id": "rst",
    "session_id": "ses",
    "team_id": "team",
}
"""Path parameters that hold an identifier of that kind; anything else in their place is a 404."""

ALSO: Final = {"media_id": "exp"}
"""A second kind that may stand in a place: an export is played, listed and erased like a recording."""

_NO_BODY: Final = frozenset({"GET", "DELETE"})
_PLACE: Final = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One row of the table. Raises RouteTableError where it cannot stand.

    ``body`` is a pydantic model (JSON) or a content type (the handler gets bytes). ``query`` is a pydantic
    model. ``responses`` maps each success status to a model, a content type or nothing. ``errors`` lists
    what the handler may raise beyond what every route may answer. ``patterns`` gives the regular expression
    of path parameters that are no identifiers. ``creates`` makes the route honour Idempotency-Key. ``stops``
    is said of what stops a call's recording: it waits for no database (``vault.http.speaker``).
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    handler: Handler
    needs: Permission
    summary: str
    responses: Mapping[int, Content]
    tag: str = "vault"
    body: Content = None
    query: type[BaseModel] | None = None
    errors: tuple[type[VaultError], ...] = ()
    limit_bytes: int | None = None
    limit: Limit = Limit.API
    cors: Cors = Cors.NONE
    creates: bool = False
    stops: bool = False
    hidden: bool = False  # pages and assets: served, but not part of the API description
    logged: bool = True
    patterns: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what would be a hole later."""
        if not isinstance(self.needs, Permission):
            raise RouteTableError(f"{self.label} declares no permission")
        if not self.path.startswith("/") or (len(self.path) > 1 and self.path.endswith("/")):
            raise RouteTableError(f"{self.label}: write the path as /v1/things")
        if self.body is not None and self.method in _NO_BODY:
            raise RouteTableError(f"{self.label}: {self.method} takes no body")
        if self.creates and (self.method != "POST" or self.needs is Permission.PUBLIC):
            raise RouteTableError(f"{self.label}: only a signed-in POST can be idempotent by key")
        if self.stops and "call_id" not in self.places:
            raise RouteTableError(f"{self.label} stops no call's recording")
        if self.limit is Limit.NONE and self.needs is not Permission.PUBLIC:
            raise RouteTableError(f"{self.label}: what is not counted is for everybody")
        if not self.responses:
            raise RouteTableError(f"{self.label} answers nothing")
        unknown = set(self.places) - set(PATH_IDS) - set(self.patterns)
        if unknown:
            raise RouteTableError(f"{self.label}: {sorted(unknown)} needs a pattern")

    @property
    def label(self) -> str:
        """The route's name in docs, logs and metrics."""
        return f"{self.method} {self.path}"

    @property
    def places(self) -> list[str]:
        """Names of the path's parameters, in order."""
        return _PLACE.findall(self.path)

    def pattern_of(self, place: str) -> str:
        """Give the regular expression of one path parameter."""
        if place in self.patterns:
            return self.patterns[place]
        kinds = f"(?:{PATH_IDS[place]}|{ALSO[place]})" if place in ALSO else PATH_IDS[place]
        return f"{kinds}_[0-9a-f]{{32}}"

    @property
    def router_path(self) -> str:
        """Write the path as aiohttp's router reads it, each parameter with its pattern."""
        return _PLACE.sub(lambda found: f"{{{found.group(1)}:{self.pattern_of(found.group(1))}}}", self.path)


class RouteTable:
    """All routes of one program, checked against each other."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        labels = [route.label for route in routes]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise RouteTableError(f"these routes stand twice: {', '.join(twice)}")
        self.routes = routes

    def methods_of(self, path: str) -> list[str]:
        """List the methods of a path, as ``Allow`` names them."""
        found = {route.method for route in self.routes if route.path == path}
        return sorted({*found, *(["HEAD"] if "GET" in found else [])})
