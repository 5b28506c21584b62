"""A way to a web server that can go dark: connections stay as they are, and nothing gets through them.

As where a network is gone for a while: nobody is told, what was written waits, and it arrives when there is a
network again.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

LOOPBACK: Final = "127.0.0.1"
AT_ONCE_BYTES: Final = 64 * 1024


class TcpProxy:
    """The running proxy, on a port of its own."""

    def __init__(self, service_port: int) -> None:
        self.port = 0
        self._service_port = service_port
        self._is_lit = asyncio.Event()
        self._is_lit.set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The address for browsers."""
        return f"http://{LOOPBACK}:{self.port}"

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Let nothing through for the length of the block."""
        self._is_lit.clear()
        try:
            yield
        finally:
            self._is_lit.set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection, and keep its task."""
        task = asyncio.create_task(self._connect(reader, writer), name="tcp-proxy-connection")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End every connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        try:
            await self._is_lit.wait()
            back, onward = await asyncio.open_connection(LOOPBACK, self._service_port)
            writers.append(onward)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(reader, onward))
                both.create_task(self._pass_on(back, writer))
        except OSError:  # a server that is down for a while is what some tests want
            writer.transport.abort()
        except asyncio.CancelledError:  # what is not written by now would be waited for below
            for each in writers:
                each.transport.abort()
            raise
        finally:
            for each in writers:
                each.close()
            await asyncio.gather(*(each.wait_closed() for each in writers), return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One direction, to its end or until either side is gone."""
        try:
            while data := await reader.read(AT_ONCE_BYTES):
                await self._is_lit.wait()
                writer.write(data)
                await writer.drain()
            await self._is_lit.wait()
            writer.write_eof()
        except OSError:
            writer.transport.abort()


@asynccontextmanager
async def tcp_proxy(service_port: int) -> AsyncIterator[TcpProxy]:
    """Run a proxy before a server on loopback for the length of the block."""
    proxy = TcpProxy(service_port)
    server = await asyncio.start_server(proxy.accept, LOOPBACK, 0, limit=AT_ONCE_BYTES)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
