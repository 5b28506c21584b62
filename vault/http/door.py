"""The outermost step of each request: every error becomes a problem, every answer is counted and logged."""

import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiohttp import web

from vault.errors import (
    MalformedError,
    NotFoundError,
    OriginRefusedError,
    TooLargeError,
    VaultError,
)
from vault.http.access_log import log_request, route_label
from vault.http.cors import ButtonOrigins, add_cors_headers, let_refused_page_read
from vault.http.errors import MethodNotAllowedError
from vault.http.problems import problem_of
from vault.http.refusals import Refusals
from vault.http.request_info import RequestInfo, begin, info_of
from vault.http.route import Cors
from vault.http.security_headers import add_security_headers
from vault.http.services import SERVICES, Services
from vault.http.wire import PROBLEM_TYPE
from vault.identity.errors import TokenRefusedError

ORIGINS: Final = web.AppKey("origins", ButtonOrigins)
REFUSALS: Final = web.AppKey("refusals", Refusals)
_log = structlog.get_logger("vault.http")


@web.middleware
async def door(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Run a request; see the module."""
    services = request.app[SERVICES]
    info = begin(request, services.settings.server.trusted_proxies)
    started_s = time.perf_counter()
    status = 499  # what stays when the client leaves first
    try:
        response = await _answered(request, handler, services, info)
        status = response.status
    finally:
        seconds = time.perf_counter() - started_s
        log_request(request, info, status=status, seconds=seconds)
        services.metrics.http_request(request.method, route_label(info), status, seconds)
    return response


async def before_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Complete an answer's headers just before they leave (aiohttp's on_response_prepare signal)."""
    info = info_of(request)
    info.begun = True
    response.headers["X-Request-Id"] = info.request_id
    response.headers.update(info.limit_headers or {})
    origin = request.headers.get("Origin")
    if info.route is not None and info.route.cors is not Cors.NONE:
        response.headers["Vary"] = "Origin"
        if origin is not None and await _origin_allowed(request, origin, info.route.cors):
            add_cors_headers(response, origin)
    add_security_headers(response, request.app[SERVICES].settings)


async def _origin_allowed(request: web.Request, origin: str, cors: Cors) -> bool:
    who, path = info_of(request).principal, dict(request.match_info)
    if cors is Cors.CALLER:
        if who is None:
            return True  # all there is to read is that nobody known asked
        path = {"call_id": who.call_id} if who.call_id is not None else {}
    try:
        return await request.app[ORIGINS].allows(origin, path, who=who)
    except VaultError:  # the database is away: the page gets no answer to read, which is the safe side
        return False


async def _answered(
    request: web.Request,
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    services: Services,
    info: RequestInfo,
) -> web.StreamResponse:
    try:
        return await handler(request)
    except (VaultError, web.HTTPError) as error:
        if info.begun:
            raise  # part of an answer has left; all we can do is cut it off
        told = error if isinstance(error, VaultError) else _as_vault_error(error)
        if isinstance(told, TokenRefusedError):
            services.metrics.credential_refused(told.reason.value)
        told = await _recorded(told, request, info)
        response = problem_response(told, info)
        if isinstance(told, OriginRefusedError):
            let_refused_page_read(response, request)
        return response
    except web.HTTPException as redirect:
        return redirect
    except ConnectionError:
        raise
    except Exception:
        _log.exception("unexpected error", request_id=info.request_id, route=route_label(info))
        if info.begun:
            raise
        return problem_response(VaultError("see the log under this request id"), info)


async def _recorded(told: VaultError, request: web.Request, info: RequestInfo) -> VaultError:
    """Write a refusal into the ledger; return what to answer: the refusal, or why it could not be written."""
    if info.principal is None:
        return told
    try:
        await request.app[REFUSALS].record(told, info.principal, route_label(info))
    except VaultError as failure:
        return failure
    return told


def problem_response(error: VaultError, info: RequestInfo) -> web.Response:
    """Write an error as an answer in the caller's language."""
    problem = problem_of(error, language=info.language, request_id=info.request_id)
    response = web.Response(
        status=problem.status,
        body=problem.to_json(),
        content_type=PROBLEM_TYPE,
        headers=dict(problem.headers),
    )
    response.headers["Content-Language"] = info.language
    if error.code in {"request_timeout", "too_large"}:
        response.force_close()  # the rest of the body is not worth reading
    return response


def _as_vault_error(error: web.HTTPError) -> VaultError:
    match error:
        case web.HTTPNotFound():
            return NotFoundError("no such path")
        case web.HTTPMethodNotAllowed():
            return MethodNotAllowedError("no such method here", allowed=error.allowed_methods)
        case web.HTTPRequestEntityTooLarge():
            return TooLargeError("the body is over the limit")
        case _:
            return MalformedError("aiohttp refused the request")
