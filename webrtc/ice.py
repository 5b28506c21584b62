"""ICE of one leg: aioice's connection with our guard in front and our addresses under it.

Four rules differ from the library's defaults. We never send to an address that the other side merely named:
only its own authenticated check makes a pair (so browsers must reach us at our address: that is what a public
address is for). Sources that no peer can own (multicast, link-local, unspecified) make no pair. And ports are
bound on the addresses and in the range of the settings. And who goes on from another address, as where a NAT
forgets, is followed there: the library would send to the old one until consent is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import random
import secrets
import socket
import string
import time
from typing import TYPE_CHECKING, Any, Final, cast

from aioice import ice as aioice_ice
from aioice import stun
from aioice.candidate import Candidate, candidate_foundation, candidate_priority
from aiortc import RTCIceGatherer

from webrtc.errors import NoAddressError
from webrtc.guard import DatagramGuard, Verdict
from webrtc.round_trip import RoundTrip
from webrtc.udpmux import LegProtocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from webrtc.guard import Address
    from webrtc.limits import GuardLimits, IceSettings
    from webrtc.udpmux import UdpMux

logger = logging.getLogger(__name__)

ICE_CHARS: Final = string.ascii_letters + string.digits
UFRAG_CHARS: Final = 16  # 95 bits: a stranger cannot name us by guessing (RFC 8445, 5.3 asks for 24)
PASSWORD_CHARS: Final = 32
MOST_PREFERRED: Final = 65_535  # the local preference of an only address (RFC 8445, 5.1.2.1)
PORT_TRIES: Final = 64  # of a range; then it is taken as full
COMPONENT: Final = 1  # RTP and RTCP share one
CONSENT_RETRIES: Final = 1  # a check that is lost is no change of address
ANSWERS: Final = (Verdict.STUN, Verdict.UNASKED_ANSWER)  # among them those that come late

_State = aioice_ice.CandidatePair.State


def ice_string(length: int) -> str:
    """Random ICE characters from the system's secure source."""
    return "".join(secrets.choice(ICE_CHARS) for _ in range(length))


def own_addresses() -> tuple[str, ...]:
    """The addresses of this machine's interfaces, loopback and link-local ones aside: where legs listen."""
    return tuple(aioice_ice.get_host_addresses(use_ipv4=True, use_ipv6=True))


def shown_addresses(bound: Sequence[str], announced: Sequence[str]) -> list[list[str]]:
    """What the answer calls each bound address.

    A family without an announced address is shown as it is. One that has as many as are bound is paired one
    to one, in their order; else each bound address is told under every announced one of its family.
    """
    shown = []
    for at, host in enumerate(bound):
        family = [each for each in announced if _version(each) == _version(host)]
        beside = [place for place, each in enumerate(bound) if _version(each) == _version(host)]
        if not family:
            shown.append([host])
        elif len(family) == len(beside):
            shown.append([family[beside.index(at)]])
        else:
            shown.append(family)
    return shown


def _version(host: str) -> int:
    return ipaddress.ip_address(host).version


def may_be_a_peer(host: str) -> bool:
    """Whether a packet's source address can be a peer's own."""
    address = ipaddress.ip_address(host)
    return not (address.is_multicast or address.is_unspecified or address.is_link_local)


class GuardedProtocol(aioice_ice.StunProtocol, LegProtocol):
    """One UDP socket of a leg. Nothing reaches the library that the guard did not pass."""

    receiver: GuardedConnection

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        """Sort a datagram and hand it on; never raises."""
        try:
            self.receiver.take(data, (addr[0], addr[1]), self)  # type: ignore[arg-type]
        except Exception as error:  # noqa: BLE001 - one datagram must not end a call
            self.receiver.contain(error)

    def media_received(self, data: bytes) -> None:
        """Hand on media that the shared port brought from the leg's own address; never raises."""
        try:
            self.receiver.take_media(data, time.monotonic())
        except Exception as error:  # noqa: BLE001 - as above
            self.receiver.contain(error)

    async def request(
        self,
        request: stun.Message,
        addr: Address,
        integrity_key: bytes | None = None,
        retransmissions: int | None = None,
    ) -> tuple[stun.Message, Address]:
        """Ask, and note when."""
        self.receiver.round_trip.asked(request.transaction_id, time.monotonic())
        return await super().request(request, addr, integrity_key, retransmissions)

    def pass_stun(self, datagram: bytes, source: Address) -> None:
        """Give a STUN message to the library."""
        super().datagram_received(datagram, source)


