"""Every reference has an index, so that a row can be deleted without reading whole tables for who names it."""

from typing import Final

from alembic import op

revision = "0020"
down_revision = "0018"
branch_labels = None
depends_on = None

REFERENCES: Final = (
    ("sessions", "person_id"),
    ("login_codes", "person_id"),
    ("calls", "button_id"),
    ("calls", "taken_by"),
    ("messages", "person_id"),
    ("notes", "person_id"),
    ("legs", "person_id"),
    ("media", "leg_id"),
    ("media", "button_id"),
    ("asks", "call_id"),
    ("asks", "asked_by"),
    ("asks", "person_id"),
    ("asks", "taken_by"),
    ("invitations", "button_id"),
    ("invitations", "person_id"),
)


def upgrade() -> None:
    """Move the schema forward."""
    for table, column in REFERENCES:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
