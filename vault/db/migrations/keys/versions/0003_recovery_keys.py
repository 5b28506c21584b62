"""Recovery keys: what data keys are sealed to while the provider does not answer."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward."""
    op.create_table(
        "recovery_keys",
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("voucher", sa.LargeBinary(length=32), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("epoch", name=op.f("pk_recovery_keys")),
    )
    op.add_column(
        "data_keys", sa.Column("in_recovery", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.create_index(op.f("ix_data_keys_in_recovery"), "data_keys", ["in_recovery"])
