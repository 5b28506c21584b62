"""Streams of events: each listener gets each event once and in order, however often it was cut off."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import ExitStack, aclosing
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vault.calls.events import CLOSES, Close, EventLimits, Events, Listener
from vault.clock import SystemClock, TurnableClock, to_text
from vault.errors import BusyError, TooManyRequestsError
from vault.model import Id, Role, new_id
from vault.policy import Principal


@pytest.fixture
def clock() -> TurnableClock:
    """A clock to turn."""
    return TurnableClock(SystemClock().now())


def someone(role: Role = Role.AGENT) -> Principal:
    """A principal of a role."""
    if role is Role.VISITOR:
        call_id = new_id("call")
        return Principal(call_id, new_id("ten"), role, call_id=call_id)
    return Principal(new_id("per"), new_id("ten"), role)


async def _nothing(_who: Principal) -> Mapping[str, object]:
    return {}


def make(clock: TurnableClock, **limits: Any) -> Events:
    """Streams with limits of the test."""
    return Events(clock, snapshots=_nothing, limits=EventLimits(**limits))


async def waiting(listener: Listener) -> list[dict[str, Any]]:
    """Give the frames that wait for a listener, without waiting for more."""
    found: list[dict[str, Any]] = []
    async with aclosing(listener.frames()) as frames:
        try:
            while True:
                async with asyncio.timeout(0.01):
                    found.append(json.loads(await anext(frames)))
        except (TimeoutError, StopAsyncIteration):
            return found


def hello_of(listener: Listener) -> dict[str, Any]:
    """Read a listener's first frame."""
    told: dict[str, Any] = json.loads(listener.hello({}))
    return told


async def test_an_event_is_told_with_its_number_time_and_data(clock: TurnableClock) -> None:
    """The form of a frame; moments are written as everywhere in the API."""
    events, who = make(clock), someone()
    with events.listen(who) as listener:
        first = hello_of(listener)
        assert first == {"type": "hello", "n": first["n"], "resumed": False, "snapshot": {}}
        events.tell(who.id, "call.taken", {"mine": True, "since": clock.now(), "by": {"name": "Zoë"}})
        at = to_text(clock.now())
        assert await waiting(listener) == [
            {
                "type": "call.taken",
                "n": first["n"] + 1,
                "at": at,
                "data": {"mine": True, "since": at, "by": {"name": "Zoë"}},
            }
        ]


async def test_a_principal_hears_of_its_own_and_of_nothing_else(clock: TurnableClock) -> None:
    """A stream belongs to one principal."""
    events, who, other = make(clock), someone(), someone(Role.VISITOR)
    with events.listen(who) as listener, events.listen(other) as others:
        events.tell(other.id, "call.ended", {})
        assert await waiting(listener) == []
        assert [frame["type"] for frame in await waiting(others)] == ["call.ended"]


async def test_each_socket_of_a_principal_hears_everything(clock: TurnableClock) -> None:
    """Two tabs, one stream, the same numbers."""
    events, who = make(clock), someone()
    with events.listen(who) as one, events.listen(who) as other:
        events.tell(who.id, "call.gone", {})
        assert await waiting(one) == await waiting(other) != []


async def test_telling_nobody_keeps_nothing(clock: TurnableClock) -> None:
    """Without a socket in the last minutes there is no stream, and an event costs a look."""
    events = make(clock)
    events.tell(new_id("per"), "call.ringing", {})
    assert events.streams == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 40)), min_size=1, max_size=20))
def test_a_listener_that_is_cut_off_anywhere_misses_nothing_and_hears_nothing_twice(
    rounds: list[tuple[int, int]],
) -> None:
    """However many events come while it is away or there, and however few of them it read before the cut."""

    async def run() -> None:
        clock = TurnableClock(SystemClock().now())
        events, who = make(clock, kept=2_000), someone()
        told, heard, last = 0, [], 0
        for away, read in rounds:
            with events.listen(who, after=last) as listener:
                if last:
                    assert hello_of(listener)["resumed"]
                else:
                    last = hello_of(listener)["n"]
                for number in range(told, told + away):
                    events.tell(who.id, "call.gone", {"number": number})
                told += away
                frames = (await waiting(listener))[:read]
                heard += [frame["data"]["number"] for frame in frames]
                last = frames[-1]["n"] if frames else last
            for number in range(told, told + read):
                events.tell(who.id, "call.gone", {"number": number})
            told += read
        with events.listen(who, after=last) as listener:
            heard += [frame["data"]["number"] for frame in await waiting(listener)]
        assert heard == list(range(told))

    asyncio.run(run())


