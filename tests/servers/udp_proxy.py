"""A bad network between two ends on one machine: a UDP proxy that loses, delays, reorders, or goes dark.

Each client gets a socket of its own towards the service, as behind a NAT, so the service tells its clients
apart by address. The proxy runs in a thread with a loop of its own: tests that block may use it as well.
"""

import asyncio
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

Address = tuple[str, int]
MOST_CLIENTS: Final = 256
STOP_TIMEOUT_S: Final = 10.0
APART_S: Final = 1e-5  # two that are due at one moment would come out in any order
SHORTEST_STOP: Final = 0.5  # of `jitter_s`
BUFFER_BYTES: Final = 1024 * 1024  # the weather loses datagrams, not the proxy


@dataclass(frozen=True)
class Weather:
    """What happens to a datagram on its way, in each direction. Shares are from 0 to 1.

    Delay keeps the order, as a queue does, and is `delay_s` and up to `jitter_s` more, as `Way` tells. The
    share that is reordered takes another way, which may be shorter or longer than that of its neighbours.
    With a rate, each direction carries so many bits a second, and what would wait over `queue_s` is lost.
    """

    lost: float = 0.0
    delay_s: float = 0.0
    jitter_s: float = 0.0
    reordered: float = 0.0
    doubled: float = 0.0
    rate_bps: float = 0.0
    queue_s: float = 0.3


CLEAR: Final = Weather()


class Way:
    """One direction of one client: when a datagram comes out. It computes, and has no clock.

    Jitter is that of a radio cell: the queue stands still for up to `jitter_s`, then all that waited comes
    out at once, and it stands still again. To draw a delay for each datagram and keep the order would be no
    jitter where they are dense: each waits for the slowest before it, and all are late alike.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._opens_s = 0.0
        self._free_s = 0.0
        self._sent_s = 0.0  # when the line has carried what it has taken

    def carried_s(self, now_s: float, size_bytes: int, weather: Weather) -> float | None:
        """When the line has carried a datagram that comes in now; None where its queue is full."""
        if not weather.rate_bps:
            return now_s
        begins_s = max(self._sent_s, now_s)
        if begins_s - now_s > weather.queue_s:
            return None
        self._sent_s = begins_s + 8 * size_bytes / weather.rate_bps
        return self._sent_s

    def due_s(self, now_s: float, weather: Weather, *, reordered: bool) -> float:
        """When a datagram that comes in now goes out."""
        if reordered:
            return now_s + self._chance.random() * (weather.delay_s + weather.jitter_s)
        self._free_s = max(self._free_s + APART_S, self._passes_s(now_s, weather.jitter_s) + weather.delay_s)
        return self._free_s

    def _passes_s(self, now_s: float, jitter_s: float) -> float:
        """When the queue that stands still now, if it does, goes on."""
        if jitter_s <= 0:
            return now_s
        self._opens_s = max(self._opens_s, now_s - jitter_s)
        while self._opens_s < now_s:
            self._opens_s += jitter_s * self._chance.uniform(SHORTEST_STOP, 1.0)
        return self._opens_s


class UdpProxy:
    """The running proxy. `weather` and `is_dark` may be changed at any time, from any thread."""

    def __init__(self, service: Address, weather: Weather, seed: int) -> None:
        self.weather = weather
        self.is_dark = False
        self.counts: Counter[str] = Counter()
        self._service = service
        self._random = random.Random(seed)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._front: asyncio.DatagramTransport | None = None
        self._clients: dict[Address, _Client] = {}
        self._opening: set[asyncio.Task[None]] = set()

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Let nothing through for the length of the block."""
        self.is_dark = True
        try:
            yield
        finally:
            self.is_dark = False

    def move(self, host: str) -> None:
        """Give each client another address towards the service: a port of `host`, an address of this machine.

        As where a telephone changes its network, or a NAT forgets. What goes to the old address is lost.
        """
        if self._loop is None:
            raise LookupError("the proxy does not run")
        asyncio.run_coroutine_threadsafe(self._move(host), self._loop).result(STOP_TIMEOUT_S)

    async def _move(self, host: str) -> None:
        for client in self._clients.values():
            client.close()
            await client.open(self._service, host)

    @property
    def clients(self) -> int:
        """How many addresses were seen."""
        return len(self._clients)

    def way(self) -> Way:
        """A direction with stops of its own."""
        return Way(random.Random(self._random.random()))

    async def open(self, listen: Address) -> None:
        """Bind; raises OSError where the address is taken or not ours."""
        self._loop = loop = asyncio.get_running_loop()
        self._front, _ = await loop.create_datagram_endpoint(lambda: _Front(self), local_addr=listen)
        _widen(self._front)

    async def close(self) -> None:
        """Close every socket."""
        for task in self._opening:
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        for client in self._clients.values():
            client.close()
        if self._front is not None:
            self._front.close()

    def from_client(self, data: bytes, address: Address) -> None:
        """Bring a datagram to the service."""
        client = self._clients.get(address)
        if client is None:
            if len(self._clients) >= MOST_CLIENTS:
                self.counts["refused"] += 1
                return
            client = self._clients[address] = _Client(self, address)
            task = asyncio.get_running_loop().create_task(client.open(self._service), name="udp-proxy-client")
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        self.pass_on(client.onward, data, client.to_service)

    def to_client(self, data: bytes, address: Address) -> None:
        """Give a datagram of the service to a client."""
        if self._front is not None:
            self._front.sendto(data, address)

    def pass_on(self, way: Way, data: bytes, send: Callable[[bytes], None]) -> None:
        """Send a datagram as the weather is."""
        weather, chance = self.weather, self._random.random
        if self.is_dark or chance() < weather.lost:
            self.counts["lost"] += 1
            return
        loop = asyncio.get_running_loop()
        carried_s = way.carried_s(loop.time(), len(data), weather)
        if carried_s is None:
            self.counts["full"] += 1
            return
        reordered = chance() < weather.reordered
        due_s = way.due_s(carried_s, weather, reordered=reordered)
        self.counts["reordered"] += reordered
        self.counts["passed"] += 1
        loop.call_at(due_s, send, data)
        if chance() < weather.doubled:
            self.counts["doubled"] += 1
            loop.call_at(due_s, send, data)


