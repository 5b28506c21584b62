"""Secure pauses: what holds at once, what is written, who may, and how each ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import NoReturn

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.vault.calls.studio import SOUND_ONLY, Studio, open_studio, until
from tests.vault.media.workshop import Workshop
from tests.webrtc.publisher import Publisher, PublisherPlan
from vault.calls import capturing, keeping
from vault.calls.calls import OpenedCall
from vault.calls.control import Control
from vault.db import tables
from vault.errors import (
    ConflictError,
    DependencyError,
    ForbiddenError,
    NotFoundError,
)
from vault.media.capture import Begun
from vault.model import Id, LegKind, MediaState, RecordingState, Role
from vault.policy import Principal


class AwayEngine:
    """An engine whose database does not answer."""

    def begin(self) -> NoReturn:
        """Fail as the driver does."""
        raise ConnectionError

    connect = begin


def take_away(work: Workshop, patch: pytest.MonkeyPatch) -> None:
    """Let the database answer neither readers nor writers."""
    patch.setattr(work.database, "_writer", AwayEngine())
    patch.setattr(work.database, "_reader", AwayEngine())


@asynccontextmanager
async def losing_answers(work: Workshop) -> AsyncIterator[None]:
    """What is written is durable, and nobody hears that it is."""
    write = work.database.write

    @asynccontextmanager
    async def lost() -> AsyncIterator[AsyncConnection]:
        async with write() as connection:
            yield connection
        raise DependencyError("the connection was lost while the commit was answered")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work.database, "write", lost)
        yield


async def frames_of(studio: Studio, leg_id: Id) -> int:
    """How many frames a leg's capture has taken."""
    capture = studio.stage.floor.legs[leg_id].capture
    assert capture is not None
    return capture.counts.frames


async def is_captured(studio: Studio, leg_id: Id) -> None:
    """Wait until a leg's capture takes frames."""
    before = await frames_of(studio, leg_id)

    async def more() -> bool:
        return await frames_of(studio, leg_id) > before

    await until(more)


async def pause_rows(work: Workshop) -> list[tuple[str, bool, str | None]]:
    """Every pause: its id, whether it is over, and how it ended."""
    async with work.database.read() as connection:
        rows = await connection.execute(select(tables.pauses).order_by(tables.pauses.c.id))
        return [(row.id, row.ended_at is not None, row.end_cause) for row in rows]


async def told(work: Workshop, call: OpenedCall) -> list[str]:
    """What the ledger says of a call, oldest first."""
    return [entry.type for entry in await work.ledger.history(call.id)][::-1]


async def test_a_pause_stops_every_leg_at_once_and_ends_when_somebody_says_so(work: Workshop) -> None:
    """Visitor, agent and shared screen: nothing is taken meanwhile, all go on in the same recordings."""
    call = await work.consented()
    async with (
        open_studio(work) as studio,
        Publisher(PublisherPlan()) as visitor,
        Publisher(PublisherPlan()) as agent,
        Publisher(PublisherPlan(audio=False)) as screen,
    ):
        ada = await studio.agent(call)
        legs = [
            (await studio.live(call, visitor)).leg_id,
            (await studio.live(call, agent, by=ada)).leg_id,
            (await studio.live(call, screen, by=ada, kind=LegKind.SCREEN)).leg_id,
        ]
        for leg_id in legs:
            await is_captured(studio, leg_id)
        pause = await studio.pauses.begin(call.id, by=ada)
        assert (pause.is_new, pause.is_durable, pause.ended_at) == (True, True, None)
        taken = [await frames_of(studio, leg_id) for leg_id in legs]
        assert {leg.recording for leg in studio.stage.floor.legs.values()} == {RecordingState.PAUSED}
        await asyncio.sleep(0.5)
        assert [await frames_of(studio, leg_id) for leg_id in legs] == taken
        again = await studio.pauses.begin(call.id, by=ada)
        assert (again.id, again.is_new) == (pause.id, False)
        over = await studio.pauses.resume(call.id, pause.id, by=ada)
        assert over.ended_at is not None
        for leg_id in legs:
            await is_captured(studio, leg_id)
        changes = [told["state"] for told in studio.heard(call.id, "call.recording_changed")]
        assert changes == ["paused", "recording"]
        await studio.legs.hang_up(call.id, legs[0], by=work.visitor(call))
        await studio.over(call)
        assert len(studio.ended) == len(legs)
        for media_id in studio.ended:
            assert await work.finish.finish(media_id) is MediaState.READY
    assert await pause_rows(work) == [(pause.id, True, "resumed")]
    assert [each for each in await told(work, call) if "pause" in each] == [
        "pause.begun",
        "pause.ended",
    ]


