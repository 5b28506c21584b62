"""Being heard: devices are looked at before the call, and nobody speaks unheard without being told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.browser.widget.conftest import OpenShop

pytestmark = pytest.mark.browser

# Somebody speaks all the time, whatever the devices give.
SPEECH = "() => { AnalyserNode.prototype.getFloatTimeDomainData = (samples) => void samples.fill(0.3) }"


async def test_what_was_looked_at_before_the_call_is_what_is_sent(open_shop: OpenShop) -> None:
    """Opened once, shown to the visitor alone with its choices, and kept for the call."""
    shop = await open_shop(lang="en")
    await shop.press()
    await shop.named("button", "Check microphone and camera").click()
    await shop.reads("Nobody else sees or hears you yet.")
    await shop.inside(".check .picker select").first.wait_for()
    assert (await shop.facts())["legs"] == []
    await shop.inside("button[value=accepted]").click()
    await shop.until("live")
    await shop.leg_until("leg.frames.audio > 5 && leg.frames.video > 2")
    assert (await shop.watched())["asked"] == [{"audio": True, "video": True}]


async def test_whoever_looks_and_leaves_leaves_no_camera_on(open_shop: OpenShop) -> None:
    """Without the camera after all, then cancelled: every device that was opened is closed."""
    shop = await open_shop(lang="en")
    await shop.press()
    await shop.named("button", "Check microphone and camera").click()
    await shop.inside(".check .picker select").first.wait_for()
    await shop.inside(".switch input").click()
    await shop.reads("Nobody else hears you yet.")
    assert ["video", "ended"] in (await shop.watched())["tracks"]
    await shop.named("button", "Cancel").click()
    await shop.until("idle")
    assert await shop.devices_are_off()


async def test_whoever_speaks_while_muted_is_told_and_heard_again_by_one_press(open_shop: OpenShop) -> None:
    """The hint comes with speech alone, and goes with the microphone."""
    shop = await open_shop(button="btn_live", lang="en")
    await shop.call()
    await shop.named("button", "Mute the microphone").click()
    assert not await shop.inside(".hint").is_visible()
    await shop.page.evaluate(SPEECH)
    await shop.inside(".hint").wait_for()
    assert "nobody hears you" in await shop.inside("[role=status]").inner_text()
    await shop.inside(".hint button").click()
    await shop.inside(".hint").wait_for(state="hidden")
    assert await shop.named("button", "Mute the microphone").count() == 1


async def test_a_page_that_forbids_the_devices_is_not_blamed_on_the_visitor(open_shop: OpenShop) -> None:
    """A frame without the right has no setting to look for: the site is to be told."""
    shop = await open_shop(lang="en", granted=[])
    await shop.page.evaluate(
        "Object.defineProperty(document, 'featurePolicy', { value: { allowsFeature: () => false } }) && 0"
    )
    await shop.press()
    await shop.inside("button[value=accepted]").click()
    await shop.until("failed")
    assert "does not let it use the microphone or camera" in await shop.text()


async def test_what_the_last_page_says_can_be_kept(open_shop: OpenShop) -> None:
    """A text file with the reference, until when, and who can see it."""
    shop = await open_shop(lang="en")
    await shop.call()
    await shop.inside(".hang-up").click()
    await shop.until("ended")
    async with shop.page.expect_download() as saving:
        await shop.named("button", "Save these details").click()
    saved = await saving.value
    path = await saved.path()
    told = await asyncio.to_thread(path.read_text, "utf-8")
    assert saved.suggested_filename.startswith("call_")
    for words in (
        "Call reference: call_",
        "Your voice and your picture, until",
        "Authorised staff of Atelier",
    ):
        assert words in told
