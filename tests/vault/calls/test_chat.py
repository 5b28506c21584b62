"""What is written in a call: sealed, in order, once, told to all, kept only with the visitor's yes."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.vault.calls.test_pauses import AwayEngine
from tests.vault.calls.writers import Writers
from tests.vault.media.workshop import Workshop, open_workshop
from vault.calls import chat
from vault.calls.chat import PER_MINUTE, Chat
from vault.calls.pauses import Pauses
from vault.calls.withdrawals import Withdrawals
from vault.clock import TurnableClock
from vault.db.tables import messages
from vault.errors import (
    ChatPausedError,
    ConflictError,
    ConsentMissingError,
    DependencyError,
    ForbiddenError,
    IdempotencyConflictError,
    NotFoundError,
    TamperedError,
    TooManyRequestsError,
)
from vault.model import ConsentChoice, ErasureReason, Id, Role

SECRET = "my parcel is under the blue door"


def files(folder: Path) -> list[tuple[str, bytes]]:
    """Every file below a folder, with what is in it."""
    return [(path.name, path.read_bytes()) for path in folder.rglob("*") if path.is_file()]


async def texts(chat_: Chat, call_id: Id, by: object, after: int = 0) -> list[tuple[int, str]]:
    """What somebody reads, with its places."""
    found = await chat_.since(call_id, after=after, limit=200, by=by)  # type: ignore[arg-type]
    return [(message.n, message.text) for message in found]


async def test_what_one_writes_the_other_reads_in_order(any_work: Workshop) -> None:
    """Both ways; a late comer finds all of it, and goes on after the last one known."""
    writers = Writers(any_work)
    talk = await writers.talk()
    first = await writers.chat.post(talk.call.id, "Good morning", key="1", by=talk.visitor)
    second = await writers.chat.post(talk.call.id, "How can I help?", key="1", by=talk.agent)
    assert (first.n, first.role, first.kept, second.n) == (1, Role.VISITOR, True, 2)
    late = await writers.agent(talk.call)
    for who in (talk.visitor, talk.agent, late):
        assert await texts(writers.chat, talk.call.id, who) == [(1, "Good morning"), (2, "How can I help?")]
    assert await texts(writers.chat, talk.call.id, late, after=1) == [(2, "How can I help?")]


async def test_a_message_is_sealed_and_an_event_does_not_hold_it(any_work: Workshop, tmp_path: Path) -> None:
    """P2: row, files and event buffers say that there is a message, never what it says."""
    writers = Writers(any_work)
    talk = await writers.talk()
    await writers.chat.post(talk.call.id, SECRET, key="1", by=talk.visitor)
    heard = [told for told in writers.told if told.type == "call.message"]
    assert {told.to for told in heard} == {talk.call.id, talk.agent.id}
    assert [told.data for told in heard] == [{"call_id": talk.call.id, "n": 1}] * 2
    async with any_work.database.read() as connection:
        row = (await connection.execute(select(messages))).one()
    assert SECRET.encode() not in row.sealed
    assert [name for name, content in files(tmp_path) if SECRET.encode() in content] == []


async def test_a_message_moved_to_anothers_place_is_not_shown(work: Workshop) -> None:
    """Each is bound to its own identifier."""
    writers = Writers(work)
    talk = await writers.talk()
    for key in ("1", "2"):
        await writers.chat.post(talk.call.id, f"{SECRET} {key}", key=key, by=talk.visitor)
    async with work.database.write() as connection:
        rows = (await connection.execute(select(messages).order_by(messages.c.n))).all()
        await connection.execute(
            messages.update().where(messages.c.id == rows[0].id).values(sealed=rows[1].sealed)
        )
    with pytest.raises(TamperedError):
        await writers.chat.since(talk.call.id, after=0, limit=9, by=talk.visitor)


@pytest.mark.parametrize("choice", list(ConsentChoice))
async def test_a_retry_is_the_same_message(any_work: Workshop, choice: ConsentChoice) -> None:
    """Stored or only held; another text under the same key is a mistake that is said."""
    writers = Writers(any_work)
    talk = await writers.talk(choice)
    sent = [await writers.chat.post(talk.call.id, "Hello", key="k", by=talk.visitor) for _ in range(2)]
    assert len({(message.id, message.n, message.text) for message in sent}) == 1
    others = await writers.chat.post(talk.call.id, "Hello", key="k", by=talk.agent)
    assert others.n == 2
    with pytest.raises(IdempotencyConflictError):
        await writers.chat.post(talk.call.id, "Bye", key="k", by=talk.visitor)
    assert len([told for told in writers.told if told.to == talk.call.id]) == 2


async def test_messages_that_come_at_once_each_have_a_place(any_work: Workshop) -> None:
    """None is lost and no place is given twice."""
    writers = Writers(any_work)
    talk = await writers.talk()
    await asyncio.gather(
        *(
            writers.chat.post(talk.call.id, f"{who.role} {number}", key=str(number), by=who)
            for number in range(8)
            for who in (talk.visitor, talk.agent)
        )
    )
    found = await texts(writers.chat, talk.call.id, talk.agent)
    assert [n for n, _ in found] == list(range(1, 17))
    assert len({text for _, text in found}) == 16


async def test_without_a_yes_nothing_is_stored(any_work: Workshop) -> None:
    """It is delivered, held while the call goes on, and gone with it, for a new process too."""
    writers = Writers(any_work)
    talk = await writers.talk(ConsentChoice.REFUSED)
    sent = await writers.chat.post(talk.call.id, SECRET, key="1", by=talk.visitor)
    assert not sent.kept
    assert await texts(writers.chat, talk.call.id, talk.agent) == [(1, SECRET)]
    async with any_work.database.read() as connection:
        assert (await connection.execute(select(messages))).all() == []
    assert await texts(Writers(any_work).chat, talk.call.id, talk.agent) == []
    await writers.hang_up(talk)
    assert await texts(writers.chat, talk.call.id, talk.visitor) == []


@pytest.mark.parametrize("stop", ["pause", "withdrawal"])
async def test_what_stops_the_recording_stops_the_chat_before_it_is_written(
    work: Workshop, monkeypatch: pytest.MonkeyPatch, stop: str
) -> None:
    """The database does not take it: a pause holds all the same, and after a withdrawal nothing is stored."""
    writers = Writers(work)
    talk = await writers.talk()
    rooms = (work.database, work.ledger, work.calls, writers.floor, writers.tellings, work.clock)
    writers.floor.permit_of(await work.calls.view(talk.call.id, by=talk.agent))
    with monkeypatch.context() as patched:
        patched.setattr(work.database, "_writer", AwayEngine())
        if stop == "pause":
            pause = await Pauses(*rooms, remind_s=60).begin(talk.call.id, by=talk.agent)
            assert not pause.is_durable
        else:
            with pytest.raises(DependencyError):
                await Withdrawals(*rooms).withdraw(talk.call.id, by=talk.visitor)
    if stop == "pause":
        with pytest.raises(ChatPausedError):
            await writers.chat.post(talk.call.id, SECRET, key="1", by=talk.visitor)
    else:
        assert not (await writers.chat.post(talk.call.id, SECRET, key="1", by=talk.visitor)).kept
    async with work.database.read() as connection:
        assert (await connection.execute(select(messages))).all() == []


async def test_during_a_pause_nothing_is_taken(work: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused, neither stored nor told, and taken again afterwards."""
    writers = Writers(work)
    talk = await writers.talk()

    async def paused(_connection: object, _call_id: str, _permit: object) -> bool:
        return True

    with monkeypatch.context() as patched:
        patched.setattr(chat, "is_paused", paused)
        with pytest.raises(ChatPausedError):
            await writers.chat.post(talk.call.id, SECRET, key="1", by=talk.visitor)
    assert await texts(writers.chat, talk.call.id, talk.agent) == []
    assert [told for told in writers.told if told.type == "call.message"] == []
    await writers.chat.post(talk.call.id, SECRET, key="1", by=talk.visitor)


