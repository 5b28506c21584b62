"""The clock that jumped, in the console: what stands still, why, and what to do about it."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console import keepers
from tests.browser.console.desk import WAIT_MS, CallCentre, call_centre
from tests.browser.console.keepers import judge, signed_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

JUMP_MS = int(timedelta(hours=30) / timedelta(milliseconds=1))
DUE_MS = int(timedelta(days=400) / timedelta(milliseconds=1))


@pytest.fixture(autouse=True)
def patient() -> Iterator[None]:
    """A machine that does much else may take a while."""
    expect.set_options(timeout=WAIT_MS)
    yield
    expect.set_options(timeout=5_000)


def turn_back_the_marks(folder: Path) -> None:
    """Make the clock of the next start one that jumped by thirty hours, and what is kept due."""
    with sqlite3.connect(folder / "callvault.db") as database:
        database.execute(
            "UPDATE clock_marks SET wall_at = wall_at - ?, seen_at = seen_at - ?", (JUMP_MS, JUMP_MS)
        )
        database.execute("UPDATE media SET retain_until = retain_until - ?", (DUE_MS,))
    database.close()


def test_a_clock_that_jumped_is_an_alarm_that_says_what_to_do(
    tmp_path: Path, axe: Callable[[Page], list[str]]
) -> None:
    """Nothing is erased by time; the page of what is due says so instead of promising ten minutes."""
    folder = tmp_path / "vault"
    with call_centre(folder) as before:
        _, recording = keepers.record_call(before)
    turn_back_the_marks(folder)
    with call_centre(folder) as centre:
        seen(centre, recording, axe)
        centre.clear()
        assert centre.faults == []


def seen(centre: CallCentre, recording: str, axe: Callable[[Page], list[str]]) -> None:
    """As the administrator who starts the program reads it, in both languages."""
    centre.agent()
    page = signed_in(centre, "auditor", "Odile Auditor")
    page.goto(f"{centre.program.base}/console/keeping")
    alarm = page.get_by_role("alert", name="Nothing is erased by time at the moment")
    expect(alarm).to_contain_text("callvault retention resume")
    expect(alarm).to_contain_text("What people ask to erase is erased as always.")
    judge(page, axe, "keeping-halted")
    page.goto(centre.program.base + recording)
    panel = page.get_by_role("region", name="Why is this still here?")
    expect(panel).to_contain_text("erasing by time is halted because the server’s clock jumped")  # noqa: RUF001
    expect(page.locator(".recording-head .badge-ready")).to_be_visible()  # and it is there
    french = signed_in(centre, "auditor", "Aude Auditrice", language="fr")
    french.goto(f"{centre.program.base}/console/keeping")
    expect(french.get_by_role("alert")).to_contain_text("callvault retention resume")
    judge(french, axe, "keeping-halted-fr")
