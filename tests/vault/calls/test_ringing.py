"""Who is rung and who takes the call: every rule, on real tables, with real streams of events."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.vault.calls.desk import Desk, open_desk
from tests.vault.calls.studio import until
from tests.vault.media.workshop import CANARY, PAGE, Workshop, open_workshop
from vault.calls.ringing import WAIT
from vault.calls.routing import Routing
from vault.clock import TurnableClock
from vault.errors import ConflictError, DependencyError, ForbiddenError, NotFoundError, TakenError
from vault.model import CallState, Role, new_id

IN_TURN = Routing(strategy="longest_idle", ring_s=20)
SECOND = timedelta(seconds=1)


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
    """A desk whose time stands still until it is turned."""
    clock = TurnableClock(datetime(2026, 11, 23, 9, tzinfo=UTC))
    async with open_workshop(tmp_path, clock=clock) as work, open_desk(work) as opened:
        yield opened, clock


async def test_everyone_who_is_there_and_listens_is_rung_at_once(any_desk: Desk) -> None:
    """And nobody else: not the one who is away, not the one without a screen, not an auditor."""
    ada, ben = await any_desk.agent("Ada"), await any_desk.agent("Ben")
    away = await any_desk.agent("Cleo", available=False)
    nowhere = await any_desk.person("Dora")
    await any_desk.ringing.set_available(available=True, by=nowhere)
    call, visitor, _ = await any_desk.press()
    (card_of_ada,), (card_of_ben,) = ada.heard(), ben.heard()
    assert card_of_ada == card_of_ben
    assert card_of_ada[0] == "call.ringing"
    assert away.heard() == []
    assert visitor.heard() == [("call.ringing", {"position": 1, "agents": 2})]
    assert {state for _, state in await any_desk.rings(call.id)} == {"ringing"}


async def test_the_card_tells_who_rings_and_from_where(desk: Desk) -> None:
    """Name and reference, page, media, language; the address and number of the visitor stay sealed."""
    ada = await desk.agent("Ada")
    button = await desk.button()
    call, _, _ = await desk.press(button)
    ((_, card),) = ada.heard()
    since = card.pop("since")
    assert datetime.fromisoformat(since) <= desk.work.clock.now()
    assert card == {
        "call_id": call.id,
        "button_id": button.id,
        "button_name": "Help",
        "visitor": {"name": CANARY, "reference": "customer-1"},
        "verified": [],
        "page_url": f"{PAGE}/cart",
        "media": ["audio"],
        "language": "en",
        "recorded": True,
        "purpose": "answer",
        "invited": False,
        "asked_by": None,
    }


async def test_a_card_of_an_erased_visitor_names_nobody(desk: Desk) -> None:
    """What cannot be opened any more is left out; the call rings all the same."""
    call, _, _ = await desk.press()
    await desk.work.keys.forget(object_id=call.id)
    cards = await desk.ringing._cards.card(call.id)
    assert (cards["visitor"], cards["page_url"]) == ({}, None)


async def test_one_takes_it_and_the_others_see_who(any_desk: Desk) -> None:
    """The ledger names the taker by pseudonym, the call by name, the visitor hears the name only."""
    ada, ben = await any_desk.agent("Ada"), await any_desk.agent("Ben")
    call, visitor, leg_id = await any_desk.press()
    for screen in (ada, ben, visitor):
        screen.heard()
    taken = await any_desk.ringing.take(call.id, by=ada.who)
    assert (taken.call.taken_by, taken.call.state) == (ada.who.id, CallState.LIVE)
    assert [(leg.id, leg.role, leg.kind, leg.name) for leg in taken.legs] == [
        (leg_id, Role.VISITOR, "camera", CANARY)
    ]
    by = {"id": ada.who.id, "name": "Ada"}
    assert ada.heard() == [("call.taken", {"call_id": call.id, "by": by, "mine": True})]
    assert ben.heard() == [("call.taken", {"call_id": call.id, "by": by, "mine": False})]
    assert visitor.heard() == [("call.taken", {"by": {"name": "Ada"}})]
    entries = [entry for entry in await any_desk.work.ledger.history(call.id) if entry.type == "call.taken"]
    pseudonym = await any_desk.work.blobs.pseudonym(tenant_id=call.tenant_id, subject_id=ada.who.id)
    assert [(entry.actor, entry.facts, entry.detail) for entry in entries] == [(pseudonym, {}, {})]
    assert sorted(await any_desk.rings(call.id)) == sorted([(ada.who.id, "taken"), (ben.who.id, "gone")])
    assert (await any_desk.ringing.take(call.id, by=ada.who)).call.taken_by == ada.who.id
    assert ada.heard() == []


async def test_of_two_who_take_at_the_same_instant_one_does(any_work: Workshop) -> None:
    """Two processes, one row: the other learns who was faster, and nothing else of anybody."""
    async with open_desk(any_work) as desk, open_desk(await any_work.reborn()) as other:
        screens = [await desk.agent(f"Agent {number}") for number in range(4)]
        for _ in range(3):
            call, _, leg_id = await desk.press()
            takes = [
                (desk, other)[number % 2].ringing.take(call.id, by=screen.who)
                for number, screen in enumerate(screens)
            ]
            done = await asyncio.gather(*takes, return_exceptions=True)
            (won,) = [number for number, one in enumerate(done) if not isinstance(one, BaseException)]
            for one in done[:won] + done[won + 1 :]:
                assert isinstance(one, TakenError)
                assert one.name == f"Agent {won}"
            assert [state for _, state in await desk.rings(call.id)].count("taken") == 1
            await desk.leave(call, leg_id)


async def test_one_person_who_takes_two_calls_at_once_gets_one(any_work: Workshop) -> None:
    """Two windows, or two processes: the person's row decides."""
    async with open_desk(any_work) as desk, open_desk(await any_work.reborn()) as other:
        ada = await desk.agent("Ada")
        first, _, _ = await desk.press()
        second, _, _ = await desk.press()
        done = await asyncio.gather(
            desk.ringing.take(first.id, by=ada.who),
            other.ringing.take(second.id, by=ada.who),
            return_exceptions=True,
        )
        assert sorted(type(one).__name__ for one in done) == ["ConflictError", "Taken"]


