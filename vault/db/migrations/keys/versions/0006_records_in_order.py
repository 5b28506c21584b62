"""A turn reads an epoch's records page by page in their order, and what waits in recovery is few of many.

Without these, SQLite went by whether a record is in recovery, read all of them for each page, and sorted them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward."""
    op.drop_index("ix_data_keys_in_recovery", "data_keys")
    op.drop_index("ix_data_keys_epoch", "data_keys")
    op.create_index("ix_data_keys_epoch_object_id_gen", "data_keys", ["epoch", "object_id", "gen"])
    op.create_index(
        "ix_data_keys_waiting",
        "data_keys",
        ["object_id", "gen"],
        sqlite_where=sa.text("in_recovery IS 1"),
        postgresql_where=sa.text("in_recovery IS true"),
    )
