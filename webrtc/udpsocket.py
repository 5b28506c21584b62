"""A bound UDP socket that is read in batches, as a network card coalesces its interrupts.

A hundred calls bring many thousand datagrams a second. Waking the loop for each costs more than handling it,
so after each read the socket rests for a moment: what comes meanwhile is taken in one go. A quiet socket
wakes the loop with its first datagram.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

REST_S: Final = 0.005  # added to a datagram's way at most; a millisecond is what the loop's timers resolve
TALK_REST_S: Final = 0.002  # while people talk: what is recorded can wait, what is heard should not
BATCH: Final = 64  # datagrams in one turn of the loop: about two milliseconds of work
READ_BYTES: Final = 4096  # over what the guard lets pass, so that it sees an oversized datagram as one
BUFFER_BYTES: Final = 4 * 1024 * 1024  # a second of a hundred legs, if the system allows


class BatchedSocket:
    """Calls `on_datagram(data, address)` on the loop for each datagram; the callback never raises."""

    def __init__(self, on_datagram: Callable[[bytes, tuple[Any, ...]], None]) -> None:
        self.rest_s = REST_S
        self.unsent = 0  # the system had no room, or no way: UDP promises nothing
        self._on_datagram = on_datagram
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None

    def open(self, address: str, port: int) -> None:
        """Bind and begin to listen; raises OSError where the port is taken or the address not ours."""
        family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET  # noqa: PLR2004
        bound = socket.socket(family, socket.SOCK_DGRAM)
        try:
            bound.setblocking(False)  # noqa: FBT003 - the library takes it by position
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
            bound.bind((address, port))
        except OSError:
            bound.close()
            raise
        self._socket = bound
        self._wait(bound)

    @property
    def address(self) -> tuple[Any, ...]:
        """Where it is bound; raises OSError when it is closed."""
        if self._socket is None:
            raise OSError("the socket is closed")
        return tuple(self._socket.getsockname())

    def send(self, data: bytes, address: tuple[Any, ...]) -> None:
        """Send at once, or not at all."""
        if self._socket is None:
            return
        try:
            self._socket.sendto(data, address)
        except OSError:
            self.unsent += 1

    def close(self) -> None:
        """Close; nothing more is heard or sent."""
        bound, self._socket = self._socket, None
        if self._timer is not None:
            self._timer.cancel()
        if bound is not None:
            asyncio.get_running_loop().remove_reader(bound)
            bound.close()

    def _wait(self, bound: socket.socket) -> None:
        asyncio.get_running_loop().add_reader(bound, self._wake, bound)

    def _wake(self, bound: socket.socket) -> None:
        """Stop listening to the system while datagrams flow: the timer reads from now on."""
        asyncio.get_running_loop().remove_reader(bound)
        self._turn(bound)

    def _turn(self, bound: socket.socket) -> None:
        """Read what is there, then rest; listen again once nothing was there."""
        taken = self._read(bound)
        if self._socket is None:  # what a datagram led to closed us
            return
        loop = asyncio.get_running_loop()
        if taken == BATCH:
            self._timer = loop.call_soon(self._turn, bound)
        elif taken:
            self._timer = loop.call_later(self.rest_s, self._turn, bound)
        else:
            self._wait(bound)

    def _read(self, bound: socket.socket) -> int:
        receive, tell = bound.recvfrom, self._on_datagram
        taken = 0
        while taken < BATCH:
            try:
                data, address = receive(READ_BYTES)
            except BlockingIOError:
                break
            except OSError:  # an answer to what we sent: unreachable (ICMP)
                data = None
            taken += 1
            if data is not None:
                tell(data, address)
            if self._socket is None:
                break
        return taken
