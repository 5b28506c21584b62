"""The main job as people do it: a visitor in one browser context, an agent in another.

Each step does one thing and verifies it; `Journey` is used by the end-to-end tests and by ``make demo``.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import APIResponse, Browser, BrowserContext, Page, expect, sync_playwright

from tests.end_to_end.fake_devices import Seen, decode, is_what_was_shown, make_devices
from tests.end_to_end.folders import objects_in
from tests.end_to_end.program import Program
from tests.servers import chromium
from tests.servers.parts import find

ARGUMENTS = [
    *chromium.ARGUMENTS,
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    chromium.AUTOPLAY,
]
ROOT = Path(__file__).resolve().parents[2]
WAIT_MS = 20_000


class JourneyError(AssertionError):
    """A step did not come out as it must."""


def require(what: str, *, ok: bool) -> None:
    """Fail the journey unless something holds."""
    if not ok:
        raise JourneyError(what)


@dataclass
class Journey:
    """One visitor's call and what becomes of it."""

    program: Program
    browser: Browser
    folder: Path
    visitor: Page
    agent: Page
    recording_id: str = ""
    media_path: str = ""
    seen: Seen | None = None
    receipt: Path = Path()
    faults: list[str] = field(default_factory=list)

    # --- the visitor ---

    def press_the_button(self) -> str:
        """Press and read the notice: who, why, how long, and that it may be refused."""
        self.visitor.goto(f"{self.program.demo}?lang=en")
        self.inside(".call").click()
        self.inside("button[value=accepted]").wait_for(timeout=WAIT_MS)
        notice = " ".join(self.inside(".panel").inner_text().split())
        for told in ("Atelier Lumen", "180 days", "refuse" if "refuse" in notice else "without recording"):
            require(f"the notice says {told!r}", ok=told in notice)
        return notice

    def accept_and_talk(self, seconds: float) -> None:
        """Accept, allow the devices, be connected, talk."""
        self.inside("button[value=accepted]").click()
        self.until("live")
        require("the call is marked as recorded", ok=self.inside(".badge").inner_text().strip() == "Recorded")
        self.visitor.wait_for_timeout(seconds * 1000)

    def hang_up(self) -> None:
        """End the call; the camera goes out."""
        self.inside(".hang-up").click()
        self.until("ended")

    def come_back(self, told: str) -> None:
        """Follow the last panel's link to the visitor's own page: it says how it stands."""
        link = self.inside(".own-ways a").first.get_attribute("href", timeout=WAIT_MS)
        page = self.visitor.context.new_page()
        page.goto(link or "")
        expect(page.locator("main")).to_contain_text(told, timeout=WAIT_MS)
        require("the link's secret has left the address", ok="#" not in page.url)
        page.close()

    # --- the agent ---

    def sign_in(self) -> None:
        """Open the one-time link; it signs in once, and leaves no code in the address."""
        self.agent.goto(self.program.console)
        expect(self.agent.get_by_role("heading", name="Recordings")).to_be_visible(timeout=WAIT_MS)
        require("the code has left the address", ok="code=" not in self.agent.url)
        again = self.agent.context.request.post(
            f"{self.program.base}/v1/sessions", data={"code": self.program.code}, headers=self.same_origin
        )
        require("the code works once", ok=again.status == 401)

    def find_it(self) -> None:
        """See the recording in the list, ready."""
        for _ in range(100):
            items = self.api("GET", "/v1/media?state=ready").json()["items"]
            if items:
                break
            self.agent.wait_for_timeout(100)
        require("the recording is ready", ok=bool(items))
        self.recording_id = items[0]["id"]
        self.agent.goto(f"{self.program.base}/console")
        self.agent.locator(f"a[href$='{self.recording_id}']").first.click()

    def open_it(self) -> None:
        """Say why, and see it play."""
        self.agent.get_by_label("Purpose").select_option("quality")
        self.agent.get_by_role("button", name="Open the recording").click()
        video = self.agent.locator(".player video")
        video.wait_for(timeout=WAIT_MS)
        self.media_path = str(video.evaluate("element => new URL(element.src).pathname"))
        video.evaluate("element => { element.muted = true; return element.play(); }")
        self.agent.wait_for_function("() => document.querySelector('.player video').currentTime > 0.5")
        frames = video.evaluate("element => element.getVideoPlaybackQuality().totalVideoFrames")
        require("the player shows frames", ok=frames > 5)

    def seek(self, to_s: float) -> None:
        """Seek natively and by the waveform; both land where they should."""
        video = self.agent.locator(".player video")
        landed = video.evaluate(
            "(element, to) => new Promise((done) => { element.pause();"
            " element.onseeked = () => done(element.currentTime); element.currentTime = to; })",
            to_s,
        )
        require("a native seek lands", ok=abs(landed - to_s) < 0.1)
        wave = self.agent.get_by_role("slider", name="Position in the recording")
        wave.focus()
        wave.press("Home")
        self.agent.wait_for_function("() => document.querySelector('.player video').currentTime < 0.2")
        wave.press("ArrowRight")
        self.agent.wait_for_function("() => document.querySelector('.player video').currentTime > 0.5")

    def decode_it(self) -> Seen:
        """Fetch the recording through the link and decode it: the picture and the tone that were sent."""
        whole = self.api("GET", self.media_path)
        require("the link answers", ok=whole.status == 200)
        part = self.api("GET", self.media_path, headers={"Range": "bytes=1000-1999"})
        require("a range is a range", ok=part.status == 206 and part.body() == whole.body()[1000:2000])
        self.seen = decode(whole.body())
        require(f"picture and tone are those of the devices: {self.seen}", ok=is_what_was_shown(self.seen))
        return self.seen

    def erase_it(self) -> None:
        """Erase with a reason, wait for the receipt, keep it."""
        page = self.agent
        page.get_by_role("button", name="Erase this recording…").click()
        page.get_by_label("Reason").select_option("visitor_request")
        page.get_by_label("I have understood that this cannot be undone.").check()
        page.get_by_role("button", name="Erase for good").click()
        region = page.get_by_role("region", name="Receipt of erasure")
        expect(region).to_contain_text("Complete", timeout=WAIT_MS)
        with page.expect_download() as download:
            page.get_by_role("link", name="Download the receipt").click()
        self.receipt = self.folder / "receipt.json"
        download.value.save_as(self.receipt)

    def verify_the_receipt(self) -> None:
        """Verify it offline twice: with the command, and with the script that needs nothing of ours."""
        keys = self.api("GET", "/v1/ledger/key").json()["keys"]
        pinned = [argument for key in keys for argument in ("--key", key)]
        command = [sys.executable, "-m", "vault", "receipt", "verify", str(self.receipt), *pinned]
        script = [sys.executable, str(ROOT / "docs" / "tools" / "verify_receipt.py"), str(self.receipt)]
        for argv in (command, [*script, "--key", keys[0]]):
            done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
            require(f"{argv[2]} accepts the receipt: {done.stdout}{done.stderr}", ok=done.returncode == 0)
        forged = self.folder / "forged.json"
        forged.write_text(self.receipt.read_text().replace("visitor_request", "legal"))
        refused = subprocess.run(
            [*script[:2], str(forged), "--key", keys[0]],
            capture_output=True,
            timeout=60,
            check=False,
            cwd=ROOT,
        )
        require("a forged receipt is refused", ok=refused.returncode != 0)

    def see_it_gone(self) -> None:
        """The owner is told 410, the link is dead, no object is left."""
        gone = self.api("GET", f"/v1/media/{self.recording_id}")
        require("the API answers 410", ok=gone.status == 410 and gone.json()["code"] == "erased")
        require("the link is dead", ok=self.api("GET", self.media_path).status in {404, 410})
        kept = objects_in(self.program.folder)
        require(f"no object is left: {kept}", ok=not kept)

    # --- helpers ---

    def inside(self, selector: str) -> Any:
        """Something in the button's shadow root."""
        return self.visitor.locator("call-button").locator(selector)

    def until(self, state: str) -> None:
        """Wait for a state of the button."""
        self.visitor.wait_for_function(
            "state => document.querySelector('call-button').state === state", arg=state, timeout=WAIT_MS
        )

    @property
    def same_origin(self) -> dict[str, str]:
        """What the browser itself would say of a request from our own page."""
        return {"Origin": self.program.base, "Sec-Fetch-Site": "same-origin"}

    def api(self, method: str, path: str, headers: dict[str, str] | None = None) -> APIResponse:
        """Ask the API as the signed-in agent."""
        return self.agent.context.request.fetch(
            self.program.base + path, method=method, headers={**self.same_origin, **(headers or {})}
        )

    def hear(self, page: Page) -> None:
        """Keep what the browser complains about."""
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.add_init_script(
            "addEventListener('securitypolicyviolation', (e) => console.error('CSP ' + e.blockedURI))"
        )
        page.on(
            "console", lambda said: self.faults.append(said.text) if said.text.startswith("CSP ") else None
        )


@contextmanager
def open_journey(program: Program, folder: Path) -> Iterator[Journey]:
    """Open both browser contexts; the faults of their pages fail the journey at its end."""
    devices = make_devices(folder)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find("chromium") or "chromium", args=[*ARGUMENTS, *devices.arguments]
        )
        try:
            visitor, agent = _context(browser), _context(browser)
            journey = Journey(program, browser, folder, visitor.new_page(), agent.new_page())
            journey.hear(journey.visitor)
            journey.hear(journey.agent)
            yield journey
            require(f"no page complained: {journey.faults}", ok=not journey.faults)
        finally:
            browser.close()


def _context(browser: Browser) -> BrowserContext:
    return browser.new_context(
        viewport={"width": 1280, "height": 800},
        locale="en-GB",
        permissions=["camera", "microphone"],
        extra_http_headers={"Accept-Language": "en"},
    )


def describe(seen: Seen) -> str:
    """One line about what was decoded."""
    return json.dumps(
        {"frames": seen.frames, "seconds": round(seen.duration_s, 2), "tone_hz": round(seen.tone_hz, 1)}
    )
