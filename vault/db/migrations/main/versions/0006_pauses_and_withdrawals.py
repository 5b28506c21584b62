"""Secure pauses, consent that is taken back, calls that an agent made unrecorded ones."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward."""
    op.add_column(
        "tenants",
        sa.Column("on_withdrawal", sa.String(length=10), server_default="erase", nullable=False),
    )
    op.add_column("calls", sa.Column("unrecorded_at", sa.BigInteger(), nullable=True))
    op.add_column("calls", sa.Column("unrecorded_rule", sa.String(length=10), nullable=True))
    op.create_index(
        "ix_calls_unrecorded",
        "calls",
        ["id"],
        unique=False,
        sqlite_where=sa.text("unrecorded_rule IS NOT NULL"),
        postgresql_where=sa.text("unrecorded_rule IS NOT NULL"),
    )
    op.add_column("consents", sa.Column("withdrawn_at", sa.BigInteger(), nullable=True))
    op.add_column("consents", sa.Column("withdrawal_rule", sa.String(length=10), nullable=True))
    op.create_index(
        "ix_consents_withdrawn",
        "consents",
        ["call_id"],
        unique=False,
        sqlite_where=sa.text("withdrawn_at IS NOT NULL"),
        postgresql_where=sa.text("withdrawn_at IS NOT NULL"),
    )
    op.create_table(
        "pauses",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("call_id", sa.String(length=40), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("end_cause", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name=op.f("fk_pauses_call_id_calls")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_pauses_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pauses")),
    )
    op.create_index(
        "uq_pauses_open",
        "pauses",
        ["call_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(op.f("ix_pauses_call_id"), "pauses", ["call_id"], unique=False)
