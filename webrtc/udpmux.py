"""Many legs on one UDP port, so that a container publishes one port and not a range.

A connectivity check is brought to its leg by the name it carries (USERNAME begins with our ufrag, RFC 8445,
7.2.2), everything else by the address it comes from. A leg claims an address when a check from there was
authentic, and owns it once its own check was answered from there: a source address can be forged, an answer
to a question sent to it cannot. What the owner gets nobody else gets; of an address without owner each
claimant gets everything, and its guard sorts. What nobody claims is dropped before any leg sees it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from webrtc.errors import NoAddressError
from webrtc.guard import MEDIA_BELOW, MEDIA_FROM, STUN_BELOW, STUN_COOKIE, STUN_HEADER_BYTES
from webrtc.udpsocket import REST_S, TALK_REST_S, BatchedSocket

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from webrtc.guard import Address

logger = logging.getLogger(__name__)

BINDING_REQUEST: Final = b"\x00\x01"
USERNAME: Final = 0x0006
MOST_ATTRIBUTES: Final = 16  # a check has seven; the name is among the first


class LegProtocol(asyncio.DatagramProtocol):
    """What the port brings a leg: every datagram, and for most of them a shorter way."""

    def media_received(self, data: bytes) -> None:
        """Take RTP or RTCP that came from the address the leg owns; never raises."""


P = TypeVar("P", bound=LegProtocol)


def name_in_check(datagram: bytes) -> str | None:
    """The ICE name a binding request is addressed to, or None if it is no such request."""
    if datagram[:2] != BINDING_REQUEST or datagram[4:8] != STUN_COOKIE:
        return None
    at = STUN_HEADER_BYTES
    for _ in range(MOST_ATTRIBUTES):
        if at + 4 > len(datagram):
            return None
        kind = int.from_bytes(datagram[at : at + 2], "big")
        size = int.from_bytes(datagram[at + 2 : at + 4], "big")
        if kind == USERNAME:
            return datagram[at + 4 : at + 4 + size].partition(b":")[0].decode("ascii", errors="replace")
        at += 4 + size + -size % 4
    return None


class MuxTransport(asyncio.DatagramTransport):
    """One leg's share of a port, in the shape of a socket of its own."""

    def __init__(self, port: _Port, protocol: LegProtocol, name: str) -> None:
        super().__init__()
        self._port = port
        self._protocol = protocol
        self._name = name
        self._is_closing = False

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send from the shared port."""
        if not self._is_closing and addr is not None:
            self._port.socket.send(data, addr)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """The shared socket's address; the socket itself is nobody's to configure."""
        return self._port.socket.address if name == "sockname" else default

    def is_closing(self) -> bool:
        """Whether this share was given back."""
        return self._is_closing

    def close(self) -> None:
        """Give the share back; the port stays open for the others."""
        if not self._is_closing:
            self._is_closing = True
            self._port.release(self._name, self._protocol)
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        """As `close`: nothing is buffered here."""
        self.close()


class _Port:
    """One shared socket: which leg has which name and which addresses."""

    def __init__(self) -> None:
        self.socket = BatchedSocket(self.datagram_received)
        self.counts: Counter[str] = Counter()
        self._by_name: dict[str, LegProtocol] = {}
        self._claimants: dict[Address, list[LegProtocol]] = {}
        self._owners: dict[Address, LegProtocol] = {}

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Bring a datagram to its leg, or drop it; never raises."""
        source = cast("Address", addr[:2])  # an IPv6 address has four members
        owner = self._owners.get(source)
        if owner is not None and data and MEDIA_FROM <= data[0] < MEDIA_BELOW:
            owner.media_received(data)
        else:
            self._sort(data, source)

    def _sort(self, data: bytes, source: Address) -> None:
        is_stun = bool(data) and data[0] < STUN_BELOW
        found: Sequence[LegProtocol]
        if is_stun and (name := name_in_check(data)) is not None:
            found = [self._by_name[name]] if name in self._by_name else ()
        elif not is_stun and source in self._owners:
            found = (self._owners[source],)
        else:  # an answer is of whoever asked: its number tells them
            found = tuple(self._claimants.get(source, ()))
        if not found:
            self.counts["unclaimed"] += 1
        for leg in found:
            leg.datagram_received(data, source)

    def share(self, name: str, protocol: LegProtocol) -> MuxTransport:
        """Give a leg its share of the port."""
        self._by_name[name] = protocol
        return MuxTransport(self, protocol, name)

    def claim(self, source: Address, protocol: LegProtocol) -> None:
        """Let this leg hear what comes from an address, as long as the address is nobody's."""
        claimants = self._claimants.setdefault(source, [])
        if protocol not in claimants:
            claimants.append(protocol)

    def settle(self, source: Address, protocol: LegProtocol) -> None:
        """Bring the media from an address to this leg alone: its check was answered from there."""
        self._owners[source] = protocol

    def owns(self, protocol: LegProtocol) -> bool:
        """Whether this leg has its share here."""
        return protocol in self._by_name.values()

    def release(self, name: str, protocol: LegProtocol) -> None:
        """Forget a leg."""
        self._by_name.pop(name, None)
        for source in [each for each, owner in self._owners.items() if owner is protocol]:
            del self._owners[source]
        for source in [each for each, legs in self._claimants.items() if protocol in legs]:
            self._claimants[source].remove(protocol)
            if not self._claimants[source]:
                del self._claimants[source]

    @property
    def legs(self) -> int:
        """How many legs share the port."""
        return len(self._by_name)


