"""The bad network is as bad as it says, and no worse."""

import random
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from statistics import fmean, quantiles

import pytest

from tests.servers.ports import free_port
from tests.servers.udp_proxy import UdpProxy, Way, Weather, udp_proxy

COUNT = 200  # fits into a socket of the usual size
DELAY_S, JITTER_S = 0.02, 0.1
SOUND_S, PICTURE_S = 0.02, 0.002  # from one datagram to the next: Opus, and a picture of many
LASTS_S = 60.0


def crossing_times_s(weather: Weather, apart_s: float) -> list[float]:
    """How long each datagram of a minute is on its way, as the proxy computes it."""
    way, chance = Way(random.Random(1)), random.Random(2)
    sent_s = [number * apart_s for number in range(round(LASTS_S / apart_s))]
    return [
        way.due_s(now_s, weather, reordered=chance.random() < weather.reordered) - now_s for now_s in sent_s
    ]


@pytest.mark.parametrize("apart_s", [SOUND_S, PICTURE_S])
def test_jitter_spreads_the_delay_as_far_as_it_says_however_dense_the_datagrams(apart_s: float) -> None:
    """In order, never early; nine of ten within a spread of which they use most, none beyond it."""
    crossed_s = crossing_times_s(Weather(delay_s=DELAY_S, jitter_s=JITTER_S), apart_s)
    came_s = [number * apart_s + each for number, each in enumerate(crossed_s)]
    assert came_s == sorted(came_s)
    assert min(crossed_s) >= DELAY_S - 1e-9
    assert max(crossed_s) < DELAY_S + JITTER_S * 1.01
    twentieths = quantiles(crossed_s, n=20)
    assert twentieths[-1] - twentieths[0] > 0.7 * JITTER_S


def test_jitter_is_what_a_receiver_of_sound_measures() -> None:
    """RFC 3550, 6.4.1: the mean deviation of neighbours is that of delays drawn at random, a third."""
    crossed_s = crossing_times_s(Weather(delay_s=DELAY_S, jitter_s=JITTER_S), SOUND_S)
    assert fmean(abs(after - before) for before, after in pairwise(crossed_s)) > JITTER_S * 0.25


def test_what_is_reordered_is_no_more_than_its_share_and_not_beyond_the_spread() -> None:
    """Of those that are dense enough to be overtaken at all."""
    weather = Weather(delay_s=DELAY_S, jitter_s=JITTER_S, reordered=0.05)
    crossed_s = crossing_times_s(weather, PICTURE_S)
    came_s = [number * PICTURE_S + each for number, each in enumerate(crossed_s)]
    assert max(crossed_s) < DELAY_S + JITTER_S * 1.01
    order = sorted(range(len(came_s)), key=came_s.__getitem__)
    latest, late = -1, 0
    for number in order:
        late += number < latest
        latest = max(latest, number)
    assert late > 0.01 * len(order)


def test_a_change_of_weather_and_a_pause_end_the_old_delay() -> None:
    """Clear again: the next comes when what is before it is out; after an hour of silence at once."""
    way, bad = Way(random.Random(1)), Weather(delay_s=DELAY_S, jitter_s=JITTER_S)
    last_s = max(way.due_s(number * PICTURE_S, bad, reordered=False) for number in range(500))
    assert last_s < way.due_s(1.0, Weather(), reordered=False) < last_s + 0.001
    assert way.due_s(2.0, Weather(), reordered=False) == 2.0
    assert 3600 + DELAY_S <= way.due_s(3600, bad, reordered=False) < 3600 + DELAY_S + JITTER_S


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


def test_who_moves_comes_from_another_address_and_hears_answers_to_that_alone() -> None:
    """The same client to its own eyes, a stranger to the service."""
    with through(Weather()) as (proxy, client, service):
        client.send(b"before")
        _, old = service.recvfrom(100)
        proxy.move("127.0.0.3")
        sent(client, service)
        client.send(b"after")
        _, new = service.recvfrom(100)
        assert new[0] == "127.0.0.3"
        for address in (old, new):
            service.sendto(repr(address).encode(), address)
        assert client.recv(100) == repr(new).encode()
        assert proxy.clients == 1
