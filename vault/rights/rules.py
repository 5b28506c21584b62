"""Retention rules: for how many days a tenant keeps what, in general and for one button.

A rule is about what begins from now on: what is there already was promised to its visitor for as long as the
rule of its day said. To shorten that as well, ``vault.rights.changes``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import buttons, retention_rules, tenants
from vault.errors import NotFoundError
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.model import Id, RuleKind, is_id
from vault.policy import Permission, Principal, require, require_same_tenant
from vault.settings import Settings

NOTE_DAYS: Final = 365  # CNIL, delib. 2014-474: what is analysed of a recording, at most a year
OF_TENANT: Final = {RuleKind.RECORDING: tenants.c.retention_days, RuleKind.NOTE: tenants.c.note_days}


class Source(StrEnum):
    """Who said a number of days."""

    BUTTON = "button"
    TENANT = "tenant"
    HOUSE = "house"  # the settings, or what another kind has


@dataclass(frozen=True, slots=True)
class Rule:
    """What counts for a kind at a button, or for every button without a rule of its own."""

    kind: RuleKind
    button_id: Id | None
    days: int
    source: Source
    set_at: datetime | None = None


class Rules:
    """Sets and tells them."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock, settings: Settings) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._settings = settings

    async def list(self, *, by: Principal) -> Sequence[Rule]:
        """Tell what counts in general, for each kind, and then what buttons have of their own."""
        require(by, Permission.RETENTION_READ)
        async with self._database.read() as connection:
            return await self.told(connection, by.tenant_id)

    async def told(self, connection: AsyncConnection, tenant_id: Id) -> Sequence[Rule]:
        """Tell a tenant's as ``list`` does, in the caller's own look at the database."""
        general = [await self._general(connection, tenant_id, kind) for kind in RuleKind]
        rows = await connection.execute(
            select(retention_rules)
            .where(retention_rules.c.tenant_id == tenant_id, retention_rules.c.scope != tenant_id)
            .order_by(retention_rules.c.scope, retention_rules.c.kind)
        )
        own = [Rule(RuleKind(row.kind), row.scope, row.days, Source.BUTTON, row.set_at) for row in rows]
        return [*general, *own]

    async def set(self, kind: RuleKind, days: int, *, button_id: str | None, by: Principal) -> Rule:
        """Set a rule for what begins from now on; NotFoundError for a missing or foreign button."""
        require(by, Permission.RETENTION_MANAGE)
        async with self._database.write() as connection:
            await _require_button(connection, button_id, by)
            await self._drop(connection, kind, button_id, by)
            if button_id is not None or kind not in OF_TENANT:
                values = {"tenant_id": by.tenant_id, "days": days, "set_at": self._clock.now()}
                scope = button_id or by.tenant_id
                await connection.execute(
                    insert(retention_rules).values(scope=scope, kind=kind.value, **values)
                )
            await _carry_over(connection, kind, days, button_id, by.tenant_id)
            await self._told(connection, kind, button_id, days, by)
            return await self.counting(connection, kind, button_id, by.tenant_id)

    async def unset(self, kind: RuleKind, *, button_id: str | None, by: Principal) -> Rule:
        """Let the more general rule count again, from now on; tells which that is."""
        require(by, Permission.RETENTION_MANAGE)
        async with self._database.write() as connection:
            await _require_button(connection, button_id, by)
            await self._drop(connection, kind, button_id, by)
            days = self._house(kind)
            if button_id is not None:
                days = (await self._general(connection, by.tenant_id, kind)).days
            await _carry_over(connection, kind, days, button_id, by.tenant_id)
            await self._told(connection, kind, button_id, 0, by)
            return await self.counting(connection, kind, button_id, by.tenant_id)

    async def counting(
        self, connection: AsyncConnection, kind: RuleKind, button_id: str | None, tenant_id: Id
    ) -> Rule:
        """Tell which rule counts: the button's own, else the tenant's, else the house's."""
        row = (
            await connection.execute(
                select(retention_rules).where(
                    retention_rules.c.scope == button_id, retention_rules.c.kind == kind.value
                )
            )
        ).first()
        if row is None:
            rule = await self._general(connection, tenant_id, kind)
        else:
            rule = Rule(kind, row.scope, row.days, Source.BUTTON, row.set_at)
        if kind is not RuleKind.CALL:
            return rule
        recording = await self.counting(connection, RuleKind.RECORDING, button_id, tenant_id)
        is_said = rule.source is not Source.HOUSE
        return replace(rule, days=min(rule.days, recording.days) if is_said else recording.days)

    async def _general(self, connection: AsyncConnection, tenant_id: Id, kind: RuleKind) -> Rule:
        if kind in OF_TENANT:
            found = await connection.execute(select(OF_TENANT[kind]).where(tenants.c.id == tenant_id))
            return Rule(kind, None, found.scalar_one(), Source.TENANT)
        row = (
            await connection.execute(
                select(retention_rules).where(
                    retention_rules.c.scope == tenant_id, retention_rules.c.kind == kind.value
                )
            )
        ).first()
        if row is not None:
            return Rule(kind, None, row.days, Source.TENANT, row.set_at)
        if kind is RuleKind.EXPORT:
            return Rule(kind, None, self._house(kind), Source.HOUSE)
        recording = await self._general(connection, tenant_id, RuleKind.RECORDING)
        return Rule(kind, None, recording.days, Source.HOUSE)

    def _house(self, kind: RuleKind) -> int:
        if kind is RuleKind.NOTE:
            return NOTE_DAYS
        if kind is RuleKind.EXPORT:
            return self._settings.exports.keep_days
        return self._settings.retention.recording_days

    async def _drop(
        self, connection: AsyncConnection, kind: RuleKind, button_id: str | None, by: Principal
    ) -> None:
        scope = button_id or by.tenant_id
        await connection.execute(
            delete(retention_rules).where(
                retention_rules.c.scope == scope, retention_rules.c.kind == kind.value
            )
        )

    async def _told(
        self, connection: AsyncConnection, kind: RuleKind, button_id: str | None, days: int, by: Principal
    ) -> None:
        facts: dict[str, str | int] = {"kind": kind.value, "days": days}  # 0: the more general rule
        entry = Entry(
            EntryType.RETENTION_RULE_SET,
            tenant_id=by.tenant_id,
            object_id=button_id or by.tenant_id,
            actor_id=by.id,
            facts=facts,
        )
        await self._ledger.append(connection, entry)


