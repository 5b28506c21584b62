"""Fetching a key set from an issuer's address without becoming a way into the operator's network.

The guard sits where the socket is made: a check on names alone is passed by addresses written as literals,
and by names that answer differently the second time.
"""

import ipaddress
import socket
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from vault.errors import DependencyError, Fault, InvalidError

FETCH_TIMEOUT_S: Final = 5.0
MAX_BYTES: Final = 256 * 1024  # the largest public key sets are about 20 kB

# Global to Python's list, yet each can carry a private IPv4 address inside, or is a site's own (RFC 3879).
_NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "::/96",
        "::ffff:0:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "2001::/32",
        "fec0::/10",
    )
)

AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]


def is_public(address: str) -> bool:
    """Tell whether an IP address literal lies on the public internet."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        if any(found in network for network in _NOT_PUBLIC):
            return False
    return found.is_global and not found.is_multicast


def _is_loopback(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback


class Outgoing:
    """Fetches small JSON documents over https. ``allow_loopback`` is for development servers only."""

    def __init__(self, *, allow_loopback: bool = False) -> None:
        self._allow_loopback = allow_loopback

    def require_allowed(self, url: str) -> None:
        """Refuse an address of another kind than https://host/path; raises InvalidError."""
        schemes = {"https", "http"} if self._allow_loopback else {"https"}
        fault = InvalidError(
            "the address cannot be used", [Fault("#/jwks_url", "url", "write https://host/path")]
        )
        try:
            parts = urlsplit(url)
            has_host = bool(parts.hostname) and parts.port != 0
        except ValueError as cause:  # half an IPv6 address, a port beyond the last, signs no host has
            raise fault from cause
        if parts.scheme not in schemes or not has_host or "@" in parts.netloc or parts.fragment:
            raise fault
        if not url.isascii() or not url.isprintable() or " " in url:
            raise fault

    async def fetch(self, url: str) -> bytes:
        """Return the document's bytes; raises DependencyError for anything but a small, quick 200."""
        self.require_allowed(url)
        timeout = aiohttp.ClientTimeout(total=FETCH_TIMEOUT_S)
        # What was packed is not unpacked: a small answer could become a large one before it is measured.
        plain = {"Accept": "application/json", "Accept-Encoding": "identity"}
        connector = aiohttp.TCPConnector(socket_factory=self._socket_factory(), force_close=True)
        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector, timeout=timeout, trust_env=False, auto_decompress=False
                ) as session,
                # A redirect could lead where the guard would have said no to the first address.
                session.get(url, allow_redirects=False, headers=plain) as response,
            ):
                if response.status != 200:  # noqa: PLR2004
                    raise DependencyError("the issuer's address did not answer with its keys")
                return await _limited(response)
        except (TimeoutError, aiohttp.ClientError, OSError) as cause:
            raise DependencyError("the issuer's address does not answer") from cause

    def _socket_factory(self) -> Callable[[AddressInfo], socket.socket]:
        def make(info: AddressInfo) -> socket.socket:
            family, kind, protocol, _name, address = info
            host = str(address[0])
            if not (is_public(host) or (self._allow_loopback and _is_loopback(host))):
                raise OSError("the address is not on the public internet")
            return socket.socket(family, kind, protocol)

        return make


async def _limited(response: aiohttp.ClientResponse) -> bytes:
    read = bytearray()
    async for chunk in response.content.iter_chunked(16 * 1024):
        read += chunk
        if len(read) > MAX_BYTES:
            raise DependencyError("the issuer's key set is too large")
    return bytes(read)
