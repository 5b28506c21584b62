"""A visitor's call through the button, in Chromium, with real media to a real peer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.widget.shop import PHONE
from tests.servers.chromium import CAMERA

if TYPE_CHECKING:
    from tests.browser.widget.conftest import OpenShop
    from tests.browser.widget.shop import Shop

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("lang", "told"),
    [
        ("fr", ["Améliorer la qualité", "Votre voix et votre image", "180 jours", "Atelier Lumen"]),
        ("en", ["improve the quality", "Your voice and your picture", "180 days", "Atelier Lumen"]),
    ],
)
async def test_the_notice_says_who_why_what_and_how_long(
    open_shop: OpenShop, lang: str, told: list[str]
) -> None:
    """Before anything is kept the visitor reads who records, why, what and for how long."""
    shop = await open_shop(lang=lang)
    await shop.press()
    words = await shop.text()
    assert [part for part in told if part not in words] == []
    assert (await shop.facts())["calls"][0]["language"] == lang


async def test_no_device_is_asked_for_before_the_visitor_decided(open_shop: OpenShop) -> None:
    """Camera and microphone come after the consent is written down, never before."""
    shop = await open_shop()
    await shop.press()
    assert (await shop.watched())["asked"] == []
    await shop.inside("button[value=accepted]").click()
    await shop.until("live")
    facts = await shop.facts()
    assert (await shop.watched())["asked"] == [{"audio": True, "video": True}]
    assert [consent["choice"] for consent in facts["consents"]] == ["accepted"]
    assert len(facts["consents"][0]["notice_hash"]) == 64


async def test_a_recorded_call_is_heard_and_seen_and_ends_with_what_is_kept(open_shop: OpenShop) -> None:
    """Sound and picture reach the vault; hanging up ends the leg, frees the devices, says what stays."""
    shop = await open_shop(lang="en")
    await shop.call("accepted")
    await shop.leg_until("leg.frames.audio > 50 && leg.frames.video > 10")
    assert await shop.inside(".badge").inner_text() == "Recorded"
    await shop.named("button", "Hang up").click()
    await shop.until("ended")
    assert await shop.devices_are_off()
    await shop.leg_until("leg.deleted")
    words = await shop.text()
    assert "Your voice and your picture, until" in words
    assert "call_" in words


async def test_a_refused_recording_still_gives_a_call_and_keeps_nothing(open_shop: OpenShop) -> None:
    """Refusing has no price: the call takes place, marked as not recorded."""
    shop = await open_shop(lang="en")
    await shop.call("refused")
    await shop.leg_until("leg.frames.audio > 10")
    assert await shop.inside(".badge").inner_text() == "Not recorded"
    assert (await shop.facts())["consents"][0]["choice"] == "refused"
    await shop.named("button", "Hang up").click()
    await shop.until("ended")
    assert "Nothing: the call was not recorded" in await shop.text()


async def test_a_button_that_never_records_asks_for_no_consent_to_it(open_shop: OpenShop) -> None:
    """Where nothing is recorded there is nothing to accept, and the answer on file is a refusal."""
    shop = await open_shop(lang="en", button="btn_unrecorded")
    await shop.press()
    assert await shop.inside("button[value]").count() == 0
    await shop.named("button", "Start the call").click()
    await shop.until("live")
    assert (await shop.facts())["consents"][0]["choice"] == "refused"
    assert await shop.inside(".badge").inner_text() == "Not recorded"


async def test_a_visitor_may_be_heard_without_being_seen(open_shop: OpenShop) -> None:
    """The camera switch keeps the camera shut: nothing of a picture is sent."""
    shop = await open_shop(lang="en")
    await shop.press()
    await shop.named("switch", "Use my camera").uncheck()
    assert "Your picture" not in await shop.text()
    await shop.inside("button[value=accepted]").click()
    await shop.until("live")
    assert (await shop.watched())["asked"] == [{"audio": True, "video": False}]
    leg = await shop.leg_until("leg.frames.audio > 20")
    assert leg["frames"]["video"] == 0


@pytest.mark.parametrize(("button", "extra"), [("btn_audio", ""), ("btn_video", 'media="audio"')])
async def test_an_audio_button_never_mentions_the_camera(
    open_shop: OpenShop, button: str, extra: str
) -> None:
    """The button's own media, or the page's narrower wish, decides what is offered."""
    shop = await open_shop(button=button, extra=extra)
    await shop.press()
    assert await shop.inside("input").count() == 0
    assert (await shop.facts())["calls"][0]["media"] == ["audio"]


async def test_the_offer_prefers_what_is_recorded_without_a_decoder(open_shop: OpenShop) -> None:
    """VP8 and Opus come first in the offer; tracks are sent, not received."""
    shop = await open_shop()
    await shop.call()
    offer = (await shop.facts())["legs"][0]["offer"]
    for kind, codec in (("audio", "opus/48000"), ("video", "VP8/90000")):
        section = next(part for part in offer.split("m=") if part.startswith(kind))
        first = section.split("\r\n")[0].split()[3]
        assert f"a=rtpmap:{first} {codec}" in section
        assert "a=sendonly" in section


async def flipped(shop: Shop) -> None:
    """Turn a phone's camera round: the one in use is shut, the one behind is sent over the same leg."""
    (before,) = (await shop.facts())["legs"]
    await shop.named("button", "Flip the camera").click()
    await shop.inside(".self.away:not(.no-picture) video").wait_for()  # not mirrored: what lies before one
    await shop.leg_until(
        f"leg.id === '{before['id']}' && leg.frames.video > {before['frames']['video'] + 20}"
    )
    videos = [state for kind, state in (await shop.watched())["tracks"] if kind == "video"]
    assert videos == ["ended", "live"]
    assert await shop.page.evaluate("watched.facing") == "environment"


