"""The bad network is as bad as it says, and no worse."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from tests.servers.ports import free_port
from tests.servers.udp_proxy import UdpProxy, Weather, udp_proxy

COUNT = 200  # fits into a socket of the usual size


@contextmanager
def through(weather: Weather) -> Iterator[tuple[UdpProxy, socket.socket, socket.socket]]:
    """A client and a service with a proxy between them."""
    with closing(socket.socket(type=socket.SOCK_DGRAM)) as service:
        service.bind(("127.0.0.1", 0))
        service.settimeout(0.5)
        port = free_port(socket.SOCK_DGRAM)
        with (
            udp_proxy(("127.0.0.1", port), service.getsockname(), weather) as proxy,
            closing(socket.socket(type=socket.SOCK_DGRAM)) as client,
        ):
            client.connect(("127.0.0.1", port))
            client.settimeout(1.0)
            client.send(b"hello")  # opens the way; may be lost with it
            while proxy.counts["passed"] < 2:
                client.send(b"hello")
                time.sleep(0.01)
            yield proxy, client, service


def sent(client: socket.socket, service: socket.socket) -> list[int]:
    """Send numbered datagrams; give the numbers in the order of their coming."""
    for number in range(COUNT):
        client.send(number.to_bytes(2, "big"))
        if number % 20 == 0:
            time.sleep(0.001)  # a burst would fill the sockets' buffers
    came: list[int] = []
    while True:
        try:
            data = service.recv(100)
        except TimeoutError:
            return came
        if len(data) == 2:
            came.append(int.from_bytes(data, "big"))


def test_clear_weather_loses_and_moves_nothing() -> None:
    """Every datagram, once, in order, and the answer finds back."""
    with through(Weather()) as (_, client, service):
        assert sent(client, service) == list(range(COUNT))
        client.send(b"ping")
        data, address = service.recvfrom(100)
        service.sendto(data, address)
        assert client.recv(100) == b"ping"


def test_bad_weather_loses_doubles_and_reorders_its_share() -> None:
    """Ten of a hundred are lost, some come twice, some too early."""
    with through(Weather(lost=0.1, delay_s=0.02, reordered=0.1, doubled=0.1)) as (proxy, client, service):
        came = sent(client, service)
    assert COUNT * 0.75 < len(set(came)) < COUNT
    assert len(came) > len(set(came))
    assert came != sorted(came)
    assert min(proxy.counts[what] for what in ("lost", "doubled", "reordered")) > 0


def test_in_an_outage_nothing_passes_and_after_it_everything() -> None:
    """Dark for a while, then the same client goes on."""
    with through(Weather()) as (proxy, client, service):
        with proxy.outage():
            assert sent(client, service) == []
        assert sent(client, service) == list(range(COUNT))
        assert proxy.clients == 1


def test_a_narrow_line_carries_its_rate_and_loses_what_its_queue_does_not_hold() -> None:
    """Of a burst as much gets through as the queue holds, in order, and as slowly as the line is."""
    with through(Weather(rate_bps=80_000, queue_s=0.1)) as (proxy, client, service):
        begun_s = time.monotonic()
        for number in range(COUNT):
            client.send(number.to_bytes(2, "big") + bytes(98))
        came: list[int] = []
        while len(came) + proxy.counts["full"] < COUNT:
            data = service.recv(200)
            came += [int.from_bytes(data[:2], "big")] if len(data) == 100 else []
        assert came == sorted(came)
        assert proxy.counts["full"] > COUNT / 4
        assert len(came) <= 15 + (time.monotonic() - begun_s) * 100  # 80 kb/s are 100 of these a second
