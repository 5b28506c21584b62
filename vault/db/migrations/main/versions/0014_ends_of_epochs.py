"""Ends of epochs: which entry of the ledger says that an epoch's key was destroyed."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward."""
    op.create_table(
        "epoch_ends",
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("leaf_index", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["leaf_index"], ["leaves.leaf_index"], name=op.f("fk_epoch_ends_leaf_index_leaves")
        ),
        sa.PrimaryKeyConstraint("epoch", name=op.f("pk_epoch_ends")),
    )
