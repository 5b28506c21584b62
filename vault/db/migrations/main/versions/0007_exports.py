"""Exports of a call's recordings: what was asked for, and of what it is made."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward."""
    op.create_table(
        "exports",
        sa.Column("media_id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("call_id", sa.String(length=40), nullable=False),
        sa.Column("format", sa.String(length=10), nullable=False),
        sa.Column("requested_by", sa.String(length=40), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failure", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name=op.f("fk_exports_call_id_calls")),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name=op.f("fk_exports_media_id_media")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_exports_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("media_id", name=op.f("pk_exports")),
    )
    with op.batch_alter_table("exports", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_exports_call_id"), ["call_id"], unique=False)

    op.create_table(
        "export_sources",
        sa.Column("media_id", sa.String(length=40), nullable=False),
        sa.Column("source_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name=op.f("fk_export_sources_media_id_media")),
        sa.ForeignKeyConstraint(["source_id"], ["media.id"], name=op.f("fk_export_sources_source_id_media")),
        sa.PrimaryKeyConstraint("media_id", "source_id", name=op.f("pk_export_sources")),
    )
    with op.batch_alter_table("export_sources", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_export_sources_source_id"), ["source_id"], unique=False)
