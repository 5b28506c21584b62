"""A real TURN server on loopback: coturn with the settings of config/, and what only a test may have."""

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.servers.certificates import self_signed
from tests.servers.parts import need
from tests.servers.ports import answers, free_port
from tests.servers.process import server

HARDENED: Final = Path(__file__).resolve().parents[2] / "config" / "turnserver.conf"
RELAYS: Final = 200  # ports for relays; each connection of a browser takes one or two


@dataclass(frozen=True)
class Coturn:
    """The running server."""

    address: str
    port: int
    tls_port: int
    secret: str
    log: Path
    authority: Path

    def url(self, transport: str) -> str:
        """The URL of a transport: udp, tcp or tls."""
        if transport == "tls":
            return f"turns:{self.address}:{self.tls_port}?transport=tcp"
        return f"turn:{self.address}:{self.port}?transport={transport}"

    def logged(self) -> str:
        """What it wrote so far."""
        return self.log.read_text(errors="replace")


def lines_of(example: str, **mine: str) -> list[str]:
    """The lines of the example configuration, with the values that an operator fills in."""
    lines = []
    for line in example.splitlines():
        name = line.partition("=")[0].strip()
        lines.append(f"{name}={mine.pop(name)}" if name in mine else line)
    return lines + [f"{name}={value}" for name, value in mine.items()]


@contextmanager
def coturn_server(folder: Path, *, address: str = "127.0.0.1", peer: str | None = None) -> Iterator[Coturn]:
    """Run coturn for the length of the block; relays reach `peer` (by default its own address) alone."""
    program = need("turnserver")["turnserver"]
    folder.mkdir(parents=True, exist_ok=True)
    certificate = self_signed(folder)
    port, tls_port = free_port(), free_port()
    first = free_port(socket.SOCK_DGRAM)
    secret = secrets.token_urlsafe(24)
    file, log = folder / "turnserver.conf", folder / "turn.log"
    lines = lines_of(
        HARDENED.read_text(),
        **{
            "listening-ip": address,
            "relay-ip": address,
            "listening-port": str(port),
            "tls-listening-port": str(tls_port),
            "min-port": str(first),
            "max-port": str(first + RELAYS),
            "static-auth-secret": secret,
            "realm": "turn.test",
            "cert": str(certificate.certificate_file),
            "pkey": str(certificate.key_file),
            "allowed-peer-ip": peer or address,
            "log-file": str(log),
            "pidfile": str(folder / "turn.pid"),
            "userdb": str(folder / "turndb"),
        },
    )
    # Of the lab alone: both ends are on this machine. No configuration of ours may hold it.
    lines.append("allow-loopback-peers")
    file.write_text("\n".join(lines) + "\n")
    file.chmod(0o600)
    argv = [program, "-c", str(file)]
    environ = {**os.environ, "HOME": str(folder)}
    with server(argv, log=folder / "output.log", is_ready=lambda: answers(port, host=address), env=environ):
        yield Coturn(address, port, tls_port, secret, log, certificate.certificate_file)
