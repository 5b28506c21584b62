"""Preflights: cheap, counted, and what they say of a path that no page asks about."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import update

from tests.vault.http.house import House, open_house
from tests.vault.http.visitors import PAGE, add_button, add_call
from vault.clock import TurnableClock
from vault.db.tables import buttons
from vault.http.cors import KEPT_S


async def _preflight(house: House, path: str) -> int:
    return (await house.ask("OPTIONS", path, headers={"Origin": PAGE}))[0]


async def test_preflights_are_limited(tmp_path: Path) -> None:
    """Each costs us something, so an address has so many of them in a minute."""
    async with open_house(tmp_path, limits={"requests_per_minute": 2}) as house:
        path = f"/v1/buttons/{await add_button(house)}/calls"
        assert [await _preflight(house, path) for _ in range(3)] == [204, 204, 429]


async def test_a_buttons_list_is_looked_up_once_in_seconds(tmp_path: Path) -> None:
    """A burst costs one query; a list that changed is heeded when the seconds are over."""
    clock = TurnableClock(datetime.now(UTC))
    async with open_house(tmp_path, clock=clock) as house:
        button = await add_button(house)
        path = f"/v1/buttons/{button}/calls"
        assert await _preflight(house, path) == 204
        async with house.services.database.write() as connection:
            await connection.execute(
                update(buttons)
                .where(buttons.c.id == button)
                .values(allowed_origins=["https://other.example"])
            )
        assert await _preflight(house, path) == 204
        clock.turn(timedelta(seconds=KEPT_S))
        assert await _preflight(house, path) == 403


async def test_a_publisher_that_is_no_page_learns_what_a_path_takes(house: House) -> None:
    """RFC 9725, 4.2: OPTIONS without Origin is answered, with Accept-Post; so is a page's own."""
    call = await add_call(house, await add_button(house))
    path = f"/v1/calls/{call}/legs"
    for headers in ({}, {"Origin": PAGE}):
        status, _, response = await house.ask("OPTIONS", path, headers=headers)
        assert (status, response.headers["Accept-Post"]) == (204, "application/sdp")
    status, _, response = await house.ask("OPTIONS", f"{path}/leg_{'0' * 32}")
    assert (status, response.headers["Allow"]) == (204, "DELETE, PATCH, OPTIONS")
    assert response.headers["Accept-Patch"] == "application/trickle-ice-sdpfrag"
    assert "Access-Control-Allow-Origin" not in response.headers
