"""Asking colleagues: a call is handed over or joined, its visitor is never alone, and each ask has an end."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.vault.calls.desk import Desk, Screen, open_desk
from tests.vault.calls.studio import SOUND_ONLY, open_studio, until
from tests.vault.calls.test_teams import a_team
from tests.vault.media.workshop import CANARY, Workshop, open_workshop
from tests.webrtc.publisher import Publisher
from vault.calls.asking import RINGS_FOR, AskView
from vault.calls.calls import OpenedCall
from vault.clock import TurnableClock
from vault.db.tables import legs
from vault.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, TakenError
from vault.model import AskPurpose, AskState, CallState, Id, Role, new_id

TRANSFER, JOIN = AskPurpose.TRANSFER, AskPurpose.JOIN
DEADLINE = timedelta(seconds=20)


@pytest.fixture
async def desk(work: Workshop) -> AsyncIterator[Desk]:
    """A desk on SQLite."""
    async with open_desk(work) as opened:
        yield opened


@pytest.fixture
async def any_desk(any_work: Workshop) -> AsyncIterator[Desk]:
    """A desk on each kind of database."""
    async with open_desk(any_work) as opened:
        yield opened


@pytest.fixture
async def turned(tmp_path: Path) -> AsyncIterator[tuple[Desk, TurnableClock]]:
    """A desk with the usual deadline, whose time stands still until it is turned."""
    clock = TurnableClock(datetime(2026, 11, 23, 9, tzinfo=UTC))
    async with open_workshop(tmp_path, clock=clock) as work, open_desk(work, take_deadline_s=20) as opened:
        yield opened, clock


async def a_talk(desk: Desk, *names: str) -> tuple[OpenedCall, Screen, Screen, list[Screen]]:
    """A visitor who talks with Ada while others are there: the call, the visitor, Ada, the others."""
    ada = await desk.agent("Ada")
    call, visitor, _ = await desk.press()
    await desk.ringing.take(call.id, by=ada.who)
    await desk.join(call.id, ada.who)
    await desk.ringing.agent_joined(call.id, ada.who.id)
    others = [await desk.agent(name) for name in names]
    for screen in (ada, visitor, *others):
        screen.heard()
    return call, visitor, ada, others


async def ask(desk: Desk, call: OpenedCall, by: Screen, purpose: AskPurpose, of: Screen | Id) -> AskView:
    """Somebody asks a person or a team."""
    one = {"person_id": of.who.id, "team_id": None} if isinstance(of, Screen) else {"team_id": of}
    return await desk.ringing.asking.ask(
        call.id,
        purpose,
        by=by.who,
        **({"person_id": None} | one),
    )


async def comes(desk: Desk, call: OpenedCall, who: Screen) -> None:
    """Whoever took it can be heard."""
    await desk.join(call.id, who.who)
    await desk.ringing.agent_joined(call.id, who.who.id)


async def owner(desk: Desk, call: OpenedCall, by: Screen) -> Id | None:
    """Whose call it is."""
    return (await desk.work.calls.view(call.id, by=by.who)).taken_by


async def in_it(desk: Desk, *screens: Screen) -> list[bool]:
    """Who is in a call."""
    return [bool((await desk.ringing.snapshot(screen.who))["calls"]) for screen in screens]


async def test_a_call_is_handed_over_when_the_other_can_be_heard(any_desk: Desk) -> None:
    """Until then it is hers who hands it over; then it is the other's, and the ledger says so once."""
    call, visitor, ada, (ben,) = await a_talk(any_desk, "Ben")
    asked = await ask(any_desk, call, ada, TRANSFER, ben)
    assert (asked.ask.state, asked.of_name, asked.rung) == (AskState.RINGING, "Ben", 1)
    ((type_, card),) = ben.heard()
    by = {"id": ada.who.id, "name": "Ada"}
    assert (type_, card["purpose"], card["asked_by"]) == ("call.ringing", "transfer", by)
    assert card["visitor"]["name"] == CANARY
    taken = await any_desk.ringing.take(call.id, by=ben.who)
    assert len(taken.legs) == 2
    assert await owner(any_desk, call, ada) == ada.who.id
    assert await in_it(any_desk, ada, ben) == [True, True]
    await comes(any_desk, call, ben)
    assert await owner(any_desk, call, ada) == ben.who.id
    assert await in_it(any_desk, ada, ben) == [False, True]
    states = [data["state"] for type_, data in ada.heard() if type_ == "call.asked"]
    assert states == ["ringing", "taken", "done"]
    assert visitor.heard() == []  # legs that come and go tell the visitor
    with pytest.raises(ConflictError, match="take it first"):
        await any_desk.join(call.id, ada.who)
    entry = (await any_desk.work.ledger.history(call.id))[0]
    pseudonym = await any_desk.work.blobs.pseudonym(tenant_id=call.tenant_id, subject_id=ada.who.id)
    assert (entry.type, entry.actor, entry.detail) == ("call.transferred", pseudonym, {"to": ben.who.id})
    await any_desk.ringing.agent_joined(call.id, ben.who.id)
    assert (await any_desk.work.ledger.history(call.id))[0].index == entry.index


