"""The page that checks receipts: what it shows of a real vault's receipts, and how it is used."""

# ruff: noqa: RUF001  the page's own typography

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.browser.portal.conftest import DESK, PHONE, barriers
from tests.browser.verify.readers import PAGE, choose, told
from tests.crypto.receipt_table import COMPLETE, FINAL, KEYS, OBJECTS, REQUEST, TABLE
from tests.vault.http.recordings import erase_now, record
from vault.model import Role

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Page

    from tests.browser.chromium import Chromium
    from tests.browser.firefox import Firefox
    from tests.vault.http.house import House

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

ROWS = {row.name: row for row in TABLE}
DRAGGED = """(text) => {
  const data = new DataTransfer();
  data.items.add(new File([text], "dropped.json"));
  return data;
}"""
FOCUSED = "document.activeElement.id"
SHOWN = (
    "final",
    "two objects, complete",
    "one object of two is held",
    "one of two objects so far",
    "changed: the Ed25519 signature",
    "not JSON",
)


async def of_the_house(house: House, path: str) -> bytes:
    """What the vault answers its administrator."""
    headers = {"Authorization": f"Bearer {house.token(Role.ADMIN)}"}
    async with house.client.get(house.url + path, headers=headers) as response:
        assert response.status == 200
        return await response.read()


async def asked_to_erase(house: House, media_id: str) -> str:
    """A deletion request for one recording."""
    body = {"media_id": media_id, "reason": "visitor_request"}
    status, request, _ = await house.ask("POST", "/v1/deletion-requests", role=Role.ADMIN, json=body)
    assert status in {200, 201, 202}
    return str(request["id"])


async def result_of(page: Page) -> str:
    """The words of the first result, spaces made plain."""
    return " ".join((await page.inner_text(".result")).split())


async def test_a_real_receipt_is_proven_under_the_keys_that_the_vault_publishes(
    house: House, reader: Chromium | Firefox
) -> None:
    """Served by the vault, with its answer as it stands for keys; another vault's key refuses it."""
    kept = await record(house)
    request = await asked_to_erase(house, kept.id)
    await erase_now(house)
    receipt = await of_the_house(house, f"/v1/deletion-requests/{request}/receipt")
    published = await of_the_house(house, "/v1/ledger/key")
    await reader.open(f"{house.url}/verify")
    assert await told(reader, [receipt], [published.decode()]) == [("complete", "")]
    said = str(await reader.evaluate("document.querySelector('.result').innerText"))
    for word in (request, "Recording", "ledger.test", "Ed25519", "ML-DSA-44", "NIST SP 800-88r2"):
        assert word in said
    assert await told(reader, [receipt], json.loads(published)["keys"]) == [("complete", "")]
    assert await told(reader, [receipt], KEYS) == [("refused", "note.unsigned")]
    assert await reader.faults() == []


async def test_a_real_receipt_of_something_held_says_so(house: House, in_chromium: Chromium) -> None:
    """The ground, and that the erasure goes on when the hold ends."""
    kept = await record(house)
    body = {
        "object_id": kept.id,
        "ground": "legal_claim",
        "reason": "claim 7",
        "days": 30,
    }
    status, _, _ = await house.ask("POST", "/v1/holds", role=Role.ADMIN, json=body)
    assert status == 201
    request = await asked_to_erase(house, kept.id)
    await house.rooms.keeper.turn()
    receipt = await of_the_house(house, f"/v1/deletion-requests/{request}/receipt")
    keys = json.loads(await of_the_house(house, "/v1/ledger/key"))["keys"]
    await in_chromium.open(f"{house.url}/verify")
    assert await told(in_chromium, [receipt], keys) == [("held", "")]
    assert "needed for a legal claim" in await result_of(in_chromium.page)


async def test_the_served_page_is_the_file_and_may_connect_to_nothing(
    house: House, reader: Chromium | Firefox
) -> None:
    """The same bytes for everybody; not even the vault it came from can be asked."""
    status, body, response = await house.ask("GET", "/verify")
    assert (status, body) == (200, PAGE.read_bytes())
    policy = response.headers["Content-Security-Policy"]
    assert "connect-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    await reader.open(f"{house.url}/verify")
    asking = "fetch('/v1/ledger/key').then(() => 'answered', () => 'refused')"
    assert await reader.evaluate(asking) == "refused"


async def test_the_saved_page_works_from_disk_without_a_network(
    house: House, in_chromium: Chromium, tmp_path: Path
) -> None:
    """What a visitor keeps is the whole page: it asks for nothing, and shows no way back to a server."""
    page = in_chromium.page
    await in_chromium.open(f"{house.url}/verify")
    async with page.expect_download() as saving:
        await page.click(".keep a")
    saved = tmp_path / (await saving.value).suggested_filename
    await (await saving.value).save_as(saved)
    assert saved.read_bytes() == PAGE.read_bytes()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.context.set_offline(offline=True)
    await in_chromium.open(saved.as_uri())
    assert await told(in_chromium, [FINAL], KEYS) == [("final", "")]
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert await page.locator("a").count() == 0
    await page.context.set_offline(offline=False)


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("language", ["fr", "en"])
async def test_nothing_stands_in_anybodys_way(
    in_chromium: Chromium, language: str, size: tuple[int, int]
) -> None:
    """In each state axe finds nothing, and nothing is wider than the screen."""
    await in_chromium.resize(*size)
    await in_chromium.open(PAGE.as_uri())
    await in_chromium.click(f"#lang-{language}")
    page, found = in_chromium.page, {"empty": await barriers(in_chromium.page)}
    await page.fill("#keys", "no key")
    await page.click("#check")
    found["faults"] = await barriers(page)
    for name in SHOWN:
        await told(in_chromium, [ROWS[name].file], KEYS)
        await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        found[name] = await barriers(page)
    await told(in_chromium, [ROWS[name].file for name in SHOWN], KEYS)
    found["all at once"] = await barriers(page)
    assert {state: faults for state, faults in found.items() if faults} == {}


