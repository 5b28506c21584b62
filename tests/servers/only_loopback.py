"""A firewall inside the test process: sockets reach this machine's own addresses and no other."""

import socket
import sys
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

import psutil

# Names of audit events (Python's table of audit events); the argument after the socket is the address.
SENDING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
RESOLVING = "socket.getaddrinfo"


@lru_cache(maxsize=1)
def own_addresses() -> frozenset[str]:
    """Return the addresses of this machine's interfaces: a media stack may offer them to a peer beside it."""
    found = (address.address for card in psutil.net_if_addrs().values() for address in card)
    return frozenset(text.partition("%")[0] for text in found)


@lru_cache(maxsize=1)
def own_names() -> frozenset[str]:
    """Return the names that lead back to this machine."""
    return frozenset({"", "localhost", socket.gethostname()})


def parse(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address a host is written as, or None when it is a name."""
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def is_own(host: str) -> bool:
    """Tell whether packets to this host stay on the machine."""
    address = parse(host)
    if address is None:
        return host in own_names()
    return address.is_loopback or address.is_unspecified or str(address) in own_addresses()


def refuse_strangers(event: str, arguments: tuple[object, ...]) -> None:
    """Answer like a firewall, with PermissionError, when a socket or a name server is about to be asked."""
    if event in SENDING:
        address = arguments[1]
        host = str(address[0]) if isinstance(address, tuple) else ""
    elif event == RESOLVING and isinstance(arguments[0], str):
        # Turning a written address into numbers sends nothing.
        host = arguments[0] if parse(arguments[0]) is None else ""
    else:
        return
    if not is_own(host):
        raise PermissionError(f"tests speak to this machine only, not to {host}")


def install() -> None:
    """Watch this process from now on; an audit hook cannot be taken out again."""
    sys.addaudithook(refuse_strangers)
