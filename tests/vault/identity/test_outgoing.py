"""Fetching without becoming a way in: which addresses a connection may be made to."""

import asyncio
import gzip

import pytest

from tests.vault.identity.issuer import open_provider
from vault.errors import DependencyError, InvalidError
from vault.identity import outgoing
from vault.identity.outgoing import Outgoing, is_public


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",  # noqa: S104  # data of the table
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:0:a9fe:a9fe::1",
        "::127.0.0.1",
        "::ffff:0:169.254.169.254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fc00::1",
        "ff02::1",
        "2001:db8::1",
    ],
)
def test_an_address_inside_is_not_public(address: str) -> None:
    """Private, special and tunnelled addresses, in every spelling (ASVS 1.3.6)."""
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    """And nothing else is in the way."""
    assert is_public(address)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::ffff:127.0.0.1]", "localhost", "2130706433", "0x7f.1", "127.1"]
)
async def test_no_spelling_of_loopback_reaches_it(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard sits where the socket is made: literals and names meet the same rule."""
    async with open_provider() as provider:
        url = provider.url.replace("127.0.0.1", host)
        guarded = Outgoing()
        monkeypatch.setattr(
            guarded, "require_allowed", lambda _url: None
        )  # plain http, for this test's server
        with pytest.raises(DependencyError):
            await guarded.fetch(url)
        assert provider.asked == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://idp.example/keys",
        "file:///etc/passwd",
        "https://",
        "https://user@idp.example/keys",
        "https://idp.example/keys#part",
        "https://@idp.example/keys",
        "https://:secret@idp.example/keys",
        "//idp.example/keys",
        "https://[",
        "https://[::1",
        "https://idp.example:99999/keys",
        "https://idp.example:x/keys",
        "https://idp.example:0/keys",
        "https://idp example/keys",
        "https://\u2100.example/keys",
        "",
    ],
)
async def test_only_a_plain_https_address_is_fetched(url: str) -> None:
    """No clear text, no credentials in the address."""
    with pytest.raises(InvalidError):
        await Outgoing().fetch(url)


async def test_a_development_server_may_ask_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """And gets the document's bytes."""
    async with open_provider() as provider:
        assert b'"keys"' in await Outgoing(allow_loopback=True).fetch(provider.url)
        assert provider.asked == 1


async def test_a_packed_answer_is_not_unpacked() -> None:
    """A few bytes cannot become many: a coding that was not asked for stays as it came."""
    packed = gzip.compress(b" " * 1_000_000)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
        writer.write(head.encode() + packed)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await Outgoing(allow_loopback=True).fetch(f"http://127.0.0.1:{port}/keys") == packed
    server.close()


async def test_a_server_that_answers_slowly_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole fetch has one time limit, also where bytes keep dripping."""
    monkeypatch.setattr(outgoing, "FETCH_TIMEOUT_S", 0.3)

    ended = asyncio.Event()

    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.05)
        writer.close()
        ended.set()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    started = asyncio.get_running_loop().time()
    with pytest.raises(DependencyError):
        await Outgoing(allow_loopback=True).fetch(f"http://127.0.0.1:{port}/keys")
    assert asyncio.get_running_loop().time() - started < 3
    await asyncio.wait_for(ended.wait(), 3)
    server.close()