async def test_what_is_not_kept_any_more_is_not_pretended_to_be_resumed(clock: TurnableClock) -> None:
    """The number just before what is kept resumes; one further back does not, and gets nothing twice."""
    events, who = make(clock, kept=3), someone()
    with events.listen(who) as listener:
        start = hello_of(listener)["n"]
    for _ in range(5):
        events.tell(who.id, "call.gone", {})
    with events.listen(who, after=start + 2) as listener:
        assert hello_of(listener)["resumed"]
        assert [frame["n"] - start for frame in await waiting(listener)] == [3, 4, 5]
    for after in (0, start, start + 1, start + 6, 2**53 - 1):
        with events.listen(who, after=after) as listener:
            told = hello_of(listener)
            assert (told["resumed"], told["n"]) == (False, start + 5)
            assert await waiting(listener) == []


async def test_events_are_kept_for_five_minutes(clock: TurnableClock) -> None:
    """Who comes later starts anew; younger ones are still there."""
    events, who = make(clock), someone()
    with events.listen(who) as listener, events.listen(who):
        start = hello_of(listener)["n"]
        events.tell(who.id, "call.gone", {})
        clock.turn(timedelta(seconds=200))
        events.tell(who.id, "call.gone", {})
        await waiting(listener)
        clock.turn(timedelta(seconds=101))
        with events.listen(who, after=start) as late, events.listen(who, after=start + 1) as early:
            assert not hello_of(late)["resumed"]
            assert len(await waiting(early)) == 1


async def test_a_stream_that_nobody_comes_back_to_is_forgotten(clock: TurnableClock) -> None:
    """After five minutes it is gone from memory, and its numbers do not return in the next one."""
    events, who, other = make(clock), someone(), someone()
    with events.listen(who) as listener:
        last = hello_of(listener)["n"]
    clock.turn(timedelta(seconds=299))
    with events.listen(other):
        assert events.streams == 2
        clock.turn(timedelta(seconds=1))
        events.tell(other.id, "call.gone", {})
        assert events.streams == 1
    with events.listen(who, after=last) as listener:
        assert not hello_of(listener)["resumed"]


async def test_who_reads_too_slowly_is_cut_off_and_holds_nothing(clock: TurnableClock) -> None:
    """Behind what is kept there is no way to go on: the socket ends, and what it may still read is right."""
    events, who = make(clock, kept=10), someone()
    with events.listen(who) as slow, events.listen(who) as quick:
        for _ in range(10):
            events.tell(who.id, "call.gone", {})
        assert not slow.over.done()
        assert len(await waiting(quick)) == 10
        events.tell(who.id, "call.gone", {})
        assert slow.over.result() is Close.TRY_AGAIN
        assert await waiting(slow) == []
        assert not quick.over.done()


async def test_a_right_that_ended_takes_what_is_kept_along(clock: TurnableClock) -> None:
    """Nothing waits for somebody whose session is over; another socket of theirs goes on."""
    events, who = make(clock), someone()
    with events.listen(who):
        with events.listen(who) as listener:
            listener.end(Close.OVER)
        assert events.streams == 1
    assert events.streams == 1
    with events.listen(who) as listener:
        listener.end(Close.OVER)
        listener.end(Close.DONE)
    assert events.streams == 0


@pytest.mark.parametrize("data", [{"a": object()}, {"a": float("nan")}, {("a", 1): 1}, None, 5])
async def test_an_event_that_cannot_be_written_is_logged_and_costs_nobody_anything(
    clock: TurnableClock, data: Any
) -> None:
    """Telling never raises: a room's mistake must not end a call."""
    events, who = make(clock), someone()
    with events.listen(who) as listener:
        events.tell(who.id, "call.gone", data)
        events.tell(who.id, "call.ended", {})
        assert [frame["type"] for frame in await waiting(listener)] == ["call.ended"]


