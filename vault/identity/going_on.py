"""Whether those who stay may stay: sockets, playbacks and legs ask every few seconds, and get one answer.

However many ask in one turn of the loop, it is a few reads on one connection: rights have to be looked up
in time on a busy machine too, and nothing that is looked up is remembered.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.db.engine import Database
from vault.db.tables import calls, issuers, people, revoked_tokens
from vault.identity.sessions import Sessions
from vault.identity.tenants import is_here
from vault.model import Role
from vault.policy import Principal

AT_ONCE: Final = 200  # principals in one statement


class GoingOn:
    """Answers for a database."""

    def __init__(self, database: Database, sessions: Sessions) -> None:
        self._database = database
        self._sessions = sessions
        self._asked: dict[Principal, asyncio.Future[Role | None]] = {}
        self._answering: set[asyncio.Task[None]] = set()

    async def role_of(self, who: Principal) -> Role | None:
        """Tell the role that somebody has now; None where they, their session, token or call are gone.

        Raises DependencyError where the database does not answer.
        """
        future = self._asked.get(who)
        if future is None:
            if not self._asked:
                task = asyncio.create_task(self._answer(), name="going-on")
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
            future = self._asked[who] = asyncio.get_running_loop().create_future()
        return await asyncio.shield(future)  # who gives up asking does not ask for the others

    async def _answer(self) -> None:
        await asyncio.sleep(0)  # whoever asks in this turn of the loop is answered with it
        asked, self._asked = self._asked, {}
        try:
            roles = await self._roles(list(asked))
        except Exception as error:  # noqa: BLE001  # each of them is told, and decides
            for future in asked.values():
                future.set_exception(error)
            return
        for who, future in asked.items():
            future.set_result(roles.get(who))

    async def _roles(self, asked: Sequence[Principal]) -> dict[Principal, Role]:
        roles: dict[Principal, Role] = {}
        async with self._database.read() as connection:
            for start in range(0, len(asked), AT_ONCE):
                roles |= await self._some(connection, asked[start : start + AT_ONCE])
        return roles

    async def _some(self, connection: AsyncConnection, asked: Sequence[Principal]) -> dict[Principal, Role]:
        revoked = await _revoked(connection, {who.token_id for who in asked if who.token_id is not None})
        named = {who.session_id for who in asked if who.session_id is not None}
        live = await self._sessions.live(connection, named) if named else set()
        visitors = await _calls(connection, [who for who in asked if who.role is Role.VISITOR])
        others = await _people(connection, [who for who in asked if who.role is not Role.VISITOR])
        return {
            who: role
            for who in asked
            if who.token_id not in revoked
            and (who.session_id is None or who.session_id in live)
            and (role := (visitors if who.role is Role.VISITOR else others).get((who.id, who.tenant_id)))
        }


async def _revoked(connection: AsyncConnection, names: set[str]) -> set[str]:
    if not names:
        return set()
    query = select(revoked_tokens.c.jti).where(revoked_tokens.c.jti.in_(names))
    return set((await connection.execute(query)).scalars())


async def _calls(connection: AsyncConnection, who: Sequence[Principal]) -> dict[tuple[str, str], Role]:
    """Find the calls that are there: a visitor is named as theirs is."""
    if not who:
        return {}
    query = select(calls.c.id, calls.c.tenant_id).where(
        tuple_(calls.c.id, calls.c.tenant_id).in_(_names(who)),
        calls.c.erased_at.is_(None),
        is_here(calls.c.tenant_id),
    )
    return {(row.id, row.tenant_id): Role.VISITOR for row in await connection.execute(query)}


async def _people(connection: AsyncConnection, who: Sequence[Principal]) -> dict[tuple[str, str], Role]:
    """Find the people and services that are turned on, and whose issuer is."""
    if not who:
        return {}
    query = (
        select(people.c.id, people.c.tenant_id, people.c.role)
        .outerjoin(issuers, issuers.c.id == people.c.issuer_id)
        .where(
            tuple_(people.c.id, people.c.tenant_id).in_(_names(who)),
            people.c.disabled_at.is_(None),
            issuers.c.disabled_at.is_(None),
        )
    )
    return {(row.id, row.tenant_id): Role(row.role) for row in await connection.execute(query)}


def _names(who: Sequence[Principal]) -> list[tuple[str, str]]:
    return [(each.id, each.tenant_id) for each in who]
