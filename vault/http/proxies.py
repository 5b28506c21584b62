"""Who is calling, when a reverse proxy stands in between: only proxies on the list are believed."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from aiohttp import web

from vault.errors import ConfigurationError

UNKNOWN: Final = "unknown"
MAX_HOPS: Final = 20
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(request: web.BaseRequest, trusted: tuple[str, ...]) -> str:
    """Return the address a request really came from, as far as trusted proxies can say."""
    return client_behind(_peer(request), request.headers.getall("X-Forwarded-For", []), trusted)


def client_behind(peer_text: str, forwarded: Sequence[str], trusted: tuple[str, ...]) -> str:
    """Walk X-Forwarded-For from the right past trusted proxies; the first stranger is the client."""
    peer = _address(peer_text)
    if peer is None:
        return UNKNOWN
    networks = _networks(trusted)
    hops = ",".join(forwarded).split(",")[-MAX_HOPS:]
    for hop in reversed(hops):
        if not _is_in(peer, networks):
            break
        following = _address(hop.strip())
        if following is None:
            break
        peer = following
    return str(peer)


def require_networks(trusted: tuple[str, ...]) -> None:
    """Refuse a list of proxies that cannot be read; raises ConfigurationError."""
    try:
        _networks(trusted)
    except ValueError as cause:
        raise ConfigurationError(
            "server.trusted_proxies: write addresses or networks, like 10.0.0.0/8"
        ) from cause


def coarse(address: str) -> str:
    """Blur an address to its network for logs and limits: /24 in IPv4, /64 in IPv6 (one household)."""
    found = _address(address)
    if found is None:
        return UNKNOWN
    return str(ipaddress.ip_network(f"{found}/{24 if found.version == 4 else 64}", strict=False))  # noqa: PLR2004


def limited_as(address: str) -> str:
    """Name whom a rate limit counts: an IPv4 address, or the /64 that one IPv6 client owns whole."""
    found = _address(address)
    return coarse(address) if found is not None and found.version == 6 else address  # noqa: PLR2004


def _peer(request: web.BaseRequest) -> str:
    name = request.transport.get_extra_info("peername") if request.transport is not None else None
    return str(name[0]) if name else ""


def _address(text: str) -> Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _is_in(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks if network.version == address.version)


@lru_cache(maxsize=8)
def _networks(trusted: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in trusted)
