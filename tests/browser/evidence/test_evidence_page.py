"""The evidence page in a browser: readable by everybody, at any width, on paper, and runnable by nobody."""

from pathlib import Path
from typing import Any

import pytest

from crypto.evidence import verify_evidence
from tests.browser.portal.conftest import DESK, PHONE, OpenPage, barriers
from tests.vault.http.house import House
from tests.vault.http.recordings import record
from vault.model import Role

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def shown(open_page: OpenPage, house: House, *, size: tuple[int, int], locale: str) -> Any:
    """The page as the auditor's browser shows it."""
    page = await open_page(house.url + "/console/login", size=size, locale=locale)
    await page.context.set_extra_http_headers({"Authorization": f"Bearer {house.token(Role.AUDITOR)}"})
    await page.goto(house.url + "/v1/evidence.html")
    return page


@pytest.mark.parametrize(("size", "locale"), [(PHONE, "fr-FR"), (DESK, "en-GB")])
async def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    house: House, open_page: OpenPage, size: tuple[int, int], locale: str
) -> None:
    """In light, in dark, on a phone and on a desk; the policy blocks nothing that the page needs."""
    await record(house)
    page = await shown(open_page, house, size=size, locale=locale)
    assert await page.evaluate("document.documentElement.lang") == locale[:2]
    ground = "getComputedStyle(document.querySelector('section:last-of-type')).borderTopWidth"
    assert await page.evaluate(ground) == "1px"
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        assert await barriers(page) == []


async def test_the_signed_file_comes_out_of_the_page_and_verifies(
    house: House, open_page: OpenPage, tmp_path: Path
) -> None:
    """One press, no script: what is saved is the file that the page was made of."""
    page = await shown(open_page, house, size=DESK, locale="en-GB")
    async with page.expect_download() as caught:
        await page.get_by_role("link", name="Take out the signed file").click()
    saved = tmp_path / "evidence.json"
    await (await caught.value).save_as(saved)
    proven = verify_evidence(saved.read_bytes(), house.rooms.checkpoints.keys.verifiers)
    assert proven.sha256 in await page.inner_text("body")
