"""A socket read in batches: nothing is lost or turned round, a quiet one is woken, an end is an end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.webrtc.legs import eventually
from webrtc.limits import GuardLimits
from webrtc.udpsocket import BATCH, REST_S, BatchedSocket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def opened(
    on_datagram: Callable[[bytes, tuple[Any, ...]], None],
) -> Iterator[tuple[BatchedSocket, socket.socket]]:
    """A batched socket on loopback and a plain one that is connected to it."""
    batched = BatchedSocket(on_datagram)
    batched.open("127.0.0.1", 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(batched.address)
        try:
            yield batched, sender
        finally:
            batched.close()


async def test_every_datagram_arrives_once_and_in_order() -> None:
    """More than some batches at once, with a pause between: each is told with its sender's address."""
    heard: list[tuple[bytes, tuple[Any, ...]]] = []
    with opened(lambda *told: heard.append(told)) as (_, sender):
        source = sender.getsockname()
        sent = [number.to_bytes(4, "big") for number in range(5 * BATCH)]
        for number, datagram in enumerate(sent):
            sender.send(datagram)
            if number == 2 * BATCH:
                await asyncio.sleep(3 * REST_S)
        await eventually(lambda: len(heard) == len(sent))
    assert heard == [(datagram, source) for datagram in sent]


async def test_a_quiet_socket_is_woken_again() -> None:
    """Between two datagrams the flow may stop for any time: the next one is heard without a poll."""
    heard: list[bytes] = []
    with opened(lambda data, _: heard.append(data)) as (batched, sender):
        for number in range(1, 4):
            sender.send(b"x")
            await eventually(lambda: len(heard) == number)  # noqa: B023 - awaited in the same round
            await asyncio.sleep(4 * REST_S)
            bound = batched._socket
            assert bound is not None
            assert asyncio.get_running_loop().remove_reader(bound)  # it waits for the system, not for a timer
            batched._wait(bound)


async def test_a_flood_leaves_the_loop_its_turns() -> None:
    """One turn reads one batch: what else is due comes between two."""
    heard: list[bytes] = []
    turns = 0

    async def count() -> None:
        nonlocal turns
        while len(heard) < 4 * BATCH:
            turns += 1
            await asyncio.sleep(0)

    with opened(lambda data, _: heard.append(data)) as (_, sender):
        for _ in range(4 * BATCH):
            sender.send(b"x")
        async with asyncio.timeout(5):
            await count()
    assert turns >= 4


async def test_an_oversized_datagram_is_seen_as_one() -> None:
    """What is cut off when reading is more than the guard lets pass, so it is refused, never half taken."""
    heard: list[bytes] = []
    with opened(lambda data, _: heard.append(data)) as (_, sender):
        sender.send(bytes(9000))
        await eventually(lambda: bool(heard))
    assert len(heard[0]) > GuardLimits().datagram_bytes


async def test_an_unreachable_peer_ends_nothing() -> None:
    """The system's word that nobody listens there (ICMP) costs nothing but that datagram."""
    heard: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        nowhere = gone.getsockname()
    with opened(lambda data, _: heard.append(data)) as (batched, sender):
        for _ in range(3):
            batched.send(b"anyone?", nowhere)
            sender.send(b"x")
            await asyncio.sleep(2 * REST_S)
        await eventually(lambda: len(heard) == 3)


async def test_what_cannot_be_sent_is_counted() -> None:
    """UDP promises nothing: a datagram the system refuses is dropped, and the call goes on."""
    with opened(lambda *_: None) as (batched, sender):
        batched.send(bytes(70_000), sender.getsockname())
        assert batched.unsent == 1
        batched.send(b"x", sender.getsockname())
        assert sender.recv(10) == b"x"


async def test_a_socket_closed_by_what_it_heard_says_nothing_more() -> None:
    """Closing inside the callback is an end: what waits is dropped, sending is nothing, closing again too."""
    heard: list[bytes] = []
    ends: list[BatchedSocket] = []

    def end(data: bytes, _: tuple[Any, ...]) -> None:
        heard.append(data)
        ends[0].close()

    with opened(end) as (batched, sender):
        ends.append(batched)
        for _ in range(3):
            sender.send(b"x")
        await asyncio.sleep(3 * REST_S)
        assert heard == [b"x"]
        batched.send(b"x", sender.getsockname())
        with pytest.raises(OSError, match="closed"):
            _ = batched.address


async def test_a_taken_port_is_refused() -> None:
    """Two sockets do not share one port."""
    with opened(lambda *_: None) as (batched, _), pytest.raises(OSError, match="in use"):
        BatchedSocket(lambda *_: None).open("127.0.0.1", batched.address[1])
