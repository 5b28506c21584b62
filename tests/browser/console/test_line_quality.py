"""A bad line is said in plain words while it is bad, and a server that stops says so on both screens."""

import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.conftest import OpenPage
from tests.browser.console.desk import WAIT_MS, call_centre, take
from tests.browser.console.double import Double
from tests.servers.ports import free_port
from tests.servers.udp_proxy import CLEAR, Weather, udp_proxy

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PUBLIC, OWN = "127.0.0.2", "127.0.0.1"
STORM = Weather(lost=0.5)
KEPT = {
    "samples": 90,
    "still_ms": 6_400,
    "mean_bits_per_s": 1_240_400,
    **{
        f"{which}_{name}": value
        for which, value in (("mean", 4), ("worst", 55))
        for name in (
            "missed_permille",
            "sound_lost_permille",
            "picture_lost_permille",
            "jitter_ms",
            "round_trip_ms",
        )
    },
}
BANNER = """async (lines) => {
  const { lineQuality } = await import("/assets/console/line_quality.js");
  const call = Object.assign(new EventTarget(), { feeds: new Map(lines.map(({ leg_id }) => [leg_id, {}])) });
  const { banner } = lineQuality({ call });
  for (const detail of lines) call.dispatchEvent(new CustomEvent("quality", { detail }));
  return [...banner.querySelectorAll("p")].map(({ textContent }) => textContent);
}"""


def test_a_bad_line_and_a_stop_are_said_in_plain_words(
    tmp_path: Path, axe: Callable[[Page], list[str]]
) -> None:
    """Half of everything is lost: both read so, the agent whose it is. SIGTERM: both read of a restart."""
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
        expect(banner).not_to_contain_text("sound")  # a busy machine alone may be late, but loses none
        proxy.weather = STORM
        expect(banner).to_contain_text("sound", timeout=WAIT_MS)
        expect(banner).to_contain_text("% lost on the way")
        expect(banner).to_contain_text("kbit/s arrive")
        before = banner.locator(".muted").inner_text()
        expect(banner.locator(".muted")).not_to_have_text(
            before, timeout=WAIT_MS
        )  # it goes on being measured
        weak = visitor.locator("call-button .panel").get_by_text("The connection is weak")
        expect(weak).to_be_visible(timeout=WAIT_MS)
        proxy.weather = CLEAR
        expect(weak).to_be_hidden(timeout=WAIT_MS)
        assert axe(agent) == []
        centre.program.process.send_signal(signal.SIGTERM)
        expect(banner).to_contain_text("about to restart", timeout=WAIT_MS)
        expect(visitor.locator("call-button .stopping")).to_contain_text("about to restart")
        agent.get_by_role("button", name="Hang up").click()
        assert centre.program.process.wait(30) == 0


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "en",
            {
                "Picture that never came": "0.4 %, at worst 5.5 %",
                "Picture stood still": "6.4 s in all",
                "Sound and picture": "1,240 kbit/s on average",
                "There and back": "4 ms, at worst 55 ms",
            },
        ),
        (
            "fr",
            {
                "Image jamais arrivée": "0,4 %, au pire 5,5 %",
                "Image figée": "6,4 s en tout",
                "Son et image": "1 240 kbit/s en moyenne",
                "Aller-retour": "4 ms, au pire 55 ms",
            },
        ),
    ],
)
def test_a_lines_numbers_are_kept_beside_its_recording(
    open_page: OpenPage, vault: Double, first: str, language: str, expected: dict[str, str]
) -> None:
    """Loss, rate and stills of the leg whose recording is looked at."""
    vault.lines = [{"leg_id": "leg_other", **KEPT}, {"leg_id": vault.items[0]["leg_id"], **KEPT}]
    card = open_page(first, language=language).locator(".line-place")
    for name, value in expected.items():
        row = card.get_by_text(name, exact=True).locator("xpath=following-sibling::dd[1]")
        expect(row).to_have_text(value)  # any kind of space is one


def test_two_troubles_of_one_line_do_not_hide_anothers_lost_sound(open_page: OpenPage, first: str) -> None:
    """Two sentences for all: of each line its worst, the worst of all first, and its numbers beneath."""
    numbers = {"lost_percent": 3.25, "jitter_ms": 9, "round_trip_ms": None, "kbit_per_s": 1_100, "still_s": 0}
    mine = {"leg_id": "a", "role": "agent", "mine": True, "troubles": ["sound_received", "late"], **numbers}
    other = {"leg_id": "b", "role": "agent", "mine": False, "troubles": ["picture_sent", "late"], **numbers}
    lost = {"leg_id": "c", "role": "visitor", "mine": False, "troubles": ["sound_sent"], **numbers}
    page = open_page(first)
    told, beneath = page.evaluate(BANNER, [mine, other, {**lost, "lost_percent": 21.5, "still_s": 6}])
    assert re.fullmatch(r"The visitor.*loses sound now and then\. Your colleague.*stands still.*\.", told)
    assert (
        beneath == "21.5 % lost on the way · 9 ms uneven · 1,100 kbit/s arrive · picture still for 6 s so far"
    )
    told, _ = page.evaluate(BANNER, [mine, lost])
    assert re.fullmatch(
        r"The visitor.*loses sound now and then\. Your connection loses some of what.*\.", told
    )
