"""A recording goes on over legs."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward."""
    op.create_table(
        "recording_legs",
        sa.Column("media_id", sa.String(length=40), nullable=False),
        sa.Column("leg_id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("first_fragment", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["leg_id"], ["legs.id"], name=op.f("fk_recording_legs_leg_id_legs")),
        sa.ForeignKeyConstraint(["media_id"], ["media.id"], name=op.f("fk_recording_legs_media_id_media")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_recording_legs_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("media_id", "leg_id", name=op.f("pk_recording_legs")),
        sa.UniqueConstraint("media_id", "ordinal", name=op.f("uq_recording_legs_media_id_ordinal")),
    )
    op.create_index(op.f("ix_recording_legs_leg_id"), "recording_legs", ["leg_id"], unique=False)
    # Recordings of before came by one leg each.
    op.execute(
        "INSERT INTO recording_legs (media_id, leg_id, tenant_id, ordinal, first_fragment) "
        "SELECT id, leg_id, tenant_id, 0, 0 FROM media"
    )
    op.add_column("media", sa.Column("started_us", sa.BigInteger(), nullable=True))
