"""Calls that began while the key provider was away: they are found by what is known of their visitor later."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward."""
    op.add_column("calls", sa.Column("index_owed_at", sa.BigInteger(), nullable=True))
    owed = sa.text("index_owed_at IS NOT NULL")
    op.create_index("ix_calls_index_owed", "calls", ["id"], sqlite_where=owed, postgresql_where=owed)
