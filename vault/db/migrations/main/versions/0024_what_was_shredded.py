"""What the ledger says is shredded is found without reading the whole ledger: at each start, and in a drill."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward."""
    shredded = sa.text("type = 'object.shredded'")
    op.create_index(
        "ix_leaves_shredded", "leaves", ["leaf_index"], sqlite_where=shredded, postgresql_where=shredded
    )
