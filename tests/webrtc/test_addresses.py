"""Where legs listen and what callers are told: IPv6, several addresses, a NAT, a network of its own."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aioice import ice as aioice_ice

from tests.servers.parts import need
from tests.servers.ports import free_port
from tests.servers.udp_proxy import UdpProxy, udp_proxy
from tests.webrtc.legs import Leg, Memory, eventually
from tests.webrtc.publisher import Publisher, PublisherPlan
from webrtc.ice import own_addresses, shown_addresses
from webrtc.lifecycle import CloseReason
from webrtc.limits import IceSettings, PeerLimits
from webrtc.peer import Peer
from webrtc.udpmux import UdpMux

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

ROOT = Path(__file__).resolve().parents[2]
FOUR, SIX = "127.0.0.1", "::1"
# A machine that has one address, an IPv6 one, and no way out.
LONELY = """
ip link set lo up
ip link add v0 type veth peer name v1
ip link set v1 up
ip -6 address add fd00:99::1/64 dev v0 nodad
ip link set v0 up
exec "$0" -m tests.webrtc.test_addresses
"""


@pytest.mark.parametrize(
    ("bound", "announced", "shown"),
    [
        ((FOUR,), (), [[FOUR]]),
        (("10.0.0.5",), ("203.0.113.7",), [["203.0.113.7"]]),
        (("10.0.0.5", SIX), ("203.0.113.7",), [["203.0.113.7"], [SIX]]),
        (("10.0.0.5", "fd00::5"), ("203.0.113.7", "2001:db8::7"), [["203.0.113.7"], ["2001:db8::7"]]),
        (("10.0.0.5", "10.0.0.6"), ("203.0.113.7", "203.0.113.8"), [["203.0.113.7"], ["203.0.113.8"]]),
        (("10.0.0.5",), ("203.0.113.7", "203.0.113.8"), [["203.0.113.7", "203.0.113.8"]]),
    ],
)
def test_a_bound_address_is_told_as_callers_reach_it(
    bound: Sequence[str], announced: Sequence[str], shown: list[list[str]]
) -> None:
    """Family by family: one to one where there are as many, else under each of them."""
    assert shown_addresses(bound, announced) == shown


@asynccontextmanager
async def muxed(addresses: Sequence[str], port: int) -> AsyncIterator[UdpMux]:
    """A shared port on these addresses."""
    mux = UdpMux(addresses, port)
    await mux.open()
    try:
        yield mux
    finally:
        mux.close()


async def arrives(address: str, ice: IceSettings, mux: UdpMux | None = None) -> str:
    """Publish from an address; every frame of a short clip has to come. Returns the answer."""
    plan = PublisherPlan(video_frames=30, audio_frames=50, address=address)
    plan.video_media()
    memory, leg = Memory(), Leg(PeerLimits(), ice)
    leg.peer = Peer(limits=PeerLimits(), ice=ice, on_closed=leg.closed.append, mux=mux)
    leg.peer.attach(memory)
    async with Publisher(plan) as publisher:
        answer = await leg.peer.answer(await publisher.offer())
        await publisher.accept(answer)
        await publisher.connected()
        await publisher.finished()
        await eventually(lambda: (len(memory.of_kind("video")), len(memory.of_kind("audio"))) == (30, 50))
        await leg.peer.close()
    return answer


async def test_a_call_over_ipv6_on_ports_of_its_own() -> None:
    """Each leg binds a port of the range on the IPv6 address."""
    answer = await arrives(SIX, IceSettings(addresses=(SIX,), ports=(42_200, 42_263)))
    assert " ::1 " in answer
    assert "c=IN IP6 ::1" in answer


async def test_one_port_number_serves_both_families() -> None:
    """The shared port has a socket for each address: callers of either family are heard on theirs."""
    port = free_port(socket.SOCK_DGRAM)
    async with muxed((FOUR, SIX), port) as mux:
        for address in (FOUR, SIX):
            answer = await arrives(address, IceSettings(addresses=(FOUR, SIX)), mux)
            assert f" {FOUR} {port} typ host" in answer
            assert f" {SIX} {port} typ host" in answer


async def test_a_call_comes_through_a_nat_at_the_announced_address() -> None:
    """The answer names the public address alone, and who comes through it is heard."""
    port, public = free_port(socket.SOCK_DGRAM), "127.0.0.2"
    with udp_proxy((public, port), (FOUR, port)) as nat:
        async with muxed((FOUR,), port) as mux:
            answer = await arrives(FOUR, IceSettings(addresses=(FOUR,), announced=(public,)), mux)
        assert nat.clients == 1
    assert f" {public} {port} typ host" in answer
    assert f" {FOUR} " not in answer.replace(f"IN IP4 {FOUR}", "")


@asynccontextmanager
async def behind_a_nat() -> AsyncIterator[tuple[UdpProxy, Publisher, Leg, Memory]]:
    """A caller who was heard through a NAT."""
    port, public = free_port(socket.SOCK_DGRAM), "127.0.0.2"
    ice, memory = IceSettings(addresses=(FOUR,), announced=(public,)), Memory()
    with udp_proxy((public, port), (FOUR, port)) as nat:
        async with muxed((FOUR,), port) as mux, Publisher(PublisherPlan()) as publisher:
            leg = Leg(PeerLimits(), ice)
            leg.peer = Peer(limits=PeerLimits(), ice=ice, on_closed=leg.closed.append, mux=mux)
            leg.peer.attach(memory)
            await publisher.accept(await leg.peer.answer(await publisher.offer()))
            await publisher.connected()
            await eventually(lambda: len(memory.of_kind("video")) > 5)
            yield nat, publisher, leg, memory
            await leg.peer.close()


async def test_a_call_goes_on_at_the_address_that_its_nat_changed_to() -> None:
    """Heard there, and spoken to there: the same leg, which would end if the old address were asked alone."""
    async with behind_a_nat() as (nat, publisher, leg, memory):
        nat.move("127.0.0.3")
        before, asked = len(memory.of_kind("video")), publisher.keyframe_requests
        await eventually(lambda: len(memory.of_kind("video")) > before + 5)

        def is_spoken_to() -> bool:
            leg.peer.request_keyframe()
            return publisher.keyframe_requests > asked

        await eventually(is_spoken_to)
        assert leg.closed == []
        assert nat.clients == 1


async def test_who_consents_no_more_is_lost_and_has_not_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who left is not waited for; who was lost may come back."""
    monkeypatch.setattr(aioice_ice, "CONSENT_INTERVAL", 0.2)
    monkeypatch.setattr(aioice_ice, "CONSENT_FAILURES", 1)
    async with behind_a_nat() as (nat, _, leg, _):
        with nat.outage():
            await eventually(lambda: leg.closed)
        assert leg.closed == [CloseReason.CONSENT_LOST]


def test_a_machine_with_ipv6_alone_carries_a_call() -> None:
    """In a network of its own, with nothing in the settings: the only address is found and used."""
    programs = need("unshare", "ip", "sh")
    argv = [programs["unshare"], "--map-root-user", "--net", programs["sh"], "-euc", LONELY, sys.executable]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    if "unshare failed" in done.stderr:
        pytest.skip("this machine lets nobody make a network of its own")
    assert done.returncode == 0, done.stderr
    assert "arrived over ['fd00:99::1']" in done.stdout


if __name__ == "__main__":
    found = own_addresses()
    asyncio.run(arrives(found[0], IceSettings()))
    sys.stdout.write(f"arrived over {list(found)}\n")
