"""Connections that do not speak, speak slowly, or do not listen: real sockets, short deadlines."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.vault.http.house import House, open_house
from vault.http.ask import Ask
from vault.http.route import Route
from vault.model import Role
from vault.policy import Permission

DEADLINES = {"header_timeout_s": 0.5, "body_timeout_s": 0.5, "idle_timeout_s": 1.0, "max_connections": 20}
PATIENCE_S = 5.0


async def _flood(ask: Ask[Any, Any]) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(ask.raw)
    for _ in range(2_000):
        await response.write(b"\0" * 65_536)
    return response


FLOOD = Route(
    method="GET",
    path="/flood",
    handler=_flood,
    needs=Permission.PUBLIC,
    summary="More than any socket buffers.",
    responses={200: None},
    hidden=True,
)


@pytest.fixture
async def hurried(tmp_path: Path) -> AsyncIterator[House]:
    """A door with short deadlines."""
    async with open_house(tmp_path, server=DEADLINES, routes=[FLOOD]) as opened:
        yield opened


async def _until_closed(reader: asyncio.StreamReader) -> tuple[bytes, float]:
    """Read until the server closes; give what came and how long it took."""
    started = time.monotonic()
    read = b""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while chunk := await reader.read(65_536):
                read += chunk
    except ConnectionError:
        pass
    return read, time.monotonic() - started


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /livez HTTP/1.1\r\nHo", b"GET /livez HTTP/1.1\r\nHost: a\r\nX-Slow: "],
    ids=["silent", "half a header", "header without end"],
)
async def test_a_connection_without_a_complete_header_is_closed(hurried: House, sent: bytes) -> None:
    """Half a header is given header_timeout_s, no more (promise: silent connections die)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", hurried.port)
    writer.write(sent)
    _, seconds = await _until_closed(reader)
    assert 0.3 < seconds < 2
    writer.close()


async def test_a_header_that_drips_is_closed_all_the_same(hurried: House) -> None:
    """Bytes that keep coming do not move the deadline."""
    reader, writer = await asyncio.open_connection("127.0.0.1", hurried.port)
    writer.write(b"GET /livez HTTP/1.1\r\n")

    async def drip() -> None:
        while True:
            writer.write(b"X-A: b\r\n")
            await asyncio.sleep(0.1)

    dripping = asyncio.create_task(drip(), name="drip")
    _, seconds = await _until_closed(reader)
    dripping.cancel()
    await asyncio.gather(dripping, return_exceptions=True)
    assert seconds < 2
    writer.close()


async def test_half_a_body_is_answered_and_closed(hurried: House) -> None:
    """A body is given body_timeout_s; then 408 and the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", hurried.port)
    writer.write(
        b"POST /v1/people HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
        b"Authorization: Bearer " + hurried.token(Role.ADMIN).encode() + b'\r\n\r\n{"role"'
    )
    answer, seconds = await _until_closed(reader)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code":"request_timeout"' in answer
    assert seconds < 4
    writer.close()


async def test_half_a_body_of_an_unwanted_request_is_closed(hurried: House) -> None:
    """A request refused before its body is read does not keep its connection either."""
    reader, writer = await asyncio.open_connection("127.0.0.1", hurried.port)
    writer.write(b"POST /v1/people HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx")
    answer, seconds = await _until_closed(reader)
    assert answer.startswith(b"HTTP/1.1 401")
    assert seconds < 4
    writer.close()


async def test_an_idle_connection_is_closed_after_its_last_request(hurried: House) -> None:
    """Keep-alive lasts idle_timeout_s."""
    reader, writer = await asyncio.open_connection("127.0.0.1", hurried.port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
    answer, seconds = await _until_closed(reader)
    assert answer.startswith(b"HTTP/1.1 200")
    assert 0.5 < seconds < 4
    writer.close()


async def test_half_a_second_header_is_closed_too(hurried: House) -> None:
    """The deadline holds for every request of a connection, not only for its first."""
    reader, writer = await asyncio.open_connection("127.0.0.1", hurried.port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
    await reader.readuntil(b"}")
    writer.write(b"GET /livez HT")
    _, seconds = await _until_closed(reader)
    assert seconds < 2
    writer.close()


async def test_a_peer_that_does_not_read_its_answer_is_cut(hurried: House) -> None:
    """An answer nobody takes holds its memory for idle_timeout_s, no longer."""
    _, writer = await asyncio.open_connection("127.0.0.1", hurried.port, limit=1_024)
    writer.write(b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n")
    transport = writer.transport
    transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(2.5)
    metrics, _ = hurried.services.metrics.exposition("")
    assert b'route="/flood"' in metrics  # the handler has ended
    writer.close()


async def test_connections_beyond_the_cap_are_refused_at_once(hurried: House) -> None:
    """max_connections open ones; the next is closed, and there is room again when one goes."""
    taken = [await asyncio.open_connection("127.0.0.1", hurried.port) for _ in range(25)]
    await asyncio.sleep(0.1)
    closed = [reader.at_eof() or reader.exception() is not None for reader, _ in taken]
    assert sum(closed) >= 5
    for _, writer in taken:
        writer.close()
    await asyncio.sleep(0.8)
    status, _, _ = await hurried.ask("GET", "/livez")
    assert status == 200
