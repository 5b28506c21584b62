"""The visitor's own link to a call, and requests for erasure that are about one call."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward."""
    op.create_table(
        "own_links",
        sa.Column("call_id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name=op.f("fk_own_links_call_id_calls")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_own_links_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_own_links")),
    )
    op.create_index(op.f("ix_own_links_expires_at"), "own_links", ["expires_at"])
    op.add_column("deletion_requests", sa.Column("call_id", sa.String(length=40), nullable=True))
    op.create_index(op.f("ix_deletion_requests_call_id"), "deletion_requests", ["call_id"])
