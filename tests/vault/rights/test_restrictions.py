"""Restriction (Art. 18 GDPR): kept, neither opened nor erased, until it is lifted."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.vault.media.crashes import Crash, Wire
from tests.vault.media.workshop import Workshop, open_workshop, scene
from vault.calls.calls import OpenedCall
from vault.clock import TurnableClock
from vault.errors import ConflictError, ErasedError, ForbiddenError, NotFoundError, RestrictedError
from vault.media.capture import Begun
from vault.media.recordings import LegToRecord
from vault.media.restricting import call_is_restricted, refusal
from vault.model import (
    ErasureReason,
    ExportFormat,
    MediaState,
    Part,
    RestrictionGround,
    RestrictionSubject,
    Role,
    new_id,
)
from vault.rights.asked import DeletionRequest
from vault.rights.restrictions import NewRestriction, Restriction
from vault.rights.standing import Stays

START = datetime(2026, 11, 23, 8, tzinfo=UTC)
SHORT = scene(1, codec="none")
VISITOR, OTHER = RestrictionSubject.VISITOR, RestrictionSubject.OTHER

pytestmark = pytest.mark.usefixtures("quick_child")


@pytest.fixture
async def timed(tmp_path: Path) -> AsyncIterator[Workshop]:
    """Rooms whose clock the test turns."""
    async with open_workshop(tmp_path, clock=TurnableClock(START)) as opened:
        yield opened


async def restricted(work: Workshop, object_id: str, subject: RestrictionSubject = VISITOR) -> Restriction:
    """A restriction on something."""
    new = NewRestriction(object_id, RestrictionGround.OBJECTION, subject, "Ms Quicksilver objects")
    return await work.custody.restrictions.place(new, by=work.by())


async def both(work: Workshop, call: OpenedCall) -> list[Begun]:
    """Two finished recordings of one call."""
    first = await work.begun(call)
    view = await work.calls.view(call.id, by=work.visitor(call))
    leg = LegToRecord(view.tenant_id, call.id, first.leg_id, view.button_id, view.retention_days)
    found = [first, await work.recordings.begin(leg, age_s=1)]
    for begun in found:
        await work.spool(begun, SHORT)
        await work.recordings.end(begun.media_id, reason="peer_left")
    await work.calls.leg_ended(call.id, first.leg_id, reason="peer_left")
    for begun in found:
        await work.finish.finish(begun.media_id)
    return found


async def test_nothing_restricted_is_opened_until_it_is_lifted(any_work: Workshop) -> None:
    """New links, links that are there, what plays, parts, exports: all refused, with one word for it."""
    work = any_work
    call = await work.consented()
    begun = await work.ready(SHORT, call)
    link = await work.links.make(begun.media_id, "a question", by=work.by())
    grant = await work.links.use(link.path, by=work.by())
    one = await restricted(work, begun.media_id)
    assert not await work.links.alive(grant)
    for refused in (
        work.links.make(begun.media_id, "another", by=work.by()),
        work.links.use(link.path, by=work.by()),
        work.reader.part(begun.media_id, Part.MEDIA),
        work.whole_calls.exports.ask(call.id, ExportFormat.WAV, by=work.by()),
    ):
        with pytest.raises(RestrictedError):
            await refused
    item = await work.library.get(begun.media_id, by=work.by())
    assert item.restricted_at is not None
    assert (await work.custody.standings.of_media(item.id, by=work.by())).why is Stays.RESTRICTED
    lifted = await work.custody.restrictions.lift(one.id, by=work.by())
    assert lifted.lifted_at is not None
    assert await work.links.alive(grant)
    assert (await work.library.get(begun.media_id, by=work.by())).restricted_at is None
    with pytest.raises(ConflictError):
        await work.custody.restrictions.lift(one.id, by=work.by())


async def test_a_call_covers_its_recordings_and_one_restriction_outlives_another(any_work: Workshop) -> None:
    """Lifted on the call, what is restricted by itself stays so."""
    work = any_work
    call = await work.consented()
    first, second = await both(work, call)
    whole, own = await restricted(work, call.id), await restricted(work, first.media_id)

    async def marks() -> list[bool]:
        items = [await work.library.get(one.media_id, by=work.by()) for one in (first, second)]
        return [item.restricted_at is not None for item in items]

    assert await marks() == [True, True]
    await work.custody.restrictions.lift(whole.id, by=work.by())
    assert await marks() == [True, False]
    await work.custody.restrictions.lift(own.id, by=work.by())
    assert await marks() == [False, False]


async def test_nothing_restricted_is_erased(timed: Workshop) -> None:
    """Not by retention, not by the company; then, when it is lifted, as if nothing had been."""
    call = await timed.consented()
    begun, free = await both(timed, call)
    one = await restricted(timed, begun.media_id)
    for refused in (
        timed.requests.of_media(begun.media_id, ErasureReason.VISITOR_REQUEST, by=timed.by()),
        timed.requests.of_call(call.id, ErasureReason.LEGAL, by=timed.by()),
    ):
        with pytest.raises(RestrictedError):
            await refused
    await timed.requests.of_media(free.media_id, ErasureReason.OTHER, by=timed.by())
    assert isinstance(timed.clock, TurnableClock)
    timed.clock.turn(timedelta(days=60))
    await timed.keeper.turn()
    assert (await timed.library.get(begun.media_id, by=timed.by())).state is MediaState.READY
    await timed.custody.restrictions.lift(one.id, by=timed.by())
    timed.clock.turn(timedelta(minutes=11))
    await timed.keeper.turn()
    assert (await timed.library.get(begun.media_id, by=timed.by())).state is MediaState.ERASED


async def test_the_visitors_own_act_lifts_what_was_restricted_for_them(any_work: Workshop) -> None:
    """Art. 18(2): with their consent. Not what was restricted for somebody else in the call."""
    work = any_work
    mine, ours = await work.consented(), await work.consented()
    for call in (mine, ours):
        await work.ready(SHORT, call)
        await restricted(work, call.id)
    await restricted(work, ours.id, OTHER)
    with pytest.raises(RestrictedError):
        await work.requests.of_own_call(ours.id, by=work.visitor(ours))
    await work.requests.of_own_call(mine.id, by=work.visitor(mine))
    assert await work.keeper.turn() == 0
    told = await work.custody.restrictions.list(by=work.by())
    assert [one.lifted_at is not None for one in told if one.call_id == mine.id] == [True]
    assert not any(one.lifted_at for one in told if one.call_id == ours.id)
    assert [one.reason for one in told if one.call_id == mine.id] == [None]


async def test_of_a_restriction_and_an_erasure_at_once_one_is_the_first(any_work: Workshop) -> None:
    """Either it is restricted and there, or being erased and never was."""
    work = any_work
    for _ in range(4):
        begun = await work.ready(SHORT)
        outcomes = await asyncio.gather(
            restricted(work, begun.media_id),
            work.requests.of_media(begun.media_id, ErasureReason.OTHER, by=work.by()),
            return_exceptions=True,
        )
        item = await work.library.get(begun.media_id, by=work.by())
        if isinstance(outcomes[0], Restriction):
            assert isinstance(outcomes[1], RestrictedError)
            assert (item.state, item.restricted_at is None) == (MediaState.READY, False)
        else:
            assert isinstance(outcomes[0], ConflictError)
            assert isinstance(outcomes[1], DeletionRequest)
            assert (item.state, item.restricted_at) == (MediaState.ERASING, None)


async def test_an_export_under_way_comes_to_nothing(work: Workshop) -> None:
    """What is made of something restricted is restricted with it, and is not finished."""
    call = await work.consented()
    begun = await work.ready(SHORT, call)
    export = await work.whole_calls.exports.ask(call.id, ExportFormat.WAV, by=work.by())
    await restricted(work, begun.media_id)
    assert (await work.library.get(export.id, by=work.by())).restricted_at is not None
    with pytest.raises(RestrictedError):
        await work.requests.of_media(export.id, ErasureReason.OTHER, by=work.by())


async def test_a_crash_leaves_a_restriction_whole_or_not_there(work: Workshop) -> None:
    """Enumerated: the mark on the item and the row of the restriction come and go together."""
    counted = Wire()
    at = await work.reborn(counted)
    await at.custody.restrictions.lift(
        (await restricted(at, (await work.ready(SHORT)).media_id)).id, by=at.by()
    )
    assert len(counted.steps) >= 4
    for number in range(1, len(counted.steps) + 1):
        begun = await work.ready(SHORT)
        dying = await work.reborn(Wire(number))
        with pytest.raises(Crash):
            await dying.custody.restrictions.lift((await restricted(dying, begun.media_id)).id, by=dying.by())
        after = await work.reborn()
        lasting = [
            one
            for one in await after.custody.restrictions.list(by=after.by())
            if one.media_id == begun.media_id and one.lifted_at is None
        ]
        item = await after.library.get(begun.media_id, by=after.by())
        assert (item.restricted_at is not None) is bool(lasting), counted.steps[number - 1]


async def test_what_runs_or_goes_or_is_not_ones_own_cannot_be_restricted(any_work: Workshop) -> None:
    """A running call, something being erased, erased, foreign, missing; and not by a supervisor."""
    work = any_work
    call = await work.consented()
    await work.begun(call)
    with pytest.raises(ConflictError):
        await restricted(work, call.id)
    begun = await work.ready(SHORT)
    await work.requests.of_media(begun.media_id, ErasureReason.OTHER, by=work.by())
    with pytest.raises(ConflictError):
        await restricted(work, begun.media_id)
    await work.keeper.turn()
    with pytest.raises(ErasedError):
        await restricted(work, begun.media_id)
    with pytest.raises(NotFoundError):
        await restricted(work, new_id("rec"))
    other = await work.ready(SHORT)
    one = await restricted(work, other.media_id)
    stranger = work.by(tenant_id=await work.tenants.add(name="Other", retention_days=7))
    for act in (work.custody.restrictions.get, work.custody.restrictions.lift):
        with pytest.raises(NotFoundError):
            await act(one.id, by=stranger)
    with pytest.raises(ForbiddenError):
        await work.custody.restrictions.lift(one.id, by=work.by(Role.SUPERVISOR))


def test_there_is_one_refusal_and_one_condition() -> None:
    """The words name nobody; the condition holds for a whole call only."""
    assert "Art. 18" in str(refusal())
    assert "media_id IS NULL" in str(call_is_restricted("call_x"))