async def test_camera_off_puts_its_light_out_and_on_brings_the_picture_back(open_shop: OpenShop) -> None:
    """Off ends the track, not only its picture; muting silences but keeps the microphone."""
    shop = await open_shop(lang="en", cameras=f"{CAMERA},device-count=2", size=PHONE, touch=True)
    await shop.call()
    await shop.leg_until("leg.frames.video > 5")
    await flipped(shop)
    await shop.named("button", "Turn the camera off").click()
    assert ["video", "ended"] in (await shop.watched())["tracks"]
    seen = (await shop.facts())["legs"][0]["frames"]["video"]
    await shop.named("button", "Turn the camera on").click()
    await shop.leg_until(f"leg.frames.video > {seen + 20}")
    await shop.named("button", "Mute the microphone").click()
    await shop.named("button", "Turn the microphone on").wait_for()
    assert await shop.inside("[role=status]").inner_text() == "Microphone muted"


async def test_what_the_page_knows_of_its_visitor_goes_with_the_call(open_shop: OpenShop) -> None:
    """data- attributes become `visitor`; the page's query string, which may hold anything, stays."""
    about = 'data-reference="A-42" data-email="lea@example.fr" data-other="no"'
    shop = await open_shop(extra=f'{about} data-visitor-token="ey.of.shop"')
    await shop.press()
    call = (await shop.facts())["calls"][0]
    assert call["visitor"] == {"reference": "A-42", "email": "lea@example.fr"}
    assert call["visitor_token"] == "ey.of.shop"  # vouched for by the tenant's program
    assert call["page_url"] == f"{shop.urls.shop}/"


async def test_the_page_hears_of_each_state(open_shop: OpenShop) -> None:
    """`callvault:state` tells the page where its visitor is."""
    shop = await open_shop()
    await shop.call()
    await shop.inside(".hang-up").click()
    await shop.until("ended")
    await shop.inside(".main").click()
    states = (await shop.watched())["states"]
    road = ["asking", "permission", "connecting", "live", "ended", "idle"]
    assert [told["state"] for told in states] == road
    assert [told["previous"] for told in states] == ["idle", *road[:-1]]
    assert states[3]["call_id"].startswith("call_")