async def test_a_second_agent_joins_and_nobody_leaves(any_desk: Desk) -> None:
    """Both are in it; when the first leaves the call goes on, and any of them may ask the next."""
    call, _, ada, (ben, cleo) = await a_talk(any_desk, "Ben", "Cleo")
    await ask(any_desk, call, ada, JOIN, ben)
    assert ben.heard()[0][1]["purpose"] == "join"
    await any_desk.ringing.take(call.id, by=ben.who)
    await any_desk.ringing.take(call.id, by=ben.who)
    await comes(any_desk, call, ben)
    assert (await any_desk.work.ledger.history(call.id))[0].type == "call.joined"
    assert await owner(any_desk, call, ada) == ada.who.id
    assert await in_it(any_desk, ada, ben) == [True, True]
    await ask(any_desk, call, ben, TRANSFER, cleo)
    await any_desk.ringing.take(call.id, by=cleo.who)
    await comes(any_desk, call, cleo)
    assert await owner(any_desk, call, ada) == ada.who.id  # who is still in it, and handed nothing over
    assert await in_it(any_desk, ada, ben, cleo) == [True, False, True]


async def test_a_team_is_rung_at_once_and_one_takes_it(any_work: Workshop) -> None:
    """Two processes, one row: the others learn who was faster."""
    async with open_desk(any_work) as desk, open_desk(await any_work.reborn()) as other:
        call, _, ada, others = await a_talk(desk, "Ben", "Cleo", "Dora")
        team_id = await a_team(any_work, "Heating", ada.who.id, *(one.who.id for one in others))
        asked = await ask(desk, call, ada, TRANSFER, team_id)
        assert (asked.of_name, asked.rung) == ("Heating", 3)
        takes = [
            (desk, other)[number % 2].ringing.take(call.id, by=screen.who)
            for number, screen in enumerate(others)
        ]
        done = await asyncio.gather(*takes, return_exceptions=True)
        (won,) = [number for number, one in enumerate(done) if not isinstance(one, BaseException)]
        for one in done[:won] + done[won + 1 :]:
            assert isinstance(one, ConflictError)
        for number, screen in enumerate(others):
            if number != won:
                with pytest.raises(TakenError) as told:
                    await desk.ringing.take(call.id, by=screen.who)
                assert told.value.name == ("Ben", "Cleo", "Dora")[won]
        states = [state for _, state in await desk.rings(call.id)]
        assert (states.count("taken"), states.count("ringing")) == (2, 0)


