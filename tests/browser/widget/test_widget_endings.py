"""However a call ends or fails, the devices go out and the visitor reads why."""

# ruff: noqa: RUF001  French typography

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.browser.widget.conftest import OpenShop

pytestmark = pytest.mark.browser


async def test_the_other_side_hangs_up(open_shop: OpenShop) -> None:
    """The agent's hang-up is an end, not a failure."""
    shop = await open_shop()
    await shop.call()
    await shop.tell_vault("hang-up")
    await shop.until("ended")
    assert await shop.devices_are_off()


async def test_a_lost_connection_is_told_as_one(open_shop: OpenShop) -> None:
    """A peer that is gone while the call is not known as ended: cut off, call again."""
    shop = await open_shop(lang="en")
    await shop.call()
    await shop.tell_vault("vanish")
    await shop.until("failed")
    assert "The call was cut off" in await shop.text()
    assert await shop.devices_are_off()


async def test_leaving_the_page_hangs_up(open_shop: OpenShop) -> None:
    """A closed or left page ends the leg at once, by a request that outlives it."""
    shop = await open_shop()
    await shop.call()
    await shop.page.goto(f"{shop.urls.vault}/double/facts")
    await shop.leg_until("leg.deleted")


async def test_a_button_taken_off_the_page_hangs_up(open_shop: OpenShop) -> None:
    """Pages that swap their content take the camera with them."""
    shop = await open_shop()
    await shop.call()
    await shop.page.evaluate("document.querySelector('call-button').remove()")
    await shop.leg_until("leg.deleted")
    assert await shop.devices_are_off()


async def test_cancelling_while_the_devices_open_closes_them_again(open_shop: OpenShop) -> None:
    """A camera that opens after the visitor left is shut at once."""
    shop = await open_shop()
    await shop.page.evaluate("watched.delayMs = 500")
    await shop.press()
    await shop.inside("button[value=accepted]").click()
    await shop.until("permission")
    await shop.inside(".plain").click()
    await shop.until("idle")
    await shop.page.wait_for_function("() => watched.tracks?.length === 2")
    assert await shop.devices_are_off()
    assert (await shop.facts())["legs"] == []


async def test_cancelling_while_connecting_closes_the_devices(open_shop: OpenShop) -> None:
    """Leaving before the answer came stops everything that was begun."""
    shop = await open_shop(button="btn_slow")
    await shop.press()
    await shop.inside("button[value=refused]").click()
    await shop.until("connecting")
    await shop.inside(".plain").click()
    await shop.until("idle")
    assert await shop.devices_are_off()


@pytest.mark.parametrize(
    ("button", "lang", "sentence"),
    [
        ("btn_problem_403_origin_refused", "en", "This button is not allowed on this page."),
        ("btn_problem_404_not_found", "fr", "Ce bouton d’appel n’existe pas"),
        ("btn_problem_429_too_many_requests", "fr", "Trop d’appels ont été lancés"),
        ("btn_problem_503_busy", "en", "The service is unavailable for a moment."),
        (
            "btn_problem_500_unheard_of",
            "en",
            "Something went wrong on our side. Try again. Code: unheard_of",
        ),
    ],
)
async def test_the_vaults_refusals_are_plain_sentences(
    open_shop: OpenShop, button: str, lang: str, sentence: str
) -> None:
    """Each code has words for the visitor; an unknown one still says what to tell the support."""
    shop = await open_shop(button=button, lang=lang)
    await shop.press()
    await shop.until("failed")
    assert sentence in await shop.text()


async def test_a_visitor_without_network_can_try_again(open_shop: OpenShop) -> None:
    """No answer is said as such, and trying again starts anew."""
    shop = await open_shop(lang="en")
    await shop.page.context.set_offline(True)
    await shop.press()
    assert "Check your internet connection" in await shop.text()
    await shop.page.context.set_offline(False)
    await shop.named("button", "Try again").click()
    await shop.inside("button[value=accepted]").wait_for()


async def test_a_blocked_camera_leaves_the_way_with_sound_only(open_shop: OpenShop) -> None:
    """The browser refused: how to change that, or go on with the microphone that is allowed."""
    shop = await open_shop(lang="en", granted=["microphone"])
    await shop.press()
    await shop.inside("button[value=accepted]").click()
    await shop.inside(".steps").wait_for()
    assert "Access is blocked" in await shop.text()
    await shop.named("button", "Continue with sound only").click()
    await shop.until("live")
    leg = await shop.leg_until("leg.frames.audio > 20")
    assert leg["frames"]["video"] == 0


async def test_a_machine_without_devices_is_told_so(open_shop: OpenShop) -> None:
    """Nothing plugged in is another matter than nothing allowed."""
    shop = await open_shop(lang="en", devices=False)
    await shop.press()
    await shop.inside("button[value=accepted]").click()
    await shop.named("button", "Continue with sound only").click()
    await shop.page.wait_for_function("() => watched.asked.length === 2")
    await shop.inside(".emblem.warn").wait_for()
    assert "We cannot find a microphone." in await shop.text()


@pytest.mark.parametrize(("lang", "open_words"), [("en", "Open your page"), ("fr", "Ouvrir votre page")])
async def test_the_last_page_leads_to_the_visitors_own(
    open_shop: OpenShop, lang: str, open_words: str
) -> None:
    """A recorded call's last panel has the link: to open, to copy, in the saved text; it is made once."""
    shop = await open_shop(lang=lang)
    await shop.call()
    await shop.inside(".hang-up").click()
    await shop.until("ended")
    link = shop.named("link", open_words)
    await link.wait_for()
    url = await link.get_attribute("href") or ""
    assert "/v/call_" in url
    assert url.endswith("#" + "s" * 22)
    await shop.page.evaluate("document.querySelector('call-button').setAttribute('lang', 'en')")
    await shop.named("link", "Open your page").wait_for()
    async with shop.page.expect_download() as saving:
        await shop.named("button", "Save these details").click()
    saved = (await (await saving.value).path()).read_text("utf-8")
    assert url in saved
    assert (await shop.facts())["own_links"] == 1


async def test_a_vault_that_makes_no_link_is_said_so(open_shop: OpenShop) -> None:
    """The last panel keeps the reference, says what is missing, and tries again when asked."""
    shop = await open_shop(lang="en", button="btn_pageless")
    await shop.call()
    await shop.inside(".hang-up").click()
    await shop.until("ended")
    await shop.named("button", "Try again").click()
    await shop.inside(".own-page .aside").wait_for()
    assert "the service does not answer" in await shop.text()
    assert "give this reference" in await shop.text()
    assert (await shop.facts())["own_links"] == 2


async def test_an_unrecorded_call_has_no_page_to_come_back_to(open_shop: OpenShop) -> None:
    """Nothing is kept, so no link is asked for."""
    shop = await open_shop(lang="en")
    await shop.call("refused")
    await shop.inside(".hang-up").click()
    await shop.until("ended")
    assert await shop.inside(".own-page").count() == 0
    assert (await shop.facts())["own_links"] == 0