async def test_who_is_not_in_the_call_neither_writes_nor_reads(work: Workshop) -> None:
    """Colleagues take it first; another visitor, another tenant and other roles find nothing."""
    writers = Writers(work)
    talk, other = await writers.talk(), await writers.talk()
    colleague = await writers.agent()
    for who, error in (
        (colleague, ConflictError),
        (other.visitor, NotFoundError),
        (work.by(Role.AUDITOR), ForbiddenError),
        (work.by(Role.SERVICE), ForbiddenError),
    ):
        with pytest.raises(error):
            await writers.chat.post(talk.call.id, "Hello", key="1", by=who)
        with pytest.raises(error):
            await writers.chat.since(talk.call.id, after=0, limit=9, by=who)


async def test_a_call_that_is_not_going_on_takes_none(work: Workshop) -> None:
    """Before the notice is answered, before anybody joined, after the end; its visitor may still read."""
    writers = Writers(work)
    asked, consented, talk = await work.call(), await work.consented(), await writers.talk()
    with pytest.raises(ConsentMissingError):
        await writers.chat.post(asked.id, "Hello", key="1", by=work.visitor(asked))
    with pytest.raises(ConflictError):
        await writers.chat.post(consented.id, "Hello", key="1", by=work.visitor(consented))
    await writers.chat.post(talk.call.id, "Hello", key="1", by=talk.visitor)
    await writers.hang_up(talk)
    with pytest.raises(ConflictError):
        await writers.chat.post(talk.call.id, "Hello", key="2", by=talk.visitor)
    assert await texts(writers.chat, talk.call.id, talk.visitor) == [(1, "Hello")]
    with pytest.raises(ConflictError):
        await texts(writers.chat, talk.call.id, talk.agent)


