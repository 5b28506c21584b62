"""What the places of a replicated object store are owed."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward."""
    op.create_table(
        "replica_debts",
        sa.Column("place", sa.String(length=40), nullable=False),
        sa.Column("object_key", sa.String(length=200), nullable=False),
        sa.Column("act", sa.String(length=10), nullable=False),
        sa.Column("ticket", sa.String(length=16), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claim", sa.String(length=16), nullable=True),
        sa.Column("claimed_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("place", "object_key", name=op.f("pk_replica_debts")),
    )
    op.create_index(op.f("ix_replica_debts_place_due_at"), "replica_debts", ["place", "due_at"])
    op.create_index(op.f("ix_replica_debts_object_key"), "replica_debts", ["object_key"])
