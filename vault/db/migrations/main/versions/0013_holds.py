"""Legal holds, and erasures that know their call and whether they have begun."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward; what is being erased now counts as begun."""
    _holds()
    op.add_column("erasures", sa.Column("call_id", sa.String(length=40), nullable=True))
    op.add_column("erasures", sa.Column("begun_at", sa.BigInteger(), nullable=True))
    op.add_column("erasures", sa.Column("held_leaf", sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE erasures SET begun_at = (SELECT requested_at FROM deletion_requests "
        "WHERE deletion_requests.id = erasures.request_id)"
    )
    op.execute("UPDATE erasures SET call_id = object_id WHERE kind = 'call'")
    op.execute(
        "UPDATE erasures SET call_id = (SELECT call_id FROM media WHERE media.id = erasures.object_id) "
        "WHERE kind IN ('recording', 'export')"
    )


def _holds() -> None:
    op.create_table(
        "holds",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("call_id", sa.String(length=40), nullable=False),
        sa.Column("media_id", sa.String(length=40), nullable=True),
        sa.Column("ground", sa.String(length=30), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("owner_id", sa.String(length=40), nullable=False),
        sa.Column("placed_by", sa.String(length=40), nullable=False),
        sa.Column("placed_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("release_asked_by", sa.String(length=40), nullable=True),
        sa.Column("release_asked_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.String(length=40), nullable=True),
        sa.Column("end_reason", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name=op.f("fk_holds_call_id_calls")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_holds_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
    )
    op.create_index(op.f("ix_holds_call_id"), "holds", ["call_id"])
    op.create_index(op.f("ix_holds_tenant_id_id"), "holds", ["tenant_id", "id"])
    lasting = sa.text("ended_at IS NULL")
    op.create_index(
        "ix_holds_lasting", "holds", ["expires_at"], sqlite_where=lasting, postgresql_where=lasting
    )
