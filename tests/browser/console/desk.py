"""A call centre in a browser: the real program, agents at their consoles, visitors at the demo's button."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from tests.browser.console.conftest import DESK
from tests.end_to_end.program import Program, running_program
from tests.servers.chromium import ARGUMENTS, AUTOPLAY, CAMERA
from tests.servers.parts import need

MEDIA = ["camera", "microphone"]
WAIT_MS = 30_000
PLAYS = "(video) => video.getVideoPlaybackQuality().totalVideoFrames > 20 && !video.paused"


@dataclass
class CallCentre:
    """Opens agents and visitors; everything it opened is closed by ``clear``."""

    program: Program
    browser: Browser
    faults: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)
    admin: list[Any] = field(default_factory=list)

    def agent(
        self, *, size: Any = DESK, language: str = "en", name: str = "", devices: bool = True, **more: Any
    ) -> Page:
        """Open the console as the administrator, or as a new agent of this name, and be available."""
        context = self._context(viewport=size, permissions=MEDIA if devices else [], **more)
        cookies = [{"name": "callvault_language", "value": language, "url": self.program.base}]
        context.add_cookies(cookies)  # type: ignore[arg-type]  # Playwright's type asks for its own class
        page = self._page(context)
        if name:
            page.goto(f"{self.program.base}/console#code={self._new_agent(name)}")
        elif not self.admin:
            page.goto(self.program.console)
        else:
            context.add_cookies(self.admin)
            page.goto(f"{self.program.base}/console")
        switch = page.locator("#presence:not([disabled]):not([aria-busy])")
        switch.wait_for()
        if not name:
            self.admin = [cookie for cookie in context.cookies() if cookie["httpOnly"]]
        if switch.get_attribute("aria-checked") == "false":
            switch.click()
        expect(page.locator("#presence")).to_have_attribute("aria-checked", "true")
        return page

    def visitor(self, *, choice: str = "accepted", script: str = "") -> Page:
        """Press the demo's button, answer the notice (unless ``choice`` is empty); ``script`` runs first."""
        page = self._page(self._context(permissions=MEDIA))
        page.add_init_script(script)
        page.goto(f"{self.program.demo}?lang=en")
        page.locator(".call").first.click()
        if choice:
            page.locator(f"button[value={choice}]").click()
        return page

    def phone(self, url: str, *, size: Any) -> Page:
        """Open a link as somebody who has nothing but it."""
        page = self._page(self._context(viewport=size, permissions=MEDIA, locale="en-GB"))
        page.goto(url)
        return page

    def fetched(self, page: Page, media_id: str) -> bytes:
        """Fetch a recording through a link of whoever is signed in on that page."""
        request, same_origin = page.context.request, self.same_origin()
        path = f"{self.program.base}/v1/media/{media_id}/links"
        link = request.post(path, data={"purpose": "quality"}, headers=same_origin).json()
        return request.get(self.program.base + link["urls"]["media"], headers=same_origin).body()

    def same_origin(self) -> dict[str, str]:
        """What a browser says of a request of the console's own."""
        return {"Origin": self.program.base, "Sec-Fetch-Site": "same-origin"}

    def clear(self) -> None:
        """Everybody goes home; whoever said to be there says that they are not."""
        for context in self.contexts:
            away = {"data": {"available": False}, "headers": self.same_origin()}
            context.request.put(f"{self.program.base}/v1/me/presence", **away)  # type: ignore[arg-type]
            context.close()
        self.contexts.clear()

    def _new_agent(self, name: str) -> str:
        """Add an agent; returns the code that signs them in. The administrator has to be there already."""
        request, base = self.contexts[0].request, self.program.base
        person = {"name": name, "email": "agent@example.com", "role": "agent"}
        made = request.post(f"{base}/v1/people", data=person, headers=self.same_origin())
        path = f"{base}/v1/people/{made.json()['id']}/sign-in-codes"
        return str(request.post(path, headers=self.same_origin()).json()["code"])

    def _context(self, **more: Any) -> BrowserContext:
        context = self.browser.new_context(timezone_id="Europe/Paris", **more)
        self.contexts.append(context)
        return context

    def _page(self, context: BrowserContext) -> Page:
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("dialog", lambda dialog: dialog.accept())  # leaving in a call is asked about
        return page


@contextmanager
def call_centre(
    folder: Path, arguments: Sequence[str] = (), *, settings: dict[str, str] | None = None
) -> Iterator[CallCentre]:
    """Run the program, and a Chromium whose devices are always there but have to be allowed."""
    program = need("chromium")["chromium"]
    with running_program(folder, settings=settings) as running, sync_playwright() as playwright:
        devices = [CAMERA, AUTOPLAY, *arguments]
        browser = playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS, *devices])
        yield CallCentre(running, browser)
        browser.close()


def picture(page: Page) -> Locator:
    """The large picture of a call, moving."""
    shown = page.locator(".stage-main .tile video")
    shown.wait_for()
    page.wait_for_function(f"() => [...document.querySelectorAll('.stage-main video')].some({PLAYS})")
    return shown


def take(page: Page) -> None:
    """Take the call that rings, and wait until the visitor is seen."""
    page.locator(".ring .primary").click()
    picture(page)