class UdpMux:
    """The shared port on each of some addresses. Who opens it closes it, after its legs."""

    def __init__(self, addresses: Sequence[str], port: int) -> None:
        self._addresses = tuple(addresses)
        self._port_number = port
        self._ports: list[_Port] = []
        self._hurried = 0

    async def open(self) -> None:
        """Bind the port on every address; raises NoAddressError if one of them cannot be bound."""
        for address in self._addresses:
            port = _Port()
            try:
                port.socket.open(address, self._port_number)
            except OSError as error:
                self.close()
                raise NoAddressError(
                    f"UDP port {self._port_number} is taken, or {address} is not ours: choose another"
                ) from error
            self._ports.append(port)

    def close(self) -> None:
        """Close the port; legs that still share it hear nothing more."""
        for port in self._ports:
            port.socket.close()
        self._ports.clear()

    def share(self, name: str, make: Callable[[], P]) -> list[P]:
        """One protocol per address for the leg of this ICE name, connected to its share of the port."""
        protocols = []
        for port in self._ports:
            protocol = make()
            protocol.connection_made(port.share(name, protocol))
            protocols.append(protocol)
        return protocols

    def claim(self, source: Address, protocol: LegProtocol) -> None:
        """Let a leg hear an address that sent it an authentic check."""
        for port in self._ports:
            if port.owns(protocol):
                port.claim(source, protocol)

    def settle(self, source: Address, protocol: LegProtocol) -> None:
        """Make an address a leg's own: it answered the leg's check."""
        for port in self._ports:
            if port.owns(protocol):
                port.settle(source, protocol)

    def hurry(self) -> None:
        """Somebody waits for what comes in here: read it sooner, until as many `relax` calls have come."""
        self._hurried += 1
        self._set_rest()

    def relax(self) -> None:
        """Take one `hurry` back."""
        self._hurried -= 1
        self._set_rest()

    def _set_rest(self) -> None:
        for port in self._ports:
            port.socket.rest_s = TALK_REST_S if self._hurried else REST_S

    @property
    def legs(self) -> int:
        """How many legs share the port now."""
        return max((port.legs for port in self._ports), default=0)

    @property
    def unclaimed(self) -> int:
        """How many datagrams were for nobody."""
        return sum(port.counts["unclaimed"] for port in self._ports)
