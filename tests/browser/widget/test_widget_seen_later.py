"""Who began with sound alone is seen after all: asked where it is recorded, over the same connection."""

# ruff: noqa: RUF001  French typography

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.widget.shop import DESKTOP, PHONE

if TYPE_CHECKING:
    from tests.browser.widget.conftest import OpenShop
    from tests.browser.widget.shop import Shop

pytestmark = pytest.mark.browser

QUESTION = "Zoé will see you, and your picture will be recorded like the rest of the call."


async def begun_with_sound(shop: Shop, choice: str = "accepted") -> None:
    """A live call whose visitor unchecked the camera."""
    await shop.press()
    await shop.inside(".switch input").uncheck()
    await shop.inside(f"button[value={choice}]").click()
    await shop.until("live")


async def test_a_camera_is_added_to_a_recorded_call_after_its_question(open_shop: OpenShop) -> None:
    """Nothing opens before the answer; then the same leg sends the picture, and the last page names it."""
    shop = await open_shop(button="btn_live", lang="en")
    await begun_with_sound(shop)
    await shop.joined()
    await shop.reads("On the line with Zoé")
    await shop.named("button", "Turn the camera on").click()
    await shop.reads(QUESTION)
    assert (await shop.watched())["asked"] == [{"audio": True, "video": False}]
    await shop.named("button", "Cancel").click()
    assert QUESTION not in await shop.text()
    await shop.named("button", "Turn the camera on").press("Enter")
    await shop.inside(".share:visible .main").press("Enter")
    leg = await shop.leg_until("leg.frames.video > 10 && leg.frames.audio > 10")
    await shop.inside(".self:not(.no-picture) video").wait_for()
    assert (await shop.watched())["asked"][1:] == [{"audio": False, "video": True}]
    assert [one["id"] for one in (await shop.facts())["legs"]] == [leg["id"]]
    await shop.named("button", "Turn the camera off").click()
    assert ["video", "ended"] in (await shop.watched())["tracks"]
    await shop.named("button", "Turn the camera on").click()  # asked once
    await shop.leg_until(f"leg.frames.video > {leg['frames']['video'] + 20}")
    await shop.inside(".hang-up").click()
    await shop.until("ended")
    assert await shop.devices_are_off()
    assert "Your voice, your picture and the other side’s, until" in await shop.text()


async def test_where_nothing_is_recorded_the_camera_comes_at_once(open_shop: OpenShop) -> None:
    """There is nothing to be asked: pressing is seeing oneself."""
    shop = await open_shop(button="btn_live", lang="en")
    await begun_with_sound(shop, "refused")
    await shop.named("button", "Turn the camera on").click()
    await shop.leg_until("leg.frames.video > 5")
    assert await shop.inside("[role=status]").inner_text() == "Camera on"


async def test_a_camera_that_was_added_stays_when_the_line_is_made_anew(open_shop: OpenShop) -> None:
    """The leg that follows a lost one sends the picture too."""
    shop = await open_shop(button="btn_live", lang="en")
    await begun_with_sound(shop, "refused")
    await shop.named("button", "Turn the camera on").click()
    first = await shop.leg_until("leg.frames.video > 5")
    before = await shop.page.evaluate("watched.connections.length")
    await shop.tell_vault("drop")
    await shop.page.wait_for_function(f"() => watched.connections.length > {before}")  # in its own time
    leg = await shop.leg_until(f"leg.id !== '{first['id']}' && leg.frames.video > 5 && leg.frames.audio > 5")
    assert leg["deleted"] is False


async def test_a_camera_that_is_refused_is_told_with_the_way_to_allow_it(open_shop: OpenShop) -> None:
    """The call goes on with sound; the steps are this browser's, and go when the camera opens."""
    shop = await open_shop(button="btn_live", lang="en", granted=["microphone"])
    await begun_with_sound(shop, "refused")
    await shop.named("button", "Turn the camera on").click()
    await shop.reads("Your browser refuses the microphone or camera to this site.")
    assert "Click the icon to the left of the site’s address" in await shop.text()
    assert "Your browser refuses" in await shop.inside("[role=status]").inner_text()
    assert await shop.barriers() == []
    await shop.named("button", "Close").click()
    assert await shop.inside(".steps:visible").count() == 0
    await shop.page.context.grant_permissions(["microphone", "camera"])
    await shop.named("button", "Turn the camera on").click()
    await shop.leg_until("leg.frames.video > 5")
    assert await shop.inside(".steps:visible").count() == 0


@pytest.mark.parametrize(("lang", "size", "scheme"), [("fr", DESKTOP, "light"), ("en", PHONE, "dark")])
async def test_the_question_has_no_barrier(
    open_shop: OpenShop, lang: str, size: tuple[int, int], scheme: str
) -> None:
    """Nothing that axe finds, nothing wider than the screen, before and while somebody is asked."""
    shop = await open_shop(button="btn_live", lang=lang, size=size, scheme=scheme)
    await begun_with_sound(shop)
    await shop.joined()
    await shop.sees("camera")
    await shop.inside(".controls .toggle").nth(1).click()
    await shop.inside(".share:visible .main").wait_for()
    assert await shop.barriers() == []
    assert await shop.page.evaluate("document.scrollingElement.scrollWidth") == size[0]