class _Client:
    """One client's socket towards the service."""

    def __init__(self, proxy: UdpProxy, address: Address) -> None:
        self.onward, self.back = proxy.way(), proxy.way()
        self._proxy = proxy
        self._address = address
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self, service: Address, host: str | None = None) -> None:
        """Connect, from an address of `host`; what came before is lost, as on any network."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: _Back(self), remote_addr=service, local_addr=None if host is None else (host, 0)
        )
        _widen(self._transport)

    def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()

    def to_service(self, data: bytes) -> None:
        """Send now."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data)

    def from_service(self, data: bytes) -> None:
        """Bring a datagram back to the client."""
        self._proxy.pass_on(self.back, data, lambda sent: self._proxy.to_client(sent, self._address))


def _widen(transport: asyncio.DatagramTransport) -> None:
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)


class _Front(asyncio.DatagramProtocol):
    """Where clients send to."""

    def __init__(self, proxy: UdpProxy) -> None:
        self._proxy = proxy

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Take a client's datagram."""
        self._proxy.from_client(data, (addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        """A client that is gone does not matter."""


class _Back(asyncio.DatagramProtocol):
    """Where the service answers to."""

    def __init__(self, client: _Client) -> None:
        self._client = client

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:  # noqa: ARG002 - one service
        """Take an answer."""
        self._client.from_service(data)

    def error_received(self, exc: Exception) -> None:
        """A service that is down for a while is what some tests want."""


@contextmanager
def udp_proxy(
    listen: Address, service: Address, weather: Weather = CLEAR, *, seed: int = 1
) -> Iterator[UdpProxy]:
    """Run a proxy between its clients and a service for the length of the block."""
    proxy = UdpProxy(service, weather, seed)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="udp-proxy", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(proxy.open(listen), loop).result(STOP_TIMEOUT_S)
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(proxy.close(), loop).result(STOP_TIMEOUT_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(STOP_TIMEOUT_S)
        loop.close()
