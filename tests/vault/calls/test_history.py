"""Calls afterwards: listed without a name, found by exactly who called, opened on the record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.vault.calls.desk import Desk, open_desk
from tests.vault.calls.writers import Writers
from tests.vault.media.workshop import Workshop, open_workshop
from vault.calls.attendance import AWAY
from vault.calls.history import CallFilter, Outcome, PastCall
from vault.calls.visitors import Field
from vault.clock import TurnableClock
from vault.errors import ErasedError, ForbiddenError, InvalidError, NotFoundError
from vault.media.recordings import LegToRecord
from vault.model import CallState, ConsentChoice, ErasureReason, Id, Role

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from vault.calls.calls import OpenedCall

WHY = ErasureReason.VISITOR_REQUEST


async def test_the_list_pages_newest_first_and_filters(any_work: Workshop) -> None:
    """Each page goes on where the last one ended; a filter shows its own."""
    writers = Writers(any_work)
    talks = [await writers.talk() for _ in range(3)]
    await writers.hang_up(talks[0])
    await any_work.notes.write(talks[1].call.id, "", "resolved", version=0, by=talks[1].agent)
    page, by = writers.history.page, any_work.by()
    first = await page(CallFilter(), by=by, limit=2)
    rest = await page(CallFilter(after=(first[-1].created_at, first[-1].id)), by=by, limit=2)
    assert [call.id for call in (*first, *rest)] == [talk.call.id for talk in reversed(talks)]
    assert [call.outcome for call in first] == [Outcome.RUNNING] * 2
    for wanted, found in (
        (CallFilter(state=CallState.ENDED), [talks[0]]),
        (CallFilter(disposition="resolved"), [talks[1]]),
        (CallFilter(taken_by=talks[0].agent.id), []),
        (CallFilter(button_id=first[0].button_id), [talks[2]]),
        (CallFilter(to=first[-1].created_at - timedelta(days=1)), []),
    ):
        assert [call.id for call in await page(wanted, by=by, limit=9)] == [talk.call.id for talk in found]


@pytest.fixture
async def turned(tmp_path: Path) -> AsyncIterator[tuple[Desk, TurnableClock]]:
    """A desk whose time stands still until it is turned."""
    clock = TurnableClock(datetime(2026, 11, 23, 9, tzinfo=UTC))
    async with open_workshop(tmp_path, clock=clock) as work, open_desk(work) as opened:
        yield opened, clock


async def recorded(desk: Desk) -> tuple[OpenedCall, Id]:
    """A call that rings, and whose visitor is being recorded; their leg."""
    call, _, leg_id = await desk.press()
    leg = LegToRecord(call.tenant_id, call.id, leg_id, (await one(desk, call)).button_id, 30)
    await desk.work.recordings.begin(leg, age_s=1)
    return call, leg_id


async def one(desk: Desk, call: OpenedCall) -> PastCall:
    """A call as the list shows it."""
    return await Writers(desk.work).history.one(call.id, by=desk.work.by())


@pytest.mark.parametrize(
    ("agents", "stays_s", "outcome"),
    [
        pytest.param(0, 30, Outcome.MESSAGE, id="nobody was there and the visitor spoke"),
        pytest.param(0, 2, Outcome.MISSED, id="nobody was there and the visitor left"),
        pytest.param(1, 25, Outcome.MISSED, id="the visitor gave up while it rang"),
    ],
)
async def test_a_message_is_left_after_it_rang_in_vain(
    turned: tuple[Desk, TurnableClock], agents: int, stays_s: int, outcome: Outcome
) -> None:
    """Whoever waits is recorded from the beginning: that alone is no message."""
    desk, clock = turned
    for number in range(agents):
        await desk.agent(f"Ada {number}")
    call, leg_id = await recorded(desk)
    clock.turn(timedelta(seconds=stays_s))
    await desk.leave(call, leg_id)
    assert (await one(desk, call)).outcome is outcome


@pytest.mark.parametrize("ada_was", ["heard", "never there"])
async def test_a_talk_is_one_whatever_became_of_the_call_afterwards(
    turned: tuple[Desk, TurnableClock], ada_was: str
) -> None:
    """Ada was heard, was lost, and nobody came after her: they talked. Who took it and never came did not."""
    desk, clock = turned
    ada = await desk.agent("Ada")
    call, visitors = await recorded(desk)
    await desk.ringing.take(call.id, by=ada.who)
    if ada_was == "heard":
        leg_id = await desk.join(call.id, ada.who)
        await desk.work.calls.leg_ended(call.id, leg_id, reason="silent", call_goes_on=True)
        clock.turn(AWAY)
        await desk.ringing.look()
        await desk.ringing.decline(call.id, by=ada.who)
        assert (await one(desk, call)).taken_by is None
        clock.turn(timedelta(seconds=30))
    await desk.leave(call, visitors)
    assert (await one(desk, call)).outcome is (Outcome.TALKED if ada_was == "heard" else Outcome.MISSED)


async def test_a_call_that_never_rang_was_left(work: Workshop) -> None:
    """Its visitor read the notice and went away."""
    writers = Writers(work)
    silent = await work.consented(ConsentChoice.REFUSED)
    await work.calls.end_left(silent.id, reason="not_joined")
    assert (await writers.history.one(silent.id, by=work.by())).outcome is Outcome.LEFT


async def test_calls_are_found_by_exactly_who_called(any_work: Workshop) -> None:
    """By each field, in another spelling; never by a part, and not once the call is erased (P8)."""
    writers = Writers(any_work)
    talk = await writers.talk(reference="Customer-7")
    await writers.hang_up(talk)

    async def found(field: Field, value: str) -> list[str]:
        calls = await writers.history.search(field, value, CallFilter(), by=any_work.by(), limit=9)
        return [call.id for call in calls]

    exact = (
        (Field.REFERENCE, "Customer-7"),
        (Field.EMAIL, "Zebulon@Example.org"),
        (Field.PHONE, "0033 6 12 34 56 78"),
        (Field.NAME, "zebulon  quicksilver"),
    )
    for field, value in exact:
        assert await found(field, value) == [talk.call.id], field
        assert await found(field, value[:-1]) == [], field
    assert await found(Field.REFERENCE, "customer-7") == []
    await any_work.requests.of_visitor(
        "ZEBULON@example.org", WHY, by=any_work.by(Role.SERVICE), field=Field.EMAIL
    )
    assert await any_work.keeper.turn() == 0
    for field, value in exact:
        assert await found(field, value) == [], field
    with pytest.raises(NotFoundError):
        await any_work.requests.of_visitor("+33612345678", WHY, by=any_work.by(), field=Field.PHONE)


async def test_a_name_is_not_enough_to_erase_by(work: Workshop) -> None:
    """Two people may bear it."""
    with pytest.raises(InvalidError):
        await work.requests.of_visitor("Grace", WHY, by=work.by(), field=Field.NAME)


async def test_opening_a_call_is_in_the_ledger(any_work: Workshop) -> None:
    """Who called, from where, what was written and noted; the entry names who looked."""
    writers = Writers(any_work)
    talk = await writers.talk()
    await writers.chat.post(talk.call.id, "under the mat", key="1", by=talk.visitor)
    await any_work.notes.write(talk.call.id, "calm", "resolved", version=0, by=talk.agent)
    opened = await writers.history.open(talk.call.id, by=talk.agent)
    assert (opened.visitor["email"], opened.page_url) == ("zebulon@example.org", "https://shop.example/cart")
    assert ([one.text for one in opened.messages], [one.text for one in opened.notes]) == (
        ["under the mat"],
        ["calm"],
    )
    assert opened.call.disposition == "resolved"
    entry = (await any_work.ledger.history(talk.call.id))[0]
    assert (entry.type, entry.detail) == ("call.viewed", {"person": talk.agent.id})
    assert "zebulon" not in repr(opened).lower()


async def test_who_may_not_play_does_not_open_and_an_erased_call_stays_shut(work: Workshop) -> None:
    """The data protection officer lists, the company's program searches; neither reads."""
    writers = Writers(work)
    talk = await writers.talk()
    await writers.hang_up(talk)
    for role in (Role.AUDITOR, Role.SERVICE):
        assert (await writers.history.one(talk.call.id, by=work.by(role))).id == talk.call.id
        with pytest.raises(ForbiddenError):
            await writers.history.open(talk.call.id, by=work.by(role))
    with pytest.raises(ForbiddenError):
        await writers.history.page(CallFilter(), by=talk.visitor, limit=1)
    await work.requests.of_call(talk.call.id, WHY, by=work.by())
    await work.keeper.turn()
    with pytest.raises(ErasedError):
        await writers.history.open(talk.call.id, by=talk.agent)
    assert (await writers.history.one(talk.call.id, by=work.by())).erased_at is not None