@pytest.mark.parametrize("purpose", [TRANSFER, JOIN])
async def test_who_asks_is_told_honestly_when_nobody_comes(
    turned: tuple[Desk, TurnableClock], purpose: AskPurpose
) -> None:
    """Declined, rung in vain, nobody there: the call goes on with who asked, who may ask the next."""
    desk, clock = turned
    call, _, ada, (ben, cleo) = await a_talk(desk, "Ben", "Cleo")
    await ask(desk, call, ada, purpose, ben)
    await desk.ringing.decline(call.id, by=ben.who)
    await desk.ringing.decline(call.id, by=ben.who)
    assert ada.heard()[-1][1]["state"] == "declined"
    asked = await ask(desk, call, ada, purpose, cleo)
    clock.turn(RINGS_FOR)
    await desk.ringing.look()
    assert ada.heard()[-1][1]["state"] == "timed_out"
    assert cleo.heard()[-1] == ("call.gone", {"call_id": call.id, "reason": "timed_out"})
    assert (await desk.ringing.asking.one(call.id, asked.ask.id, by=ada.who)).ask.state is AskState.TIMED_OUT
    await desk.ringing.set_available(available=False, by=cleo.who)
    assert (await ask(desk, call, ada, purpose, cleo)).ask.state is AskState.NOBODY
    assert await desk.ringing.look() is None
    assert await owner(desk, call, ada) == ada.who.id
    assert await in_it(desk, ada, ben, cleo) == [True, False, False]
    with pytest.raises(ConflictError):
        await desk.ringing.take(call.id, by=ben.who)


async def test_a_taker_who_never_comes_leaves_the_call_where_it_was(
    turned: tuple[Desk, TurnableClock],
) -> None:
    """After the deadline they are free again; before it they may give it back themselves."""
    desk, clock = turned
    call, _, ada, (ben,) = await a_talk(desk, "Ben")
    await ask(desk, call, ada, TRANSFER, ben)
    await desk.ringing.take(call.id, by=ben.who)
    clock.turn(DEADLINE - timedelta(seconds=1))
    assert await desk.ringing.look() == 1.0
    clock.turn(timedelta(seconds=1))
    await desk.ringing.look()
    assert ada.heard()[-1][1]["state"] == "timed_out"
    assert ben.types()[-1] == "call.gone"
    with pytest.raises(ConflictError, match="take it first"):
        await desk.join(call.id, ben.who)
    await ask(desk, call, ada, TRANSFER, ben)
    await desk.ringing.take(call.id, by=ben.who)
    await desk.ringing.decline(call.id, by=ben.who)
    assert ada.heard()[-1][1]["state"] == "declined"
    assert (await owner(desk, call, ada), await in_it(desk, ada, ben)) == (ada.who.id, [True, False])


async def test_who_asks_may_cancel_until_the_other_is_there(desk: Desk) -> None:
    """Whoever is rung, or took it, is told; too late is too late."""
    call, _, ada, (ben,) = await a_talk(desk, "Ben")
    asking = desk.ringing.asking
    for takes in (False, True):
        asked = await ask(desk, call, ada, TRANSFER, ben)
        with pytest.raises(ConflictError, match="being asked already"):
            await ask(desk, call, ada, JOIN, ben)
        if takes:
            await desk.ringing.take(call.id, by=ben.who)
        for _ in range(2):
            assert (await asking.cancel(call.id, asked.ask.id, by=ada.who)).ask.state is AskState.CANCELLED
        assert ben.heard()[-1] == ("call.gone", {"call_id": call.id, "reason": "cancelled"})
        assert await in_it(desk, ada, ben) == [True, False]
    asked = await ask(desk, call, ada, JOIN, ben)
    await desk.ringing.take(call.id, by=ben.who)
    await comes(desk, call, ben)
    with pytest.raises(ConflictError, match="too late"):
        await asking.cancel(call.id, asked.ask.id, by=ada.who)


