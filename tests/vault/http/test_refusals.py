"""Refusals in the ledger: written, counted, and never as many as somebody likes."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from tests.vault.http.house import House, open_house
from tests.vault.http.visitors import visitor_token
from vault.clock import TurnableClock
from vault.db.tables import leaves
from vault.model import Role, new_id


async def _told(house: House) -> list[dict[str, Any]]:
    async with house.services.database.read() as connection:
        rows = await connection.execute(
            select(leaves.c.leaf).where(leaves.c.type == "access.refused").order_by(leaves.c.leaf_index)
        )
        return [json.loads(leaf) for leaf in rows.scalars()]


async def test_refusals_within_a_minute_are_one_leaf_and_a_count(tmp_path: Path) -> None:
    """The first is written at once; the leaf after it says how many there were."""
    clock = TurnableClock(datetime.now(UTC))
    async with open_house(tmp_path, clock=clock) as house:
        for _ in range(5):
            assert (await house.ask("GET", "/v1/issuers", role=Role.AGENT))[0] == 403
        assert [leaf["count"] for leaf in await _told(house)] == [1]
        clock.turn(timedelta(seconds=60))
        await house.ask("GET", "/v1/issuers", role=Role.AGENT)
        await house.ask("GET", "/v1/issuers", role=Role.SERVICE)
        assert [leaf["count"] for leaf in await _told(house)] == [1, 5, 1]
        assert {leaf["reason"] for leaf in await _told(house)} == {"forbidden"}


async def test_what_was_counted_is_written_when_the_door_closes(tmp_path: Path) -> None:
    """No refusal is lost because nobody was refused after it."""
    async with open_house(tmp_path) as house:
        for _ in range(3):
            await house.ask("GET", "/v1/issuers", role=Role.AGENT)
    async with open_house(tmp_path) as house:
        assert [leaf["count"] for leaf in await _told(house)] == [1, 2]


async def test_a_dead_link_and_anothers_thing_are_refusals_too(house: House) -> None:
    """Missing and foreign are told apart neither outside nor here."""
    theirs = house.people["b", Role.AGENT].id
    assert (await house.ask("GET", f"/p/{'x' * 22}/media.webm", role=Role.AGENT))[0] == 404
    for person in (theirs, new_id("per")):
        assert (await house.ask("GET", f"/v1/people/{person}", role=Role.ADMIN))[0] == 404
    told = {(leaf["route"], leaf["reason"]) for leaf in await _told(house)}
    assert told == {("/p/{link}/{file}", "link_dead"), ("/v1/people/{person_id}", "not_found")}


async def test_a_visitors_refusals_leave_nothing(house: House) -> None:
    """Its token is free: whoever presses a button could fill the ledger."""
    headers = {"Authorization": f"Bearer {await visitor_token(house)}"}
    assert (await house.ask("GET", "/v1/media", headers=headers))[0] == 403
    assert await _told(house) == []
