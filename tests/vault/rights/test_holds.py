"""Legal holds: what they cover is not erased; they end by two people or by themselves, and it goes on."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.vault.media.crashes import Crash, Wire
from tests.vault.media.workshop import Workshop, open_workshop, scene
from tests.vault.rights.traces import receipt_of, states
from vault.clock import TurnableClock
from vault.errors import (
    ConflictError,
    ErasedError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    SecondPersonError,
)
from vault.model import ErasureReason, ErasureState, HoldGround, Id, MediaState, Role, new_id
from vault.policy import Principal
from vault.rights.asked import DeletionRequest
from vault.rights.holds import Hold, HoldState, NewHold
from vault.rights.placing import Which
from vault.rights.standing import Stays

START = datetime(2026, 11, 23, 8, tzinfo=UTC)
CLAIM = HoldGround.LEGAL_CLAIM
SHORT = scene(1, codec="none")

pytestmark = pytest.mark.usefixtures("quick_child")


@pytest.fixture
async def timed(tmp_path: Path) -> AsyncIterator[Workshop]:
    """Rooms whose clock the test turns."""
    async with open_workshop(tmp_path, clock=TurnableClock(START)) as opened:
        yield opened


def turned(work: Workshop, by: timedelta) -> None:
    """Let time pass."""
    assert isinstance(work.clock, TurnableClock)
    work.clock.turn(by)


async def somebody(work: Workshop, role: Role = Role.AUDITOR) -> Principal:
    """One person more."""
    person = await work.people.add(tenant_id=work.tenant_id, role=role, profile={"name": "Ada"}, by=None)
    return Principal(person.id, work.tenant_id, role)


async def placed(work: Workshop, object_id: str, *, days: int = 90) -> Hold:
    """A hold on something."""
    until = work.clock.now() + timedelta(days=days)
    return await work.custody.holds.place(
        NewHold(object_id, CLAIM, "claim 7 of Ms Quicksilver", until), by=work.by()
    )


async def released(work: Workshop, hold: Hold) -> Hold:
    """Ended by two."""
    one, other = await somebody(work), await somebody(work, Role.ADMIN)
    await work.custody.holds.ask_release(hold.id, by=one)
    return await work.custody.holds.confirm_release(hold.id, by=other)


async def asked(work: Workshop, media_id: str) -> DeletionRequest:
    """Somebody asks for the erasure of an item."""
    return await work.requests.of_media(media_id, ErasureReason.VISITOR_REQUEST, by=work.by())


async def test_what_is_held_is_not_erased_and_the_request_says_so(any_work: Workshop) -> None:
    """Out of reach at once; key and objects stay; request and receipt say held, and on what ground."""
    work, begun = any_work, await any_work.ready(SHORT)
    await placed(work, begun.media_id)
    request = await asked(work, begun.media_id)
    assert [item.held for item in request.items] == [CLAIM]
    await work.keeper.turn()
    assert await work.keeper.turn() == 0  # it is not asked for every five seconds
    assert await states(work) == {begun.media_id: ErasureState.REQUESTED.value}
    assert await work.keys.records(object_id=begun.media_id)
    receipt = await receipt_of(work, request.id)
    assert receipt.status == "pending"
    (held,) = [entry.fields for entry in receipt.entries]
    assert (held["type"], held["ground"], held["request"]) == ("erasure.held", CLAIM, request.id)
    item = await work.library.get(begun.media_id, by=work.by())
    assert item.state is MediaState.ERASING


async def test_an_erasure_goes_on_by_itself_when_the_hold_ends(any_work: Workshop) -> None:
    """Its receipt is complete then, and still tells that it was held."""
    work, begun = any_work, await any_work.ready(SHORT)
    hold = await placed(work, begun.media_id)
    request = await asked(work, begun.media_id)
    await work.keeper.turn()
    assert (await released(work, hold)).state is HoldState.RELEASED
    assert await work.keeper.turn() == 0
    receipt = await receipt_of(work, request.id)
    assert receipt.status == "complete"
    assert [entry.fields["type"] for entry in receipt.entries] == ["erasure.held", "object.shredded"]


async def test_a_hold_on_a_call_covers_all_that_hangs_from_it(any_work: Workshop) -> None:
    """Its recordings, its own row; a hold on one of two recordings leaves the other."""
    work = any_work
    call = await work.consented()
    begun = await work.ready(SHORT, call)
    hold = await placed(work, call.id)
    await work.requests.of_call(call.id, ErasureReason.VISITOR_REQUEST, by=work.by())
    await work.keeper.turn()
    assert set((await states(work)).values()) == {ErasureState.REQUESTED.value}
    await released(work, hold)
    await placed(work, begun.media_id)
    other = await work.ready(SHORT)
    await asked(work, other.media_id)
    await work.keeper.turn()
    told = await states(work)
    assert (told[begun.media_id], told[call.id]) == ("requested", "requested")
    assert told[other.media_id] == "complete"


async def test_retention_leaves_what_is_held(timed: Workshop) -> None:
    """P15: nothing is asked for, it can still be played, and it says why it is here."""
    call = await timed.consented()
    begun = await timed.ready(SHORT, call)
    hold = await placed(timed, begun.media_id)
    turned(timed, timedelta(days=60))
    await timed.keeper.turn()
    item = await timed.library.get(begun.media_id, by=timed.by())
    assert item.state is not MediaState.ERASING
    told = await timed.custody.standings.of_call(call.id, by=timed.by())
    assert [(one.why, one.held_until) for one in told] == [(Stays.HELD, hold.expires_at)] * 2
    await released(timed, hold)
    turned(timed, timedelta(minutes=11))
    await timed.keeper.turn()
    assert (await timed.library.get(begun.media_id, by=timed.by())).state is MediaState.ERASED


async def test_a_hold_ends_by_itself_and_the_ledger_tells_it(timed: Workshop) -> None:
    """The keeper ends it, not the clock alone; then what waited goes on in the same turn."""
    begun = await timed.ready(SHORT)
    hold = await placed(timed, begun.media_id, days=3)
    request = await asked(timed, begun.media_id)
    await timed.keeper.turn()
    turned(timed, timedelta(days=4))
    assert (await timed.custody.holds.get(hold.id, by=timed.by())).state is HoldState.LASTING
    assert await timed.keeper.turn() == 0
    assert (await timed.custody.holds.get(hold.id, by=timed.by())).state is HoldState.EXPIRED
    assert (await timed.requests.get(request.id, by=timed.by())).complete
    told = [entry.type for entry in await timed.ledger.history(begun.media_id)]
    assert told[:4] == ["object.shredded", "hold.expired", "erasure.held", "erasure.requested"]


async def test_it_takes_two_people_to_release(any_work: Workshop) -> None:
    """Whoever asked cannot confirm; without somebody asking nobody can; ended is ended."""
    holds = any_work.custody.holds
    hold = await placed(any_work, (await any_work.ready(SHORT)).media_id)
    one, other = await somebody(any_work), await somebody(any_work)
    with pytest.raises(ConflictError):
        await holds.confirm_release(hold.id, by=other)
    assert (await holds.ask_release(hold.id, by=one)).state is HoldState.RELEASE_ASKED
    assert (await holds.ask_release(hold.id, by=other)).release_asked_by == one.id
    with pytest.raises(SecondPersonError):
        await holds.confirm_release(hold.id, by=one)
    assert (await holds.confirm_release(hold.id, by=other)).state is HoldState.RELEASED
    with pytest.raises(ConflictError):
        await holds.confirm_release(hold.id, by=other)


async def test_of_people_who_release_at_once_one_asks_and_one_confirms(any_work: Workshop) -> None:
    """Whatever the order, one entry each in the ledger."""
    holds = any_work.custody.holds
    begun = await any_work.ready(SHORT)
    hold = await placed(any_work, begun.media_id)
    people = [await somebody(any_work) for _ in range(4)]
    await asyncio.gather(*(holds.ask_release(hold.id, by=one) for one in people))
    ended = await asyncio.gather(
        *(holds.confirm_release(hold.id, by=one) for one in people), return_exceptions=True
    )
    assert sum(isinstance(one, Hold) for one in ended) == 1
    assert all(isinstance(one, Hold | ConflictError) for one in ended)
    told = [entry.type for entry in await any_work.ledger.history(begun.media_id)]
    assert (told.count("hold.release_asked"), told.count("hold.released")) == (1, 1)


async def test_of_a_hold_and_an_erasure_at_once_one_is_the_first(any_work: Workshop) -> None:
    """Either the hold stands and everything is there, or it was refused and everything goes."""
    work = any_work
    for _ in range(4):
        begun = await work.ready(SHORT)
        await asked(work, begun.media_id)
        outcome, _ = await asyncio.gather(
            placed(work, begun.media_id), work.eraser.carry(begun.media_id), return_exceptions=True
        )
        state = (await states(work))[begun.media_id]
        if isinstance(outcome, Hold):
            assert state == ErasureState.REQUESTED.value
            assert await work.keys.records(object_id=begun.media_id)
        else:
            assert isinstance(outcome, ConflictError | ErasedError), outcome
            await work.keeper.turn()
            assert (await states(work))[begun.media_id] == ErasureState.COMPLETE.value


async def test_a_hold_placed_while_an_erasure_is_asked_for_keeps_it(any_work: Workshop) -> None:
    """However the two interleave, nothing is carried out."""
    work = any_work
    for _ in range(3):
        begun = await work.ready(SHORT)
        hold, _ = await asyncio.gather(placed(work, begun.media_id), asked(work, begun.media_id))
        await work.keeper.turn()
        assert hold.state is HoldState.LASTING
        assert (await states(work))[begun.media_id] == ErasureState.REQUESTED.value


async def test_what_has_begun_or_is_gone_cannot_be_held(work: Workshop) -> None:
    """The key may be forgotten by now: a hold that holds nothing would be a lie."""
    begun = await work.ready(SHORT)
    await asked(work, begun.media_id)
    await work.keeper.turn()
    with pytest.raises(ErasedError):
        await placed(work, begun.media_id)
    with pytest.raises(InvalidError):
        await placed(work, (await work.ready(SHORT)).media_id, days=-1)


async def test_a_crash_at_any_step_around_a_hold_loses_neither(work: Workshop) -> None:
    """Enumerated: placing, waiting, releasing and going on; what was held at the crash is held afterwards."""
    one, other = await somebody(work), await somebody(work)

    async def whole(at: Workshop, media_id: Id) -> None:
        hold = await placed(at, media_id)
        await asked(at, media_id)
        await at.eraser.carry(media_id)
        await at.custody.holds.ask_release(hold.id, by=one)
        await at.custody.holds.confirm_release(hold.id, by=other)
        await at.eraser.carry(media_id)

    counted = Wire()
    await whole(await work.reborn(counted), (await work.ready(SHORT)).media_id)
    assert len(counted.steps) > 20
    for number in range(1, len(counted.steps) + 1):
        begun = await work.ready(SHORT)
        dying = await work.reborn(Wire(number))
        with pytest.raises(Crash):
            await whole(dying, begun.media_id)
        after = await work.reborn()
        lasting = [
            hold
            for hold in await after.custody.holds.list(Which(only_lasting=True), by=after.by())
            if hold.media_id == begun.media_id
        ]
        await after.keeper.turn()
        state = (await states(after)).get(begun.media_id)
        step = f"{number} {counted.steps[number - 1]}"
        if lasting:
            assert state in {None, ErasureState.REQUESTED.value}, step
            assert await after.keys.records(object_id=begun.media_id), step
            await after.custody.holds.ask_release(lasting[0].id, by=one)
            await after.custody.holds.confirm_release(lasting[0].id, by=other)
            await after.keeper.turn()
        if state is not None:
            assert (await states(after))[begun.media_id] == ErasureState.COMPLETE.value, step


async def test_a_reason_is_sealed_and_goes_with_the_call(work: Workshop) -> None:
    """Under the call's key: no file holds it, and after the call's erasure nobody reads it."""
    call = await work.consented()
    await work.ready(SHORT, call)
    hold = await placed(work, call.id)
    assert hold.reason == "claim 7 of Ms Quicksilver"
    assert "Quicksilver" not in repr(hold)
    await released(work, hold)
    await work.requests.of_call(call.id, ErasureReason.OTHER, by=work.by())
    assert await work.keeper.turn() == 0
    assert (await work.custody.holds.get(hold.id, by=work.by())).reason is None
    for file in work.ground.folder.glob("main.db*"):
        assert b"Quicksilver" not in file.read_bytes()


async def test_who_may_and_whose_it_is(any_work: Workshop) -> None:
    """A supervisor reads and places none; a foreign hold or thing is a missing one."""
    holds, begun = any_work.custody.holds, await any_work.ready(SHORT)
    hold = await placed(any_work, begun.media_id)
    other = await any_work.tenants.add(name="Other", retention_days=7)
    stranger = any_work.by(tenant_id=other)
    until = any_work.clock.now() + timedelta(days=1)
    for thing in (begun.media_id, new_id("rec"), new_id("call"), new_id("note")):
        with pytest.raises(NotFoundError):
            await holds.place(NewHold(thing, CLAIM, "why", until), by=stranger)
    for act in (holds.get, holds.ask_release, holds.confirm_release):
        with pytest.raises(NotFoundError):
            await act(hold.id, by=stranger)
    assert await holds.list(by=stranger) == []
    assert (await holds.get(hold.id, by=any_work.by(Role.SUPERVISOR))).id == hold.id
    with pytest.raises(ForbiddenError):
        await holds.ask_release(hold.id, by=any_work.by(Role.SUPERVISOR))
    owner = NewHold(begun.media_id, CLAIM, "why", until, owner_id=new_id("per"))
    with pytest.raises(InvalidError):
        await holds.place(owner, by=any_work.by())
