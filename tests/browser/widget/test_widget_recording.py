"""The visitor stops the recording of a call: what is said while it is not confirmed, and once it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.browser.widget.conftest import OpenShop

pytestmark = pytest.mark.browser

UNCONFIRMED = "Recording has not been confirmed as stopped."


async def test_a_withdrawal_that_was_not_confirmed_is_once_the_vault_tells_of_it(
    open_shop: OpenShop,
) -> None:
    """503: it may not be written. The event that says it is takes the alarm, and the question, away."""
    shop = await open_shop(button="btn_live", lang="en")
    await shop.call()
    await shop.named("button", "More").click()
    await shop.named("button", "Stop recording me").click()
    await shop.named("button", "Stop recording").last.click()
    await shop.reads(UNCONFIRMED)
    await shop.event(
        "recording_changed", state="paused", pause={"id": "pau_1", "since": "2026-01-01T00:00:00Z"}
    )
    assert UNCONFIRMED in await shop.text()
    await shop.event("recording_changed", state="withdrawn", pause=None)
    await shop.reads("The recording is stopped. Nothing more of this call is kept.")
    assert UNCONFIRMED not in await shop.text()
    assert await shop.named("button", "Go on recording").count() == 0
