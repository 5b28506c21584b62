"""Seats: whoever is let in can be answered, whoever answers is not counted against them."""

from contextlib import AsyncExitStack

import pytest

from tests.vault.calls.studio import HERE, QUICK, SOUND_ONLY, open_studio
from tests.vault.media.workshop import Workshop
from tests.webrtc.publisher import Publisher
from vault.errors import BusyError, TooManyLegsError
from vault.model import LegKind
from vault.settings import LimitSettings

OFFICE = "192.0.2.7"  # where visitors and the company's own people come from, behind one router


@pytest.mark.parametrize("share", ["button", "tenant", "house"])
async def test_however_many_wait_each_of_them_can_be_answered(work: Workshop, share: str) -> None:
    """The last visitor who is let in leaves a seat for an agent beside each; the next is told so."""
    button = await work.button()
    calls = [await work.consented(button=button) for _ in range(3)]
    limits = LimitSettings() if share == "house" else LimitSettings(**{f"legs_per_{share}": 4})
    media = {"max_legs": 4} if share == "house" else {}
    async with open_studio(work, limits=limits, **media) as studio, AsyncExitStack() as stack:
        here = [await stack.enter_async_context(Publisher(SOUND_ONLY)) for _ in range(5)]
        ada = await studio.agent(*calls[:2])
        for call, publisher in zip(calls[:2], here[:2], strict=True):
            await studio.live(call, publisher)
        with pytest.raises(BusyError):
            await studio.join(calls[2], here[2])
        with pytest.raises(BusyError):
            studio.legs.seats.require_for_call(button.id, work.tenant_id, HERE)
        for call, publisher in zip(calls[:2], here[3:], strict=True):
            await studio.join(call, publisher, by=ada)
        assert studio.legs.live == 4


async def test_a_companys_people_are_not_counted_by_their_address(work: Workshop) -> None:
    """An office is one address, and every agent of it answers; a visitor more than it may have is told so."""
    calls = [await work.consented() for _ in range(3)]
    limits = LimitSettings(legs_per_address=2)
    async with open_studio(work, limits=limits) as studio, AsyncExitStack() as stack:
        here = [await stack.enter_async_context(Publisher(SOUND_ONLY)) for _ in range(5)]
        for call, visitor, agent in zip(calls[:2], here[:2], here[2:4], strict=True):
            await studio.live(call, visitor, OFFICE)
            await studio.join(call, agent, OFFICE, by=await studio.agent(call))
        with pytest.raises(TooManyLegsError):
            await studio.join(calls[2], here[4], OFFICE)
        await studio.join(calls[2], here[4], "192.0.2.8")


async def test_a_screen_takes_a_free_seat_and_nobody_elses(work: Workshop) -> None:
    """A call may grow beyond its two while there is room; the seat beside one who waits stays free."""
    calls = [await work.consented() for _ in range(2)]
    async with open_studio(work, max_legs=4) as studio, AsyncExitStack() as stack:
        here = [await stack.enter_async_context(Publisher(SOUND_ONLY)) for _ in range(4)]
        ada = await studio.agent(*calls)
        first = await studio.live(calls[0], here[0])
        await studio.live(calls[1], here[1])
        await studio.live(calls[0], here[2], by=ada)
        with pytest.raises(BusyError):
            await studio.join(calls[0], here[3], by=ada, kind=LegKind.SCREEN)
        await studio.legs.hang_up(calls[0].id, first.leg_id, by=work.visitor(calls[0]))
        await studio.live(calls[1], here[3], by=ada)
        async with Publisher(SOUND_ONLY) as screen:
            await studio.join(calls[1], screen, by=ada, kind=LegKind.SCREEN)


async def test_who_was_lost_finds_the_seat_free(work: Workshop) -> None:
    """A call that waits for its visitor is counted with those that are carried."""
    calls = [await work.consented() for _ in range(2)]
    async with open_studio(work, max_legs=2, rejoin_s=30, **QUICK) as studio, AsyncExitStack() as stack:
        here = [await stack.enter_async_context(Publisher(SOUND_ONLY)) for _ in range(3)]
        await studio.live(calls[0], here[0])
        await studio.lose(here[0])
        with pytest.raises(BusyError):
            await studio.join(calls[1], here[1])
        await studio.live(calls[0], here[2])
