"""Two people talk through the vault, each in a browser of their own, and each must see and hear the other.

What a page shows is read off its elements: the mean colours of the halves of the other's picture, and the
strongest tone of the other's sound.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from tests.end_to_end.fake_devices import AGENT, VISITOR, Look, decode, make_devices
from tests.end_to_end.journey import ARGUMENTS, WAIT_MS, require
from tests.end_to_end.program import Program
from tests.servers.parts import find

# The mean colours of the halves of a picture.
COLOURS = """(root) => {
  const video = root();
  if (!video || !video.videoWidth) return null;
  const [wide, high] = [64, 36];
  const canvas = new OffscreenCanvas(wide, high);
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0, wide, high);
  const half = (from) => {
    const { data } = context.getImageData(from, 8, wide / 2 - 8, high - 16);
    const sum = [0, 0, 0];
    for (let at = 0; at < data.length; at += 4) for (const c of [0, 1, 2]) sum[c] += data[at + c];
    return sum.map((each) => each / (data.length / 4));
  };
  return [half(2), half(wide / 2 + 6)];
}"""
# The strongest tone of the element's stream, in Hz, over a third of a second.
TONE = """async (root) => {
  const stream = root()?.srcObject;
  if (!stream || !stream.getAudioTracks().length) return null;
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 16384, smoothingTimeConstant: 0 });
  context.createMediaStreamSource(stream).connect(analyser);
  await context.resume();
  await new Promise((later) => setTimeout(later, 700));
  const bins = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(bins);
  let best = 1;
  for (let at = 1; at < bins.length; at++) if (bins[at] > bins[best]) best = at;
  const hz = best * context.sampleRate / analyser.fftSize;
  const loud = bins[best];
  await context.close();
  return loud > -70 ? hz : null;
}"""
IN_WIDGET = "() => document.querySelector('call-button').shadowRoot.querySelector('.others .tile video')"
IN_CONSOLE = "() => document.querySelector('.call-stage figure.tile video')"


@dataclass
class Talk:
    """A visitor at the demo page, and an agent at the console."""

    program: Program
    visitor: Page
    agent: Page
    faults: list[str]

    def agent_is_there(self) -> None:
        """Sign in and become available."""
        self.agent.goto(self.program.console)
        expect(self.agent.get_by_role("heading", name="Recordings")).to_be_visible(timeout=WAIT_MS)
        switch = self.agent.locator("#presence")
        switch.click()
        expect(switch).to_have_attribute("aria-checked", "true", timeout=WAIT_MS)

    def visitor_calls(self, *, choice: str = "accepted") -> None:
        """Press the button and answer the notice."""
        self.visitor.goto(f"{self.program.demo}?lang=en")
        self.visitor.locator("call-button .call").click()
        self.visitor.locator(f"call-button button[value={choice}]").click(timeout=WAIT_MS)

    def agent_takes(self) -> None:
        """Take the call that rings."""
        self.agent.get_by_role("button", name="Take the call").click(timeout=WAIT_MS)

    def both_see_and_hear(self) -> None:
        """Each side's picture and tone reach the other."""
        _perceives(self.visitor, IN_WIDGET, AGENT)
        _perceives(self.agent, IN_CONSOLE, VISITOR)

    def agent_hangs_up(self) -> None:
        """End it from the console; the visitor's call ends too."""
        self.agent.get_by_role("button", name="Hang up").click()
        self.visitor.wait_for_function(
            "() => document.querySelector('call-button').state === 'ended'", timeout=WAIT_MS
        )

    def recordings(self, count: int) -> list[dict[str, Any]]:
        """Wait until so many recordings are ready."""
        items: list[dict[str, Any]] = []
        for _ in range(100):
            items = self.api("GET", "/v1/media?state=ready").json()["items"]
            if len(items) >= count:
                break
            self.agent.wait_for_timeout(200)
        require(f"{count} recordings are ready: {items}", ok=len(items) == count)
        return items

    def decoded(self, media_id: str) -> Any:
        """Fetch a recording through a link and decode it."""
        made = self.api("POST", f"/v1/media/{media_id}/links", {"purpose": "quality"})
        require("a link is made", ok=made.status == 201)
        return decode(self.api("GET", made.json()["urls"]["media"]).body())

    def api(self, method: str, path: str, body: object = None) -> Any:
        """Ask the API as the signed-in agent."""
        same_origin = {"Origin": self.program.base, "Sec-Fetch-Site": "same-origin"}
        return self.agent.context.request.fetch(
            self.program.base + path, method=method, headers=same_origin, data=body
        )


def _perceives(page: Page, element: str, look: Look) -> None:
    """Look and listen until it is this person, or give up with what was there instead."""
    seen: object = None
    for _ in range(60):
        colours = page.evaluate(f"({COLOURS})({element})")
        tone_hz = page.evaluate(f"({TONE})({element})") if colours else None
        seen = (colours, tone_hz)
        if colours and tone_hz:
            left, right = colours
            if look.matches(left, right, tone_hz):
                return
        page.wait_for_timeout(250)
    require(f"the {look.name} is seen and heard by the other: {seen}", ok=False)


def _launch(playwright: Playwright, folder: Path, look: Look) -> Browser:
    devices = make_devices(folder, look)
    return playwright.chromium.launch(
        executable_path=find("chromium") or "chromium", args=[*ARGUMENTS, *devices.arguments]
    )


@contextmanager
def talking(program: Program, folder: Path) -> Iterator[Talk]:
    """Open a browser for each side; what their pages complain about fails the talk at its end."""
    faults: list[str] = []
    with ExitStack() as stack:
        playwright = stack.enter_context(sync_playwright())
        pages = []
        for look in (VISITOR, AGENT):
            browser = _launch(playwright, folder, look)
            stack.callback(browser.close)
            page = browser.new_context(
                viewport={"width": 1280, "height": 800},
                locale="en-GB",
                permissions=["camera", "microphone"],
                extra_http_headers={"Accept-Language": "en"},
            ).new_page()
            page.on("pageerror", lambda error: faults.append(str(error)))
            pages.append(page)
        yield Talk(program, pages[0], pages[1], faults)
        require(f"no page complained: {faults}", ok=not faults)