async def test_a_visitor_who_leaves_ends_what_was_asked(any_desk: Desk) -> None:
    """Nobody is rung for a call that is over, and nobody is told to come."""
    ada, ben = await any_desk.agent("Ada"), await any_desk.agent("Ben")
    for takes in (False, True):
        call, _, leg_id = await any_desk.press()
        await any_desk.ringing.take(call.id, by=ada.who)
        await any_desk.join(call.id, ada.who)
        asked = await ask(any_desk, call, ada, TRANSFER, ben)
        if takes:
            await any_desk.ringing.take(call.id, by=ben.who)
        await any_desk.leave(call, leg_id)
        ended = await any_desk.ringing.asking.one(call.id, asked.ask.id, by=ada.who)
        assert ended.ask.state is AskState.OVER
        assert ben.heard()[-1] == ("call.gone", {"call_id": call.id, "reason": "gave_up"})
        assert await in_it(any_desk, ada, ben) == [False, False]
        assert "ringing" not in {state for _, state in await any_desk.rings(call.id)}


async def test_who_leaves_while_it_rings_asks_for_nobody(desk: Desk) -> None:
    """A call that was hung up is handed to nobody; one whose taker is coming waits for them."""
    call, _, ada, (ben,) = await a_talk(desk, "Ben")
    (mine,) = [leg.id for leg in (await desk.ringing.take(call.id, by=ada.who)).legs if leg.name == "Ada"]
    await ask(desk, call, ada, TRANSFER, ben)
    await desk.work.calls.leg_ended(call.id, mine, reason="hangup")
    await desk.ringing.look()
    assert ben.types()[-1] == "call.gone"
    again = await desk.join(call.id, ada.who)
    await ask(desk, call, ada, TRANSFER, ben)
    await desk.ringing.take(call.id, by=ben.who)
    await desk.work.calls.leg_ended(call.id, again, reason="silent")
    await desk.ringing.look()
    await comes(desk, call, ben)
    assert await owner(desk, call, ben) == ben.who.id


async def test_only_who_is_in_a_call_asks_and_only_those_who_answer_are_asked(desk: Desk) -> None:
    """P5: strangers see no such call; nobody asks for a call that rings, or asks themselves."""
    call, visitor, ada, (ben,) = await a_talk(desk, "Ben")
    elsewhere = await desk.work.tenants.add(name="Other", retention_days=30)
    stranger = await desk.agent("Eve")
    stranger.who = await desk.person("Eve", tenant_id=elsewhere)
    auditor = await desk.person("Oda", Role.AUDITOR)
    with pytest.raises(ConflictError, match="not in this call"):
        await ask(desk, call, ben, TRANSFER, ada)
    with pytest.raises(ForbiddenError):
        await ask(desk, call, visitor, TRANSFER, ada)
    with pytest.raises(NotFoundError):
        await ask(desk, call, stranger, TRANSFER, ada)
    for nobody in (ada.who.id, stranger.who.id, auditor.id, new_id("per"), "me"):
        with pytest.raises(InvalidError):
            await desk.ringing.asking.ask(call.id, JOIN, by=ada.who, person_id=nobody, team_id=None)
    for team in (new_id("team"), "nonsense"):
        with pytest.raises(InvalidError):
            await ask(desk, call, ada, JOIN, Id(team))
    asked = await ask(desk, call, ada, JOIN, ben)
    other, _, _ = await desk.press()
    for call_id, ask_id in ((other.id, asked.ask.id), (call.id, new_id("ask"))):
        with pytest.raises(NotFoundError):
            await desk.ringing.asking.one(call_id, ask_id, by=ada.who)


async def test_what_a_killed_process_left_is_brought_to_its_end(any_work: Workshop) -> None:
    """It rang: nobody is asked any more. Somebody took it: they come, or their time runs out."""
    async with open_desk(any_work) as desk:
        call, _, ada, (ben,) = await a_talk(desk, "Ben")
        rang = await ask(desk, call, ada, TRANSFER, ben)
        async with open_desk(await any_work.reborn()) as after:
            await after.ringing.start()
            ended = await after.ringing.asking.one(call.id, rang.ask.id, by=ada.who)
            assert ended.ask.state is AskState.OVER
            assert await owner(after, call, ada) == ada.who.id
        await ask(desk, call, ada, TRANSFER, ben)
        await desk.ringing.take(call.id, by=ben.who)
        async with open_desk(await any_work.reborn(), take_deadline_s=3_600) as after:
            await after.ringing.start()
            await after.ringing.agent_joined(call.id, ben.who.id)
            assert await owner(after, call, ada) == ben.who.id


