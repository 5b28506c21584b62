"""Looks that were counted, so that none is counted twice; the epoch of what was erased, to be found by it."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward."""
    op.create_table(
        "looks_counted",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("next_index", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_looks_counted_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_looks_counted")),
    )
    op.create_table(
        "looks",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("button_id", sa.String(length=40), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_looks_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "month", "button_id", "type", name=op.f("pk_looks")),
    )
    op.add_column("erasures", sa.Column("epoch", sa.Integer(), nullable=True))
    op.create_index(op.f("ix_erasures_tenant_id_epoch"), "erasures", ["tenant_id", "epoch"])
    said = {
        "postgresql": "CAST(evidence ->> 'epoch' AS integer)",
        "sqlite": "json_extract(evidence, '$.epoch')",
    }
    op.execute(f"UPDATE erasures SET epoch = {said[op.get_context().dialect.name]}")  # noqa: S608  # a constant
