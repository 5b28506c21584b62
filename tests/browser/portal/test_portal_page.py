"""The visitor's own page in a browser, with a real vault behind it: read, withdraw, erase, prove."""

# ruff: noqa: RUF001  French typography

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.browser.portal.conftest import DESK, PHONE, barriers
from tests.vault.http.recordings import a_call, erase_now, record, running
from tests.vault.http.test_portal import keep_on_withdrawal, own_link
from vault.model import ConsentChoice, StopRule, new_id

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.browser.portal.conftest import OpenPage
    from tests.vault.http.house import House
    from tests.vault.http.recordings import Recorded

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

SAYS = {
    "en-GB": {
        "kept": "This call was recorded, and is kept",
        "rule": "Tenant A’s rule: what was recorded until then is kept",
        "withdrawn": "You took your agreement back.",
        "erasing": "It is being erased",
        "gone": "Nothing of this call is kept any more",
        "dead": "This link leads nowhere",
        "shut": "Please open your link again",
    },
    "fr-FR": {
        "kept": "Cet appel a été enregistré, et il est conservé",
        "rule": "La règle de Tenant A : ce qui a été enregistré jusque-là est conservé",
        "withdrawn": "Vous avez retiré votre accord.",
        "erasing": "L’effacement est en cours",
        "gone": "Plus rien de cet appel n’est conservé",
        "dead": "Ce lien ne mène nulle part",
        "shut": "Ouvrez votre lien à nouveau",
    },
}


async def a_link(house: House, rule: StopRule) -> tuple[Recorded, str]:
    """A recorded call under a rule, and its visitor's link."""
    await keep_on_withdrawal(house, rule)
    kept = await record(house, reference="customer 4711")
    return kept, f"{house.url}/v/{kept.call_id}#{await own_link(house, kept)}"


async def text(page: Page) -> str:
    """The words of the page, spaces made plain."""
    return " ".join((await page.inner_text("main")).split())


async def saved(page: Page) -> dict[str, object]:
    """The receipt that the page gives to be kept."""
    async with page.expect_download() as saving:
        await page.click(".asked button")
    found: dict[str, object] = json.loads((await (await saving.value).path()).read_text("utf-8"))
    return found


@pytest.mark.parametrize("locale", list(SAYS))
async def test_a_visitor_reads_withdraws_erases_and_takes_the_proof(
    house: House, open_page: OpenPage, locale: str
) -> None:
    """Where the rule is to keep, from the first look to the receipt; axe finds nothing in any state."""
    kept, link = await a_link(house, StopRule.KEEP)
    says, page, found = SAYS[locale], await open_page(link, locale=locale), {}
    first = await text(page)
    assert says["kept"] in first
    assert says["rule"] in first
    assert "#" not in page.url
    found["kept"] = await barriers(page)
    await page.click("#withdraw")
    found["question"] = await barriers(page)
    await page.click("dialog .main")
    await page.wait_for_selector("#withdraw", state="detached")
    assert says["withdrawn"] in await text(page)
    await page.click("#erase")
    await page.click("dialog .danger")
    await page.wait_for_selector(".asked")
    assert says["erasing"] in await text(page)
    found["erasing"] = await barriers(page)
    await erase_now(house)
    await page.wait_for_selector(".asked button")
    assert says["gone"] in await text(page)
    found["gone"] = await barriers(page)
    receipt = await saved(page)
    assert (receipt["status"], len(receipt["entries"])) == ("complete", 2)  # type: ignore[arg-type]
    for name, address in (("dead", f"{new_id('call')}#{'A' * 22}"), ("shut", kept.call_id)):
        other = await open_page(f"{house.url}/v/{address}", locale=locale)
        assert says[name] in await text(other)
        found[name] = await barriers(other)
    assert {state: faults for state, faults in found.items() if faults} == {}


async def test_withdrawing_needs_no_mouse_and_erases_where_that_is_the_rule(
    house: House, open_page: OpenPage
) -> None:
    """Tab and Enter are enough; Escape changes nothing; the end is followed without a press."""
    _, link = await a_link(house, StopRule.ERASE)
    page = await open_page(link, size=DESK)
    focused = "document.activeElement.id"
    for _ in range(3):  # the two languages, then the first decision
        await page.keyboard.press("Tab")
    assert await page.evaluate(focused) == "withdraw"
    await page.keyboard.press("Enter")
    assert await page.evaluate(focused) == "question"
    await page.keyboard.press("Escape")
    assert await page.evaluate(focused) == "withdraw"
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    async with running(house.rooms.keeper.run(), "keeper"):
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".asked button")
    told = await text(page)
    assert "The recording is erased" in told
    assert "What the site told about you" in told
    assert await page.inner_text("[role=status]") == "The erasure is complete."
    assert (await saved(page))["status"] == "complete"


async def test_the_link_is_forgotten_and_the_visit_stays_with_its_tab(
    house: House, open_page: OpenPage
) -> None:
    """The secret is in no address, history or storage; a reload is still there; languages change."""
    _, link = await a_link(house, StopRule.KEEP)
    secret = link.split("#")[1]
    page = await open_page(link)
    stored = await page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}, history.state])")
    assert secret not in stored + page.url + await page.content()
    await page.reload()
    await page.wait_for_selector(".items")
    await page.click("#lang-fr")
    assert "Ce qui est conservé" in await text(page)
    assert await page.get_attribute("html", "lang") == "fr"
    assert await page.evaluate("document.activeElement.id") == "lang-fr"


async def test_a_link_that_was_replaced_closes_the_page_it_opened(house: House, open_page: OpenPage) -> None:
    """At the next request: the visit is over, and the old secret begins no other."""
    kept, link = await a_link(house, StopRule.KEEP)
    page = await open_page(link)
    await own_link(house, kept)
    await page.click("#erase")
    await page.click("dialog .danger")
    await page.wait_for_selector("text=This link leads nowhere")
    assert kept.call_id in await text(page)


async def test_without_an_answer_nothing_is_claimed(house: House, open_page: OpenPage) -> None:
    """A decision that did not arrive is told as one; a page that did not load can be tried again."""
    _, link = await a_link(house, StopRule.KEEP)
    page = await open_page(link)
    await page.context.set_offline(True)
    await page.click("#withdraw")
    await page.click("dialog .main")
    await page.wait_for_selector(".trouble")
    assert "Nothing was changed" in await text(page)
    assert await page.locator("#withdraw").count() == 1
    await page.context.set_offline(False)
    await page.route("**/kept", lambda route: route.abort())
    await page.reload()
    await page.wait_for_selector("#again")
    assert await barriers(page) == []
    await page.unroute("**/kept")
    await page.click("#again")
    await page.wait_for_selector("#withdraw")


async def test_a_call_that_was_not_recorded_says_so(house: House, open_page: OpenPage) -> None:
    """Nothing kept, nothing to decide."""
    call = await a_call(house, choice=ConsentChoice.REFUSED)
    await house.rooms.calls.end_left(call.id, reason="hangup")
    page = await open_page(f"{house.url}/v/{call.id}#{await own_link(house, call)}", size=PHONE)
    told = await text(page)
    assert "You chose to continue without recording" in told
    assert await page.locator("main button").count() == 0
