"""What each volume of an exit holds, and indexes of what refers to rows that a company's end deletes."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

REFERRING = {
    "asks": ("call_id", "asked_by", "person_id", "taken_by"),
    "calls": ("button_id", "taken_by"),
    "invitations": ("button_id", "person_id"),
    "legs": ("person_id",),
    "login_codes": ("person_id",),
    "media": ("button_id", "leg_id"),
    "messages": ("person_id",),
    "notes": ("person_id",),
    "sessions": ("person_id",),
}


def upgrade() -> None:
    """Move the schema forward; what lies ready to be taken along is made anew."""
    op.add_column("tenant_exits", sa.Column("notice", sa.String(length=20), nullable=True))
    op.add_column("tenant_exits", sa.Column("volumes_made", sa.Integer(), server_default="0", nullable=False))
    op.add_column("tenant_exits", sa.Column("rows_at", sa.BigInteger(), nullable=True))
    op.drop_column("tenant_exits", "volumes")
    op.drop_column("tenant_exits", "after")
    _volumes()
    _items()
    for table, columns in REFERRING.items():
        for column in columns:
            op.create_index(op.f(f"ix_{table}_{column}"), table, [column])


def _volumes() -> None:
    op.create_table(
        "exit_volumes",
        sa.Column("exit_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=True),
        sa.Column("sealed_bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("items", sa.Integer(), server_default="0", nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["exit_id"], ["tenant_exits.id"], name=op.f("fk_exit_volumes_exit_id_tenant_exits")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_exit_volumes_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("exit_id", "number", name=op.f("pk_exit_volumes")),
    )
    op.create_index(op.f("ix_exit_volumes_tenant_id"), "exit_volumes", ["tenant_id"])


def _items() -> None:
    op.create_table(
        "exit_items",
        sa.Column("exit_id", sa.String(length=40), nullable=False),
        sa.Column("media_id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("withheld", sa.String(length=20), nullable=True),
        sa.Column("taken_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["exit_id"], ["tenant_exits.id"], name=op.f("fk_exit_items_exit_id_tenant_exits")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_exit_items_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("exit_id", "media_id", name=op.f("pk_exit_items")),
    )
    op.create_index(op.f("ix_exit_items_exit_id_number"), "exit_items", ["exit_id", "number"])
    op.create_index(op.f("ix_exit_items_tenant_id_media_id"), "exit_items", ["tenant_id", "media_id"])
    withheld = sa.text("withheld IS NOT NULL")
    op.create_index(
        "ix_exit_items_withheld",
        "exit_items",
        ["exit_id"],
        sqlite_where=withheld,
        postgresql_where=withheld,
    )