async def test_who_declines_is_not_rung_again_and_the_others_are(any_desk: Desk) -> None:
    """The last one who declines leaves nobody; declining twice is harmless."""
    ada, ben = await any_desk.agent("Ada"), await any_desk.agent("Ben")
    call, visitor, _ = await any_desk.press()
    await any_desk.ringing.decline(call.id, by=ada.who)
    await any_desk.ringing.decline(call.id, by=ada.who)
    gone = ("call.gone", {"call_id": call.id, "reason": "declined"})
    assert ada.heard()[1:] == [gone]
    assert ben.types() == ["call.ringing"]
    assert visitor.heard() == [
        ("call.ringing", {"position": 1, "agents": 2}),
        ("call.ringing", {"position": 1, "agents": 1}),
    ]
    await any_desk.ringing.decline(call.id, by=ben.who)
    assert visitor.heard() == [("call.nobody", {})]
    assert (await any_desk.work.calls.view(call.id, by=ada.who)).state is CallState.LIVE
    for act in (any_desk.ringing.take(call.id, by=ada.who), any_desk.ringing.take(call.id, by=ben.who)):
        with pytest.raises(ConflictError):
            await act


async def test_a_call_goes_to_the_one_idle_longest_then_to_the_next(
    turned: tuple[Desk, TurnableClock],
) -> None:
    """One after the other; declining and letting it ring in vain move on; after the last, nobody."""
    desk, clock = turned
    screens = []
    for name in ("Ada", "Ben", "Cleo"):
        screens.append(await desk.agent(name))
        clock.turn(SECOND)
    ada, ben, cleo = screens
    served, _, leg_id = await desk.press(await desk.button(Routing("people", (ada.who.id,))))
    await desk.ringing.take(served.id, by=ada.who)
    await desk.leave(served, leg_id)  # so Ada has been idle for the shortest time
    clock.turn(SECOND)
    call, visitor, _ = await desk.press(await desk.button(IN_TURN))
    assert await desk.rings(call.id) == [(ben.who.id, "ringing")]
    await desk.ringing.decline(call.id, by=ben.who)
    assert (await desk.rings(call.id))[1:] == [(cleo.who.id, "ringing")]
    assert await desk.ringing.look() == 20.0
    clock.turn(20 * SECOND)
    await desk.ringing.look()
    assert [state for _, state in await desk.rings(call.id)] == ["declined", "timed_out", "ringing"]
    assert cleo.heard()[-1] == ("call.gone", {"call_id": call.id, "reason": "timed_out"})
    clock.turn(20 * SECOND)
    assert await desk.ringing.look() is None
    assert visitor.types()[-1] == "call.nobody"
    assert (await desk.rings(call.id))[2] == (ada.who.id, "timed_out")


