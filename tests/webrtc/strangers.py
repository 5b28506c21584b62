"""Outsiders: what can be thrown at a leg's UDP port without being its peer."""

from __future__ import annotations

import os
import re
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Self

from OpenSSL import SSL

if TYPE_CHECKING:
    from collections.abc import Callable

STUN_COOKIE = 0x2112A442


def port_of(answer: str) -> int:
    """The UDP port an answer tells."""
    found = re.search(r"^m=\S+ (\d+) ", answer, re.MULTILINE)
    assert found is not None
    return int(found[1])


def ufrag_of(answer: str) -> str:
    """Our ICE name in an answer."""
    found = re.search(r"^a=ice-ufrag:(\S+)", answer, re.MULTILINE)
    assert found is not None
    return found[1]


def client_hello() -> bytes:
    """The first flight of a DTLS handshake with somebody else's certificate."""
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_tlsext_use_srtp(b"SRTP_AEAD_AES_256_GCM")
    connection = SSL.Connection(context)
    connection.set_connect_state()
    try:
        connection.do_handshake()
    except SSL.WantReadError:
        return connection.bio_read(2048)
    raise AssertionError("a handshake cannot end alone")


def binding_request(username: str | None = None, *, kind: int = 0x0001) -> bytes:
    """A STUN message without integrity, or with a made-up one if it names someone."""
    attributes = b""
    if username is not None:
        name = username.encode()
        attributes += struct.pack("!HH", 0x0006, len(name)) + name + b"\x00" * (-len(name) % 4)
        attributes += struct.pack("!HH", 0x0008, 20) + os.urandom(20)
    return struct.pack("!HHI", kind, len(attributes), STUN_COOKIE) + os.urandom(12) + attributes


class Stranger:
    """A UDP socket that is nobody's peer. `flood` sends from a thread of its own at a steady rate."""

    def __init__(self, port: int) -> None:
        self.target = ("127.0.0.1", port)
        self.sent = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self.socket.close()

    def send(self, datagram: bytes) -> None:
        """Send one datagram."""
        self.socket.sendto(datagram, self.target)
        self.sent += 1

    def flood(self, make: Callable[[], bytes], per_s: int) -> None:
        """Send until closed."""

        def run() -> None:
            began_s = time.monotonic()
            while not self._stop.is_set():
                due = int((time.monotonic() - began_s) * per_s)
                while self.sent < due:
                    try:
                        self.send(make())
                    except BlockingIOError:
                        break
                time.sleep(0.002)

        self._thread = threading.Thread(target=run, name="stranger")
        self._thread.start()

    def answers(self) -> list[bytes]:
        """What came back so far."""
        found = []
        while True:
            try:
                found.append(self.socket.recv(4096))
            except BlockingIOError:
                return found
