"""Links: one person, one recording, minutes; and what the ledger says of them."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.vault.media.crashes import Wire
from tests.vault.media.workshop import CANARY, Workshop, open_workshop
from vault.clock import TurnableClock
from vault.db.tables import leaves, links
from vault.errors import ConflictError, ErasedError, ForbiddenError, LinkDeadError, NotFoundError
from vault.model import ErasureReason, Id, Role, new_id
from vault.policy import Principal

START = datetime(2026, 11, 23, 8, tzinfo=UTC)


async def colleague(work: Workshop, role: Role = Role.AGENT) -> Principal:
    """Somebody else of the tenant, with a name in the ledger."""
    person = new_id("per")
    await work.keys.create_data_key(tenant_id=work.tenant_id, object_id=person)
    return Principal(person, work.tenant_id, role)


async def types(work: Workshop, media_id: str) -> list[str]:
    """What the ledger has of a recording, oldest first."""
    return [entry.type for entry in await work.ledger.history(media_id)][::-1]


async def test_a_link_opens_for_its_maker_and_further_uses_are_told_at_its_close(any_work: Workshop) -> None:
    """The first use is an entry, the others are counted; the purpose is told with it."""
    begun = await any_work.ready()
    link = await any_work.links.make(begun.media_id, f"asked by {CANARY}", by=any_work.by())
    for _ in range(3):
        grant = await any_work.links.use(link.path, by=any_work.by())
    assert (grant.media_id, grant.link_id) == (begun.media_id, link.id)
    assert await any_work.links.alive(grant)
    assert (await types(any_work, begun.media_id))[-2:] == ["link.made", "media.viewed"]
    made = (await any_work.ledger.history(begun.media_id))[1]
    assert made.detail["purpose"] == f"asked by {CANARY}"
    async with any_work.database.read() as connection:
        row = (await connection.execute(select(links))).one()
        texts = "".join(leaf.leaf for leaf in await connection.execute(select(leaves.c.leaf)))
    assert row.uses == 1  # what writes; the further ones are counted until the closing entry
    assert link.path not in str(row)
    assert CANARY not in texts


async def test_requests_that_come_at_once_are_one_view(any_work: Workshop) -> None:
    """A player asks for picture, peaks and media together: one entry."""
    begun = await any_work.ready()
    link = await any_work.links.make(begun.media_id, "x", by=any_work.by())
    other = await any_work.reborn()
    rooms = [any_work.links, other.links]
    await asyncio.gather(*(rooms[n % 2].use(link.path, by=any_work.by()) for n in range(8)))
    assert (await types(any_work, begun.media_id)).count("media.viewed") == 1


async def test_a_link_is_dead_for_everybody_else_and_says_no_more(work: Workshop) -> None:
    """P7: another person, another tenant, a guess: one answer."""
    begun = await work.ready()
    link = await work.links.make(begun.media_id, "x", by=work.by())
    said = []
    for path, by in (
        (link.path, await colleague(work)),
        (link.path, work.by(tenant_id=new_id("ten"))),
        ("A" * 22, work.by()),
        ("", work.by()),
    ):
        with pytest.raises(LinkDeadError) as refused:
            await work.links.use(path, by=by)
        said.append(str(refused.value))
    assert len(set(said)) == 1


async def test_a_person_whose_role_was_lost_opens_nothing(work: Workshop) -> None:
    """The right is asked of the role of now, not of the role the link was made with."""
    begun = await work.ready()
    link = await work.links.make(begun.media_id, "x", by=work.by())
    with pytest.raises(ForbiddenError):
        await work.links.use(link.path, by=Principal(work.tenant_id, work.tenant_id, Role.AUDITOR))


@pytest.mark.parametrize(("seconds", "alive"), [(299, True), (300, False), (3_600, False)])
async def test_a_link_expires(
    tmp_path: Path,
    seconds: int,
    alive: bool,  # noqa: FBT001  # a column of the table
) -> None:
    """Five minutes, for the next request and for a stream that runs."""
    clock = TurnableClock(START)
    async with open_workshop(tmp_path, clock=clock) as work:
        begun = await work.ready()
        link = await work.links.make(begun.media_id, "x", by=work.by())
        grant = await work.links.use(link.path, by=work.by())
        assert link.expires_at == START + timedelta(seconds=300)
        clock.turn(timedelta(seconds=seconds))
        assert await work.links.alive(grant) is alive
        if not alive:
            with pytest.raises(LinkDeadError):
                await work.links.use(link.path, by=work.by())


async def test_a_revoked_link_is_dead_at_once_and_told_once(any_work: Workshop) -> None:
    """Revoking again is harmless."""
    begun = await any_work.ready()
    link = await any_work.links.make(begun.media_id, "x", by=any_work.by())
    grant = await any_work.links.use(link.path, by=any_work.by())
    for _ in range(2):
        await any_work.links.revoke(link.id, by=any_work.by())
    assert not await any_work.links.alive(grant)
    with pytest.raises(LinkDeadError):
        await any_work.links.use(link.path, by=any_work.by())
    assert (await types(any_work, begun.media_id)).count("link.revoked") == 1


async def test_who_may_revoke_whose_link(work: Workshop) -> None:
    """One's own, or any of the tenant's with the right to erase; a foreign link is not there."""
    begun = await work.ready()
    agent = await colleague(work)
    link = await work.links.make(begun.media_id, "x", by=agent)
    with pytest.raises(ForbiddenError):
        await work.links.revoke(link.id, by=await colleague(work))
    for link_id, by in (
        (link.id, work.by(tenant_id=new_id("ten"))),
        (new_id("lnk"), work.by()),
        (Id("nonsense"), work.by()),
    ):
        with pytest.raises(NotFoundError):
            await work.links.revoke(link_id, by=by)
    await work.links.revoke(link.id, by=await colleague(work, Role.SUPERVISOR))
    other = await work.links.make(begun.media_id, "x", by=agent)
    await work.links.revoke(other.id, by=agent)


async def test_a_link_is_made_for_what_is_ready_and_ones_own_only(work: Workshop) -> None:
    """Unfinished is a conflict, foreign is missing, a role that may not play makes none."""
    unfinished, begun = await work.ended(), await work.ready()
    with pytest.raises(ConflictError):
        await work.links.make(unfinished.media_id, "x", by=work.by())
    for media_id, by in ((begun.media_id, work.by(tenant_id=new_id("ten"))), (new_id("rec"), work.by())):
        with pytest.raises(NotFoundError):
            await work.links.make(media_id, "x", by=by)
    for role in (Role.AUDITOR, Role.SERVICE, Role.VISITOR):
        with pytest.raises(ForbiddenError):
            await work.links.make(begun.media_id, "x", by=work.by(role))
    await work.requests.of_media(begun.media_id, ErasureReason.OTHER, by=work.by())
    with pytest.raises(ErasedError):
        await work.links.make(begun.media_id, "x", by=work.by())


async def test_a_used_link_is_closed_in_the_ledger_when_its_time_is_over(tmp_path: Path) -> None:
    """One closing entry with the number of requests; unused and running links have none."""
    clock = TurnableClock(START)
    async with open_workshop(tmp_path, clock=clock) as work:
        begun = await work.ready()
        used = await work.links.make(begun.media_id, "x", by=work.by())
        await work.links.make(begun.media_id, "never used", by=work.by())
        for _ in range(4):
            await work.links.use(used.path, by=work.by())
        assert await work.links.close_expired() == 0
        clock.turn(timedelta(minutes=6))
        assert [await work.links.close_expired() for _ in range(2)] == [1, 0]
        closing = (await work.ledger.history(begun.media_id))[0]
        assert (closing.type, closing.facts["requests"]) == ("media.view_closed", 4)
        assert closing.detail == {"person": work.tenant_id}


async def test_a_company_that_leaves_keeps_no_link_of_others_from_being_closed(tmp_path: Path) -> None:
    """Nor does one whose key is gone: that is said of everybody else's."""
    clock = TurnableClock(START)
    async with open_workshop(tmp_path, clock=clock) as work:
        houses = [work]
        for name in ("B", "C"):
            tenant_id = await work.tenants.add(name=name, retention_days=30)
            houses.append(Workshop(work.ground, Wire(), tenant_id))
        made = {}
        for house in houses:
            made[house.tenant_id] = await house.ready()
            link = await house.links.make(made[house.tenant_id].media_id, "x", by=house.by())
            await house.links.use(link.path, by=house.by())
        clock.turn(timedelta(minutes=6))
        leaving, keyless, staying = houses
        await work.requests.of_tenant(leaving.tenant_id)
        for house in (leaving, keyless):
            await work.keys.forget_tenant(house.tenant_id)
        assert await work.links.close_expired() == 1
        told = await staying.ledger.history(made[staying.tenant_id].media_id)
        assert told[0].type == "media.view_closed"


async def test_two_programs_close_a_link_once(tmp_path: Path) -> None:
    """Both may find it; the row decides whose entry counts."""
    clock = TurnableClock(START)
    async with open_workshop(tmp_path, clock=clock) as work:
        begun = await work.ready()
        used = await work.links.make(begun.media_id, "x", by=work.by())
        await work.links.use(used.path, by=work.by())
        clock.turn(timedelta(minutes=6))
        other = await work.reborn()
        closed = await asyncio.gather(*(one.links.close_expired() for one in (work, other, work, other)))
        assert sum(closed) == 1
        told = [entry.type for entry in await work.ledger.history(begun.media_id)]
        assert told.count("media.view_closed") == 1
