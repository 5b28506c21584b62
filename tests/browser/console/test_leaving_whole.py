"""A company leaves through the real program, by keyboard: taken back once, then to its receipt."""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

import pyrage
import pytest
from playwright.sync_api import Page, expect

from crypto.receipts import verify_receipt
from crypto.signers import NoteVerifier
from tests.browser.console import keepers
from tests.browser.console.desk import CallCentre, call_centre
from tests.browser.console.keepers import judge, press, reach, signed_in, submit, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Axe = Callable[[Page], list[str]]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

WAIT_MS = 120_000  # the job looks every half minute
KEY = pyrage.x25519.Identity.generate()
PATH = "/console/leaving"


@pytest.fixture(autouse=True)
def patient() -> Iterator[None]:
    """A machine that does much else may take a while."""
    expect.set_options(timeout=WAIT_MS)
    yield
    expect.set_options(timeout=5_000)


def begin(page: Page, *, key: str, days: str) -> None:
    """Ask for it by keyboard, and confirm with the company's name as the head of the page has it."""
    if key:
        write(page, "#exit-key", key)
    else:
        reach(page, "#take-all")
        page.keyboard.press("ArrowDown")
    write(page, "#exit-days", days)
    reach(page, ".leave-form [type=submit]")
    page.keyboard.press("Enter")
    write(page, "#exit-name", page.locator(".who-tenant").inner_text())
    submit(page)


def fetched(page: Page, number: int, folder: Path) -> dict[str, bytes]:
    """Download a volume, compare its fingerprint with the page, and open it with the company's own key."""
    item = page.locator(".volume").nth(number - 1)
    with page.expect_download() as caught:
        item.get_by_role("link").press("Enter")
    caught.value.save_as(folder / "volume")
    sealed = (folder / "volume").read_bytes()
    expect(item.locator("code")).to_have_text(hashlib.sha256(sealed).hexdigest())
    with tarfile.open(fileobj=io.BytesIO(pyrage.decrypt(sealed, [KEY]))) as opened:
        files = {each.name: opened.extractfile(each) for each in opened.getmembers()}
        return {name: file.read() for name, file in files.items() if file is not None}


def test_a_company_leaves_stays_and_leaves_for_good(tmp_path: Path, axe: Axe) -> None:
    """What was recorded is taken along; the way back works; the end has a receipt that verifies."""
    with call_centre(tmp_path / "vault", settings={"EXIT__GRACE_DAYS": "0"}) as centre:
        _, recording = keepers.record_call(centre)
        admin = signed_in(centre, "admin", "Ada Admin")
        taken_along_and_stayed(centre, admin, recording.rsplit("/", 1)[1], tmp_path, axe)
        gone_for_good(centre, admin, tmp_path, axe)
        centre.clear()
        assert centre.faults == []


def taken_along_and_stayed(centre: CallCentre, admin: Page, media_id: str, folder: Path, axe: Axe) -> None:
    """Everybody reads the day; the recording is in a volume; then the company stays."""
    press(admin, "Leaving")
    begin(admin, key=str(KEY.to_public()), days="30")
    expect(admin.locator(".exit-status")).to_contain_text("30 days left")
    expect(admin.locator(".volume")).to_have_count(2)
    judge(admin, axe, "whole-ready")
    rows, media = (fetched(admin, number, folder) for number in (1, 2))
    assert media_id.encode() in rows["tables/media-000001.jsonl"]
    assert media[f"media/{media_id}/media.webm"][:4] == bytes.fromhex(
        "1a45dfa3"
    )  # EBML: a WebM file begins so
    agent = signed_in(centre, "agent", "Awa Agent", language="fr")
    expect(agent.locator("#leaving-bar")).to_contain_text("Votre société quitte Callvault. Le ")
    press(admin, "Stay after all…")
    submit(admin)
    expect(admin.get_by_text("Your company stays: calls begin again.").first).to_be_visible()
    agent.reload()
    expect(agent.locator("#leaving-bar")).to_be_hidden()


def gone_for_good(centre: CallCentre, admin: Page, folder: Path, axe: Axe) -> None:
    """The page goes on to its end; nobody is let in; the receipt verifies with keys of before."""
    request = admin.context.request
    keys = request.get(f"{centre.program.base}/v1/ledger/key").json()["keys"]
    begin(admin, key="", days="0")
    admin.wait_for_url(f"**{PATH}/xit_*", timeout=WAIT_MS)
    assert request.get(f"{centre.program.base}/v1/me").status == 401
    expect(admin.locator(".badge-gone")).to_be_visible()
    judge(admin, axe, "whole-gone")
    with admin.expect_download() as caught:
        press(admin, "Download the receipt")
    caught.value.save_as(folder / "receipt.json")
    proven = verify_receipt((folder / "receipt.json").read_bytes(), [NoteVerifier.parse(key) for key in keys])
    assert (proven.status, f"receipt-{proven.request}.json") == ("complete", caught.value.suggested_filename)
