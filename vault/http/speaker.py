"""Who speaks: by a bearer token, or by a cookie with the cross-site rule.

What stops a recording (``Route.stops``) does not wait for the database. Where it does not answer, a visitor's
token names the one call it is good for; of anybody else the credential was good lately, or is signed by us,
and they are in the call with a leg, which is looked at every few seconds while the database answers.
"""

import asyncio
from collections.abc import Awaitable
from typing import Final

import structlog
from aiohttp import web

from vault.calls.floor import Floor
from vault.errors import DependencyError, UnauthenticatedError
from vault.http.cookies import read_session_cookie, require_same_site
from vault.http.route import Route
from vault.http.services import Services
from vault.model import Role
from vault.policy import Permission, Principal

STOP_WITHIN_S: Final = 2.0  # a lookup takes milliseconds; meanwhile card data is being said
log = structlog.get_logger("vault.http")


async def speaker_of(request: web.Request, services: Services, route: Route) -> Principal | None:
    """Find out who speaks. A bearer token decides alone where there is one; a cookie is then not looked at.

    On public routes stale credentials count as none; elsewhere their absence raises UnauthenticatedError.
    """
    identity = services.identity
    try:
        secret, is_cookie = _credential(request, services)
        found = identity.authenticate_session(secret) if is_cookie else identity.authenticate_token(secret)
        if route.stops:
            return await _unwaited(found, secret, request.match_info["call_id"], services)
        return await found
    except UnauthenticatedError:
        if route.needs is Permission.PUBLIC:
            return None
        raise


def _credential(request: web.Request, services: Services) -> tuple[str, bool]:
    """Give the secret that was sent, and whether it came in the cookie; raises UnauthenticatedError."""
    header = request.headers.get("Authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise UnauthenticatedError("the Authorization header is no bearer token")
        return token, False
    cookie = read_session_cookie(request, services.settings)
    if cookie is None:
        raise UnauthenticatedError("no credentials were sent")
    require_same_site(request, services.settings)
    return cookie, True


async def _unwaited(found: Awaitable[Principal], secret: str, call_id: str, services: Services) -> Principal:
    """Look somebody up; where that takes too long, go by what is known of whoever is in the call."""
    try:
        async with asyncio.timeout(STOP_WITHIN_S):
            return await found
    except (DependencyError, TimeoutError) as cause:
        who = services.identity.unlooked(secret)
        if who is None or not _is_of_call(who, call_id, services.legs.floor):
            raise DependencyError("the database does not answer; try again") from cause
        log.warning("speaker.not_looked_up", call=call_id, principal_id=who.id)
        return who


def _is_of_call(who: Principal, call_id: str, floor: Floor) -> bool:
    return who.call_id == call_id if who.role is Role.VISITOR else floor.is_here(call_id, who)
