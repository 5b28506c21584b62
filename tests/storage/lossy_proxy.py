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
    ERROR_AFTER = auto()  # the service does it, and the client is told 500
    RESET_INSIDE = auto()  # the connection ends in the middle of the request's body
    TRUNCATE = auto()  # the answer ends in the middle
    SLOW = auto()  # the answer comes, a little at a time
    REDIRECT = auto()  # 301: the bucket is said to lie in another region
    BAD_KEY = auto()  # 403: the access key is not known any more


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


def refusal(status: bytes, code: bytes, more: bytes = b"") -> bytes:
    """Write an error as a service does."""
    body = b"<Error><Code>%s</Code></Error>" % code
    return b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" % (status, more, len(body), body)


INSTEAD = {
    Fault.SLOW_DOWN: refusal(b"503 Slow Down", b"SlowDown"),
    Fault.REDIRECT: refusal(
        b"301 Moved Permanently", b"PermanentRedirect", b"x-amz-bucket-region: elsewhere-1\r\n"
    ),
    Fault.BAD_KEY: refusal(b"403 Forbidden", b"InvalidAccessKeyId"),
}
INTERNAL = refusal(b"500 Internal Server Error", b"InternalError")
DRIPS = 20
DRIP_S = 0.02


async def forward(request: Request, service_port: int) -> bytes:
    """Hand one request to the service and return its raw answer."""
    answers, upstream = await asyncio.open_connection("127.0.0.1", service_port, limit=HEAD_MAX_BYTES)
    try:
        upstream.write(request.head + request.body)
        return await read_answer(answers, request.method)
    finally:
        upstream.close()


async def forward_half(request: Request, service_port: int) -> None:
    """Hand half a request to the service, and hang up."""
    _, upstream = await asyncio.open_connection("127.0.0.1", service_port)
    upstream.write(request.head + request.body[: len(request.body) // 2])
    await upstream.drain()
    upstream.close()
    await upstream.wait_closed()


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
        if fault is Fault.RESET_INSIDE:
            await forward_half(request, service_port)
            return
        if fault is Fault.SILENCE:
            await asyncio.sleep(3600)
        answer = INSTEAD.get(fault) or await forward(request, service_port)
        if fault is Fault.LOSE_ANSWER:
            return
        if fault is Fault.TRUNCATE:
            writer.write(answer[: -max(1, len(answer) // 4)])
            await writer.drain()
            return
        if fault is Fault.ERROR_AFTER:
            # No body and no connection goes on after the head of an answer to HEAD.
            answer = (
                INTERNAL.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if request.method == "HEAD" else INTERNAL
            )
        step = max(1, len(answer) // DRIPS) if fault is Fault.SLOW else len(answer)
        for at in range(0, len(answer), step):
            writer.write(answer[at : at + step])
            await writer.drain()
            if fault is Fault.SLOW:
                await asyncio.sleep(DRIP_S)


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