async def test_the_legs_of_who_handed_over_end_and_are_kept_as_ever(work: Workshop) -> None:
    """With the reason `transferred`; the visitor and the new one go on, the recording is finished."""
    async with open_studio(work) as studio, open_desk(work) as desk:
        desk.ringing._attendance._floor = studio.stage.floor
        call, _, ada, (ben,) = await a_talk(desk, "Ben")
        async with work.database.read() as connection:
            assert (await work.calls.view(call.id, by=ada.who)).state is CallState.LIVE, connection
        async with Publisher(SOUND_ONLY) as hers, Publisher(SOUND_ONLY) as his:
            for leg in (await desk.ringing.take(call.id, by=ada.who)).legs:
                if leg.name == "Ada":
                    await work.calls.leg_ended(call.id, leg.id, reason="replaced")
            await studio.live(call, hers, by=ada.who)
            await ask(desk, call, ada, TRANSFER, ben)
            await desk.ringing.take(call.id, by=ben.who)
            await studio.live(call, his, by=ben.who)
            await desk.ringing.agent_joined(call.id, ben.who.id)
            await until(lambda: _legs(studio.legs.live, 1))
            told = studio.heard(ben.who.id, "call.leg_ended")
            assert [one["reason"] for one in told] == ["transferred"]


async def _legs(live: int, wanted: int) -> bool:
    return live == wanted


async def test_colleagues_are_told_apart_by_who_could_come(desk: Desk) -> None:
    """Free, in a call, away; a team by how many of it are free; oneself and other tenants are left out."""
    _, _, ada, (ben, cleo) = await a_talk(desk, "Ben", "Cleo")
    await desk.ringing.set_available(available=False, by=cleo.who)
    await desk.person("Oda", Role.AUDITOR)
    elsewhere = await desk.work.tenants.add(name="Other", retention_days=30)
    await desk.person("Eve", tenant_id=elsewhere)
    await a_team(desk.work, "Heating", ada.who.id, ben.who.id, cleo.who.id)
    await a_team(desk.work, "Empty")
    people, teams = await desk.ringing.colleagues.list(by=ben.who)
    assert [(one.name, one.state.value) for one in people] == [("Ada", "busy"), ("Cleo", "away")]
    people, teams = await desk.ringing.colleagues.list(by=cleo.who)
    assert [(one.name, one.state.value) for one in people] == [("Ben", "free"), ("Ada", "busy")]
    assert [(one.name, one.free) for one in teams] == [("Empty", 0), ("Heating", 1)]
    with pytest.raises(ForbiddenError):
        await desk.ringing.colleagues.list(by=await desk.person("Sam", Role.SERVICE))


async def test_who_comes_back_with_a_new_leg_still_asks(any_desk: Desk) -> None:
    """Ada is replaced by herself while Ben is rung: she was in the call all the time."""
    desk = any_desk
    call, _, ada, (ben,) = await a_talk(desk, "Ben")
    await ask(desk, call, ada, TRANSFER, ben)
    calls = desk.work.calls
    async with desk.work.database.read() as connection:
        mine = select(legs.c.id).where(legs.c.person_id == ada.who.id)
        old = (await connection.execute(mine)).scalar_one()
    view = await calls.ready_for_leg(call.id, by=ada.who)
    await calls.leg_joined(view, new_id("leg"), ada.who, ends={old: "replaced"})
    for _ in range(2):
        await desk.ringing.look()
        shown: Any = (await desk.ringing.snapshot(ada.who))["asks"]
        assert [asked["state"] for asked in shown] == ["ringing"]
        await calls.leg_ended(call.id, old, reason="replaced", call_goes_on=True)
    assert "call.asked" not in ada.types()[1:]
