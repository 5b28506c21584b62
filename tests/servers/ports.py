"""Free loopback ports for servers that a test starts."""

import random
import socket
from contextlib import suppress
from typing import Final

SERVER_PORTS: Final = range(20_000, 32_768)  # below those that Linux gives to clients
TRIES: Final = 50


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port of 127.0.0.1 that was free a moment ago, of those the system gives no client.

    Another test may draw the same one before the server binds it: one chance in twelve thousand.
    """
    for port in random.sample(SERVER_PORTS, TRIES):
        with socket.socket(socket.AF_INET, kind) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise LookupError(f"none of {TRIES} ports is free")


def answers(port: int, timeout_s: float = 0.5, *, host: str = "127.0.0.1") -> bool:
    """Tell whether something accepts TCP connections on the port, of loopback unless told otherwise."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(timeout_s)
        return probe.connect_ex((host, port)) == 0