async def test_one_principal_has_so_many_sockets_and_all_have_so_many(clock: TurnableClock) -> None:
    """Beyond the limits a socket is refused; those that are open stay, and room comes back."""
    events, who = make(clock, each=2, total=3), someone()
    with ExitStack() as opened:
        for _ in range(2):
            opened.enter_context(events.listen(who))
        with pytest.raises(TooManyRequestsError), events.listen(who):
            pass
        with events.listen(someone()), pytest.raises(BusyError), events.listen(someone()):
            pass
        with events.listen(someone()):
            assert events.sockets == 3
    assert events.sockets == 0
    with events.listen(who):
        assert events.online(who.id)


def _broken(_person_id: Id, _online: bool) -> None:  # noqa: FBT001  # as watchers are called
    raise RuntimeError("a watcher that fails disturbs nobody")


async def test_a_person_is_online_with_the_first_socket_and_offline_after_a_grace(
    clock: TurnableClock,
) -> None:
    """A page that is loaded again has not left; a visitor is nobody who could be rung."""
    events, who = make(clock, grace_s=0.05), someone()
    told: list[tuple[Id, bool]] = []
    events.watch(_broken)
    events.watch(lambda person_id, online: told.append((person_id, online)))
    with events.listen(someone(Role.VISITOR)), events.listen(who), events.listen(who):
        assert (told, events.online(who.id)) == ([(who.id, True)], True)
    assert not events.online(who.id)
    with events.listen(who):
        await asyncio.sleep(0.1)
        assert told == [(who.id, True)]
    await asyncio.sleep(0.1)
    assert told == [(who.id, True), (who.id, False)]


async def test_at_the_end_every_socket_is_told_and_no_timer_is_left(clock: TurnableClock) -> None:
    """The server goes: open sockets end, no new one begins, nobody is told offline."""
    events, who = make(clock, grace_s=0.01), someone()
    told: list[bool] = []
    events.watch(lambda _person_id, online: told.append(online))
    with events.listen(someone()):
        pass
    with events.listen(who) as listener:
        events.close()
        assert listener.over.result() is Close.GOING_AWAY
    with pytest.raises(BusyError), events.listen(who):
        pass
    await asyncio.sleep(0.05)
    assert told == [True, True]


def test_each_close_code_is_explained() -> None:
    """docs/API.md repeats the list."""
    assert set(CLOSES) == set(Close)


async def test_what_was_told_of_an_erased_call_is_not_told_again(clock: TurnableClock) -> None:
    """P8: who comes back gets every number, of that call its identifier alone, of others everything."""
    events, who, visitor = make(clock), someone(), someone(Role.VISITOR)
    call_id, other = visitor.id, new_id("call")
    with events.listen(who) as first, events.listen(visitor):
        for of in (call_id, other):
            events.tell(who.id, "call.ringing", {"call_id": of, "visitor": {"name": "Zebulon"}})
            events.tell(who.id, "call.leg_joined", {"call_id": of, "name": "Zebulon"})
        events.tell(who.id, "presence.changed", {"available": True})
        events.tell(visitor.id, "call.taken", {"by": {"name": "Ada"}})
        after = first.position
    events.forget_call(call_id)
    (of_visitor,) = events._streams[visitor.id].kept
    assert "Ada" not in of_visitor.text
    with events.listen(who, after=after) as back:
        assert back.resumed
        told = await waiting(back)
    assert [one["n"] for one in told] == list(range(after + 1, after + 6))
    assert [(one["type"], one["data"]) for one in told[:2]] == [
        ("call.gone", {"call_id": call_id}),
        ("call.leg_joined", {"call_id": call_id}),
    ]
    assert [one["data"].get("call_id") for one in told[2:]] == [other, other, None]
    assert {"at", "n", "type", "data"} == set(told[0])
    assert told[2]["data"]["visitor"] == {"name": "Zebulon"}
