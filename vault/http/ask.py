"""What a handler is given, and what it gives back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from aiohttp import web
from pydantic import BaseModel

from vault.errors import UnauthenticatedError
from vault.http.language import Language
from vault.policy import Principal

if TYPE_CHECKING:
    from vault.http.services import Services

BodyT = TypeVar("BodyT")
QueryT = TypeVar("QueryT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(Generic[BodyT, QueryT]):
    """One request, already authenticated, limited, allowed and validated.

    ``body`` is the route's model, bytes for another content type, or None. ``path`` holds the parameters.
    ``who`` is None on public routes that were called without, or with stale, credentials.
    """

    raw: web.Request
    services: "Services"
    request_id: str
    language: Language
    client: str  # the address after trusted proxies
    path: Mapping[str, str]
    body: BodyT
    query: QueryT
    who: Principal | None

    @property
    def principal(self) -> Principal:
        """Whoever speaks; raises UnauthenticatedError where nobody is signed in."""
        if self.who is None:
            raise UnauthenticatedError("this needs someone signed in")
        return self.who

    @property
    def origin(self) -> str | None:
        """The page's origin as the browser states it."""
        return self.raw.headers.get("Origin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer. ``body`` is a model (JSON), text or bytes of ``content_type``, or nothing.

    Cookies are set by ``cookies`` (whole Set-Cookie values, made by ``vault.http.cookies``).
    """

    status: int = 200
    body: BaseModel | bytes | str | None = None
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()