async def test_a_button_for_some_people_rings_no_other(desk: Desk) -> None:
    """Whoever is named, where they are there."""
    ada, ben = await desk.agent("Ada"), await desk.agent("Ben")
    call, _, _ = await desk.press(await desk.button(Routing("people", (ben.who.id,))))
    assert (ada.types(), ben.types()) == ([], ["call.ringing"])
    with pytest.raises(ConflictError, match="does not ring for you"):
        await desk.ringing.take(call.id, by=ada.who)
    with pytest.raises(ConflictError, match="does not ring for you"):
        await desk.ringing.decline(call.id, by=ada.who)
    assert (await desk.ringing.take(call.id, by=ben.who)).call.taken_by == ben.who.id


async def test_without_anybody_the_visitor_is_told_and_the_call_goes_on(desk: Desk) -> None:
    """A message is recorded like a call: the call stays live, and rings no more for who comes later."""
    call, visitor, _ = await desk.press()
    assert visitor.heard() == [("call.nobody", {})]
    ada = await desk.agent("Ada")
    await desk.ringing.look()
    assert ada.heard() == []
    assert (await desk.work.calls.view(call.id, by=ada.who)).state is CallState.LIVE
    assert await desk.ringing.snapshot(visitor.who) == {
        "call": {"id": call.id, "state": "live", "ringing": None, "taken_by": None, "nobody": True}
    }


async def test_a_visitor_who_gives_up_stops_the_ringing(any_desk: Desk) -> None:
    """Every screen is told; nobody can take it any more, nor decline."""
    ada, ben = await any_desk.agent("Ada"), await any_desk.agent("Ben")
    call, _, leg_id = await any_desk.press()
    await any_desk.leave(call, leg_id)
    gone = ("call.gone", {"call_id": call.id, "reason": "gave_up"})
    assert [screen.heard()[-1] for screen in (ada, ben)] == [gone, gone]
    assert {state for _, state in await any_desk.rings(call.id)} == {"gone"}
    for act in (any_desk.ringing.take, any_desk.ringing.decline):
        with pytest.raises(ConflictError):
            await act(call.id, by=ada.who)
    await any_desk.ringing.visitor_left(call.id, "hangup")
    assert ada.heard() == []


async def test_who_is_in_a_call_is_waited_for_and_rung_when_free(turned: tuple[Desk, TurnableClock]) -> None:
    """The place is told as it is: the second call waits until Ada is free, and no longer than is fair."""
    desk, clock = turned
    ada = await desk.agent("Ada")
    button = await desk.button()
    first, _, first_leg = await desk.press(button)
    second, waiting, _ = await desk.press(button)
    third, last, _ = await desk.press(button)
    assert waiting.heard() == [("call.ringing", {"position": 2, "agents": 1})]
    assert last.heard() == [("call.ringing", {"position": 3, "agents": 1})]
    await desk.ringing.take(first.id, by=ada.who)
    await desk.ringing.look()
    assert waiting.heard()[-1] == ("call.ringing", {"position": 1, "agents": 0})
    assert last.heard()[-1] == ("call.ringing", {"position": 2, "agents": 0})
    assert ada.types()[-2:] == ["call.gone", "call.gone"]
    with pytest.raises(ConflictError):
        await desk.ringing.take(second.id, by=ada.who)
    await desk.leave(first, first_leg)
    assert await desk.ringing.look() == 30.0
    assert waiting.heard() == [("call.ringing", {"position": 1, "agents": 1})]
    await desk.ringing.take(second.id, by=ada.who)
    assert await desk.ringing.look() == 1.0
    clock.turn(WAIT)
    await desk.ringing.look()
    assert last.types()[-1] == "call.nobody"
    assert third.id not in str(await desk.ringing.snapshot(ada.who))


