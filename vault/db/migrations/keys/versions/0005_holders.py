"""Several holders of epoch keys: whose an epoch is, and which tenants brought their own."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward."""
    op.add_column(
        "epochs", sa.Column("holder", sa.String(length=40), server_default="default", nullable=False)
    )
    op.add_column("epochs", sa.Column("told_after", sa.JSON(), server_default="[]", nullable=False))
    op.create_table(
        "tenant_holders",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("holder", sa.String(length=40), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_tenant_holders")),
    )
