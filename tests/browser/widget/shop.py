"""A shop page with a call button, as a visitor uses it: by pressing, reading and hearing nothing else."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import pytest
from playwright.async_api import Browser, ConsoleMessage, Locator, Page

ROOT = Path(__file__).resolve().parents[3]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DESKTOP, PHONE = (1280, 800), (390, 844)
BOTH_DEVICES = ("microphone", "camera")

# The colour in the middle of a picture as the visitor sees it.
PIXEL = """video => {
  const canvas = new OffscreenCanvas(1, 1), pen = canvas.getContext("2d");
  pen.drawImage(video, video.videoWidth / 2, video.videoHeight / 2, 1, 1, 0, 0, 1, 1);
  const [red, , blue] = pen.getImageData(0, 0, 1, 1).data;
  return [video.videoWidth, video.videoHeight, red, blue];
}"""

# The loudest of what was played since the last look, from the browser's own count of each receiver.
LOUDEST = """async () => {
  const levels = [];
  for (const connection of watched.connections) {
    if (connection.connectionState !== "connected") continue;
    (await connection.getStats()).forEach((one) => {
      if (one.type === "inbound-rtp" && one.kind === "audio") levels.push(one.audioLevel ?? 0);
    });
  }
  return Math.max(0, ...levels);
}"""

# Watches from outside: what was asked of the devices, what came of it, and each state the element told.
WATCH = """
window.watched = { asked: [], streams: [], states: [], delayMs: 0, connections: [], isDeaf: false };
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...all) { super(...all); watched.connections.push(this); }
};
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () {
  return watched.isDeaf ? Promise.reject(new DOMException("no press", "NotAllowedError")) : play.call(this);
};
const devices = navigator.mediaDevices, open = devices.getUserMedia.bind(devices);
devices.getUserMedia = async (wish) => {
  watched.asked.push({ audio: !!wish.audio, video: !!wish.video });
  watched.facing = wish.video?.facingMode;
  await new Promise((resolve) => setTimeout(resolve, watched.delayMs));
  const stream = await open(wish);
  watched.streams.push(stream);
  stream.getTracks().forEach((track) => (watched.tracks ??= []).push(track));
  return stream;
};
addEventListener("callvault:state", ({ detail }) => watched.states.push(detail));
"""


@dataclass(frozen=True)
class Urls:
    """Where the double serves the vault and the shop."""

    vault: str
    shop: str


@dataclass
class Shop:
    """One visitor's browser context on the shop's page."""

    page: Page
    urls: Urls
    faults: list[str] = field(default_factory=list)

    @classmethod
    async def open(
        cls,
        browser: Browser,
        urls: Urls,
        *,
        button: str = "btn_video",
        lang: str = "fr",
        extra: str = "",
        granted: Sequence[str] = BOTH_DEVICES,
        size: tuple[int, int] = DESKTOP,
        scheme: str = "light",
        path: str | None = None,
        touch: bool = False,
    ) -> Self:
        """Opens the page and waits for the button."""
        context = await browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            permissions=list(granted),
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
            has_touch=touch,
            is_mobile=touch,
        )
        await context.request.post(f"{urls.vault}/double/forget")
        page = await context.new_page()
        shop = cls(page, urls)
        page.on("pageerror", lambda error: shop.faults.append(str(error)))
        page.on("console", shop.hear)
        await page.add_init_script(WATCH)
        query = urlencode({"button": button, "lang": lang, "extra": extra})
        await page.goto(path or f"{urls.shop}/?{query}")
        await shop.inside(".call").wait_for()
        return shop

    def hear(self, message: ConsoleMessage) -> None:
        """Keeps what is wrong; a failed request is told by the browser itself and often expected."""
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(message.text)

    def inside(self, selector: str) -> Locator:
        """Something in the button's shadow root."""
        return self.page.locator("call-button").locator(selector)

    def named(self, role: Any, name: str) -> Locator:
        """Something by its accessible role and name."""
        return self.page.locator("call-button").get_by_role(role, name=name)

    async def press(self) -> None:
        """Presses the call button and waits until the notice is there."""
        await self.inside(".call").click()
        await self.inside(".choices, .emblem.danger").first.wait_for()

    async def until(self, state: str) -> None:
        """Waits for a state of the element."""
        await self.page.wait_for_function(
            "state => document.querySelector('call-button').state === state", arg=state, timeout=30_000
        )

    async def call(self, choice: str = "accepted") -> None:
        """Goes from the press to a live call."""
        await self.press()
        await self.inside(f"button[value={choice}]").click()
        await self.until("live")

    async def text(self) -> str:
        """The words of the open panel, spaces made plain."""
        words = await self.inside(".panel").inner_text()
        return " ".join(words.split())

    async def watched(self) -> dict[str, Any]:
        """What the page saw: devices asked for, states of all tracks, states of the element."""
        found: dict[str, Any] = await self.page.evaluate(
            "({ asked: watched.asked, states: watched.states,"
            " tracks: (watched.tracks ?? []).map(({ kind, readyState }) => [kind, readyState]) })"
        )
        return found

    async def devices_are_off(self) -> bool:
        """Whether every track ever opened has ended."""
        return all(state == "ended" for _, state in (await self.watched())["tracks"])

    async def facts(self) -> dict[str, Any]:
        """What the vault saw."""
        response = await self.page.context.request.get(f"{self.urls.vault}/double/facts")
        found: dict[str, Any] = await response.json()
        return found

    async def leg_until(self, wanted: str) -> dict[str, Any]:
        """Waits until the newest leg satisfies a JavaScript expression about `leg`."""
        for _ in range(100):
            legs = (await self.facts())["legs"]
            if legs and await self.page.evaluate(f"leg => {wanted}", legs[-1]):
                found: dict[str, Any] = legs[-1]
                return found
            await self.page.wait_for_timeout(100)
        pytest.fail(f"no leg became {wanted}")

    async def tell_vault(self, what: str, **how: Any) -> None:
        """Makes the other side do something: hang-up, vanish, drop, and what agent.py can."""
        await self.page.context.request.post(f"{self.urls.vault}/double/{what}", data=how)

    async def event(self, name: str, **data: Any) -> None:
        """Tells the visitor something by the socket of events."""
        await self.tell_vault("event", type=f"call.{name}", data=data)

    async def joined(self, *, name: str = "Zoé", kind: str = "camera", quietly: bool = False) -> str:
        """An agent's leg joins; gives its id."""
        given = {"name": name, "kind": kind, "quietly": quietly}
        response = await self.page.context.request.post(f"{self.urls.vault}/double/join", data=given)
        return str((await response.json())["id"])

    async def reads(self, words: str) -> None:
        """Waits until the open panel says so."""
        await self.inside(".panel").filter(has_text=words).wait_for()

    async def sees(self, kind: str) -> tuple[int, int, bool]:
        """Waits for a picture of that kind: its width, its height, and whether it is bluer than red."""
        video = self.inside(f".tile.{kind}:not(.no-picture) video")
        await video.wait_for()
        width, height, red, blue = await video.evaluate(PIXEL)
        return width, height, blue > red

    async def barriers(self) -> list[dict[str, Any]]:
        """What axe finds wrong on the whole page, shadow roots included."""
        await self.page.evaluate(AXE.read_text("utf-8"))
        options = json.dumps({"runOnly": WCAG})
        found: list[dict[str, Any]] = await self.page.evaluate(
            f"axe.run(document, {options}).then(({{ violations }}) => violations.map(({{ id, nodes }}) =>"
            " ({ id, where: nodes.map(({ target, failureSummary }) => [target, failureSummary]) })))"
        )
        return found
