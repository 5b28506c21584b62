"""Teams: groups of a tenant's people that buttons ring and calls are handed to.

Who is in a team is asked when it rings, never kept with a button or a call: whoever leaves a team is not
rung by it any more.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.calls.routing import Routing
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import buttons, people, team_members, teams
from vault.errors import ConflictError, Fault, InvalidError, NotFoundError
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.model import Id, is_id, new_id
from vault.policy import Permission, Principal, require, roles_with

MAX_TEAMS: Final = 1_000  # of one tenant; a list of them has no pages
NOWHERE: Final = "there is no such team here"


@dataclass(frozen=True, slots=True)
class Team:
    """A team with the people who are in it, by id."""

    id: Id
    tenant_id: Id
    name: str
    person_ids: tuple[Id, ...]


class Teams:
    """Makes, shows and changes teams."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    async def create(self, name: str, *, by: Principal) -> Team:
        """Make a team with nobody in it; raises ConflictError for a name that another one has."""
        require(by, Permission.PEOPLE_MANAGE)
        team_id = new_id("team")
        ready = await self._ledger.ready(_entry(EntryType.TEAM_CREATED, team_id, by))
        row = {"id": team_id, "tenant_id": by.tenant_id, "name": name, "created_at": self._clock.now()}
        with_others = select(teams.c.id).where(teams.c.tenant_id == by.tenant_id).limit(MAX_TEAMS)
        try:
            async with self._database.write() as connection:
                if len((await connection.execute(with_others)).all()) >= MAX_TEAMS:
                    raise ConflictError("there are as many teams as there may be; delete one first")
                await connection.execute(insert(teams).values(row))
                await self._ledger.append(connection, ready)
        except IntegrityError as cause:
            raise ConflictError("another team has this name") from cause
        return Team(team_id, by.tenant_id, name, ())

    async def list(self, *, by: Principal) -> Sequence[Team]:
        """Give the tenant's teams by name."""
        require(by, Permission.PEOPLE_READ)
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(teams).where(teams.c.tenant_id == by.tenant_id).order_by(teams.c.name, teams.c.id)
            )
            found = rows.all()
            inside = await _members_of_each(connection, [row.id for row in found])
        return [Team(row.id, row.tenant_id, row.name, inside.get(row.id, ())) for row in found]

    async def one(self, team_id: str, *, by: Principal) -> Team:
        """Give one; NotFoundError for another tenant's as for none."""
        require(by, Permission.PEOPLE_READ)
        async with self._database.read() as connection:
            return await self._one(connection, team_id, by)

    async def rename(self, team_id: str, name: str, *, by: Principal) -> Team:
        """Give a team another name; raises ConflictError for one that another team has."""
        require(by, Permission.PEOPLE_MANAGE)
        entry = _entry(EntryType.TEAM_CHANGED, team_id, by)
        try:
            async with self._database.write() as connection:
                team = await self._one(connection, team_id, by, lock=True)
                if team.name == name:
                    return team
                await connection.execute(update(teams).where(teams.c.id == team.id).values(name=name))
                await self._ledger.append(connection, entry)
                return await self._one(connection, team_id, by)
        except IntegrityError as cause:
            raise ConflictError("another team has this name") from cause

    async def add_member(self, team_id: str, person_id: str, *, by: Principal) -> None:
        """Put somebody who answers calls into a team; repeating it is harmless.

        Raises NotFoundError for a team or a person that is not the tenant's, InvalidError for a person whose
        role answers no calls.
        """
        require(by, Permission.PEOPLE_MANAGE)
        async with self._database.write() as connection:
            team = await self._one(connection, team_id, by, lock=True)
            await _require_answering(connection, person_id, by)
            if person_id in team.person_ids:
                return
            row = {"team_id": team.id, "person_id": person_id, "tenant_id": by.tenant_id}
            await connection.execute(insert(team_members).values(row | {"since": self._clock.now()}))
            await self._ledger.append(connection, _of_member(EntryType.TEAM_JOINED, team.id, person_id, by))

    async def remove_member(self, team_id: str, person_id: str, *, by: Principal) -> None:
        """Take somebody out of a team: it rings them no more. NotFoundError where they are not in it."""
        require(by, Permission.PEOPLE_MANAGE)
        async with self._database.write() as connection:
            team = await self._one(connection, team_id, by, lock=True)
            gone = await connection.execute(
                delete(team_members).where(
                    team_members.c.team_id == team.id, team_members.c.person_id == person_id
                )
            )
            if gone.rowcount != 1:
                raise NotFoundError("this person is not in this team")
            await self._ledger.append(connection, _of_member(EntryType.TEAM_LEFT, team.id, Id(person_id), by))

    async def delete(self, team_id: str, *, by: Principal) -> None:
        """Delete a team; raises ConflictError while a button rings it, so that no button rings nobody."""
        require(by, Permission.PEOPLE_MANAGE)
        entry = _entry(EntryType.TEAM_DELETED, team_id, by)
        async with self._database.write() as connection:
            team = await self._one(connection, team_id, by, lock=True)
            rows = await connection.execute(
                select(buttons.c.routing).where(buttons.c.tenant_id == by.tenant_id)
            )
            if any(team.id in Routing.from_json(row.routing).team_ids for row in rows):
                raise ConflictError("a button rings this team; change the button first")
            await connection.execute(delete(team_members).where(team_members.c.team_id == team.id))
            await connection.execute(delete(teams).where(teams.c.id == team.id))
            await self._ledger.append(connection, entry)

    async def _one(
        self, connection: AsyncConnection, team_id: str, by: Principal, *, lock: bool = False
    ) -> Team:
        """Find a team; ``lock`` keeps it as it is until the transaction ends."""
        if not is_id(team_id, "team"):
            raise NotFoundError(NOWHERE)
        query = select(teams).where(teams.c.id == team_id, teams.c.tenant_id == by.tenant_id)
        row = (await connection.execute(query.with_for_update() if lock else query)).first()
        if row is None:
            raise NotFoundError(NOWHERE)
        inside = await _members_of_each(connection, [row.id])
        return Team(row.id, row.tenant_id, row.name, inside.get(row.id, ()))


