"""Chat, notes, and the indexes by which calls are found."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move the schema forward."""
    op.add_column("tenants", sa.Column("note_days", sa.Integer(), server_default="365", nullable=False))
    op.add_column("tenants", sa.Column("dispositions", sa.JSON(), nullable=True))
    op.add_column(
        "buttons",
        sa.Column("requires_visitor_token", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    _indexes()
    op.add_column("calls", sa.Column("chat_id", sa.String(length=40), nullable=True))
    op.create_index("ix_calls_tenant_id_created_at_id", "calls", ["tenant_id", "created_at", "id"])
    _messages()
    _notes()


def _indexes() -> None:
    """Move the index of references to where every index is; the keyed hashes stay as they are."""
    op.create_table(
        "call_indexes",
        sa.Column("call_id", sa.String(length=40), nullable=False),
        sa.Column("field", sa.String(length=20), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("keyed", sa.LargeBinary(length=32), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_call_indexes_call_id_calls"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_call_indexes_tenant_id_tenants"),
        sa.PrimaryKeyConstraint("call_id", "field", name="pk_call_indexes"),
    )
    op.create_index("ix_call_indexes_tenant_id_field_keyed", "call_indexes", ["tenant_id", "field", "keyed"])
    op.execute(
        "INSERT INTO call_indexes (call_id, field, tenant_id, keyed) "
        "SELECT id, 'reference', tenant_id, visitor_index FROM calls WHERE visitor_index IS NOT NULL"
    )
    op.drop_index("ix_calls_tenant_id_visitor_index", "calls")
    # Not in a batch: that would copy the table, and lose what SQLite keeps of its partial index.
    op.execute("ALTER TABLE calls DROP COLUMN visitor_index")


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("call_id", sa.String(length=40), nullable=False),
        sa.Column("chat_id", sa.String(length=40), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("person_id", sa.String(length=40), nullable=True),
        sa.Column("key_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_messages_call_id_calls"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_messages_person_id_people"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_messages_tenant_id_tenants"),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
        sa.UniqueConstraint("call_id", "key_hash", name="uq_messages_call_id_key_hash"),
        sa.UniqueConstraint("call_id", "n", name="uq_messages_call_id_n"),
    )
    op.create_index("ix_messages_chat_id", "messages", ["chat_id"])


def _notes() -> None:
    op.create_table(
        "notes",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("call_id", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("disposition", sa.String(length=40), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("retain_until", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_notes_call_id_calls"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_notes_person_id_people"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_notes_tenant_id_tenants"),
        sa.PrimaryKeyConstraint("id", name="pk_notes"),
        sa.UniqueConstraint("call_id", "person_id", name="uq_notes_call_id_person_id"),
    )
    op.create_index("ix_notes_retain_until", "notes", ["retain_until"])
