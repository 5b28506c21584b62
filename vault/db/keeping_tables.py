"""How long things are kept, and what keeps them: a tenant's rules, legal holds, restrictions."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, text

from vault.db.columns import ID_LENGTH, identifier, metadata, reference, tenant
from vault.db.types import Moment

retention_rules: Final = Table(
    "retention_rules",  # a tenant's days for recordings and notes, and what no rule says, stand elsewhere
    metadata,
    Column("scope", String(ID_LENGTH), primary_key=True),  # a button, or the tenant itself
    Column("kind", String(20), primary_key=True),  # vault.model.RuleKind
    tenant(),
    Column("days", Integer, nullable=False),
    Column("set_at", Moment, nullable=False),
    Index(None, "tenant_id"),
)

holds: Final = Table(
    "holds",  # legal holds: while one lasts, nothing of what it covers is erased
    metadata,
    identifier(),
    tenant(),
    reference("call_id", "calls.id"),
    Column("media_id", String(ID_LENGTH), nullable=True),  # none: the whole call, with all that hangs from it
    Column("ground", String(30), nullable=False),  # vault.model.HoldGround
    Column("sealed", LargeBinary, nullable=True),  # the reason, under the call's key
    Column("owner_id", String(ID_LENGTH), nullable=False),  # who answers for it
    Column("placed_by", String(ID_LENGTH), nullable=False),
    Column("placed_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("release_asked_by", String(ID_LENGTH), nullable=True),
    Column("release_asked_at", Moment, nullable=True),
    Column("ended_at", Moment, nullable=True),
    Column("ended_by", String(ID_LENGTH), nullable=True),
    Column("end_reason", String(20), nullable=True),  # released or expired
    Index(None, "call_id"),
    Index(None, "tenant_id", "id"),
    Index(
        "ix_holds_lasting",
        "expires_at",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

restrictions: Final = Table(
    "restrictions",  # Art. 18 GDPR: while one lasts, what it covers is neither opened nor erased
    metadata,
    identifier(),
    tenant(),
    reference("call_id", "calls.id"),
    Column("media_id", String(ID_LENGTH), nullable=True),  # none: the whole call
    Column("ground", String(30), nullable=False),  # vault.model.RestrictionGround
    Column("subject", String(10), nullable=False),  # vault.model.RestrictionSubject
    Column("sealed", LargeBinary, nullable=True),  # the reason, under the call's key
    Column("placed_by", String(ID_LENGTH), nullable=False),
    Column("placed_at", Moment, nullable=False),
    Column("lifted_by", String(ID_LENGTH), nullable=True),
    Column("lifted_at", Moment, nullable=True),
    Index(None, "call_id"),
    Index(None, "tenant_id", "id"),
)

clock_marks: Final = Table(
    "clock_marks",  # one row: what the clocks said when they were last believed (vault.rights.sentry)
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("wall_at", Moment, nullable=False),
    Column("monotonic_ms", BigInteger, nullable=False),  # at the same moment, on the clock of this boot
    Column("boot", String(40), nullable=False),
    Column("seen_at", Moment, nullable=False),  # on the wall, the last time it was believed
    Column("halted_at", Moment, nullable=True),
    Column("jump_s", BigInteger, nullable=True),
)

retention_changes: Final = Table(
    "retention_changes",  # rules made shorter for what is kept already, on their day
    metadata,
    identifier(),
    tenant(),
    Column("kind", String(20), nullable=False),
    Column("button_id", String(ID_LENGTH), nullable=True),  # none: wherever no button has a rule of its own
    Column("days", Integer, nullable=False),
    Column("moves", Integer, nullable=False),  # how many things, when it was asked for
    Column("state", String(20), nullable=False, server_default="waiting"),  # vault.rights.changes.ChangeState
    Column("asked_by", String(ID_LENGTH), nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("applies_at", Moment, nullable=False),
    Column("ended_at", Moment, nullable=True),  # applied or cancelled
    Index(None, "tenant_id", "id"),
    Index(None, "state", "applies_at"),
)
