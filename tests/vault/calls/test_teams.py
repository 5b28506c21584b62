"""Teams: made by administrators, asked anew at each ring, and never gone while a button rings them."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.vault.calls.desk import Desk, open_desk
from tests.vault.media.workshop import Workshop
from vault.calls.routing import Routing
from vault.calls.teams import Teams
from vault.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from vault.model import Id, Role, new_id


@pytest.fixture
async def any_desk(any_work: Workshop) -> AsyncIterator[Desk]:
    """A desk on each kind of database."""
    async with open_desk(any_work) as opened:
        yield opened


def teams_of(work: Workshop) -> Teams:
    """The teams of a process."""
    return Teams(work.database, work.ledger, work.clock)


async def a_team(work: Workshop, name: str, *person_ids: Id) -> Id:
    """A team with people in it."""
    team = await teams_of(work).create(name, by=work.by())
    for person_id in person_ids:
        await teams_of(work).add_member(team.id, person_id, by=work.by())
    return team.id


async def test_a_team_is_made_filled_renamed_and_deleted(any_desk: Desk) -> None:
    """Each act is in the ledger with the administrator's pseudonym; who it was about is sealed there."""
    work, teams = any_desk.work, teams_of(any_desk.work)
    ada, ben = await any_desk.person("Ada"), await any_desk.person("Ben")
    team_id = await a_team(work, "Heating", ada.id, ben.id, ada.id)
    assert (await teams.one(team_id, by=work.by())).person_ids == (ada.id, ben.id)
    assert (await teams.rename(team_id, "Boilers", by=work.by())).name == "Boilers"
    assert (await teams.rename(team_id, "Boilers", by=work.by())).name == "Boilers"
    await teams.remove_member(team_id, ada.id, by=work.by())
    (found,) = await teams.list(by=work.by())
    assert (found.name, found.person_ids) == ("Boilers", (ben.id,))
    await teams.delete(team_id, by=work.by())
    assert list(await teams.list(by=work.by())) == []
    told = list(reversed(await work.ledger.history(team_id)))
    types = ["created", "joined", "joined", "changed", "left", "deleted"]
    assert [entry.type for entry in told] == [f"team.{type_}" for type_ in types]
    assert [entry.detail.get("person") for entry in told] == [None, ada.id, ben.id, None, ada.id, None]
    await work.keys.forget(object_id=ada.id)
    assert [entry.detail for entry in await work.ledger.history(team_id)][1] == {}


async def test_two_teams_of_a_tenant_have_two_names(any_desk: Desk) -> None:
    """Whoever hands a call to a team picks it by its name; another tenant's name is no matter."""
    work, teams = any_desk.work, teams_of(any_desk.work)
    await a_team(work, "Heating")
    other = await a_team(work, "Water")
    with pytest.raises(ConflictError):
        await teams.create("Heating", by=work.by())
    with pytest.raises(ConflictError):
        await teams.rename(other, "Heating", by=work.by())
    elsewhere = await work.tenants.add(name="Other", retention_days=30)
    await teams.create("Heating", by=work.by(tenant_id=elsewhere))


async def test_only_who_answers_calls_is_in_a_team(any_desk: Desk) -> None:
    """A team that rang an auditor would ring nobody; strangers and their teams look missing."""
    work, teams = any_desk.work, teams_of(any_desk.work)
    team_id = await a_team(work, "Heating")
    auditor, ada = await any_desk.person("Oda", Role.AUDITOR), await any_desk.person("Ada")
    with pytest.raises(InvalidError):
        await teams.add_member(team_id, auditor.id, by=work.by())
    elsewhere = await work.tenants.add(name="Other", retention_days=30)
    stranger = await any_desk.person("Eve", tenant_id=elsewhere)
    for who in (stranger.id, new_id("per"), "nonsense"):
        with pytest.raises(NotFoundError):
            await teams.add_member(team_id, who, by=work.by())
        with pytest.raises(NotFoundError):
            await teams.remove_member(team_id, who, by=work.by())
    theirs = work.by(tenant_id=elsewhere)
    for team in (team_id, new_id("team"), "nonsense"):
        for act in (
            teams.one(team, by=theirs),
            teams.rename(team, "x", by=theirs),
            teams.add_member(team, stranger.id, by=theirs),
            teams.remove_member(team, ada.id, by=theirs),
            teams.delete(team, by=theirs),
        ):
            with pytest.raises(NotFoundError):
                await act


