"""Keyset pages: what a cursor is bound to, and the Link header."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar
from urllib.parse import urlencode

from vault.http.ask import Ask
from vault.http.wire import PageQuery

_MOVING: Final = frozenset({"cursor", "limit"})


class Named(Protocol):
    """What a list can go on behind."""

    @property
    def id(self) -> str:
        """Its identifier, which rises with time."""
        ...


Item = TypeVar("Item", bound=Named)
Query = TypeVar("Query", bound=PageQuery)
Find = Callable[[str | None, int], Awaitable[Sequence[Item]]]


@dataclass(frozen=True, slots=True)
class Paged(Generic[Item]):
    """One page: what is on it, and where the next one is."""

    items: Sequence[Item]
    next_cursor: str | None
    headers: dict[str, str]


async def page_of(ask: Ask[Any, Query], name: str, find: Find[Item]) -> Paged[Item]:
    """Read the page that is asked for of a list in the order of identifiers, newest first.

    ``find(before, limit)`` lists what is older than an identifier; None for the first page.
    """
    scope, cursors = scope_of(name, ask.principal.tenant_id, ask.query), ask.services.cursors
    before = str(cursors.read(scope, ask.query.cursor)[0]) if ask.query.cursor else None
    found = await find(before, ask.query.limit + 1)
    shown = found[: ask.query.limit]
    cursor = cursors.write(scope, [shown[-1].id]) if len(found) > len(shown) else None
    return Paged(shown, cursor, next_link(ask, cursor))


def scope_of(name: str, tenant_id: str, query: PageQuery) -> str:
    """Name a list with all its filters, so that a cursor of one is not good for another."""
    filters = query.model_dump_json(exclude=set(_MOVING), exclude_none=True)
    return f"{name} {tenant_id} {filters}"


def next_link(ask: Ask[Any, Any], cursor: str | None) -> dict[str, str]:
    """Write the Link header to the next page (RFC 8288); empty on the last one."""
    if cursor is None:
        return {}
    kept = [(name, value) for name, value in ask.raw.query.items() if name != "cursor"]
    return {"Link": f'<{ask.raw.path}?{urlencode([*kept, ("cursor", cursor)])}>; rel="next"'}