async def test_who_rings_one_after_the_other_has_one_call_at_a_time(desk: Desk) -> None:
    """The second call waits while the first one rings for the only agent; then it is theirs to take."""
    ada = await desk.agent("Ada")
    button = await desk.button(IN_TURN)
    first, _, _ = await desk.press(button)
    second, waiting, _ = await desk.press(button)
    assert waiting.heard() == [("call.ringing", {"position": 2, "agents": 0})]
    await desk.ringing.decline(first.id, by=ada.who)
    await desk.ringing.look()
    assert waiting.heard()[-1] == ("call.ringing", {"position": 1, "agents": 1})
    assert await desk.rings(second.id) == [(ada.who.id, "ringing")]


async def test_who_says_to_be_away_stops_being_rung_and_is_rung_when_back(any_desk: Desk) -> None:
    """Their word counts at once; it is theirs, kept, and told to their screens."""
    ada, ben = await any_desk.agent("Ada"), await any_desk.agent("Ben")
    call, visitor, _ = await any_desk.press()
    view = await any_desk.ringing.set_available(available=False, by=ada.who)
    assert (await any_desk.ringing.presence(by=ada.who)) == view
    assert ada.heard()[1:] == [
        ("presence.changed", {"available": False}),
        ("call.gone", {"call_id": call.id, "reason": "ended"}),
    ]
    assert ben.types() == ["call.ringing"]
    assert visitor.heard()[-1] == ("call.ringing", {"position": 1, "agents": 1})
    assert await any_desk.ringing.set_available(available=False, by=ada.who) == view
    await any_desk.ringing.set_available(available=True, by=ada.who)
    assert ada.types() == ["presence.changed", "call.ringing"]


async def test_availability_survives_a_restart(any_work: Workshop) -> None:
    """It stands in the tables; a person who never said anything is away."""
    async with open_desk(any_work) as desk:
        ada, ben = await desk.person("Ada"), await desk.person("Ben")
        said = await desk.ringing.set_available(available=True, by=ada)
    async with open_desk(await any_work.reborn()) as after:
        assert await after.ringing.presence(by=ada) == said
        silent = await after.ringing.presence(by=ben)
        assert (silent.available, silent.since) == (False, None)
        screen = after.screen(ada)
        await after.press()
        assert screen.types() == ["call.ringing"]


async def test_who_goes_offline_stops_being_rung_after_the_grace(desk: Desk) -> None:
    """And a call that waits rings on the screen of whoever comes; both without anybody asking."""
    await desk.ringing.start()
    ben = await desk.agent("Ben")
    ada = await desk.person("Ada")
    await desk.ringing.set_available(available=True, by=ada)
    with desk.events.listen(ada):
        call, visitor, _ = await desk.press()
        assert visitor.heard() == [("call.ringing", {"position": 1, "agents": 2})]
    await until(lambda: _holds(desk, call.id, (ada.id, "gone")))
    await visitor.hears("call.ringing")
    assert ben.types() == ["call.ringing"]
    back = desk.screen(ada)
    await back.hears("call.ringing")
    assert (ada.id, "ringing") in await desk.rings(call.id)


async def test_a_ring_ends_by_itself(desk: Desk) -> None:
    """The task ends it after the button's seconds; nobody has to do anything."""
    await desk.ringing.start()
    ada = await desk.agent("Ada")
    call, visitor, _ = await desk.press(await desk.button(Routing(ring_s=1)))
    await visitor.hears("call.nobody")
    assert await desk.rings(call.id) == [(ada.who.id, "timed_out")]


