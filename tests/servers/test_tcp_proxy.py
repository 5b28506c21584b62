"""A web server's way goes dark and is lit again, and nobody's connection ends of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.servers.ports import free_port
from tests.servers.tcp_proxy import LOOPBACK, TcpProxy, tcp_proxy


@asynccontextmanager
async def echo() -> AsyncIterator[TcpProxy]:
    """A proxy before a service that gives back what it gets."""
    answering: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()
        await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.create_task(answer(reader, writer), name="echo"))

    server = await asyncio.start_server(accept, LOOPBACK, 0)
    async with tcp_proxy(server.sockets[0].getsockname()[1]) as proxy:
        yield proxy
    server.close()
    await asyncio.gather(*answering, return_exceptions=True)


async def test_in_an_outage_nothing_passes_and_what_waited_arrives_after_it() -> None:
    """On the connection there was, and on one that was begun meanwhile."""
    async with echo() as proxy:
        before, one = await asyncio.open_connection(LOOPBACK, proxy.port)
        one.write(b"there")
        assert await before.readexactly(5) == b"there"
        with proxy.outage():
            meanwhile, other = await asyncio.open_connection(LOOPBACK, proxy.port)
            one.write(b"again")
            other.write(b"new")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(before.read(1), 0.3)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(meanwhile.read(1), 0.3)
        assert await before.readexactly(5) == b"again"
        assert await meanwhile.readexactly(3) == b"new"
        one.write_eof()
        assert await before.read() == b""
        for writer in (one, other):
            writer.close()
            await writer.wait_closed()


async def test_a_server_that_is_down_is_told_by_an_end() -> None:
    """As the system tells it: the browser tries again."""
    async with tcp_proxy(free_port()) as proxy:
        reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
