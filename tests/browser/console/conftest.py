"""What the console's browser tests share: one Chromium, the footage, and a signed-in page."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.console import media
from tests.browser.console.double import DURATION_S, Double, Running
from tests.servers.chromium import ARGUMENTS
from tests.servers.parts import need

DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, with a profile of its own that goes away with it.

    Not for the session: while Playwright's synchronous side is open its event loop counts as running, and no
    asynchronous test of the same worker could run.
    """
    program = need("chromium")["chromium"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with sight.webm (VP8 and Opus) and sound.webm (Opus alone)."""
    folder = tmp_path_factory.mktemp("footage")
    media.make_webm(folder / "sight.webm", DURATION_S)
    media.make_webm(folder / "sound.webm", DURATION_S, with_video=False)
    return folder


@pytest.fixture
def vault(footage: Path) -> Iterator[Double]:
    """The vault's contract, served."""
    with Running(Double(footage)) as double:
        yield double


@pytest.fixture
def faults() -> list[str]:
    """What the browser itself complained about: script errors and violations of the page's policy."""
    return []


@pytest.fixture
def open_page(chromium: Browser, vault: Double, faults: list[str]) -> Iterator[OpenPage]:
    """Open an address of the console: ``open_page(path, size=DESK, language="en", signed_in=True)``."""
    contexts = []

    def opened(
        path: str, *, size: Any = DESK, language: str = "en", signed_in: bool = True, **more: Any
    ) -> Page:
        context = chromium.new_context(viewport=size, timezone_id="Europe/Paris", **more)
        contexts.append(context)
        cookies = {"callvault_language": language, **({"session": "signed-in"} if signed_in else {})}
        vault.sessions.add("signed-in")
        context.add_cookies(
            [{"name": name, "value": value, "url": vault.address} for name, value in cookies.items()]
        )
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.add_init_script(
            "addEventListener('securitypolicyviolation', (e) => console.error('CSP ' + e.blockedURI))"
        )
        page.on("console", lambda said: faults.append(said.text) if said.text.startswith("CSP ") else None)
        page.goto(vault.address + path)
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def first(vault: Double) -> str:
    """The path of the newest recording's page."""
    return f"/console/recordings/{vault.items[0]['id']}"


@pytest.fixture(scope="session")
def axe() -> Callable[[Page], list[str]]:
    """Judge a page as it stands by axe-core's WCAG and best-practice rules; returns the violations."""
    script = Path(__file__).resolve().parents[3] / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        need("node_modules/axe-core")

    def judged(page: Page) -> list[str]:
        page.evaluate(script.read_text("utf-8"))
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = page.evaluate("(tags) => axe.run(document, {runOnly: tags})", tags)
        return [
            f"{fault['id']}: {[node['html'] for node in fault['nodes']]}" for fault in found["violations"]
        ]

    return judged


def pass_purpose(page: Page, purpose: str = "quality", detail: str = "") -> None:
    """Answer why the recording is opened, and wait until it is."""
    page.locator("#purpose").select_option(purpose)
    page.locator("#purpose-detail").fill(detail)
    page.locator("form.purpose button").click()
    page.wait_for_function("() => document.querySelector('.player video, .player audio')?.readyState > 0")
    page.locator("#about h3").first.wait_for()