async def _holds(desk: Desk, call_id: str, ring: tuple[str, str]) -> bool:
    return ring in await desk.rings(call_id)  # type: ignore[arg-type]


async def test_a_start_ends_what_a_killed_process_left_ringing(any_work: Workshop) -> None:
    """With the calls that it left open: nobody can take them, no screen shows them."""
    async with open_desk(any_work) as desk:
        ada = await desk.agent("Ada")
        call, _, _ = await desk.press()
    reborn = await any_work.reborn()
    async with open_desk(reborn) as after:
        assert await reborn.calls.end_interrupted() == [call.id]
        with pytest.raises(ConflictError):
            await after.ringing.take(call.id, by=ada.who)
        await after.ringing.start()
        assert await after.rings(call.id) == [(ada.who.id, "gone")]
        told = await after.ringing.snapshot(ada.who)
        assert (told["ringing"], told["calls"]) == ([], [])


async def test_a_call_that_rang_rings_again_once_its_visitor_is_back(any_work: Workshop) -> None:
    """Nobody is rung for somebody who may not come back; the place in the queue is the old one."""
    async with open_desk(any_work) as desk:
        await desk.agent("Ada")
        call, _, leg_id = await desk.press()
        await any_work.calls.leg_ended(call.id, leg_id, reason="interrupted", call_goes_on=True)
        since = (await any_work.calls.view(call.id, by=any_work.by())).created_at
    reborn = await any_work.reborn()
    async with open_desk(reborn) as after:
        bob = await after.agent("Bob")
        await after.ringing.start(absent=[call.id])
        await after.ringing.look()
        assert bob.heard() == []
        view = await reborn.calls.ready_for_leg(call.id, by=reborn.visitor(call))
        await after.ringing.visitor_joined(view)
        await bob.hears("call.ringing")
        cards: Any = (await after.ringing.snapshot(bob.who))["ringing"]
        (card,) = cards
        assert card["since"] - since < timedelta(seconds=30)


async def test_a_look_ends_the_rings_of_a_call_whose_end_was_not_told(desk: Desk) -> None:
    """Between the end of a call's rows and its telling a step may fail: the next look makes it good."""
    ada = await desk.agent("Ada")
    call, _, leg_id = await desk.press()
    await desk.work.calls.leg_ended(call.id, leg_id, reason="hangup")
    await desk.ringing.look()
    assert ada.heard()[-1] == ("call.gone", {"call_id": call.id, "reason": "ended"})
    assert await desk.rings(call.id) == [(ada.who.id, "gone")]


async def test_a_database_that_hiccups_costs_no_ring(desk: Desk) -> None:
    """What could not be written is written at the next chance, without anybody asking."""
    await desk.ringing.start()
    ada = await desk.agent("Ada")
    call = await desk.work.consented(button=await desk.button())
    visitor = desk.work.visitor(call)
    view = await desk.work.calls.ready_for_leg(call.id, by=visitor)
    await desk.work.calls.leg_joined(view, new_id("leg"), visitor)
    write, tries = desk.work.database.write, 0

    def failing() -> AbstractAsyncContextManager[AsyncConnection]:
        nonlocal tries
        tries += 1
        if tries <= 2:
            raise DependencyError("away")
        return write()

    desk.work.database.write = failing  # type: ignore[assignment,method-assign]
    with pytest.raises(DependencyError):
        await desk.ringing.visitor_joined(view)
    await ada.hears("call.ringing")
    assert await desk.rings(call.id) == [(ada.who.id, "ringing")]


