"""Keyset pages: what a cursor is bound to, and the Link header."""

from typing import Any, Final
from urllib.parse import urlencode

from vault.http.ask import Ask
from vault.http.wire import PageQuery

_MOVING: Final = frozenset({"cursor", "limit"})


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
