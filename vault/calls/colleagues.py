"""Colleagues: whom somebody in a call can ask, and who is free at this moment."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.calls.asks import Ask
from vault.calls.cards import Cards
from vault.calls.presence import available_agents
from vault.calls.teams import members
from vault.calls.turns import Turns
from vault.db.engine import Database
from vault.db.tables import issuers, people, team_members, teams
from vault.errors import Fault, InvalidError
from vault.model import Id
from vault.policy import Permission, Principal, require, roles_with

MAX_SHOWN: Final = 500  # people; a longer list is nobody's choice, and each name is opened


class Availability(StrEnum):
    """Whether somebody would be rung now."""

    FREE = "free"
    BUSY = "busy"  # in a call
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Colleague:
    """One of the tenant's people who answer calls, as the others who do see them."""

    id: Id
    name: str
    state: Availability


@dataclass(frozen=True, slots=True)
class ColleagueTeam:
    """A team, with how many of it would be rung now."""

    id: Id
    name: str
    free: int


class Colleagues:
    """Lists them, and says whom an ask rings."""

    def __init__(self, database: Database, cards: Cards, turns: Turns) -> None:
        self._database = database
        self._cards = cards
        self._turns = turns

    async def list(self, *, by: Principal) -> tuple[list[Colleague], list[ColleagueTeam]]:
        """Name everybody else of the tenant who answers calls, and its teams; who is free comes first."""
        require(by, Permission.CALL_ANSWER)
        async with self._database.read() as connection:
            ids = [row.id for row in await connection.execute(_answering(by.tenant_id).limit(MAX_SHOWN))]
            agents = await available_agents(connection, tenant_id=by.tenant_id, call_id=Id(""))
            rows = await connection.execute(
                select(teams.c.id, teams.c.name, team_members.c.person_id)
                .outerjoin(team_members, team_members.c.team_id == teams.c.id)
                .where(teams.c.tenant_id == by.tenant_id)
                .order_by(teams.c.name, teams.c.id)
            )
            inside = rows.all()
        states = {
            agent.id: Availability.BUSY if agent.busy else Availability.FREE
            for agent in agents
            if self._turns.listens(agent.id)
        }
        shown = [
            Colleague(
                one,
                await self._cards.name_of(one, tenant_id=by.tenant_id),
                states.get(one, Availability.AWAY),
            )
            for one in ids
            if one != by.id
        ]
        ranks = list(Availability)
        shown.sort(key=lambda one: (ranks.index(one.state), one.name.casefold(), one.id))
        free = {one.id for one in shown if one.state is Availability.FREE}
        found: dict[Id, ColleagueTeam] = {}
        for row in inside:
            before = found[row.id].free if row.id in found else 0
            found[row.id] = ColleagueTeam(row.id, row.name, before + (row.person_id in free))
        return shown, list(found.values())

    async def require(self, *, person_id: str | None, team_id: str | None, by: Principal) -> None:
        """Raise InvalidError for oneself, and for whoever is not the tenant's or answers no calls."""
        async with self._database.read() as connection:
            if team_id is not None:
                query = select(teams.c.id).where(teams.c.id == team_id, teams.c.tenant_id == by.tenant_id)
                if (await connection.execute(query)).first() is None:
                    fault = Fault("#/team_id", "not_a_team", "name a team of yours")
                    raise InvalidError("this is no team of yours", [fault])
                return
            known = await connection.execute(_answering(by.tenant_id).where(people.c.id == (person_id or "")))
            if person_id == by.id or known.first() is None:
                fault = Fault("#/person_id", "not_answering", "name somebody of yours who answers calls")
                raise InvalidError("this is nobody who could be asked", [fault])

    async def asked(self, connection: AsyncConnection, ask: Ask) -> set[Id]:
        """Name whom an ask may ring now: a team is asked anew each time."""
        if ask.person_id is not None:
            return {ask.person_id}
        return await members(connection, [] if ask.team_id is None else [ask.team_id])

    async def team_name(self, connection: AsyncConnection, team_id: Id | None) -> str:
        """Give a team's name; empty for one that was deleted."""
        name = await connection.execute(select(teams.c.name).where(teams.c.id == team_id))
        return name.scalar_one_or_none() or ""


def _answering(tenant_id: Id) -> Select[tuple[str]]:
    return (
        select(people.c.id)
        .outerjoin(issuers, issuers.c.id == people.c.issuer_id)
        .where(
            people.c.tenant_id == tenant_id,
            people.c.role.in_(roles_with(Permission.CALL_ANSWER)),
            people.c.disabled_at.is_(None),
            issuers.c.disabled_at.is_(None),
        )
        .order_by(people.c.id)
    )