class GuardedConnection(aioice_ice.Connection):
    """The controlled ICE agent of one leg, on ports of its own or on its share of `mux`.

    `on_media(datagram, now_s)` is called for each RTP or RTCP datagram of a checked peer, on the loop.
    """

    def __init__(self, settings: IceSettings, limits: GuardLimits, mux: UdpMux | None) -> None:
        super().__init__(
            ice_controlling=False,
            local_username=ice_string(UFRAG_CHARS),
            local_password=ice_string(PASSWORD_CHARS),
        )
        self.guard = DatagramGuard(limits, ufrag=self.local_username)
        self.on_media: Callable[[bytes, float], None] | None = None
        self.last_heard_s = 0.0
        self.round_trip = RoundTrip()
        self.contained = 0
        self.is_consent_lost = False
        self._newest: aioice_ice.CandidatePair | None = None  # by which the peer's last check came
        self._elsewhere = asyncio.Event()
        self._settings = settings
        self._limits = limits
        self._mux = mux

    # what comes in

    def take(self, datagram: bytes, source: Address, protocol: GuardedProtocol) -> None:
        """Judge a datagram and hand it on."""
        if self._settings.peers is not None and source[0] not in self._settings.peers:
            return
        now_s = time.monotonic()
        verdict = self.guard.judge(
            datagram, source, now_s=now_s, questions=protocol.transactions, queued=self._queue.qsize()
        )
        if verdict in ANSWERS:
            self.round_trip.heard(datagram, self.remote_password, now_s)
        if verdict is Verdict.MEDIA:
            self._hear(datagram, now_s)
        elif verdict is Verdict.DTLS:
            self.last_heard_s = now_s
            self.data_received(datagram, COMPONENT)
        elif verdict is Verdict.STUN:
            if self.guard.is_open(source):
                self.last_heard_s = now_s
            protocol.pass_stun(datagram, source)

    def take_media(self, datagram: bytes, now_s: float) -> None:
        """Take RTP or RTCP from an address that answered our check, as the shared port knows."""
        if self.guard.admit_media(datagram):
            self._hear(datagram, now_s)

    def _hear(self, datagram: bytes, now_s: float) -> None:
        self.last_heard_s = now_s
        if self.on_media is not None:
            self.on_media(datagram, now_s)

    def contain(self, error: Exception) -> None:
        """Count an exception of the receive path; the first of a leg is logged, without its text."""
        self.contained += 1
        if self.contained == 1:
            logger.warning("a datagram raised %s and was dropped", type(error).__name__)

    def check_incoming(self, message: stun.Message, addr: Address, protocol: aioice_ice.StunProtocol) -> None:
        """Follow an authentic check of the peer, unless it is one address too many or no peer's."""
        # A pair is both ends: one source may check several addresses of ours, and settle on any of them.
        known = any(pair.remote_addr == addr and pair.protocol is protocol for pair in self._check_list)
        if not known and (len(self._check_list) >= self._limits.pairs or not may_be_a_peer(addr[0])):
            return
        self.guard.expect(addr)
        if self._mux is not None and not known:
            self._mux.claim(addr, cast("GuardedProtocol", protocol))
        super().check_incoming(message, addr, protocol)
        self._newest = next(
            (pair for pair in self._check_list if pair.remote_addr == addr and pair.protocol is protocol),
            None,
        )

    def check_state(self, pair: aioice_ice.CandidatePair, state: _State) -> None:
        """Open the guard to an address once our check of it succeeded."""
        super().check_state(pair, state)
        if state is _State.SUCCEEDED:
            if self._mux is not None:
                self._mux.settle(pair.remote_addr, cast("GuardedProtocol", pair.protocol))
            for datagram in self.guard.open(pair.remote_addr):
                self.data_received(datagram, COMPONENT)
            self._elsewhere.set()
        elif state is _State.FAILED and not self._is_checked_elsewhere(pair):
            self.guard.forget(pair.remote_addr)

    def _is_checked_elsewhere(self, pair: aioice_ice.CandidatePair) -> bool:
        """Whether the same source may yet answer through another address of ours."""
        return any(
            other is not pair and other.remote_addr == pair.remote_addr and other.state is not _State.FAILED
            for other in self._check_list
        )

    # who may be sent to

    async def query_consent(self) -> None:
        """Ask for consent (RFC 7675), at once where the peer is seen elsewhere, and follow it there."""
        failures = 0
        self._elsewhere.clear()
        while failures < aioice_ice.CONSENT_FAILURES:
            retries = CONSENT_RETRIES if await self._is_elsewhere() else 0
            failures = 0 if await self._consents(retries) or self._follow() else failures + 1
        self.is_consent_lost = True
        self._query_consent_task = None
        await self.close()

    async def _is_elsewhere(self) -> bool:
        """Wait until consent is due; true, and sooner, where a new address has answered a check."""
        wait_s = aioice_ice.CONSENT_INTERVAL * random.uniform(0.8, 1.2)  # noqa: S311 - a rhythm, no secret
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._elsewhere.wait()
        is_set = self._elsewhere.is_set()
        self._elsewhere.clear()
        return is_set

    async def _consents(self, retries: int) -> bool:
        pair = self._nominated.get(COMPONENT)
        if pair is None or self.remote_password is None:
            return False
        request, key = self.build_request(pair, nominate=False), self.remote_password.encode()
        try:
            await pair.protocol.request(request, pair.remote_addr, integrity_key=key, retransmissions=retries)
        except stun.TransactionError:
            return False
        return True

    def _follow(self) -> bool:
        """Send from now on where the peer's last check came from, if that is elsewhere and answered ours."""
        pair = self._newest
        if pair is None or pair.state is not _State.SUCCEEDED or pair is self._nominated.get(COMPONENT):
            return False
        self._nominated[COMPONENT] = pair
        return True

    # what goes out

    def send_now(self, datagram: bytes) -> bool:
        """Send to the chosen pair at once; False when there is none."""
        pair = self._nominated.get(COMPONENT)
        if pair is None or self._closing:
            return False
        pair.protocol.transport.sendto(datagram, pair.remote_addr)
        return True

    def cut(self) -> None:
        """Close the sockets without another word, when closing took too long."""
        for protocol in self._protocols:
            protocol.transport.abort()

    # where we listen

    async def get_component_candidates(
        self,
        component: int,
        addresses: list[str],
        timeout: int = 5,  # noqa: ARG002, ASYNC109 - the library's signature
    ) -> list[Candidate]:
        """Bind one socket on each address of the settings, and describe them as callers reach them."""
        candidates: list[Candidate] = []
        protocols = await self._listen(self._settings.addresses or addresses)
        bound = [protocol.transport.get_extra_info("sockname")[:2] for protocol in protocols]
        shown = shown_addresses([host for host, _ in bound], self._settings.announced)
        for protocol, (_, port), hosts in zip(protocols, bound, shown, strict=True):
            described = [_host_candidate(component, host, port, rank=len(candidates)) for host in hosts]
            protocol.local_candidate = described[0]
            self._protocols.append(protocol)
            candidates += described
        if not candidates:
            raise NoAddressError(
                "no UDP port could be bound: check the listening addresses and the port range"
            )
        return candidates

    async def _listen(self, addresses: Sequence[str]) -> list[GuardedProtocol]:
        if self._mux is not None:
            return self._mux.share(self.local_username, lambda: GuardedProtocol(self))
        return [found for address in addresses if (found := await self._bind(address)) is not None]

    async def _bind(self, address: str) -> GuardedProtocol | None:
        loop = asyncio.get_running_loop()
        for port in self._ports():
            try:
                transport, protocol = await loop.create_datagram_endpoint(
                    lambda: GuardedProtocol(self), local_addr=(address, port)
                )
            except OSError:
                continue
            endpoint = transport.get_extra_info("socket")
            if endpoint is not None:
                endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._settings.receive_buffer_bytes)
            return protocol
        return None

    def _ports(self) -> list[int]:
        if self._settings.ports is None:
            return [0]
        first, last = self._settings.ports
        every = range(first, last + 1)
        return random.sample(every, min(PORT_TRIES, len(every)))


def _host_candidate(component: int, host: str, port: int, *, rank: int) -> Candidate:
    """Describe an address; of two the one that the settings name first is preferred (RFC 8445, 5.1.2.1)."""
    return Candidate(
        foundation=candidate_foundation("host", "udp", host),
        component=component,
        transport="udp",
        priority=candidate_priority(component, "host", MOST_PREFERRED - rank),
        host=host,
        port=port,
        type="host",
    )


class LegGatherer(RTCIceGatherer):
    """aiortc's gatherer on our connection, with no STUN or TURN server."""

    def __init__(self, settings: IceSettings, limits: GuardLimits, mux: UdpMux | None) -> None:
        super().__init__(iceServers=[])
        self.connection = GuardedConnection(settings, limits, mux)
        self._connection = self.connection
