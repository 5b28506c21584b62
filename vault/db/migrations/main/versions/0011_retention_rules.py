"""Retention rules of a tenant and of a button, and what a call's visitor was told."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward; a button whose days are not its tenant's has a rule of its own."""
    op.create_table(
        "retention_rules",
        sa.Column("scope", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_retention_rules_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("scope", "kind", name=op.f("pk_retention_rules")),
    )
    op.create_index(op.f("ix_retention_rules_tenant_id"), "retention_rules", ["tenant_id"])
    op.execute(
        "INSERT INTO retention_rules (scope, kind, tenant_id, days, set_at) "
        "SELECT b.id, 'recording', b.tenant_id, b.retention_days, b.created_at FROM buttons b "
        "JOIN tenants t ON t.id = b.tenant_id WHERE b.retention_days <> t.retention_days"
    )
    op.add_column("calls", sa.Column("told_days", sa.Integer(), nullable=True))
    op.add_column("calls", sa.Column("keep_days", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE calls SET told_days = (SELECT retention_days FROM buttons WHERE buttons.id = calls.button_id)"
    )
    op.execute("UPDATE calls SET keep_days = told_days")