async def _require_button(connection: AsyncConnection, button_id: str | None, by: Principal) -> None:
    """Hold what the rule is about, so that of two who set it one is the first."""
    if button_id is None:
        await connection.execute(select(tenants.c.id).where(tenants.c.id == by.tenant_id).with_for_update())
        return
    found = await connection.execute(
        select(buttons.c.tenant_id).where(buttons.c.id == button_id).with_for_update()
    )
    owner = found.scalar_one_or_none()
    if owner is None or not is_id(button_id, "btn"):
        raise NotFoundError
    require_same_tenant(by, owner)


async def _carry_over(
    connection: AsyncConnection, kind: RuleKind, days: int, button_id: str | None, tenant_id: Id
) -> None:
    """Write the number to where it is read: notices and recordings read the button's own."""
    values: dict[Any, Any] = {}
    if button_id is None and kind in OF_TENANT:
        values = {OF_TENANT[kind].name: days}
        await connection.execute(update(tenants).where(tenants.c.id == tenant_id).values(values))
    if kind is not RuleKind.RECORDING:
        return
    own = select(retention_rules.c.scope).where(
        retention_rules.c.scope == buttons.c.id, retention_rules.c.kind == kind.value
    )
    which = buttons.c.id == button_id if button_id is not None else ~own.exists()
    await connection.execute(
        update(buttons).where(buttons.c.tenant_id == tenant_id, which).values(retention_days=days)
    )
