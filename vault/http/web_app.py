"""The aiohttp application: the table's routes, the door around them, nothing else."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import structlog
from aiohttp import web

from vault.errors import OriginRefusedError, VaultError
from vault.http.cors import ButtonOrigins, preflight_answer
from vault.http.door import ORIGINS, REFUSALS, before_headers, door
from vault.http.endpoint import LIMITS, make_endpoint
from vault.http.idempotency import forget_old_keys
from vault.http.limits import RateLimits
from vault.http.proxies import require_networks
from vault.http.refusals import Refusals
from vault.http.request_info import info_of
from vault.http.route import Cors, Route, RouteTable
from vault.http.services import SERVICES, TABLE, Services
from vault.http.wire import JSON_TYPE

LAST_WRITE_S: Final = 5.0  # at the end, for counts that no leaf tells yet
_log = structlog.get_logger("vault.http")
MAX_BODY_BYTES: Final = 0  # aiohttp's own limit is off: vault.http.body applies each route's


def make_web_app(services: Services, table: RouteTable) -> web.Application:
    """Build the application; raises ConfigurationError where the list of trusted proxies makes no sense."""
    require_networks(services.settings.server.trusted_proxies)
    application = web.Application(middlewares=[door], client_max_size=MAX_BODY_BYTES)
    application[SERVICES] = services
    application[TABLE] = table
    application[LIMITS] = RateLimits(services.settings.limits, services.clock)
    application[ORIGINS] = ButtonOrigins(services.database, services.clock)
    application[REFUSALS] = Refusals(services.ledger, services.clock)
    application.on_response_prepare.append(before_headers)
    application.cleanup_ctx.append(_housekeeping)
    application.on_shutdown.append(_end_events)
    by_path: dict[str, list[Route]] = {}
    for route in table.routes:
        by_path.setdefault(route.path, []).append(route)
    for routes in by_path.values():
        _add_path(application, routes, table)
    return application


async def _housekeeping(application: web.Application) -> AsyncIterator[None]:
    """Run what the door does by itself while it is open; refusals still counted are written at its end."""
    refusals, services = application[REFUSALS], application[SERVICES]
    jobs = {"refusals": refusals.run(), "idempotency-keys": forget_old_keys(services)}
    tasks = [asyncio.create_task(job, name=name) for name, job in jobs.items()]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    try:
        async with asyncio.timeout(LAST_WRITE_S):
            await refusals.flush(everything=True)
    except (VaultError, TimeoutError) as error:
        _log.warning("refusals lost", error=type(error).__name__)


async def _end_events(application: web.Application) -> None:
    """Let every socket say that the server goes, while the runner still waits for its handlers."""
    application[SERVICES].events.close()


def _add_path(application: web.Application, routes: list[Route], table: RouteTable) -> None:
    resource = application.router.add_resource(routes[0].router_path)
    for route in routes:
        endpoint = make_endpoint(route)
        resource.add_route(route.method, endpoint)
        if route.method == "GET":
            resource.add_route("HEAD", endpoint)
    open_to_pages = [route for route in routes if route.cors is not Cors.NONE]
    if open_to_pages:
        methods = table.methods_of(routes[0].path)
        taken = _taken(routes)

        async def preflight(request: web.Request) -> web.StreamResponse:
            info = info_of(request)
            info.route = open_to_pages[0]
            request.app[LIMITS].of_preflight(info)
            origin = request.headers.get("Origin")
            if origin is None:  # no page asks, so there is nobody to protect: RFC 9110, 9.3.7
                return web.Response(status=204, headers={"Allow": ", ".join([*methods, "OPTIONS"]), **taken})
            # Where the caller decides, a preflight gives nothing away: only its own pages read the answer.
            of_button = open_to_pages[0].cors is Cors.BUTTON
            if of_button and not await request.app[ORIGINS].allows(origin, request.match_info):
                raise OriginRefusedError("this origin is not on the button's list")
            answer = preflight_answer(origin, methods)
            answer.headers.update(taken)
            return answer

        resource.add_route("OPTIONS", preflight)


def _taken(routes: list[Route]) -> dict[str, str]:
    """Say which content types the path takes (RFC 9725, 4.2, Accept-Post; RFC 5789, 3.1, Accept-Patch)."""
    names = {"POST": "Accept-Post", "PATCH": "Accept-Patch"}
    return {
        names[route.method]: route.body if isinstance(route.body, str) else JSON_TYPE
        for route in routes
        if route.method in names and route.body is not None
    }
