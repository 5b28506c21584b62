"""Of each leg, how much of its picture never came."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward. Of earlier legs nobody kept it."""
    for which in ("mean", "worst"):
        op.add_column("leg_quality", sa.Column(f"{which}_picture_lost_permille", sa.Integer(), nullable=True))