async def test_the_manifest_tells_the_pause_and_the_gap(work: Workshop) -> None:
    """From and to on the recording's own clock; sound goes on in its place, the picture with a keyframe."""
    call = await work.consented()
    async with open_studio(work) as studio, Publisher(PublisherPlan()) as publisher:
        leg_id = (await studio.live(call, publisher)).leg_id
        ada = await studio.agent(call)
        await is_captured(studio, leg_id)
        await asyncio.sleep(0.8)
        pause = await studio.pauses.begin(call.id, by=ada)
        await asyncio.sleep(0.7)
        await studio.pauses.resume(call.id, pause.id, by=ada)
        await is_captured(studio, leg_id)
        await asyncio.sleep(1.2)
        begun = await _begun(studio, leg_id)
        await studio.legs.hang_up(call.id, leg_id, by=work.visitor(call))
    assert await work.finish.finish(begun.media_id) is MediaState.READY
    manifest = await work.manifest(begun)
    (paused,) = manifest["pauses"]
    assert paused["cause"] == "paused"
    assert 700 <= paused["to_ms"] - paused["from_ms"] < 2_500
    gaps = [gap for gap in manifest["gaps"] if gap["cause"] == "pause"]
    assert {gap["track"] for gap in gaps} == {track["id"] for track in manifest["tracks"]}
    for gap in gaps:
        assert abs(gap["from_ms"] - paused["from_ms"]) < 250
        assert gap["to_ms"] - paused["to_ms"] >= capturing.SETTLE_S * 1_000 - 50


async def test_on_a_long_way_a_pause_ends_later(work: Workshop) -> None:
    """What was sent in it may be on the way for as long as an answer takes, there and back."""
    call, api = await work.consented(), work.by(Role.SERVICE)
    async with open_studio(work) as studio, Publisher(SOUND_ONLY) as publisher:
        leg_id = (await studio.live(call, publisher)).leg_id
        peer = studio.stage.floor.legs[leg_id].peer
        assert 0 < peer.round_trip_s < capturing.SETTLE_S
        assert peer._parts is not None
        peer._parts.gatherer.connection.round_trip.newest_s = 1.5
        pause = await studio.pauses.begin(call.id, by=api)
        taken = await frames_of(studio, leg_id)
        await studio.pauses.resume(call.id, pause.id, by=api)
        await asyncio.sleep(2 * capturing.SETTLE_S)
        assert await frames_of(studio, leg_id) == taken
        await is_captured(studio, leg_id)
        await studio.legs.hang_up(call.id, leg_id, by=work.visitor(call))


async def test_a_leg_that_joins_in_a_pause_begins_paused(work: Workshop) -> None:
    """And is recorded from the end of the pause on; who is not recorded then has no recording."""
    call = await work.consented()
    async with (
        open_studio(work) as studio,
        Publisher(SOUND_ONLY) as publisher,
        Publisher(SOUND_ONLY) as late,
    ):
        leg_id = (await studio.live(call, publisher)).leg_id
        ada = await studio.agent(call)
        pause = await studio.pauses.begin(call.id, by=ada)
        late_id = (await studio.live(call, late, by=ada)).leg_id
        await asyncio.sleep(0.4)
        assert await frames_of(studio, late_id) == 0
        assert studio.stage.floor.legs[late_id].recording is RecordingState.PAUSED
        await studio.pauses.resume(call.id, pause.id, by=ada)
        await is_captured(studio, late_id)
        await studio.legs.hang_up(call.id, leg_id, by=work.visitor(call))


