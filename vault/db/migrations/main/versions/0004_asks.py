"""Asking colleagues: to take a call over, or to join it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

OPEN = sa.text("state IN ('ringing', 'taken')")


def upgrade() -> None:
    """Move the schema forward."""
    op.create_table(
        "asks",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("call_id", sa.String(length=40), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("asked_by", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.String(length=40), nullable=True),
        sa.Column("team_id", sa.String(length=40), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("taken_by", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["asked_by"], ["people.id"], name=op.f("fk_asks_asked_by_people")),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name=op.f("fk_asks_call_id_calls")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_asks_person_id_people")),
        sa.ForeignKeyConstraint(["taken_by"], ["people.id"], name=op.f("fk_asks_taken_by_people")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_asks_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asks")),
    )
    op.create_index(
        "uq_asks_open", "asks", ["call_id"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.create_index(op.f("ix_asks_state"), "asks", ["state"], unique=False)
    op.add_column("rings", sa.Column("ask_id", sa.String(length=40), nullable=True))
    op.create_index(op.f("ix_rings_ask_id"), "rings", ["ask_id"], unique=False)
    op.add_column("participants", sa.Column("handed_over_at", sa.BigInteger(), nullable=True))
