"""Playing through a link: ranges of opened bytes for a native player, cut off when the right to them ends.

A watcher asks every second whether the link, the media and the person are still good. When not, the
connection is cut, even if the player has stopped reading: what it has not got by then it never gets, what
waits in the kernel's buffers included.
"""

import asyncio
import re
import socket
import struct
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from vault.errors import ErasedError, LinkDeadError, NotFoundError, RangeError, RestrictedError, VaultError
from vault.http.ask import Ask
from vault.http.route import Route
from vault.media.links import Grant
from vault.media.reading import StoredPart
from vault.model import Part
from vault.policy import Permission

FILES: Final = {
    "media.webm": Part.MEDIA,
    "media.mp4": Part.MEDIA,
    "media.wav": Part.MEDIA,
    "media.mp3": Part.MEDIA,
    "poster.webp": Part.THUMB,
    "waveform.json": Part.WAVE,
    "manifest.json": Part.MANIFEST,
}
RECHECK_LIMIT_S: Final = 2.0  # with the second between two checks, inside the promised five
_RANGE: Final = re.compile(r"^bytes=([0-9]{0,18})-([0-9]{0,18})$", re.IGNORECASE)
_RESET: Final = struct.pack("ii", 1, 0)  # linger on, for no time: close() drops what was not sent
SUFFIX_OF: Final = {
    "video/webm": "webm",
    "audio/webm": "webm",
    "video/mp4": "mp4",
    "audio/mp4": "mp4",
    "audio/wav": "wav",
    "audio/mpeg": "mp3",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to send: ``start <= byte < stop``, as a part of the whole or all of it."""

    start: int
    stop: int
    is_part: bool


async def play(ask: Ask[None, None]) -> web.StreamResponse:
    """Send a part of a media item, or a range of it."""
    who = ask.principal
    grant = await ask.services.links.use(ask.path["link"], by=who)
    part = FILES[ask.path["file"]]
    stored = await ask.services.reader.part(grant.media_id, part)
    if part is Part.MEDIA and not ask.path["file"].endswith(SUFFIX_OF.get(stored.content_type, "")):
        raise NotFoundError("this recording has another form")
    # RFC 9110, 13.2.2: what the player has already is told before its Range is looked at.
    if _is_known(ask.raw, stored):
        return web.Response(status=304, headers=_headers(stored))
    wanted = _wanted(ask.raw, stored)
    response = web.StreamResponse(status=206 if wanted.is_part else 200, headers=_headers(stored))
    response.content_length = wanted.stop - wanted.start
    if wanted.is_part:
        response.headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{stored.size_bytes}"
    if ask.raw.method == "HEAD" or wanted.start == wanted.stop:
        await response.prepare(ask.raw)
        return response
    return await _send(ask, response, grant, stored, wanted)


async def _send(
    ask: Ask[Any, Any], response: web.StreamResponse, grant: Grant, stored: StoredPart, wanted: Wanted
) -> web.StreamResponse:
    async with aclosing(ask.services.reader.stream(stored, wanted.start, wanted.stop)) as blocks:
        first = await anext(blocks)  # what is wrong with the object shows before the first header leaves
        await response.prepare(ask.raw)
        watching = asyncio.create_task(_watch(ask, grant), name=f"watch-{grant.link_id}")
        watching.add_done_callback(lambda watch: None if watch.cancelled() else _cut(ask.raw))
        try:
            with _unbuffered(ask.raw):
                await _write(ask.raw, response, first)
                async for block in blocks:
                    await _write(ask.raw, response, block)
            await response.write_eof()
        except VaultError as cause:
            # Part of the answer has left: the only honest thing is a connection that breaks.
            _cut(ask.raw)
            raise ConnectionResetError("the playback was cut off") from cause
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
    return response


async def _write(request: web.Request, response: web.StreamResponse, block: memoryview) -> None:
    """Write a block and wait until the kernel has all of it: its memory is used again."""
    await response.write(block)
    await request.writer.drain()


@contextmanager
def _unbuffered(request: web.Request) -> Iterator[None]:
    """Let a drain wait until the transport holds nothing, for the length of the block."""
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the player has left")
    transport.set_write_buffer_limits(0)
    try:
        yield
    finally:
        if not transport.is_closing():
            transport.set_write_buffer_limits()


async def _watch(ask: Ask[Any, Any], grant: Grant) -> None:
    """Return when the right to play is gone, or cannot be asked: however this ends, the playback ends."""
    good = True
    while good:
        await asyncio.sleep(ask.services.settings.links.recheck_s)
        try:
            async with asyncio.timeout(RECHECK_LIMIT_S):
                good = await _may_go_on(ask, grant)
        except (VaultError, TimeoutError):
            good = False


async def _may_go_on(ask: Ask[Any, Any], grant: Grant) -> bool:
    now = await ask.services.identity.may_go_on(ask.principal)
    return now is not None and now.may(Permission.MEDIA_PLAY) and await ask.services.links.alive(grant)


def _cut(request: web.Request) -> None:
    """Reset the connection: an orderly close would still deliver megabytes of the kernel's send buffer."""
    if request.transport is None:
        return
    connection = request.transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    request.transport.abort()


def _headers(stored: StoredPart) -> dict[str, str]:
    return {
        "Content-Type": stored.content_type,
        "Accept-Ranges": "bytes",
        "ETag": f'"{stored.etag}"',
        "Cache-Control": "private, no-store",
        "Content-Disposition": "inline",
        "X-Robots-Tag": "noindex",
        # Opened on its own, a recording is a document: it may load and run nothing (ASVS 3.2.1).
        "Content-Security-Policy": "default-src 'none'; media-src 'self'; sandbox",
    }


def _is_known(request: web.Request, stored: StoredPart) -> bool:
    given = request.if_none_match
    return given is not None and any(tag.value in {"*", stored.etag} for tag in given)


def _wanted(request: web.Request, stored: StoredPart) -> Wanted:
    """Read the Range header (RFC 9110, 14.2); several ranges, other units, stale If-Range mean the whole."""
    whole = Wanted(0, stored.size_bytes, is_part=False)
    # RFC 9110, 14.2: a range means something for GET only.
    header = request.headers.get("Range") if request.method == "GET" else None
    if header is None or not _if_range_holds(request, stored):
        return whole
    found = _RANGE.match(header.replace(" ", ""))
    if found is None:
        return whole
    first, last = found.group(1), found.group(2)
    if not first and not last:
        return whole
    if not first:  # a suffix: the last so many bytes
        length = min(int(last), stored.size_bytes)
        start, stop = stored.size_bytes - length, stored.size_bytes
    else:
        start = int(first)
        stop = min(int(last) + 1, stored.size_bytes) if last else stored.size_bytes
        if last and int(last) < start:
            return whole
    if start >= stop:
        raise RangeError("the range lies behind the end of the recording", size_bytes=stored.size_bytes)
    return Wanted(start, stop, is_part=True)


def _if_range_holds(request: web.Request, stored: StoredPart) -> bool:
    given = request.headers.get("If-Range")
    return given is None or given == f'"{stored.etag}"'


ROUTES: Final = (
    Route(
        method="GET",
        path="/p/{link}/{file}",
        handler=play,
        needs=Permission.MEDIA_PLAY,
        summary="A part of a media item, through a link.",
        tag="media",
        responses={200: None, 206: None},
        errors=(LinkDeadError, ErasedError, RestrictedError, RangeError, NotFoundError),
        patterns={"link": "[A-Za-z0-9_-]{22}", "file": "|".join(name.replace(".", r"\.") for name in FILES)},
    ),
)
