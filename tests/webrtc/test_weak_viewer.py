"""What the weakest viewer can take reaches a real browser that has transport-cc as well, and goes with it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from playwright.async_api import async_playwright

from tests.servers.chromium import ARGUMENTS
from tests.servers.parts import need
from tests.webrtc.legs import LOOPBACK, Leg, eventually
from tests.webrtc.test_tap import Viewer
from webrtc.limits import PeerLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
WEAK_BPS = 150_000
CAMERA = "--use-fake-device-for-media-stream"  # at its full rate: it is to send more than a weak viewer takes
PAGE = """async () => {
  const wanted = { audio: true, video: { width: 640, height: 480 } };
  const media = await navigator.mediaDevices.getUserMedia(wanted);
  const peer = new RTCPeerConnection();
  for (const track of media.getTracks()) peer.addTrack(track, media);
  await peer.setLocalDescription(await peer.createOffer());
  const answer = await fetch('/offer', { method: 'POST', body: peer.localDescription.sdp });
  await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
  globalThis.kept = peer;
}"""


@pytest.fixture
async def leg_of_chromium() -> AsyncIterator[Leg]:
    """A leg that Chromium publishes into."""
    leg = Leg(PeerLimits(), LOOPBACK)

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>page</title>", content_type="text/html")

    async def offer(request: web.Request) -> web.Response:
        return web.Response(text=await leg.peer.answer(await request.text()))

    application = web.Application()
    application.add_routes([web.get("/", page), web.post("/offer", offer)])
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=need("chromium")["chromium"], args=[*ARGUMENTS, CAMERA]
        )
        context = await browser.new_context(permissions=["camera", "microphone"])
        opened = await context.new_page()
        await opened.goto(f"http://127.0.0.1:{runner.addresses[0][1]}/")
        await opened.evaluate(PAGE)
        yield leg
        await leg.peer.close()
        await browser.close()
    await runner.cleanup()


class Pace:
    """Bits per second of a leg's picture, since the last look that was a second or more ago."""

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        self._at_s, self._bytes = time.monotonic(), self._now()
        self.bps = 0.0

    def _now(self) -> int:
        tracks = self._leg.peer.stats().tracks
        return max((track.payload_bytes for track in tracks if track.codec == "vp8"), default=0)

    def look(self) -> float:
        """The last figure, a new one each second."""
        passed_s = time.monotonic() - self._at_s
        if passed_s >= 1:
            bytes_ = self._now()
            self.bps = 8 * (bytes_ - self._bytes) / passed_s
            self._at_s, self._bytes = time.monotonic(), bytes_
        return self.bps


async def test_a_weak_viewer_makes_the_browser_send_less_as_long_as_it_is_there(leg_of_chromium: Leg) -> None:
    """F17: REMB caps Chromium's own estimate; when the viewer has left, the picture grows again."""
    pace = Pace(leg_of_chromium)
    await eventually(lambda: pace.look() > 3 * WEAK_BPS, timeout_s=40)
    viewer = Viewer(WEAK_BPS)
    leg_of_chromium.peer.forward_to(viewer)
    await eventually(lambda: 0 < pace.look() < 1.3 * WEAK_BPS, timeout_s=30)
    leg_of_chromium.peer.forget(viewer)
    await eventually(lambda: pace.look() > 2 * WEAK_BPS, timeout_s=60)
