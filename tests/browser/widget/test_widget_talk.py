"""Two people talk: who is called, who answers, what is seen and heard, and how it ends."""

# ruff: noqa: RUF001  French typography

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.widget.shop import DESKTOP, LOUDEST, PHONE

if TYPE_CHECKING:
    from tests.browser.widget.conftest import OpenShop

pytestmark = pytest.mark.browser

HANDOVER_MS, BACK_WITHIN_MS = 2_500, 60_000  # how long the button waits for another leg (room.js)


@pytest.mark.parametrize(
    ("lang", "ringing", "place", "taken"),
    [
        ("fr", "Nous appelons un conseiller…", "Vous êtes numéro 3 dans la file.", "Zoé a pris votre appel"),
        ("en", "We are calling an agent…", "You are number 3 in the queue.", "Zoé has taken your call"),
    ],
)
async def test_the_visitor_reads_who_is_called_and_who_answered(
    open_shop: OpenShop, lang: str, ringing: str, place: str, taken: str
) -> None:
    """Ringing, the honest place in the queue, and the name of whoever took the call."""
    shop = await open_shop(button="btn_live", lang=lang)
    await shop.call()
    await shop.event("ringing", position=3, agents=2)
    await shop.reads(ringing)
    await shop.reads(place)
    await shop.event("taken", by={"name": "Zoé"})
    await shop.reads(taken)
    assert taken in await shop.inside("[role=status]").inner_text()


async def test_the_agent_is_seen_and_heard_and_a_shared_screen_is_large(open_shop: OpenShop) -> None:
    """A camera and a tone arrive; the screen is a second picture, larger than the first; both leave again."""
    shop = await open_shop(button="btn_live", lang="en")
    await shop.call()
    await shop.joined()
    assert await shop.sees("camera") == (320, 240, True)
    await shop.reads("On the line with Zoé")
    await shop.page.wait_for_function(f"async () => await ({LOUDEST})() > 0.05")
    await shop.inside(".tile.speaking").wait_for()
    screen = await shop.joined(kind="screen")
    assert await shop.sees("screen") == (640, 360, False)
    boxes = [await shop.inside(f".tile.{kind}").bounding_box() for kind in ("screen", "camera")]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["width"] > 3 * boxes[1]["width"]
    dock = await shop.inside(".dock").evaluate("one => one.scrollHeight - one.clientHeight")
    assert dock == 0
    await shop.tell_vault("leave", id=screen, reason="hangup")
    await shop.inside(".tile.screen").wait_for(state="detached")
    await shop.inside(".hang-up").click()
    await shop.until("ended")
    await shop.page.wait_for_timeout(300)
    assert [feed["deleted"] for feed in (await shop.facts())["feeds"]] == [True, False]


async def test_whoever_is_there_is_found_without_an_event(open_shop: OpenShop) -> None:
    """After a break that was too long to be told event by event, the vault's list says who came and left."""
    shop = await open_shop(button="btn_live")
    await shop.call()
    await shop.event("ringing", position=1, agents=1)
    await shop.reads("Nous appelons un conseiller…")
    await shop.joined(quietly=True)
    await shop.tell_vault("cut", forgetful=True)
    await shop.sees("camera")


async def test_a_break_of_the_events_loses_none_and_doubles_none(open_shop: OpenShop) -> None:
    """The next socket asks to go on behind the last event, and what was missed is told then."""
    shop = await open_shop(button="btn_live", lang="en")
    await shop.call()
    await shop.event("ringing", position=2, agents=1)
    await shop.reads("You are number 2 in the queue.")
    await shop.tell_vault("cut")
    await shop.event("taken", by={"name": "Zoé"})
    await shop.reads("Zoé has taken your call")
    assert (await shop.facts())["openings"] == [0, 1]


