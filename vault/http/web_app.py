"""The aiohttp application: the table's routes, the door around them, nothing else."""

from typing import Final

from aiohttp import web

from vault.errors import OriginRefusedError
from vault.http.cors import ButtonOrigins, preflight_answer
from vault.http.door import ORIGINS, before_headers, door
from vault.http.endpoint import LIMITS, make_endpoint
from vault.http.limits import RateLimits
from vault.http.proxies import require_networks
from vault.http.request_info import info_of
from vault.http.route import Cors, Route, RouteTable
from vault.http.services import SERVICES, TABLE, Services

MAX_BODY_BYTES: Final = 0  # aiohttp's own limit is off: vault.http.body applies each route's


def make_web_app(services: Services, table: RouteTable) -> web.Application:
    """Build the application; raises ConfigurationError where the list of trusted proxies makes no sense."""
    require_networks(services.settings.server.trusted_proxies)
    application = web.Application(middlewares=[door], client_max_size=MAX_BODY_BYTES)
    application[SERVICES] = services
    application[TABLE] = table
    application[LIMITS] = RateLimits(services.settings.limits, services.clock)
    application[ORIGINS] = ButtonOrigins(services.database)
    application.on_response_prepare.append(before_headers)
    by_path: dict[str, list[Route]] = {}
    for route in table.routes:
        by_path.setdefault(route.path, []).append(route)
    for routes in by_path.values():
        _add_path(application, routes, table)
    return application


def _add_path(application: web.Application, routes: list[Route], table: RouteTable) -> None:
    resource = application.router.add_resource(routes[0].router_path)
    for route in routes:
        endpoint = make_endpoint(route)
        resource.add_route(route.method, endpoint)
        if route.method == "GET":
            resource.add_route("HEAD", endpoint)
    open_to_pages = [route for route in routes if route.cors is Cors.BUTTON]
    if open_to_pages:
        methods = table.methods_of(routes[0].path)

        async def preflight(request: web.Request) -> web.StreamResponse:
            info_of(request).route = open_to_pages[0]
            origin = request.headers.get("Origin", "")
            if not await request.app[ORIGINS].allows(origin, request.match_info):
                raise OriginRefusedError("this origin is not on the button's list")
            return preflight_answer(origin, methods)

        resource.add_route("OPTIONS", preflight)
