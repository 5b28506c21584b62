"""A firewall inside the test process: sockets reach this machine's own addresses and no other."""

import sys
from functools import lru_cache
from ipaddress import ip_address

import psutil

WATCHED = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
NAMES = frozenset({"", "localhost"})


@lru_cache(maxsize=1)
def own_addresses() -> frozenset[str]:
    """Return the addresses of this machine's interfaces: a media stack may offer them to a peer beside it."""
    found = (address.address for card in psutil.net_if_addrs().values() for address in card)
    return frozenset(text.split("%")[0] for text in found)


@lru_cache(maxsize=4096)
def is_own(host: str) -> bool:
    """Tell whether packets to this host stay on the machine."""
    if host in NAMES or host in own_addresses():
        return True
    try:
        address = ip_address(host.split("%", maxsplit=1)[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def refuse_strangers(event: str, arguments: tuple[object, ...]) -> None:
    """Answer like a firewall, with PermissionError, when a socket is about to leave the machine."""
    if event not in WATCHED:
        return
    address = arguments[1]
    if isinstance(address, tuple) and not is_own(str(address[0])):
        raise PermissionError(f"tests speak to this machine only, not to {address[0]}")


def install() -> None:
    """Watch this process from now on; an audit hook cannot be taken out again."""
    sys.addaudithook(refuse_strangers)
