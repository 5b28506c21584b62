"""Why a call rings no longer: that nobody is going to answer is kept, apart from its visitor's giving up."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward. Of earlier calls nobody knows why: those that nobody took count as told so."""
    op.add_column("calls", sa.Column("nobody_at", sa.BigInteger(), nullable=True))
    op.execute("UPDATE calls SET nobody_at = ringing_ended_at WHERE taken_by IS NULL")
