"""The visitor's own link: one for each call, silent about what is wrong with it, there for the receipt."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.vault.media.workshop import Workshop, open_workshop
from vault.calls.own_links import AFTERWARDS, MadeOwnLink
from vault.clock import TurnableClock
from vault.db.tables import leaves, media, own_links
from vault.errors import ForbiddenError, NotFoundError
from vault.model import ErasureReason, Role, new_id

START = datetime(2026, 11, 1, tzinfo=UTC)


async def stored(work: Workshop) -> list[tuple[str, bytes, datetime]]:
    """The rows: whose, the hash, until when."""
    async with work.database.read() as connection:
        found = await connection.execute(select(own_links).order_by(own_links.c.call_id))
        return [(row.call_id, row.secret_hash, row.expires_at) for row in found]


async def is_good(work: Workshop, made: MadeOwnLink) -> bool:
    """Whether a link still leads to its call."""
    try:
        return (await work.own_links.visit(made.call_id, made.secret)).call_id == made.call_id
    except NotFoundError:
        return False


async def test_a_second_link_takes_the_place_of_the_first(any_work: Workshop) -> None:
    """One row for each call; its secret is not in it; each making and each visit is in the ledger."""
    work = any_work
    call = await work.consented()
    by = work.visitor(call)
    first = await work.own_links.make(call.id, by=by)
    second = await work.own_links.make(call.id, by=by)
    assert (await is_good(work, first), await is_good(work, second)) == (False, True)
    ((whose, hashed, _),) = await stored(work)
    assert whose == call.id
    assert second.secret.encode() not in hashed
    assert second.secret not in repr(second)
    async with work.database.read() as connection:
        told = (await connection.execute(select(leaves.c.type, leaves.c.object_id, leaves.c.leaf))).all()
    of_links = [row.type for row in told if row.object_id == call.id and row.type.startswith("own_link")]
    assert of_links == ["own_link.made", "own_link.made", "own_link.opened"]
    assert second.secret not in "".join(row.leaf for row in told)


async def test_many_at_once_leave_one_that_is_good(any_work: Workshop) -> None:
    """Two pages that end at the same moment: the last one written counts, and there is one row."""
    call = await any_work.consented()
    by = any_work.visitor(call)
    made = await asyncio.gather(*(any_work.own_links.make(call.id, by=by) for _ in range(5)))
    assert [await is_good(any_work, one) for one in made].count(True) == 1
    assert len(await stored(any_work)) == 1


async def test_a_link_is_made_by_its_own_visitor_only(work: Workshop) -> None:
    """Another call's visitor finds nothing; the tenant's people and a visit may not."""
    call, other = await work.consented(), await work.consented()
    with pytest.raises(NotFoundError):
        await work.own_links.make(call.id, by=work.visitor(other))
    missing = new_id("call")
    with pytest.raises(NotFoundError):
        await work.own_links.make(missing, by=replace(work.visitor(call), call_id=missing))
    visit = replace(work.visitor(call), is_visit=True)
    for who in (*(work.by(role) for role in set(Role) - {Role.VISITOR}), visit):
        with pytest.raises(ForbiddenError):
            await work.own_links.make(call.id, by=who)


async def test_whatever_is_wrong_with_a_link_looks_the_same(work: Workshop) -> None:
    """A guess, another call's, one that never was, one without a link: one error, one sentence."""
    call, other = await work.consented(), await work.consented()
    made = await work.own_links.make(call.id, by=work.visitor(call))
    told = set()
    for call_id, secret in (
        (call.id, "A" * 22),
        (other.id, made.secret),
        (new_id("call"), made.secret),
        ("call_", made.secret),
        (call.id, ""),
    ):
        with pytest.raises(NotFoundError) as refused:
            await work.own_links.visit(call_id, secret)
        told.add(str(refused.value))
    assert len(told) == 1


async def test_a_link_of_a_company_that_left_leads_nowhere(work: Workshop) -> None:
    """From the moment at which its end is asked for."""
    call = await work.call()
    made = await work.own_links.make(call.id, by=work.visitor(call))
    assert await is_good(work, made)
    await work.calls.end_unjoined(opened_before=work.clock.now() + timedelta(days=1))
    await work.requests.of_tenant(work.tenant_id)
    assert not await is_good(work, made)


async def test_a_link_outlives_what_it_leads_to_and_then_goes(tmp_path: Path) -> None:
    """P17: thirty days after the last recording's day, or after an erasure that came before it."""
    clock = TurnableClock(START)
    async with open_workshop(tmp_path, clock=clock) as work:
        kept, erased = await work.consented(), await work.consented()
        await work.ready(call=kept)
        made = [await work.own_links.make(one.id, by=work.visitor(one)) for one in (kept, erased)]
        async with work.database.read() as connection:
            last = (await connection.execute(select(media.c.retain_until))).scalars().first()
        assert last is not None
        assert made[0].expires_at == last + AFTERWARDS
        await work.requests.of_call(erased.id, ErasureReason.VISITOR_REQUEST, by=work.by())
        assert await work.keeper.turn() == 0
        assert [await is_good(work, one) for one in made] == [True, True]
        clock.turn(AFTERWARDS)
        await work.keeper.turn()
        assert [await is_good(work, one) for one in made] == [True, False]
        assert [row[0] for row in await stored(work)] == [kept.id]
        clock.turn(made[0].expires_at - clock.now() - timedelta(seconds=1))
        assert await is_good(work, made[0])
        clock.turn(timedelta(seconds=1))
        assert not await is_good(work, made[0])
        await work.own_links.end_over()
        assert await stored(work) == []
