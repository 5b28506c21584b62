"""From a row of the table to aiohttp's handler.

One request goes through the steps in this order, cheap and protective ones first:

1. who speaks (bearer token, or cookie with the cross-site rule),
2. rate limit, 3. permission, 4. query, 5. body within its size, type and time, 6. schema,
7. idempotency key, 8. the handler, 9. the answer.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel

from vault.errors import UnauthenticatedError
from vault.http.ask import Answer, Ask
from vault.http.body import read_body
from vault.http.idempotency import once
from vault.http.limits import RateLimits
from vault.http.request_info import info_of
from vault.http.route import Limit, Route
from vault.http.services import SERVICES
from vault.http.speaker import speaker_of
from vault.http.wire import JSON_TYPE, parse_strings
from vault.policy import require

AiohttpHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LIMITS: Final = web.AppKey("limits", RateLimits)


def make_endpoint(route: Route) -> AiohttpHandler:
    """Build the handler of one route."""

    async def endpoint(request: web.Request) -> web.StreamResponse:
        services = request.app[SERVICES]
        limits = request.app[LIMITS]
        info = info_of(request)
        info.route = route
        limits.before(route, request, info)
        try:
            # What is not counted is not worth a look into the database: health checks, files.
            if route.limit is not Limit.NONE:
                info.principal = await speaker_of(request, services, route)
        except UnauthenticatedError:
            limits.after_refusal(info)
            raise
        if info.principal is not None:
            limits.remember(request)
        limits.of_principal(route, info)
        if info.principal is not None:
            require(info.principal, route.needs)
        ask: Ask[Any, Any] = Ask(
            raw=request,
            services=services,
            request_id=info.request_id,
            language=info.language,
            client=info.client,
            path=dict(request.match_info),
            query=parse_strings(route.query, list(request.query.items())) if route.query else None,
            body=await read_body(request, route, services.settings),
            who=info.principal,
        )
        try:
            return as_response(await (once(ask, route) if route.creates else route.handler(ask)))
        except UnauthenticatedError:
            if route.limit is Limit.SIGN_IN:
                limits.after_refusal(info)
            raise

    return endpoint


def as_response(answer: Answer | web.StreamResponse) -> web.StreamResponse:
    """Write an Answer as aiohttp's response; a response that is one already passes."""
    if isinstance(answer, web.StreamResponse):
        return answer
    body, content_type = _bytes_of(answer)
    response = web.Response(status=answer.status, body=body, headers=dict(answer.headers))
    if body is not None:
        response.headers["Content-Type"] = content_type
    for cookie in answer.cookies:
        response.headers.add("Set-Cookie", cookie)
    return response


def _bytes_of(answer: Answer) -> tuple[bytes | None, str]:
    if isinstance(answer.body, BaseModel):
        return answer.body.model_dump_json().encode(), JSON_TYPE
    if isinstance(answer.body, str):
        return answer.body.encode(), answer.content_type or "text/plain; charset=utf-8"
    return answer.body, answer.content_type or "application/octet-stream"
