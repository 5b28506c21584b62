"""moto's S3 server for tests: quick, versioned, but it checks no signature, no checksum and no permission."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.ports import answers, free_port
from tests.servers.process import server


@dataclass(frozen=True)
class Moto:
    """Where the running server answers; any credentials do."""

    endpoint: str
    region: str


@contextmanager
def moto_server(region: str = "eu-west-3") -> Iterator[Moto]:
    """Run moto's server for the length of the block."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="callvault-moto-") as folder:
        argv = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        with server(argv, log=Path(folder) / "moto.log", is_ready=lambda: answers(port)):
            yield Moto(f"http://127.0.0.1:{port}", region)