async def test_a_flood_is_slowed_down_and_a_call_is_full_at_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P12: so many a minute of one sender, so many in a call; the other side is not concerned."""
    clock = TurnableClock(datetime(2026, 1, 31, 8, tzinfo=UTC))
    monkeypatch.setattr(chat, "PER_CALL", PER_MINUTE + 2)
    async with open_workshop(tmp_path, clock=clock) as work:
        writers = Writers(work)
        talk = await writers.talk()
        for number in range(PER_MINUTE):
            await writers.chat.post(talk.call.id, "x", key=str(number), by=talk.visitor)
        with pytest.raises(TooManyRequestsError):
            await writers.chat.post(talk.call.id, "x", key="one more", by=talk.visitor)
        await writers.chat.post(talk.call.id, "still here", key="1", by=talk.agent)
        clock.turn(timedelta(seconds=61))
        await writers.chat.post(talk.call.id, "x", key="one more", by=talk.visitor)
        with pytest.raises(ConflictError):
            await writers.chat.post(talk.call.id, "x", key="too many", by=talk.visitor)


async def test_a_chat_is_erased_apart_from_its_call(any_work: Workshop) -> None:
    """Who withdraws: what was written is gone for good, who called and how it was agreed stays."""
    writers = Writers(any_work)
    talk = await writers.talk()
    await writers.chat.post(talk.call.id, SECRET, key="1", by=talk.visitor)
    why = ErasureReason.CONSENT_WITHDRAWN
    asked = await any_work.requests.of_stopped(any_work.tenant_id, talk.call.id, why)
    assert asked is not None
    kinds = {
        item.kind: item.object_id for item in (await any_work.requests.get(asked, by=any_work.by())).items
    }
    assert set(kinds) == {"recording", "chat"}
    assert await any_work.keeper.turn() == 0
    assert await texts(writers.chat, talk.call.id, talk.visitor) == []
    assert await any_work.keys.records(object_id=kinds["chat"]) == ()
    assert await any_work.keys.records(object_id=talk.call.id)
    receipt = json.loads(await any_work.receipts.of(asked, by=any_work.by()))
    assert receipt["status"] == "complete"
