"""Reading a request's body: exact type, bounded size, bounded time (promises: header and body deadlines)."""

import asyncio
from typing import Any

from aiohttp import ContentTypeError, web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel

from vault.errors import MalformedError, TooLargeError, UnsupportedTypeError
from vault.http.errors import RequestTimeoutError
from vault.http.route import Route
from vault.http.wire import JSON_TYPE, parse_json
from vault.settings import Settings


async def read_body(request: web.Request, route: Route, settings: Settings) -> Any:
    """Read and validate what the route declares: a model, bytes, or None where it takes no body.

    Raises UnsupportedTypeError, TooLargeError, RequestTimeoutError, MalformedError or InvalidError.
    """
    if route.body is None:
        return None
    _require_type(request, JSON_TYPE if isinstance(route.body, type) else route.body)
    limit_bytes = route.limit_bytes or settings.limits.json_bytes
    try:
        async with asyncio.timeout(settings.server.body_timeout_s):
            raw = await _read(request, limit_bytes)
    except TimeoutError as cause:
        raise RequestTimeoutError("the body did not arrive in time") from cause
    if isinstance(route.body, type) and issubclass(route.body, BaseModel):
        return parse_json(route.body, raw)
    return raw


def _require_type(request: web.Request, wanted: str) -> None:
    # A coded body would be a bomb to unpack: none is taken (RFC 9110, 8.4 lets a server answer 415).
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedTypeError("content codings are not accepted")
    try:
        given, charset = request.content_type, request.charset
    except (ValueError, ContentTypeError) as cause:
        raise UnsupportedTypeError("the content type cannot be read") from cause
    if "Content-Type" not in request.headers or given != wanted:
        raise UnsupportedTypeError(f"send {wanted}")
    if charset is not None and charset.lower() not in {"utf-8", "utf8"}:
        raise UnsupportedTypeError("send UTF-8")


async def _read(request: web.Request, limit_bytes: int) -> bytes:
    if (request.content_length or 0) > limit_bytes:
        raise TooLargeError("the body is over the limit of its route")
    read = bytearray()
    try:
        while chunk := await request.content.readany():
            read += chunk
            if len(read) > limit_bytes:
                raise TooLargeError("the body is over the limit of its route")
    except (HttpProcessingError, web.RequestPayloadError) as cause:
        raise MalformedError("the body's transfer coding is broken") from cause
    return bytes(read)