async def test_nobody_there_leaves_a_recorded_message(open_shop: OpenShop) -> None:
    """The recording goes on as accepted, one clear button ends it, and the end calls it a message."""
    shop = await open_shop(button="btn_live", lang="en")
    await shop.call()
    await shop.event("nobody")
    await shop.reads("You can leave a message: speak now.")
    await shop.leg_until("leg.frames.audio > 20")
    await shop.named("button", "End the message").click()
    await shop.until("ended")
    words = await shop.text()
    assert "Your message is left" in words
    assert "Your voice and your picture, until" in words


async def test_nobody_there_promises_no_message_where_nothing_is_kept(open_shop: OpenShop) -> None:
    """Who refused recording is not asked to speak into the void."""
    shop = await open_shop(button="btn_live", lang="en")
    await shop.call("refused")
    await shop.event("nobody")
    await shop.reads("a message would not be kept")
    assert await shop.named("button", "End the message").count() == 0


async def test_the_agents_hang_up_ends_the_call_and_says_by_whom(open_shop: OpenShop) -> None:
    """With the last agent's leg the call is over: what is kept, by whom, and where to ask."""
    shop = await open_shop(button="btn_live", lang="en", extra='contact="https://shop.example/help"')
    await shop.call()
    agent = await shop.joined()
    await shop.reads("On the line with Zoé")
    await shop.tell_vault("leave", id=agent, reason="hangup")
    await shop.until("ended")
    words = await shop.text()
    assert "Zoé hung up." in words
    assert "Your voice, your picture and the other side’s, until" in words
    assert "Who keeps it Atelier Lumen" in words
    link = shop.named("link", "Ask a question about this call")
    assert await link.get_attribute("href") == "https://shop.example/help"


@pytest.mark.parametrize("contact", ["javascript:alert(1)", "data:text/html,x", ""])
async def test_a_contact_that_is_no_address_is_not_linked(open_shop: OpenShop, contact: str) -> None:
    """Only https, http, mailto and tel lead anywhere."""
    shop = await open_shop(button="btn_live", lang="en", extra=f'contact="{contact}"')
    await shop.call()
    await shop.inside(".hang-up").click()
    await shop.until("ended")
    assert await shop.inside(".panel > a").count() == 0


@pytest.mark.parametrize("reason", ["silent", "replaced", "access_ended", "given_back"])
async def test_an_agent_who_was_cut_off_is_waited_for(open_shop: OpenShop, reason: str) -> None:
    """Lost, on a new leg, or turned out: the call goes on or rings again, however long a new leg takes."""
    shop = await open_shop(button="btn_live", lang="en")
    await shop.call()
    agent = await shop.joined()
    await shop.reads("On the line with Zoé")
    await shop.tell_vault("leave", id=agent, reason=reason)
    await shop.reads("The connection with Zoé is interrupted")
    await shop.page.wait_for_timeout(HANDOVER_MS + 1_000)
    await shop.joined()
    await shop.reads("On the line with Zoé")


@pytest.mark.parametrize("told", ["ringing", "nobody"])
async def test_a_call_that_rings_again_waits_for_nobody_in_particular(open_shop: OpenShop, told: str) -> None:
    """Once the vault says what becomes of the call, the wait for the lost agent hangs nobody up."""
    shop = await open_shop(button="btn_live", lang="en")
    await shop.call()
    agent = await shop.joined()
    await shop.reads("On the line with Zoé")
    await shop.page.clock.install()
    await shop.tell_vault("leave", id=agent, reason="silent")
    await shop.reads("The connection with Zoé is interrupted")
    await shop.event(told)
    await shop.reads({"ringing": "We are calling an agent…", "nobody": "You can leave a message"}[told])
    await shop.page.clock.fast_forward(BACK_WITHIN_MS + 1_000)
    assert await shop.page.evaluate("document.querySelector('call-button').state") == "live"


async def test_a_lost_line_is_made_anew_on_the_same_call(open_shop: OpenShop) -> None:
    """The leg breaks, the call does not: a new leg, new feeds, honest words in between."""
    shop = await open_shop(button="btn_live", lang="en")
    await shop.call()
    await shop.joined()
    await shop.sees("camera")
    await shop.tell_vault("drop")
    await shop.page.wait_for_function("() => watched.connections.length >= 4")
    await shop.leg_until("leg.frames.audio > 20")
    await shop.reads("On the line with Zoé")
    await shop.sees("camera")
    facts = await shop.facts()
    assert [len(facts[what]) for what in ("calls", "legs", "feeds")] == [1, 2, 2]
    assert [leg["deleted"] for leg in facts["legs"]] == [False, False]


