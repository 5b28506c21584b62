"""``callvault health``: 0 ready, 1 not."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.servers.ports import free_port
from tests.vault.cli.command import Cli
from vault.cli.exits import Exit


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A server that gives one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, name="one-answer")
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


READY = json.dumps({"status": "ok", "version": "1", "checks": {"database": "ok"}}).encode()
DRAINING = json.dumps({"status": "fail", "version": "1", "checks": {"storage": "fail"}}).encode()


def test_a_ready_server_is_code_zero(cli: Cli) -> None:
    """The report is shown, as JSON where asked."""
    with answering(200, READY) as url:
        ended = cli("health", "--url", url, "--json")
    assert ended.code == 0
    assert json.loads(ended.out) == {"status": "ok", "version": "1", "database": "ok"}


def test_a_server_that_is_not_ready_is_code_one_and_says_why(cli: Cli) -> None:
    """Orchestrators read the code, people the lines."""
    with answering(503, DRAINING) as url:
        ended = cli("health", "--url", url)
    assert ended.code == Exit.FAILED
    assert "storage  fail" in ended.out


@pytest.mark.parametrize("body", [b"<html>", b"[]", b""])
def test_something_else_on_the_port_is_code_one(cli: Cli, body: bytes) -> None:
    """Another program's page is not health."""
    with answering(200, body) as url:
        assert cli("health", "--url", url).code == Exit.FAILED


def test_nobody_there_is_code_one(cli: Cli, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's health check knows 0 and 1; the address comes from the settings."""
    monkeypatch.setenv("CALLVAULT_SERVER__PORT", str(free_port()))
    monkeypatch.setenv("CALLVAULT_SERVER__HOST", "0.0.0.0")  # noqa: S104  # read, not bound
    ended = cli("health", "-c", config)
    assert ended.code == Exit.FAILED
    assert "no server answers at http://127.0.0.1:" in ended.err


def test_an_address_that_cannot_be_known_is_asked_for(cli: Cli, config: Path) -> None:
    """Port 0 is chosen by the system: only --url can say which."""
    assert cli("health", "-c", config).code == Exit.USAGE
    for url in ("localhost:8080", "http://", "http://127.0.0.1:99999", "http://[::1"):
        assert cli("health", "--url", url).code == Exit.USAGE
