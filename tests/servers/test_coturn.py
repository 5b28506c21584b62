"""The relay as config/turnserver.conf makes it: for the vault's callers, to the vault, and nothing else."""

import asyncio
import base64
import hmac
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aioice import stun
from aioice.turn import create_turn_endpoint

from tests.servers.coturn import HARDENED, Coturn, coturn_server
from vault.calls.relays import Relays
from vault.clock import SystemClock
from vault.settings import MediaSettings

TRANSPORTS = ("udp", "tcp", "tls")


@pytest.fixture(scope="module")
def coturn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    """One TURN server for the module."""
    with coturn_server(tmp_path_factory.mktemp("turn")) as running:
        yield running


class Ear(asyncio.DatagramProtocol):
    """Remembers what arrived."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.gone = asyncio.Event()

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:  # noqa: ARG002 - one sender
        """Remember it."""
        self.heard.put_nowait(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - however it ended
        """Its end."""
        self.gone.set()


def credential(coturn: Coturn) -> tuple[str, str]:
    """A fresh credential, as the vault makes it."""
    settings = MediaSettings(turn_urls=(coturn.url("udp"),), turn_secret=coturn.secret)
    (server,) = Relays(settings, SystemClock()).servers()
    return server.username, server.credential


@asynccontextmanager
async def relay(coturn: Coturn, transport: str, username: str, password: str) -> AsyncIterator[Any]:
    """Have a relay for the length of the block; raises TransactionFailed where the server refuses."""
    trusting: Any = False
    if transport == "tls":
        trusting = ssl.create_default_context(cafile=str(coturn.authority))
    made, protocol = await create_turn_endpoint(
        Ear,
        server_addr=(coturn.address, coturn.tls_port if transport == "tls" else coturn.port),
        username=username,
        password=password,
        ssl=trusting,
        transport="udp" if transport == "udp" else "tcp",
    )
    assert isinstance(protocol, Ear)
    try:
        yield made
    finally:
        made.close()
        await protocol.gone.wait()
        await asyncio.sleep(0.05)  # the socket under it closes a turn of the loop later


async def passed(transport: Any, address: str) -> bool:
    """Whether a datagram through the relay reaches a socket of this machine."""
    ear = Ear()
    loop = asyncio.get_running_loop()
    here, _ = await loop.create_datagram_endpoint(lambda: ear, local_addr=(address, 0))
    try:
        transport.sendto(b"through the relay", here.get_extra_info("sockname"))
        async with asyncio.timeout(1.5):
            return await ear.heard.get() == b"through the relay"
    except TimeoutError:
        return False
    finally:
        here.close()


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_credential_of_the_vault_opens_a_relay_to_the_vault(coturn: Coturn, transport: str) -> None:
    """Over UDP, TCP and TLS: allocated, and what is sent arrives."""
    async with relay(coturn, transport, *credential(coturn)) as made:
        assert await passed(made, coturn.address)


async def test_the_relay_leads_nowhere_else(coturn: Coturn) -> None:
    """Another address of the same machine stands for all others: it is denied (ASVS 17.1.1)."""
    async with relay(coturn, "udp", *credential(coturn)) as made:
        assert not await passed(made, "127.0.0.9")
        assert await passed(made, coturn.address)


async def test_an_expired_or_invented_credential_is_refused(coturn: Coturn) -> None:
    """The moment in the name is signed: it can be neither past nor moved."""
    past = f"{int(time.time()) - 5}:name"
    signed = base64.b64encode(hmac.digest(coturn.secret.encode(), past.encode(), "sha1")).decode()
    good_name, good_password = credential(coturn)
    later = f"{int(time.time()) + 9_000}:{good_name.partition(':')[2]}"
    for username, password in ((past, signed), (later, good_password), (good_name, "d3Jvbmc=")):
        with pytest.raises(stun.TransactionFailed) as refused:
            async with relay(coturn, "udp", username, password):
                pytest.fail("a relay was opened")
        assert refused.value.response.attributes["ERROR-CODE"][0] == 401


def test_the_shipped_configuration_has_no_door_for_tests() -> None:
    """What a test needs on loopback would open the machine's own services to strangers."""
    text = HARDENED.read_text()
    assert "allow-loopback-peers" not in text
    for needed in (
        "use-auth-secret",
        "no-multicast-peers",
        "no-cli",
        "no-tcp-relay",
        "user-quota=",
        "total-quota=",
    ):
        assert f"\n{needed}" in text, needed
