"""A proxy before an S3 service that loses things on purpose: answers, connections, patience.

It speaks just enough HTTP/1.1 for botocore: one request at a time, bodies with a length, answers with a
length or in chunks.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto

HEAD_MAX_BYTES = 64 * 1024


class Fault(Enum):
    """What happens to one request."""

    NONE = auto()
    LOSE_ANSWER = auto()  # the service does it, the client never hears of it
    RESET = auto()  # the connection ends before the service has seen the request
    SLOW_DOWN = auto()  # 503, as a service under load answers
    SILENCE = auto()  # nothing comes back, the connection stays


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    method: str
    target: str
    head: bytes
    body: bytes


@dataclass
class Proxy:
    """The running proxy. `judge` is asked about every request; `seen` counts them by method and target."""

    port: int = 0
    judge: Callable[[Request], Fault] = lambda _request: Fault.NONE
    seen: list[tuple[str, str, Fault]] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        """The address for clients."""
        return f"http://127.0.0.1:{self.port}"

    def fail_once(self, fault: Fault, wanted: Callable[[Request], bool], times: int = 1) -> None:
        """Let the next such requests go wrong, and all others pass."""
        left = times

        def judge(request: Request) -> Fault:
            nonlocal left
            if left and wanted(request):
                left -= 1
                return fault
            return Fault.NONE

        self.judge = judge

    def faults(self) -> int:
        """Return how many requests went wrong."""
        return sum(fault is not Fault.NONE for _, _, fault in self.seen)


def header(head: bytes, name: bytes) -> bytes | None:
    """Return a header's value."""
    for line in head.split(b"\r\n")[1:]:
        found, _, value = line.partition(b":")
        if found.strip().lower() == name:
            return value.strip()
    return None


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request:
    """Read one whole request; answers "go on" itself, as the service behind would."""
    head = await reader.readuntil(b"\r\n\r\n")
    if header(head, b"expect"):
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"expect:")]
        head = b"\r\n".join(lines)
    body = await reader.readexactly(int(header(head, b"content-length") or 0))
    method, target, _ = head.split(b" ", 2)
    return Request(method.decode(), target.decode(), head, body)


async def read_answer(reader: asyncio.StreamReader, method: str) -> bytes:
    """Read one whole answer, raw."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    if method == "HEAD" or status in {204, 304}:
        return head
    if (header(head, b"transfer-encoding") or b"").lower() != b"chunked":
        return head + await reader.readexactly(int(header(head, b"content-length") or 0))
    whole = bytearray(head)
    while True:
        line = await reader.readuntil(b"\r\n")
        whole += line + await reader.readexactly(int(line.split(b";")[0], 16) + 2)
        if int(line.split(b";")[0], 16) == 0:
            return bytes(whole)


SLOW_DOWN_BODY = b"<Error><Code>SlowDown</Code></Error>"
SLOW_DOWN = b"HTTP/1.1 503 Slow Down\r\nContent-Length: %d\r\n\r\n%s" % (len(SLOW_DOWN_BODY), SLOW_DOWN_BODY)


async def forward(request: Request, service_port: int) -> bytes:
    """Hand one request to the service and return its raw answer."""
    answers, upstream = await asyncio.open_connection("127.0.0.1", service_port, limit=HEAD_MAX_BYTES)
    try:
        upstream.write(request.head + request.body)
        return await read_answer(answers, request.method)
    finally:
        upstream.close()


async def serve(
    proxy: Proxy, service_port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Serve one client until it leaves or a fault ends the connection."""
    while True:
        request = await read_request(reader, writer)
        fault = proxy.judge(request)
        proxy.seen.append((request.method, request.target, fault))
        if fault is Fault.RESET:
            return
        if fault is Fault.SILENCE:
            await asyncio.sleep(3600)
        answer = SLOW_DOWN if fault is Fault.SLOW_DOWN else await forward(request, service_port)
        if fault is Fault.LOSE_ANSWER:
            return
        writer.write(answer)
        await writer.drain()


@asynccontextmanager
async def lossy_proxy(service_port: int) -> AsyncIterator[Proxy]:
    """Run a proxy before a service on loopback for the length of the block."""
    proxy = Proxy()
    tasks: set[asyncio.Task[None]] = set()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(proxy, service_port, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client went away
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(connection(reader, writer), name="proxy-connection")
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=HEAD_MAX_BYTES)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
