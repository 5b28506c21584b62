"""The main job in Firefox: another engine, another SDP, another player."""

from pathlib import Path

import aiohttp
import pytest

from tests.browser.firefox import Firefox, firefox
from tests.end_to_end.fake_devices import decode
from tests.end_to_end.program import Program, running_program

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


async def call(browser: Firefox, program: Program) -> None:
    """Press, accept, talk ten seconds, hang up."""
    await browser.open(f"{program.demo}?lang=en")
    await browser.click("call-button >>> .call")
    await browser.click("call-button >>> button[value=accepted]")
    await browser.wait_for_call("live")
    await browser.evaluate("new Promise((done) => setTimeout(done, 10000))")
    await browser.click("call-button >>> .hang-up")
    await browser.wait_for_call("ended")


async def play(browser: Firefox, program: Program, media_id: str) -> None:
    """Sign in, say why, play, seek."""
    await browser.open(program.console)
    await browser.wait("location.pathname === '/console' && document.querySelector('#filters') !== null")
    await browser.open(f"{program.base}/console/recordings/{media_id}")
    await browser.wait("document.querySelector('#purpose') !== null")
    await browser.evaluate("void (document.querySelector('#purpose').value = 'quality')")
    await browser.click("form.purpose button")
    await browser.wait("document.querySelector('.player video')?.readyState > 0")
    await browser.evaluate(
        "(() => { const video = document.querySelector('.player video'); video.muted = true;"
        " return video.play().then(() => true); })()"
    )
    await browser.wait("document.querySelector('.player video').currentTime > 0.5")
    landed = await browser.evaluate(
        "new Promise((done) => { const video = document.querySelector('.player video'); video.pause();"
        " video.onseeked = () => done(video.currentTime); video.currentTime = 5; })"
    )
    assert abs(landed - 5) < 0.1


async def fetched(browser: Firefox) -> bytes:
    """Fetch what the player plays, with the browser's own session; without it the link opens nothing."""
    source = str(await browser.evaluate("document.querySelector('.player video').src"))
    cookies = {cookie["name"]: str(cookie["value"]) for cookie in await browser.cookies()}
    async with aiohttp.ClientSession() as http:
        async with http.get(source) as bare:
            assert bare.status == 401
        async with http.get(source, cookies=cookies) as response:
            assert response.status == 200
            return await response.read()


async def erase(browser: Firefox) -> None:
    """Erase from the page, and wait until it says that the proof is complete."""
    await browser.click("section[aria-labelledby=erase-title] button")
    await browser.wait("document.querySelector('dialog[open]') !== null")
    await browser.evaluate("void (document.querySelector('dialog select').value = 'visitor_request')")
    await browser.click("#erase-confirm")
    await browser.click("dialog button[type=submit]")
    await browser.wait("document.querySelector('main').innerText.includes('Complete')")


async def test_a_call_from_firefox_is_recorded_played_and_erased(tmp_path: Path) -> None:
    """Press, accept, talk ten seconds, hang up, play, seek, decode, erase."""
    with running_program(tmp_path / "vault") as program:
        async with firefox(tmp_path / "profile") as browser:
            await call(browser, program)
            await browser.open(program.console)
            await browser.wait("document.querySelector('#filters') !== null")
            media_id = await browser.evaluate(
                "fetch('/v1/media').then((r) => r.json()).then(({ items }) => items[0].id)"
            )
            await browser.wait(
                f"fetch('/v1/media/{media_id}').then((r) => r.json()).then((m) => m.state === 'ready')"
            )
            await play(browser, program, media_id)
            seen = decode(await fetched(browser))
            assert seen.frames > 50
            assert seen.loudest > 0.01
            assert 8.0 < seen.duration_s < 14.0
            await erase(browser)
            assert await browser.faults() == []
