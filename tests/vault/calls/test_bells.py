"""Whoever is rung is told, also where the key store or a row does not answer for a moment; once each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.vault.calls.desk import Desk, Screen, open_desk
from tests.vault.calls.test_asking import a_talk, ask, comes, owner
from vault.calls import rings
from vault.calls.cards import Cards
from vault.errors import DependencyError
from vault.model import AskPurpose

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.vault.media.workshop import Workshop


@pytest.fixture
async def desk(work: Workshop) -> AsyncIterator[Desk]:
    """A desk on SQLite."""
    async with open_desk(work) as opened:
        yield opened


def fails(monkeypatch: pytest.MonkeyPatch, owner_: Any, name: str, times: int) -> None:
    """Something does not answer so many times, then it does."""
    real, left = getattr(owner_, name), times

    async def hiccups(*given: Any, **more: Any) -> Any:
        nonlocal left
        left -= 1
        if left >= 0:
            raise DependencyError("away")
        return await real(*given, **more)

    monkeypatch.setattr(owner_, name, hiccups)


def ringings(screen: Screen) -> list[str]:
    """Of what they were told, what rings and what does so no more."""
    return [type_ for type_ in screen.types() if type_ in {"call.ringing", "call.gone", "call.taken"}]


async def test_a_card_that_cannot_be_opened_is_shown_when_it_can(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ring is durable: the next look tells it, at most a second later, and no later one again."""
    ada, ben = await desk.agent("Ada"), await desk.agent("Ben")
    fails(monkeypatch, Cards, "card", 2)
    call, visitor, _ = await desk.press()
    assert (ada.types(), visitor.types()) == ([], ["call.ringing"])
    due_s = await desk.ringing.look()
    assert due_s is not None
    assert due_s <= 1
    await desk.ringing.decline(call.id, by=ben.who)
    for _ in range(2):
        await desk.ringing.look()
    assert (ringings(ada), ringings(ben)) == (["call.ringing"], ["call.gone"])


async def test_who_took_the_call_meanwhile_is_not_rung_for_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A screen that opened saw it in its snapshot: it is taken, and nobody is told late."""
    ada, ben = await desk.agent("Ada"), await desk.agent("Ben")
    fails(monkeypatch, Cards, "card", 1)
    call, _, _ = await desk.press()
    await desk.ringing.take(call.id, by=ada.who)
    await desk.ringing.look()
    assert (ringings(ada), ringings(ben)) == (["call.taken"], ["call.taken"])
    assert not desk.ringing._bells.owed


@pytest.mark.parametrize("what", ["card", "name_of"])
@pytest.mark.parametrize("purpose", list(AskPurpose))
async def test_a_colleague_who_is_asked_is_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, purpose: AskPurpose, what: str
) -> None:
    """So is whoever asks, and the call is handed over, though no name can be read as it is."""
    call, _, ada, (ben,) = await a_talk(desk, "Ben")
    if what == "card":
        fails(monkeypatch, Cards, what, 1)
        await ask(desk, call, ada, purpose, ben)
    else:
        await ask(desk, call, ada, purpose, ben)
    for _ in range(2):
        await desk.ringing.look()
    assert ringings(ben) == ["call.ringing"]
    assert ada.types().count("call.asked") >= 1
    if what == "name_of":
        fails(monkeypatch, Cards, what, 1)
        with pytest.raises(DependencyError):
            await desk.ringing.take(call.id, by=ben.who)
    await desk.ringing.take(call.id, by=ben.who)
    await comes(desk, call, ben)
    taker = ben if purpose is AskPurpose.TRANSFER else ada
    assert await owner(desk, call, ada) == taker.who.id
    assert [data["state"] for type_, data in ada.heard() if type_ == "call.asked"][-1] == "done"


async def test_one_call_that_cannot_be_looked_at_keeps_no_other_waiting(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its turn comes again within a second."""
    first, _, _ = await desk.press()
    second, _, _ = await desk.press()
    real = rings.held

    async def held(connection: Any, call_id: str) -> Any:
        if call_id == first.id:
            raise DependencyError("away")
        return await real(connection, call_id)

    ada = await desk.agent("Ada", available=False)
    for call in (first, second):
        await _rings_again(desk, call.id)
    with monkeypatch.context() as patched:
        patched.setattr(rings, "held", held)
        await desk.ringing.set_available(available=True, by=ada.who)
        assert [data["call_id"] for type_, data in ada.heard() if type_ == "call.ringing"] == [second.id]
        assert await desk.ringing.look() == 1.0
    await desk.ringing.look()
    assert [data["call_id"] for type_, data in ada.heard() if type_ == "call.ringing"] == [first.id]


async def _rings_again(desk: Desk, call_id: Any) -> None:
    async with desk.work.database.write() as connection:
        await rings.again(connection, call_id, at=desk.work.clock.now())