async def test_a_call_that_was_paused_is_paused_after_a_restart(any_work: Workshop) -> None:
    """The row is what the next process reads; there it ends like any other."""
    call = await any_work.consented()
    service = any_work.by(Role.SERVICE)
    async with open_studio(any_work) as studio:
        pause = await studio.pauses.begin(call.id, by=service)
    after = await any_work.reborn()
    async with open_studio(after) as studio, Publisher(SOUND_ONLY) as publisher:
        assert await studio.pauses.is_paused(call.id)
        leg_id = (await studio.live(call, publisher)).leg_id
        await asyncio.sleep(0.4)
        assert await frames_of(studio, leg_id) == 0
        await studio.pauses.resume(call.id, pause.id, by=service)
        await is_captured(studio, leg_id)
        await studio.legs.hang_up(call.id, leg_id, by=after.visitor(call))


async def test_a_pause_holds_where_it_cannot_be_written_and_is_written_later(
    work: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is away: nothing is captured, the caller is told, and its end waits for the database."""
    call = await work.consented()
    async with open_studio(work) as studio, Publisher(SOUND_ONLY) as publisher:
        ada = await studio.agent(call)
        leg_id = (await studio.live(call, publisher, by=ada)).leg_id
        await is_captured(studio, leg_id)
        monkeypatch.setattr(work.database, "_writer", AwayEngine())
        pause = await studio.pauses.begin(call.id, by=ada)
        assert (pause.is_new, pause.is_durable) == (True, False)
        taken = await frames_of(studio, leg_id)
        with pytest.raises(DependencyError):
            await studio.pauses.resume(call.id, pause.id, by=ada)
        await studio.pauses.turn()
        assert await frames_of(studio, leg_id) == taken
        monkeypatch.undo()
        await studio.pauses.turn()
        assert await pause_rows(work) == [(pause.id, False, None)]
        await studio.pauses.resume(call.id, pause.id, by=ada)
        await is_captured(studio, leg_id)
    assert (await told(work, call)).count("pause.begun") == 1


@pytest.mark.parametrize("is_written", [True, False])
async def test_a_pause_asked_for_while_another_ends_follows_it(work: Workshop, *, is_written: bool) -> None:
    """Nothing is captured in between; where the first cannot be ended, that one is the answer."""
    call, api = await work.consented(), work.by(Role.SERVICE)
    async with open_studio(work) as studio, Publisher(SOUND_ONLY) as publisher:
        leg_id = (await studio.live(call, publisher)).leg_id
        first = await studio.pauses.begin(call.id, by=api)
        taken = await frames_of(studio, leg_id)
        with pytest.MonkeyPatch.context() as patch:
            async with work.database.write():  # another writer: the end waits for its turn
                ending = asyncio.create_task(studio.pauses.resume(call.id, first.id, by=api))
                await asyncio.sleep(0.05)
                again = asyncio.create_task(studio.pauses.begin(call.id, by=api))
                await asyncio.sleep(0.05)
                if not is_written:
                    patch.setattr(work.ledger, "append", _lost)
            assert (
                isinstance((await asyncio.gather(ending, return_exceptions=True))[0], Exception) != is_written
            )
            second = await again
        assert (second.id != first.id, second.is_durable) == (is_written, is_written)
        assert await studio.pauses.is_paused(call.id)
        await asyncio.sleep(0.8)
        assert await frames_of(studio, leg_id) == taken
        await studio.pauses.turn()
        open_pauses = [row[0] for row in await pause_rows(work) if not row[1]]
        assert open_pauses == [second.id]
        await studio.pauses.resume(call.id, second.id, by=api)
        await is_captured(studio, leg_id)
        await studio.legs.hang_up(call.id, leg_id, by=work.visitor(call))


async def _lost(*_: object) -> NoReturn:
    raise DependencyError("away")


async def test_an_answer_that_is_lost_stops_no_pause_from_being_written_and_ended(work: Workshop) -> None:
    """Its row is there already: writing it again is harmless, and one pause holds up no other."""
    call, other, api = await work.consented(), await work.consented(), work.by(Role.SERVICE)
    async with open_studio(work) as studio:
        async with losing_answers(work):
            pause = await studio.pauses.begin(call.id, by=api)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(work.database, "_writer", AwayEngine())
            later = await studio.pauses.begin(other.id, by=api)
        assert (pause.is_durable, later.is_durable) == (False, False)
        await studio.pauses.turn()
        assert await pause_rows(work) == [(pause.id, False, None), (later.id, False, None)]
        async with losing_answers(work):
            with pytest.raises(DependencyError):
                await studio.pauses.resume(call.id, pause.id, by=api)
        assert await studio.pauses.is_paused(call.id)
        await studio.pauses.turn()
        assert (await pause_rows(work))[0] == (pause.id, False, None)  # a restart would find it
        over = await studio.pauses.resume(call.id, pause.id, by=api)
        assert over.ended_at is not None
        assert not await studio.pauses.is_paused(call.id)


async def test_a_pause_that_fails_in_an_unknown_way_holds_up_no_other(
    work: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said in the log, and tried again."""
    call, other, api = await work.consented(), await work.consented(), work.by(Role.SERVICE)
    async with open_studio(work) as studio:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(work.database, "_writer", AwayEngine())
            for one in (call, other):
                await studio.pauses.begin(one.id, by=api)
        permit = studio.stage.floor.permits.get(call.id)
        assert permit is not None
        monkeypatch.setattr(permit, "tenant_id", None)  # no row can be made of it
        await studio.pauses.turn()
        assert [row[1:] for row in await pause_rows(work)] == [(False, None)]


async def test_a_programs_pause_waits_for_no_database(
    work: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its call runs here: whose it is is known."""
    call = await work.consented()
    stranger = await work.tenants.add(name="Other", retention_days=30)
    async with open_studio(work) as studio, Publisher(SOUND_ONLY) as publisher:
        leg_id = (await studio.live(call, publisher)).leg_id
        await is_captured(studio, leg_id)
        take_away(work, monkeypatch)
        with pytest.raises(DependencyError):
            await studio.pauses.begin(call.id, by=Principal(stranger, stranger, Role.SERVICE))
        pause = await studio.pauses.begin(call.id, by=work.by(Role.SERVICE))
        assert not pause.is_durable
        taken = await frames_of(studio, leg_id)
        await asyncio.sleep(0.3)
        assert await frames_of(studio, leg_id) == taken
        monkeypatch.undo()
        await studio.legs.hang_up(call.id, leg_id, by=work.visitor(call))


async def test_of_two_jobs_none_is_left_running_when_the_other_falls_over() -> None:
    """Whoever started them starts both again."""

    class Job:
        def __init__(self, *, falls: bool) -> None:
            self.falls, self.is_over = falls, False

        async def run(self) -> None:
            try:
                await asyncio.sleep(0 if self.falls else 60)
                raise LookupError
            finally:
                self.is_over = True

    falls, goes_on = Job(falls=True), Job(falls=False)
    with pytest.raises(ExceptionGroup):
        await Control(falls, goes_on).run()  # type: ignore[arg-type]
    assert goes_on.is_over


async def test_a_hang_up_ends_the_pause_and_the_recording(work: Workshop) -> None:
    """The recording has an open end, and says that it was paused until then."""
    call = await work.consented()
    async with open_studio(work) as studio, Publisher(PublisherPlan()) as publisher:
        leg_id = (await studio.live(call, publisher)).leg_id
        await is_captured(studio, leg_id)
        await asyncio.sleep(0.3)
        pause = await studio.pauses.begin(call.id, by=work.by(Role.SERVICE))
        begun = await _begun(studio, leg_id)
        await studio.legs.hang_up(call.id, leg_id, by=work.visitor(call))
        assert await studio.over(call) == "hangup"
        assert not await studio.pauses.is_paused(call.id)
        with pytest.raises(ConflictError):
            await studio.pauses.begin(call.id, by=work.by(Role.SERVICE))
    assert await pause_rows(work) == [(pause.id, True, "call_ended")]
    assert await work.finish.finish(begun.media_id) is MediaState.READY
    manifest = await work.manifest(begun)
    assert [pause["to_ms"] for pause in manifest["pauses"]] == [None]


async def test_agents_are_reminded_of_a_long_pause_and_it_goes_on(work: Workshop) -> None:
    """Again and again, the visitor is not bothered, and nothing resumes by itself."""
    call = await work.consented()
    async with open_studio(work, remind_s=0.1) as studio, Publisher(SOUND_ONLY) as publisher:
        leg_id = (await studio.live(call, publisher)).leg_id
        ada = await studio.agent(call)
        pause = await studio.pauses.begin(call.id, by=ada)
        for _ in range(2):
            await asyncio.sleep(0.15)
            await studio.pauses.turn()
        reminders = studio.heard(ada.id, "call.pause_long")
        assert [told["pause_id"] for told in reminders] == [pause.id, pause.id]
        assert studio.heard(call.id, "call.pause_long") == []
        assert studio.stage.floor.legs[leg_id].recording is RecordingState.PAUSED
        await studio.legs.hang_up(call.id, leg_id, by=work.visitor(call))


async def test_who_may_pause_is_in_the_call_or_the_companys_program(work: Workshop) -> None:
    """A visitor may not, an agent of another call may not, another tenant's program sees no call."""
    call, other = await work.consented(), await work.consented(reference="other")
    async with open_studio(work) as studio:
        ada, outsider = await studio.agent(call), await studio.agent(other)
        with pytest.raises(ForbiddenError):
            await studio.pauses.begin(call.id, by=work.visitor(call))
        with pytest.raises(ConflictError, match="not in this call"):
            await studio.pauses.begin(call.id, by=outsider)
        stranger = await work.tenants.add(name="Other", retention_days=30)
        with pytest.raises(NotFoundError):
            await studio.pauses.begin(call.id, by=Principal(stranger, stranger, Role.SERVICE))
        pause = await studio.pauses.begin(call.id, by=work.by(Role.SERVICE))
        with pytest.raises(NotFoundError):
            await studio.pauses.resume(other.id, pause.id, by=work.by(Role.SERVICE))
        over = await studio.pauses.resume(call.id, pause.id, by=ada)
        assert over.ended_at is not None
        again = await studio.pauses.resume(call.id, pause.id, by=ada)
        assert again.ended_at is not None
        assert over.ended_at - again.ended_at < timedelta(milliseconds=1)


async def test_what_else_is_kept_of_a_call_asks_whether_it_may(work: Workshop) -> None:
    """Texts and files: told during the pause, with or without a leg of the call in this process."""
    call = await work.consented()
    async with open_studio(work) as studio:
        assert not await studio.pauses.is_paused(call.id)
        pause = await studio.pauses.begin(call.id, by=work.by(Role.SERVICE))
        assert await studio.pauses.is_paused(call.id)
        async with open_studio(await work.reborn()) as fresh:
            assert await fresh.pauses.is_paused(call.id)
        async with work.database.read() as connection:
            assert await keeping.is_paused(connection, call.id, None)
        await studio.pauses.resume(call.id, pause.id, by=work.by(Role.SERVICE))
        assert not await studio.pauses.is_paused(call.id)


async def _begun(studio: Studio, leg_id: Id) -> Begun:
    capture = studio.stage.floor.legs[leg_id].capture
    assert capture is not None

    async def has_begun() -> bool:
        return capture.begun is not None

    await until(has_begun)
    assert capture.begun is not None
    return capture.begun
