"""The same call from Firefox: another engine, another SDP, the same button."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.browser.firefox import firefox

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.widget.shop import Urls

pytestmark = pytest.mark.browser


async def newest_leg(urls: Urls) -> dict[str, Any]:
    """What the vault saw of the newest leg."""
    async with aiohttp.ClientSession() as session, session.get(f"{urls.vault}/double/facts") as response:
        facts = json.loads(await response.text())
    leg: dict[str, Any] = facts["legs"][-1]
    return leg


async def test_a_recorded_call_from_firefox_is_heard_seen_and_ended(urls: Urls, tmp_path: Path) -> None:
    """Press, accept, talk, hang up: media arrives, the camera goes out, the leg is ended."""
    async with aiohttp.ClientSession() as session:
        await session.post(f"{urls.vault}/double/forget")
    async with firefox(tmp_path) as browser:
        await browser.open(f"{urls.shop}/?lang=en")
        await browser.click("call-button >>> .call")
        assert await browser.text("call-button >>> h2") in {"One moment…", "Before we start"}
        await browser.click("call-button >>> button[value=accepted]")
        await browser.wait_for_call("live")
        for _ in range(100):
            leg = await newest_leg(urls)
            if leg["frames"]["audio"] > 50 and leg["frames"]["video"] > 10:
                break
            await asyncio.sleep(0.1)
        assert leg["frames"]["audio"] > 50
        assert leg["frames"]["video"] > 10
        assert await browser.text("call-button >>> .badge") == "Recorded"
        await browser.click("call-button >>> .hang-up")
        await browser.wait_for_call("ended")
        assert "Your microphone and camera are off." in await browser.text("call-button >>> .panel")
        assert await browser.faults() == []
    assert (await newest_leg(urls))["deleted"]


async def test_firefox_sees_and_hears_the_agent(urls: Urls, tmp_path: Path) -> None:
    """Picture and sound of the other side come in Firefox too; the call ends with the agent's hang-up."""
    async with aiohttp.ClientSession() as session, firefox(tmp_path) as browser:
        await session.post(f"{urls.vault}/double/forget")
        await browser.open(f"{urls.shop}/?lang=en&button=btn_live")
        await browser.click("call-button >>> .call")
        await browser.click("call-button >>> button[value=refused]")
        await browser.wait_for_call("live")
        joined = await session.post(f"{urls.vault}/double/join", json={"kind": "camera", "name": "Zoé"})
        tile = (
            "document.querySelector('call-button').shadowRoot.querySelector('.tile:not(.no-picture) video')"
        )
        await browser.wait(f"{tile}?.videoWidth === 320 && {tile}.srcObject.getAudioTracks().length === 1")
        assert await browser.text("call-button >>> h2") == "On the line with Zoé"
        left = {"id": (await joined.json())["id"], "reason": "hangup"}
        await session.post(f"{urls.vault}/double/leave", json=left)
        await browser.wait_for_call("ended")
        assert await browser.faults() == []


async def test_a_firefox_that_refuses_the_devices_shows_its_own_steps(urls: Urls, tmp_path: Path) -> None:
    """A real refusal, by the browser's own settings: what to click is what this browser has."""
    async with firefox(tmp_path, devices="refused") as browser:
        await browser.open(f"{urls.shop}/?lang=en")
        await browser.click("call-button >>> .call")
        await browser.click("call-button >>> button[value=accepted]")
        steps = await browser.text("call-button >>> .steps")
        assert "Click the crossed-out microphone or camera to the left of the address." in steps
        assert "Your browser refuses the microphone or camera" in await browser.text("call-button >>> .panel")
        assert await browser.faults() == []