async def members(connection: AsyncConnection, team_ids: Collection[str]) -> set[Id]:
    """Name the people who are in any of some teams now."""
    if not team_ids:
        return set()
    query = select(team_members.c.person_id).where(team_members.c.team_id.in_(team_ids))
    return {Id(person_id) for person_id in (await connection.execute(query)).scalars()}


async def require_teams(connection: AsyncConnection, team_ids: Sequence[Id], tenant_id: Id) -> None:
    """Raise InvalidError for a team that is not the tenant's; none of the others goes in this transaction."""
    query = select(teams.c.id).where(teams.c.id.in_(team_ids), teams.c.tenant_id == tenant_id)
    known = set((await connection.execute(query.with_for_update(read=True, key_share=True))).scalars())
    faults = [
        Fault(f"#/routing/team_ids/{number}", "not_a_team", "name a team of yours")
        for number, team_id in enumerate(team_ids)
        if team_id not in known
    ]
    if faults:
        raise InvalidError("a team of the list is not one of yours", faults)


async def _members_of_each(
    connection: AsyncConnection, team_ids: Collection[str]
) -> Mapping[str, tuple[Id, ...]]:
    query = (
        select(team_members.c.team_id, team_members.c.person_id)
        .where(team_members.c.team_id.in_(team_ids))
        .order_by(team_members.c.since, team_members.c.person_id)
    )
    found: dict[str, tuple[Id, ...]] = {}
    for row in await connection.execute(query):
        found[row.team_id] = (*found.get(row.team_id, ()), Id(row.person_id))
    return found


async def _require_answering(connection: AsyncConnection, person_id: str, by: Principal) -> None:
    query = select(people.c.role).where(people.c.id == person_id, people.c.tenant_id == by.tenant_id)
    role = (await connection.execute(query)).scalar_one_or_none()
    if role is None:
        raise NotFoundError("there is no such person here")
    if role not in roles_with(Permission.CALL_ANSWER):
        raise InvalidError("the role of this person answers no calls; no team can ring them")


def _entry(type_: EntryType, team_id: str, by: Principal) -> Entry:
    return Entry(type_, tenant_id=by.tenant_id, object_id=team_id, actor_id=by.id)


def _of_member(type_: EntryType, team_id: Id, person_id: str, by: Principal) -> Entry:
    """Who joined or left is sealed under their own key, and goes with it."""
    return Entry(
        type_,
        tenant_id=by.tenant_id,
        object_id=team_id,
        actor_id=by.id,
        detail={"person": person_id},
        detail_key=person_id,
    )
