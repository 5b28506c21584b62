"""That an agent wants no recording of a call, as its row says it. Each function works on a held call."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.db.tables import calls, legs
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.model import Id, StopRule


async def rule_of_taking(connection: AsyncConnection, call_id: Id) -> StopRule:
    """Say what becomes of what was recorded before somebody takes a call as one that is not recorded.

    A visitor's waiting is erased. What a visitor and one of the tenant's people said to each other is not an
    agent's to erase: a call that rings again, because an agent was lost, keeps it.
    """
    heard = select(legs.c.id).where(
        legs.c.call_id == call_id, legs.c.person_id.is_not(None), legs.c.connected_at.is_not(None)
    )
    found = (await connection.execute(heard.limit(1))).first()
    return StopRule.ERASE if found is None else StopRule.KEEP


async def write(
    connection: AsyncConnection, ledger: Ledger, call: Row[Any], rule: StopRule, *, by: Id, at: datetime
) -> StopRule:
    """Write it; of two wishes for one call the first counts, but that nothing is kept counts more."""
    if call.unrecorded_rule in {rule.value, StopRule.ERASE.value}:
        return StopRule(call.unrecorded_rule)
    await connection.execute(
        update(calls)
        .where(calls.c.id == call.id)
        .values(unrecorded_at=call.unrecorded_at or at, unrecorded_rule=rule.value)
    )
    await ledger.append(
        connection,
        Entry(
            EntryType.CALL_UNRECORDED,
            tenant_id=call.tenant_id,
            object_id=call.id,
            actor_id=by,
            facts={"rule": rule.value},
        ),
    )
    return rule
