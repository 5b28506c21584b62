"""Notes on a call: one for each person, sealed, never overwritten unseen, gone in time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.vault.calls.writers import Writers
from tests.vault.media.workshop import Workshop, open_workshop
from tests.vault.rights.test_holds import placed, released
from tests.vault.rights.test_restrictions import restricted
from vault.calls.notes import Disposition, NoteRules
from vault.clock import TurnableClock
from vault.db import tables
from vault.errors import (
    ConflictError,
    ErasedError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    PreconditionFailedError,
    PreconditionRequiredError,
    RestrictedError,
)
from vault.model import ErasureReason, Role

WORDS = "wants his money back, dog barks"


async def test_a_note_is_its_authors_and_sealed(any_work: Workshop) -> None:
    """Two people have two notes; the row holds neither's words; a code of the list stands beside it."""
    writers = Writers(any_work)
    talk = await writers.talk()
    other = await writers.agent(talk.call)
    written = await any_work.notes.write(talk.call.id, WORDS, "resolved", version=0, by=talk.agent)
    await any_work.notes.write(talk.call.id, "mine", None, version=0, by=other)
    assert (written.version, written.text, written.disposition) == (1, WORDS, "resolved")
    assert (await any_work.notes.own(talk.call.id, by=other)).text == "mine"
    async with any_work.database.read() as connection:
        rows = (await connection.execute(select(tables.notes))).all()
    assert not [row for row in rows if WORDS.encode() in row.sealed]
    with pytest.raises(InvalidError):
        await any_work.notes.write(talk.call.id, WORDS, "made_up", version=1, by=talk.agent)


async def test_two_windows_do_not_overwrite_each_other(any_work: Workshop) -> None:
    """Whoever has not read the last version is told so, and nothing is lost."""
    writers = Writers(any_work)
    talk = await writers.talk()
    write, call = any_work.notes.write, talk.call.id
    with pytest.raises(PreconditionRequiredError):
        await write(call, WORDS, None, version=None, by=talk.agent)
    await write(call, WORDS, None, version=0, by=talk.agent)
    for stale in (0, 2, -1):
        with pytest.raises(PreconditionFailedError):
            await write(call, "lost", None, version=stale, by=talk.agent)
    second = await write(call, "newer", None, version=1, by=talk.agent)
    assert (second.version, second.text) == (2, "newer")


async def test_an_agent_notes_calls_they_were_in_and_a_supervisor_any(work: Workshop) -> None:
    """After the end too; other roles and other tenants do not."""
    writers = Writers(work)
    talk = await writers.talk()
    await writers.hang_up(talk)
    colleague, supervisor = await writers.agent(), await writers.agent(role=Role.SUPERVISOR)
    for who in (talk.agent, supervisor):
        assert (await work.notes.write(talk.call.id, "x", None, version=0, by=who)).version == 1
    foreign = work.by(tenant_id=await work.tenants.add(name="Other", retention_days=30))
    for who, error in (
        (colleague, ConflictError),
        (work.by(Role.AUDITOR), ForbiddenError),
        (talk.visitor, ForbiddenError),
        (foreign, NotFoundError),
    ):
        with pytest.raises(error):
            await work.notes.write(talk.call.id, "x", None, version=0, by=who)


async def test_a_note_ends_with_its_own_time_or_with_its_call(tmp_path: Path) -> None:
    """The tenant's days from the first word; an erased call takes its notes along, and takes no new one."""
    clock = TurnableClock(datetime(2026, 1, 31, 8, tzinfo=UTC))
    async with open_workshop(tmp_path, clock=clock) as work:
        writers = Writers(work)
        rules = NoteRules(10, (Disposition("done", {"en": "Done", "fr": "Fait"}),))
        assert (await work.notes.set_rules(rules, by=work.by())) == rules
        short, long = await writers.talk(), await writers.talk()
        for talk in (short, long):
            await writers.hang_up(talk)
        await work.notes.write(short.call.id, WORDS, "done", version=0, by=short.agent)
        clock.turn(timedelta(days=11))
        await work.notes.write(long.call.id, WORDS, "done", version=0, by=long.agent)
        await work.keeper.turn()
        assert await work.notes.of_call(short.call.id) == []
        [note] = await work.notes.of_call(long.call.id)
        assert note.text == WORDS
        await work.requests.of_call(long.call.id, ErasureReason.VISITOR_REQUEST, by=work.by())
        with pytest.raises(ErasedError):
            await work.notes.write(long.call.id, "late", None, version=1, by=long.agent)
        await work.keeper.turn()
        assert await work.notes.of_call(long.call.id) == []
        async with work.database.read() as connection:
            assert (await connection.execute(select(tables.notes))).all() == []


async def test_a_note_of_a_restricted_call_is_kept_and_neither_read_nor_written(any_work: Workshop) -> None:
    """Art. 18 GDPR, as the dossier: by its author neither, until the restriction is lifted."""
    writers = Writers(any_work)
    talk = await writers.talk()
    notes, call = any_work.notes, talk.call.id
    await notes.write(call, WORDS, None, version=0, by=talk.agent)
    other = await writers.agent(talk.call)
    await writers.hang_up(talk)
    one = await restricted(any_work, call)
    for refused in (
        notes.own(call, by=talk.agent),
        notes.write(call, "", None, version=1, by=talk.agent),
        notes.write(call, "new", None, version=0, by=other),
    ):
        with pytest.raises(RestrictedError):
            await refused
    await any_work.custody.restrictions.lift(one.id, by=any_work.by())
    assert (await notes.own(call, by=talk.agent)).text == WORDS


async def test_a_restriction_between_reading_and_writing_is_heeded(
    work: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked again while the call is held: of two at once the restriction wins."""
    writers = Writers(work)
    talk = await writers.talk()
    await writers.hang_up(talk)
    seal = work.notes._seal

    async def restricts_first(*of: Any) -> bytes:
        await restricted(work, talk.call.id)
        return await seal(*of)

    monkeypatch.setattr(work.notes, "_seal", restricts_first)
    with pytest.raises(RestrictedError):
        await work.notes.write(talk.call.id, WORDS, None, version=0, by=talk.agent)


async def test_what_is_held_is_not_overwritten(any_work: Workshop) -> None:
    """A legal hold on the call keeps its notes from their authors, too; a first word destroys nothing."""
    writers = Writers(any_work)
    talk = await writers.talk()
    notes, call = any_work.notes, talk.call.id
    await notes.write(call, WORDS, None, version=0, by=talk.agent)
    other = await writers.agent(talk.call)
    hold = await placed(any_work, call)
    with pytest.raises(ConflictError, match="hold"):
        await notes.write(call, "", None, version=1, by=talk.agent)
    assert (await notes.own(call, by=talk.agent)).text == WORDS
    assert (await notes.write(call, "mine", None, version=0, by=other)).version == 1
    await released(any_work, hold)
    assert (await notes.write(call, "newer", None, version=1, by=talk.agent)).version == 2
