"""How a leg's line did."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward."""
    op.create_table(
        "leg_quality",
        sa.Column("leg_id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("call_id", sa.String(length=40), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("still_ms", sa.BigInteger(), nullable=False),
        sa.Column("mean_bits_per_s", sa.BigInteger(), nullable=True),
        sa.Column("mean_missed_permille", sa.Integer(), nullable=True),
        sa.Column("worst_missed_permille", sa.Integer(), nullable=True),
        sa.Column("mean_sound_lost_permille", sa.Integer(), nullable=True),
        sa.Column("worst_sound_lost_permille", sa.Integer(), nullable=True),
        sa.Column("mean_received_lost_permille", sa.Integer(), nullable=True),
        sa.Column("worst_received_lost_permille", sa.Integer(), nullable=True),
        sa.Column("mean_jitter_ms", sa.Integer(), nullable=True),
        sa.Column("worst_jitter_ms", sa.Integer(), nullable=True),
        sa.Column("mean_round_trip_ms", sa.Integer(), nullable=True),
        sa.Column("worst_round_trip_ms", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name=op.f("fk_leg_quality_call_id_calls")),
        sa.ForeignKeyConstraint(["leg_id"], ["legs.id"], name=op.f("fk_leg_quality_leg_id_legs")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_leg_quality_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("leg_id", name=op.f("pk_leg_quality")),
    )
    op.create_index(op.f("ix_leg_quality_call_id"), "leg_quality", ["call_id"], unique=False)