async def test_it_says_what_was_erased_when_how_and_who_signed(in_chromium: Chromium) -> None:
    """Ids, not names; the root and the size of the ledger; in both languages without checking again."""
    await in_chromium.open(PAGE.as_uri())
    await told(in_chromium, [FINAL], KEYS)
    said = await result_of(in_chromium.page)
    root = json.loads(FINAL)["entries"][0]["proof"].split("\n\n")[1].split("\n")[2]
    in_hex = await in_chromium.evaluate(
        f"[...atob('{root}')].map((c) => c.charCodeAt(0).toString(16).padStart(2, '0')).join('')"
    )
    for word in (
        *OBJECTS[:2],
        REQUEST,
        "Irrecoverable from",
        "December 6, 2026",
        "Key epoch 1",
        in_hex,
        *(key[:33] for key in KEYS),
    ):
        assert word in said
    await in_chromium.click("#lang-fr")
    assert "Prouvé : effacé pour de bon" in (await result_of(in_chromium.page)).replace("\u00a0", " ")


async def test_the_keyboard_is_enough_and_a_screen_reader_is_told(in_chromium: Chromium) -> None:
    """Tab leads from file to keys to the check; afterwards the verdict has the focus and was said."""
    await in_chromium.resize(*DESK)
    await in_chromium.open(PAGE.as_uri())
    page, seen = in_chromium.page, []
    await choose(in_chromium, "receipts", [("mine.json", COMPLETE)])
    for _ in range(7):
        await page.keyboard.press("Tab")
        seen.append(await page.evaluate(f"{FOCUSED} || document.activeElement.tagName"))
        if seen[-1] == "keys":
            await page.keyboard.insert_text("\n".join(KEYS))
    assert seen == ["lang-fr", "lang-en", "receipts", "keys", "keys-file", "SUMMARY", "check"]
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".result")
    assert await page.evaluate(FOCUSED) == "verdict-0"
    assert await page.inner_text("[role=status]") == "mine.json: Proven: erased"


async def test_a_verdict_goes_when_what_it_was_about_changes(in_chromium: Chromium) -> None:
    """Other keys or another file: the old answer is not left standing beside them."""
    await in_chromium.open(PAGE.as_uri())
    page = in_chromium.page
    for change in ("keys", "file"):
        await told(in_chromium, [COMPLETE], KEYS)
        if change == "keys":
            await page.fill("#keys", KEYS[0])
        else:
            await choose(in_chromium, "receipts", [("other.json", FINAL)])
        assert await page.locator(".result").count() == 0


async def test_what_is_missing_or_mistyped_is_told_where_it_is(in_chromium: Chromium) -> None:
    """No file, no key, a slip in a key: nothing is judged, and the field to mend has the focus."""
    await in_chromium.open(PAGE.as_uri())
    page = in_chromium.page
    await page.click("#check")
    assert await page.locator(".fault").all_inner_texts() == [
        "Choose a receipt first.",
        "Give the ledger’s public keys.",
    ]
    assert await page.evaluate(FOCUSED) == "receipts"
    await choose(in_chromium, "receipts", [("mine.json", COMPLETE)])
    for keys, told_there in {
        KEYS[0].replace("b17", "b18"): "mistyped",
        "-----BEGIN PUBLIC KEY-----": "no key of a ledger",
        '{"keys": 7}': "no key of a ledger",
        "# a comment": "Give the ledger’s public keys.",
    }.items():
        await page.fill("#keys", keys)
        await page.click("#check")
        assert told_there in await page.inner_text("#keys-fault")
        assert await page.evaluate(FOCUSED) == "keys"
        assert await page.locator(".result").count() == 0


async def test_keys_come_from_a_file_too(reader: Chromium | Firefox) -> None:
    """As the console hands it over, with remarks; a file that is too large is not read."""
    await reader.open(PAGE.as_uri())
    await choose(reader, "receipts", [("mine.json", COMPLETE)])
    await choose(reader, "keys-file", [("keys.txt", b"x" * 100_001)])
    await reader.wait("document.querySelector('#keys-fault')?.textContent.includes('more than keys')")
    await choose(reader, "keys-file", [("keys.txt", "\r\n".join(["# pinned", *KEYS, ""]).encode())])
    await reader.wait("document.getElementById('keys').value.length > 1000")
    await reader.click("#check")
    await reader.wait("document.querySelector('.result')?.dataset.verdict === 'complete'")


async def test_files_can_be_dropped_anywhere(in_chromium: Chromium) -> None:
    """A file that misses its place does not open itself in the page's stead."""
    await in_chromium.open(PAGE.as_uri())
    page = in_chromium.page
    data = await page.evaluate_handle(DRAGGED, COMPLETE.decode())
    await page.dispatch_event("h1", "drop", {"dataTransfer": data})
    assert await page.locator(".files").inner_text() == "dropped.json"
    await page.fill("#keys", "\n".join(KEYS))
    await page.click("#check")
    assert await page.get_attribute(".result", "data-verdict") == "complete"
