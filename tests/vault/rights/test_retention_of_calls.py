"""What a page told about its visitor ends too, and calls that nobody joined do not stay open."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.vault.http.house import settings_in
from vault.app import Rooms, open_rooms
from vault.calls.buttons import NewButton
from vault.calls.calls import OpenCall, OpenedCall
from vault.calls.visitors import Visitor
from vault.clock import TurnableClock
from vault.db.tables import call_indexes, calls
from vault.model import CallState, ErasureReason, Role
from vault.policy import Principal

ORIGIN = "http://shop.test"
TEXTS = {"fr": "aider", "en": "help"}
DAYS = 30


@pytest.fixture
def clock() -> TurnableClock:
    """A clock that the test turns."""
    return TurnableClock(datetime(2026, 11, 1, tzinfo=UTC))


@pytest.fixture
async def rooms(tmp_path: Path, clock: TurnableClock) -> AsyncIterator[Rooms]:
    """The program without its doors."""
    async with open_rooms(settings_in(tmp_path), development=True, clock=clock) as opened:
        yield opened


async def administrator(rooms: Rooms) -> Principal:
    """A tenant and somebody who may do everything in it."""
    tenant_id = await rooms.identity.tenants.add(name="Acme", retention_days=DAYS)
    person = await rooms.identity.people.add(
        tenant_id=tenant_id, role=Role.ADMIN, profile={"name": "Ada"}, by=None
    )
    return Principal(person.id, tenant_id, Role.ADMIN)


async def press(rooms: Rooms, by: Principal, reference: str) -> OpenedCall:
    """A visitor presses a new button and joins nothing."""
    button = await rooms.buttons.create(
        NewButton("Help", TEXTS, TEXTS, ("audio",), (ORIGIN,), records=True, retention_days=DAYS), by=by
    )
    visitor = Visitor(reference=reference, name="Grace")
    return await rooms.calls.open(OpenCall(button.id, ORIGIN, "en", ("audio",), visitor, page_url=None))


async def state_of(rooms: Rooms, call: OpenedCall) -> tuple[str, bytes | None, bytes | None]:
    """State, sealed fields and index of a call."""
    async with rooms.database.read() as connection:
        row = (await connection.execute(select(calls).where(calls.c.id == call.id))).one()
        found = await connection.execute(
            select(call_indexes.c.keyed).where(call_indexes.c.call_id == call.id)
        )
        return row.state, row.personal, b"".join(index.keyed for index in found) or None


async def test_a_call_that_nobody_joined_ends_with_its_visitors_token(
    rooms: Rooms, clock: TurnableClock
) -> None:
    """It is no longer open, and its personal fields live on until their time is over."""
    call = await press(rooms, await administrator(rooms), "customer 7")
    clock.turn(timedelta(hours=7))
    await rooms.keeper.turn()
    state, personal, _ = await state_of(rooms, call)
    assert state == CallState.ENDED
    assert personal is not None


async def test_personal_fields_of_a_call_end_with_the_buttons_retention(
    rooms: Rooms, clock: TurnableClock
) -> None:
    """Fields, index and key are gone; the ledger says why."""
    by = await administrator(rooms)
    call = await press(rooms, by, "customer 7")
    clock.turn(timedelta(hours=7))
    await rooms.keeper.turn()
    clock.turn(timedelta(days=DAYS + 1))
    assert await rooms.keeper.turn() == 0
    assert (await state_of(rooms, call))[1:] == (None, None)
    assert await rooms.keys.records(object_id=call.id) == ()
    [request] = await rooms.deletion_requests.list(by=by)
    assert (request.reason, request.complete) == (ErasureReason.RETENTION, True)


async def test_references_that_differ_in_case_are_different_visitors(
    rooms: Rooms, clock: TurnableClock
) -> None:
    """An erasure for one of them leaves the other alone."""
    by = await administrator(rooms)
    upper, lower = await press(rooms, by, "AB3"), await press(rooms, by, "aB3")
    clock.turn(timedelta(hours=7))
    await rooms.keeper.turn()
    asked = await rooms.deletion_requests.of_visitor("aB3", ErasureReason.VISITOR_REQUEST, by=by)
    assert [item.object_id for item in asked.items] == [lower.id]
    assert (await state_of(rooms, upper))[1] is not None