async def test_a_screen_that_opens_is_told_all_it_missed(desk: Desk) -> None:
    """What rings, what one is in, one's own word; a visitor its place, then who answered."""
    ada = await desk.agent("Ada")
    call, visitor, _ = await desk.press()
    ((_, card),) = ada.heard()
    told = await desk.ringing.snapshot(ada.who)
    assert [one["call_id"] for one in told["ringing"]] == [card["call_id"]]  # type: ignore[attr-defined]
    assert told["presence"]["available"] is True  # type: ignore[index]
    place = {"position": 1, "agents": 1}
    assert (await desk.ringing.snapshot(visitor.who))["call"] == {
        "id": call.id,
        "state": "live",
        "ringing": place,
        "taken_by": None,
        "nobody": False,
    }
    await desk.ringing.take(call.id, by=ada.who)
    told = await desk.ringing.snapshot(ada.who)
    assert (told["ringing"], [one["call_id"] for one in told["calls"]]) == ([], [call.id])  # type: ignore[attr-defined]
    shown = (await desk.ringing.snapshot(visitor.who))["call"]
    assert (shown["ringing"], shown["taken_by"]) == (None, {"name": "Ada"})  # type: ignore[index]


async def test_only_who_took_a_call_joins_it_and_leaves_it(any_desk: Desk) -> None:
    """One camera and one screen each; the call ends with its visitor, whoever else is in it."""
    ada, ben = await any_desk.agent("Ada"), await any_desk.agent("Ben")
    call, _, visitors = await any_desk.press()
    with pytest.raises(ConflictError, match="take it first"):
        await any_desk.join(call.id, ada.who)
    await any_desk.ringing.take(call.id, by=ada.who)
    with pytest.raises(ConflictError, match="take it first"):
        await any_desk.join(call.id, ben.who)
    camera = await any_desk.join(call.id, ada.who)
    screen = await any_desk.join(call.id, ada.who, "screen")
    with pytest.raises(ConflictError, match="a leg of yours"):
        await any_desk.join(call.id, ada.who)
    names = [(leg.kind, leg.name) for leg in (await any_desk.ringing.take(call.id, by=ada.who)).legs]
    assert names == [("camera", CANARY), ("camera", "Ada"), ("screen", "Ada")]
    for leg_id in (camera, screen):
        assert (await any_desk.work.calls.view(call.id, by=ada.who)).state is CallState.LIVE
        await any_desk.work.calls.leg_ended(call.id, leg_id, reason="hangup")
    again = await any_desk.join(call.id, ada.who)  # a connection was lost: the same call goes on
    await any_desk.work.calls.leg_ended(call.id, visitors, reason="hangup")
    view = await any_desk.work.calls.view(call.id, by=ada.who)
    assert (view.state, view.end_reason) == (CallState.ENDED, "hangup")
    await any_desk.work.calls.leg_ended(call.id, again, reason="call_ended")
    assert (await any_desk.ringing.snapshot(ada.who))["calls"] == []


async def test_a_foreign_call_looks_missing_and_roles_without_the_right_are_refused(desk: Desk) -> None:
    """P5: another tenant's people see no such call; an auditor takes none."""
    await desk.agent("Ada")
    call, visitor, _ = await desk.press()
    elsewhere = await desk.work.tenants.add(name="Other", retention_days=30)
    stranger = await desk.person("Eve", tenant_id=elsewhere)
    auditor = await desk.person("Oda", Role.AUDITOR)
    for act in (desk.ringing.take, desk.ringing.decline):
        for call_id in (call.id, new_id("call")):
            with pytest.raises(NotFoundError):
                await act(call_id, by=stranger)
        for who in (auditor, visitor.who):
            with pytest.raises(ForbiddenError):
                await act(call.id, by=who)
    with pytest.raises(ForbiddenError):
        await desk.ringing.set_available(available=True, by=auditor)


async def test_who_is_turned_off_is_rung_no_more(desk: Desk) -> None:
    """An administrator's word counts at the next look."""
    admin = await desk.person("Root", Role.ADMIN)
    ada = await desk.agent("Ada")
    call, visitor, _ = await desk.press()
    await desk.people.change(ada.who.id, by=admin, disabled=True)
    await desk.ringing.look()
    assert await desk.rings(call.id) == [(ada.who.id, "gone")]
    assert visitor.types()[-1] == "call.nobody"
