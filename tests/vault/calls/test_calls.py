"""Calls as the tables know them: opened, answered once, joined by one leg, ended with the last."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from tests.vault.media.workshop import CANARY, PAGE, Workshop
from tests.vault.rights.traces import PLAIN
from vault.calls.calls import OpenCall
from vault.calls.visitors import PERSONAL_PART, Visitor
from vault.db.tables import call_indexes, calls, consents, leaves, legs
from vault.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    NoticeChangedError,
    OriginRefusedError,
)
from vault.model import CallState, ConsentChoice, LegKind, LegState, Role, new_id

ACCEPTED, REFUSED = ConsentChoice.ACCEPTED, ConsentChoice.REFUSED


async def consent_rows(work: Workshop) -> list[str]:
    """The choices that stand in the table."""
    async with work.database.read() as connection:
        return [row.choice for row in await connection.execute(select(consents.c.choice))]


@pytest.mark.parametrize(
    "origin", [None, "", "null", "https://shop.example.evil", "http://shop.example", f"{PAGE}/"]
)
async def test_a_page_that_is_not_on_the_list_opens_no_call(work: Workshop, origin: str | None) -> None:
    """The origin is compared whole; nothing is written for a stranger."""
    button = await work.button()
    asked = OpenCall(button.id, origin, "en", ("audio",), Visitor(), None)
    with pytest.raises(OriginRefusedError):
        await work.calls.open(asked)
    async with work.database.read() as connection:
        assert (await connection.execute(select(calls.c.id))).all() == []


async def test_a_button_gives_no_more_than_it_offers(work: Workshop) -> None:
    """Video through an audio button is refused."""
    button = await work.button(media=("audio",))
    with pytest.raises(InvalidError):
        await work.calls.open(OpenCall(button.id, PAGE, "en", ("audio", "video"), Visitor(), None))


async def test_what_the_page_told_is_sealed_and_never_in_a_leaf(any_work: Workshop) -> None:
    """P2: the row holds ciphertext and a keyed hash; all that was told opens with the call's own key."""
    call = await any_work.call()
    async with any_work.database.read() as connection:
        row = (await connection.execute(select(calls))).one()
        texts = [leaf.leaf for leaf in await connection.execute(select(leaves.c.leaf))]
    assert not [needle for needle in PLAIN if needle in row.personal or needle.decode() in "".join(texts)]
    told = await any_work.blobs.open(
        row.personal, tenant_id=call.tenant_id, object_id=call.id, part=PERSONAL_PART
    )
    assert told == {
        "reference": "customer-1",
        "name": CANARY,
        "email": "zebulon@example.org",
        "phone": "+33612345678",
        "page_url": f"{PAGE}/cart",
    }


async def test_a_page_that_told_nothing_leaves_nothing(work: Workshop) -> None:
    """No empty blob, no hash of nothing."""
    button = await work.button()
    await work.calls.open(OpenCall(button.id, PAGE, "fr", ("audio",), Visitor(), None))
    async with work.database.read() as connection:
        row = (await connection.execute(select(calls))).one()
        found = (await connection.execute(select(call_indexes))).all()
    assert (row.personal, found) == (None, [])


@pytest.mark.parametrize(("first", "second"), [(ACCEPTED, REFUSED), (REFUSED, ACCEPTED)])
async def test_the_first_answer_counts(
    any_work: Workshop, first: ConsentChoice, second: ConsentChoice
) -> None:
    """Repeating it gives the same consent, changing it is a conflict."""
    call = await any_work.consented(first)
    visitor = any_work.visitor(call)
    named = {"notice_hash": call.notice.hash, "language": "en", "by": visitor}
    again = [await any_work.calls.answer_notice(call.id, first, **named) for _ in range(2)]  # type: ignore[arg-type]
    assert len(set(again)) == 1
    with pytest.raises(ConflictError):
        await any_work.calls.answer_notice(call.id, second, **named)  # type: ignore[arg-type]
    assert await consent_rows(any_work) == [first.value]
    assert (await any_work.calls.view(call.id, by=visitor)).consent is first


