"""A bad line is said in plain words while it is bad, and a server that stops says so on both screens."""

import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.desk import WAIT_MS, call_centre, take
from tests.servers.ports import free_port
from tests.servers.udp_proxy import CLEAR, Weather, udp_proxy

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PUBLIC, OWN = "127.0.0.2", "127.0.0.1"
STORM = Weather(lost=0.5)


def test_a_bad_line_and_a_stop_are_said_in_plain_words(
    tmp_path: Path, axe: Callable[[Page], list[str]]
) -> None:
    """Half of everything is lost: the agent reads whose line it is. SIGTERM: both read that it restarts."""
    port = free_port(socket.SOCK_DGRAM)
    settings = {
        "MEDIA__PORT_FIRST": str(port),
        "MEDIA__PORT_LAST": str(port),
        "MEDIA__ADDRESSES": OWN,
        "MEDIA__ANNOUNCED_ADDRESS": PUBLIC,
        "SERVER__DRAIN_S": "20",
    }
    with (
        udp_proxy((PUBLIC, port), (OWN, port), CLEAR) as proxy,
        call_centre(tmp_path / "vault", settings=settings) as centre,
    ):
        agent = centre.agent()
        visitor = centre.visitor()
        take(agent)
        banner = agent.locator(".line-quality")
        expect(banner).to_be_hidden()
        proxy.weather = STORM
        expect(banner).to_contain_text("sound", timeout=WAIT_MS)
        expect(banner).to_contain_text("% lost on the way")
        proxy.weather = CLEAR
        assert axe(agent) == []
        centre.program.process.send_signal(signal.SIGTERM)
        expect(banner).to_contain_text("about to restart", timeout=WAIT_MS)
        expect(visitor.locator("call-button .stopping")).to_contain_text("about to restart")
        agent.get_by_role("button", name="Hang up").click()
        assert centre.program.process.wait(30) == 0
