"""Tenants whose keys are forgotten for good, so that nothing makes them anew."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward."""
    op.create_table(
        "forgotten_tenants",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_forgotten_tenants")),
    )