async def test_of_answers_that_come_at_once_one_counts(any_work: Workshop) -> None:
    """Opposite answers from two windows: one row, one entry, the others are told."""
    call = await any_work.call()
    other = await any_work.reborn()

    async def answer(number: int) -> str:
        room = (any_work, other)[number % 2]
        choice = (ACCEPTED, REFUSED)[number // 2 % 2]
        try:
            return await room.calls.answer_notice(
                call.id, choice, notice_hash=call.notice.hash, language="en", by=room.visitor(call)
            )
        except ConflictError:
            return "conflict"

    given = await asyncio.gather(*(answer(number) for number in range(8)))
    assert len(set(given) - {"conflict"}) == 1
    assert len(await consent_rows(any_work)) == 1
    told = [entry.type for entry in await any_work.ledger.history(call.id)]
    assert len([word for word in told if word.startswith("consent.")]) == 1


async def test_an_answer_is_to_the_notice_that_was_shown(work: Workshop) -> None:
    """Another hash means another text: show it again."""
    call = await work.call()
    with pytest.raises(NoticeChangedError):
        await work.calls.answer_notice(
            call.id, ACCEPTED, notice_hash="0" * 64, language="en", by=work.visitor(call)
        )
    assert await consent_rows(work) == []


async def test_an_answer_in_another_language_is_to_another_notice(work: Workshop) -> None:
    """What was shown in English cannot have been agreed to in French: nothing is written."""
    call = await work.call()
    with pytest.raises(NoticeChangedError):
        await work.calls.answer_notice(
            call.id, ACCEPTED, notice_hash=call.notice.hash, language="fr", by=work.visitor(call)
        )
    assert await consent_rows(work) == []


async def test_the_answer_is_in_the_ledger_with_the_words_hash(work: Workshop) -> None:
    """The proof of consent names version, hash and language, and nobody."""
    call = await work.consented()
    given = (await work.ledger.history(call.id))[0]
    assert given.type == "consent.given"
    assert given.facts == {
        "language": "en",
        "notice_hash": call.notice.hash,
        "notice_version": call.notice.version,
    }


async def test_a_foreign_call_looks_missing(work: Workshop) -> None:
    """P5: another visitor, another tenant, a missing and a malformed id give one answer."""
    call, neighbour = await work.consented(), await work.consented()
    stranger = work.by(tenant_id=new_id("ten"))
    said = []
    for call_id, by in (
        (call.id, work.visitor(neighbour)),
        (call.id, stranger),
        (new_id("call"), work.visitor(call)),
        ("nonsense", work.visitor(call)),
        (neighbour.id, work.visitor(call)),
    ):
        with pytest.raises(NotFoundError) as refused:
            await work.calls.view(call_id, by=by)
        said.append(str(refused.value))
    assert len(set(said)) == 1
    for by in (work.visitor(neighbour), work.visitor(call)):
        with pytest.raises(NotFoundError):
            await work.calls.answer_notice(
                new_id("call"), ACCEPTED, notice_hash=call.notice.hash, language="en", by=by
            )


async def test_the_call_ends_with_its_last_leg_once(any_work: Workshop) -> None:
    """Ending again changes neither reason nor ledger; nobody joins an ended call."""
    call = await any_work.consented()
    begun = await any_work.begun(call)
    for reason in ("hangup", "silent"):
        await any_work.calls.leg_ended(call.id, begun.leg_id, reason=reason)
    view = await any_work.calls.view(call.id, by=any_work.by())
    assert (view.state, view.end_reason, view.ended_at is not None) == (CallState.ENDED, "hangup", True)
    told = [entry.type for entry in await any_work.ledger.history(call.id)]
    assert told.count("call.ended") == 1
    with pytest.raises(ConflictError):
        await any_work.calls.ready_for_leg(call.id, by=any_work.visitor(call))


async def test_of_legs_that_join_at_once_one_does(any_work: Workshop) -> None:
    """Two processes, one call: the row decides."""
    call = await any_work.consented()
    other = await any_work.reborn()
    view = await any_work.calls.ready_for_leg(call.id, by=any_work.visitor(call))
    rooms = [any_work.calls, other.calls]
    joined = await asyncio.gather(
        *(rooms[n % 2].leg_joined(view, new_id("leg"), any_work.visitor(call)) for n in range(6)),
        return_exceptions=True,
    )
    assert joined.count(None) == 1
    assert all(isinstance(one, ConflictError) for one in joined if one is not None)


async def test_a_leg_cannot_join_a_call_that_ended_meanwhile(any_work: Workshop) -> None:
    """Between looking and joining the call may end: the row is asked again, under its lock."""
    call = await any_work.consented()
    view = await any_work.calls.ready_for_leg(call.id, by=any_work.visitor(call))
    begun = await any_work.begun(call)
    await any_work.calls.leg_ended(call.id, begun.leg_id, reason="hangup")
    with pytest.raises(ConflictError):
        await any_work.calls.leg_joined(view, new_id("leg"), any_work.visitor(call))


async def test_a_start_ends_what_a_crash_left_open(any_work: Workshop) -> None:
    """Legs and calls of the process before; those that wait for their visitor stay open."""
    call, waiting = await any_work.consented(), await any_work.consented()
    await any_work.begun(call)
    after = await any_work.reborn()
    assert await after.calls.end_interrupted() == [call.id]
    assert (await after.calls.view(call.id, by=after.by())).end_reason == "interrupted"
    assert (await after.calls.view(waiting.id, by=after.by())).state is CallState.OPEN


async def test_a_start_leaves_the_calls_open_to_which_their_visitor_may_come_back(
    any_work: Workshop,
) -> None:
    """Every leg is over; a call goes on as long as its visitor's token could bring it back."""
    call = await any_work.consented()
    begun = await any_work.begun(call)
    after = await any_work.reborn()
    hour = timedelta(hours=1)
    assert await after.calls.end_interrupted(joinable_since=after.clock.now() - hour) == []
    assert await after.calls.begun() == [call.id]
    async with after.database.read() as connection:
        ended = (await connection.execute(select(legs.c.end_reason).where(legs.c.id == begun.leg_id))).one()
    assert ended == ("interrupted",)
    assert await after.calls.end_interrupted(joinable_since=after.clock.now() + hour) == [call.id]


async def test_a_call_that_is_joined_while_unjoined_ones_end_goes_on(any_work: Workshop) -> None:
    """The list of those that nobody joined is old when its turn comes: each is looked at again, held."""
    call, unjoined = await any_work.consented(), await any_work.consented()
    view = await any_work.calls.ready_for_leg(call.id, by=any_work.visitor(call))
    later = any_work.clock.now() + timedelta(hours=1)
    async with any_work.database.write() as connection:  # somebody who joins, and has not committed yet
        await connection.execute(select(calls.c.id).where(calls.c.id == call.id).with_for_update())
        await connection.execute(
            insert(legs).values(
                id=new_id("leg"),
                tenant_id=view.tenant_id,
                call_id=view.id,
                role=Role.VISITOR.value,
                kind=LegKind.CAMERA.value,
                state=LegState.CONNECTING.value,
                created_at=any_work.clock.now(),
            )
        )
        ending = asyncio.create_task(any_work.calls.end_unjoined(opened_before=later), name="ending")
        await asyncio.sleep(0.2)
    await ending
    states = [(await any_work.calls.view(one.id, by=any_work.by())).state for one in (call, unjoined)]
    assert states == [CallState.OPEN, CallState.ENDED]


async def test_a_leg_that_ended_is_not_live_again(work: Workshop) -> None:
    """Keys may be agreed at the very moment of the end: what came first stays, for leg and call."""
    call = await work.consented()
    begun = await work.begun(call)
    await work.calls.leg_ended(call.id, begun.leg_id, reason="hangup")
    await work.calls.leg_connected(call.id, begun.leg_id)
    async with work.database.read() as connection:
        state = (await connection.execute(select(legs.c.state))).scalar_one()
    assert state == LegState.ENDED
    assert (await work.calls.view(call.id, by=work.by())).state is CallState.ENDED
