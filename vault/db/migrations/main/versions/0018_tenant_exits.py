"""Tenants that leave."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward."""
    op.add_column("tenants", sa.Column("leaving_at", sa.BigInteger(), nullable=True))
    op.add_column("tenants", sa.Column("left_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "tenant_exits",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("recipient", sa.String(length=200), nullable=True),
        sa.Column("notify", sa.LargeBinary(), nullable=True),
        sa.Column("told", sa.String(length=20), server_default="", nullable=False),
        sa.Column("grace_days", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.String(length=40), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("volumes", sa.JSON(), nullable=False),
        sa.Column("after", sa.String(length=40), server_default="", nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("waits_for", sa.String(length=20), nullable=True),
        sa.Column("request_id", sa.String(length=40), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_tenant_exits_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenant_exits")),
    )
    op.create_index(op.f("ix_tenant_exits_tenant_id"), "tenant_exits", ["tenant_id"])
    op.create_index(op.f("ix_tenant_exits_state"), "tenant_exits", ["state"])
