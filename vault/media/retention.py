"""How many days a thing is kept: the most specific rule counts (docs/PRIVACY.md, how long things are kept).

A button's rule comes before its tenant's, the tenant's before the house's. A recording is never kept longer
than its visitor was told; what belongs to a call, never longer than a recording of it would be; an export,
never longer than the first of its recordings.
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.db.tables import buttons, retention_rules, tenants
from vault.model import RuleKind


async def days_of(connection: AsyncConnection, button_id: str, kind: RuleKind, *, else_: int = 0) -> int:
    """Tell for how many days something of a button's call is kept that begins now.

    ``else_`` is the house's number for an export, which neither button nor tenant need have one for.
    """
    query = (
        select(buttons.c.tenant_id, buttons.c.retention_days, tenants.c.note_days)
        .join(tenants, tenants.c.id == buttons.c.tenant_id)
        .where(buttons.c.id == button_id)
    )
    button = (await connection.execute(query)).one()
    if kind is RuleKind.RECORDING:  # the rule of the button or the tenant, as it was written to the button
        return int(button.retention_days)
    rules = await connection.execute(
        select(retention_rules.c.scope, retention_rules.c.days).where(
            retention_rules.c.scope.in_([button_id, button.tenant_id]), retention_rules.c.kind == kind.value
        )
    )
    found = {row.scope: int(row.days) for row in rules}
    said = found.get(button_id, found.get(button.tenant_id))
    if kind is RuleKind.NOTE:
        return int(button.note_days) if said is None else said
    if kind is RuleKind.EXPORT:
        return else_ if said is None else said
    return int(button.retention_days) if said is None else min(said, int(button.retention_days))