@pytest.mark.parametrize("role", [Role.AGENT, Role.SUPERVISOR, Role.AUDITOR, Role.SERVICE])
async def test_only_administrators_make_and_change_teams(work: Workshop, role: Role) -> None:
    """The use case checks, whatever door was taken."""
    teams, team_id, by = teams_of(work), await a_team(work, "Heating"), work.by(role)
    for act in (
        teams.create("x", by=by),
        teams.rename(team_id, "x", by=by),
        teams.add_member(team_id, new_id("per"), by=by),
        teams.remove_member(team_id, new_id("per"), by=by),
        teams.delete(team_id, by=by),
    ):
        with pytest.raises(ForbiddenError):
            await act


async def test_a_button_rings_whoever_is_in_its_teams_now(any_desk: Desk) -> None:
    """Members of any of its teams, once each; nobody else; who is put in later is rung, too."""
    work, teams = any_desk.work, teams_of(any_desk.work)
    await any_desk.ringing.start()
    ada, ben, cleo = [await any_desk.agent(name) for name in ("Ada", "Ben", "Cleo")]
    first = await a_team(work, "Heating", ada.who.id, ben.who.id)
    second = await a_team(work, "Water", ben.who.id)
    call, _, _ = await any_desk.press(await any_desk.button(Routing("teams", team_ids=(first, second))))
    assert [state for _, state in await any_desk.rings(call.id)] == ["ringing", "ringing"]
    assert (ada.types(), ben.types(), cleo.types()) == (["call.ringing"], ["call.ringing"], [])
    await teams.add_member(second, cleo.who.id, by=work.by())
    await cleo.hears("call.ringing")


async def test_who_leaves_a_team_or_is_turned_off_is_rung_no_more(any_desk: Desk) -> None:
    """Without anybody asking: the change itself leads to a look at what rings."""
    work, teams = any_desk.work, teams_of(any_desk.work)
    await any_desk.ringing.start()
    admin = await any_desk.person("Root", Role.ADMIN)
    ada, ben, cleo = [await any_desk.agent(name) for name in ("Ada", "Ben", "Cleo")]
    team_id = await a_team(work, "Heating", *(screen.who.id for screen in (ada, ben, cleo)))
    call, visitor, _ = await any_desk.press(await any_desk.button(Routing("teams", team_ids=(team_id,))))
    await teams.remove_member(team_id, ada.who.id, by=work.by())
    await ada.hears("call.gone")
    await any_desk.people.change(ben.who.id, by=admin, disabled=True)
    await ben.hears("call.gone")
    for screen in (ada, ben):
        with pytest.raises(ConflictError):
            await any_desk.ringing.take(call.id, by=screen.who)
    await teams.remove_member(team_id, cleo.who.id, by=work.by())
    await visitor.hears("call.nobody")


async def test_a_button_names_teams_of_its_tenant_or_is_refused(any_desk: Desk) -> None:
    """Each fault points at its entry; an empty list would ring nobody."""
    work = any_desk.work
    ours = await a_team(work, "Heating")
    elsewhere = await work.tenants.add(name="Other", retention_days=30)
    theirs = await teams_of(work).create("Heating", by=work.by(tenant_id=elsewhere))
    for bad in (theirs.id, new_id("team")):
        with pytest.raises(InvalidError) as refused:
            await any_desk.button(Routing("teams", team_ids=(ours, bad)))
        (fault,) = refused.value.faults
        assert (fault.where, fault.code) == ("#/routing/team_ids/1", "not_a_team")
    with pytest.raises(InvalidError):
        await any_desk.button(Routing("teams"))
    button = await any_desk.button()
    changed = await work.buttons.change(button.id, by=work.by(), routing=Routing("teams", team_ids=(ours,)))
    assert changed.routing.team_ids == (ours,)


async def test_a_team_that_a_button_rings_is_not_deleted(any_work: Workshop) -> None:
    """Neither before nor at the same instant: of a button and a deletion one comes first."""
    async with open_desk(any_work) as desk:
        team_id = await a_team(any_work, "Heating")
        done = await asyncio.gather(
            desk.button(Routing("teams", team_ids=(team_id,))),
            teams_of(await any_work.reborn()).delete(team_id, by=any_work.by()),
            return_exceptions=True,
        )
        assert sum(isinstance(one, ConflictError | InvalidError) for one in done) == 1
        kept = await a_team(any_work, "Water")
        button = await desk.button(Routing("teams", team_ids=(kept,)))
        with pytest.raises(ConflictError, match="a button rings this team"):
            await teams_of(any_work).delete(kept, by=any_work.by())
        await any_work.buttons.change(button.id, by=any_work.by(), routing=Routing())
        await teams_of(any_work).delete(kept, by=any_work.by())