async def test_sound_that_the_browser_holds_back_is_one_press_away(open_shop: OpenShop) -> None:
    """Where playing needs a press, there is a button that says so, and it goes once it is pressed."""
    shop = await open_shop(button="btn_live", lang="en")
    await shop.page.evaluate("watched.isDeaf = true")
    await shop.call()
    await shop.joined()
    hear = shop.named("button", "Tap to hear")
    await hear.wait_for()
    await shop.page.evaluate("watched.isDeaf = false")
    await hear.click()
    await hear.wait_for(state="hidden")


async def test_devices_can_be_changed_and_the_panel_made_small(open_shop: OpenShop) -> None:
    """Other devices are sent without a new leg; small keeps microphone and hang up at hand."""
    shop = await open_shop(button="btn_live", lang="en")
    await shop.call()
    await shop.joined()
    await shop.named("button", "Choose microphone, camera and loudspeaker").click()
    for label in ("Microphone", "Camera", "Loudspeaker"):
        choice = (
            shop.inside(
                ".picker",
            )
            .filter(has_text=label)
            .locator("select")
        )
        await choice.wait_for()
        await choice.select_option(index=await choice.locator("option").count() - 1)
    await shop.page.wait_for_function("() => watched.asked.length === 3")
    seen = (await shop.facts())["legs"][0]["frames"]
    await shop.leg_until(
        f"leg.frames.audio > {seen['audio'] + 50} && leg.frames.video > {seen['video'] + 10}"
    )
    floats = "() => document.pictureInPictureElement?.localName === 'call-button'"  # the page sees no deeper
    await shop.named("button", "Picture in a small window").click()
    await shop.page.wait_for_function(floats)
    await shop.named("button", "Picture in a small window").click()
    await shop.page.wait_for_function("() => !document.pictureInPictureElement")
    await shop.named("button", "Picture in a small window").press("Enter")
    await shop.page.wait_for_function(floats)
    await shop.named("button", "Minimise the call").click()
    assert not await shop.inside(".stage").is_visible()
    await shop.named("button", "Mute the microphone").click()
    await shop.named("button", "Reopen the call").click()
    assert await shop.inside(".stage").is_visible()
    assert len((await shop.facts())["legs"]) == 1
    await shop.inside(".hang-up").click()
    await shop.page.wait_for_function("() => !document.pictureInPictureElement")  # no last look stays behind


@pytest.mark.parametrize(("lang", "size", "scheme"), [("fr", DESKTOP, "light"), ("en", PHONE, "dark")])
async def test_no_state_of_a_talk_has_a_barrier(
    open_shop: OpenShop, lang: str, size: tuple[int, int], scheme: str
) -> None:
    """There is nothing that axe finds, and nothing wider than the screen, while two people talk."""
    shop = await open_shop(button="btn_live", lang=lang, size=size, scheme=scheme)
    await shop.call()
    await shop.event("ringing", position=2, agents=0)
    found = {"ringing": await shop.barriers()}
    await shop.joined()
    await shop.sees("camera")
    await shop.inside(".bar .devices").click()
    await shop.inside(".share-screen").click()
    found["talking"] = await shop.barriers()
    await shop.joined(kind="screen")
    await shop.sees("screen")
    found["sharing"] = await shop.barriers()
    assert await shop.page.evaluate("document.scrollingElement.scrollWidth") == size[0]
    await shop.inside(".bar .minimise").click()
    found["small"] = await shop.barriers()
    await shop.event("ended", reason="hangup")
    await shop.until("ended")
    found["ended"] = await shop.barriers()
    assert {state: barriers for state, barriers in found.items() if barriers} == {}
