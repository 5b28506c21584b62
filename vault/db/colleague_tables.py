"""Tables of how agents reach each other and call visitors back: teams, asks, invitations."""

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, String, Table, UniqueConstraint, text

from vault.db.columns import ID_LENGTH, identifier, metadata, reference, tenant
from vault.db.types import Json, Moment

teams: Final = Table(
    "teams",
    metadata,
    identifier(),
    tenant(),
    Column("name", String(100), nullable=False),  # of a group, never of a person
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("tenant_id", "name"),
)

team_members: Final = Table(
    "team_members",
    metadata,
    Column("team_id", String(ID_LENGTH), ForeignKey("teams.id"), primary_key=True),
    Column("person_id", String(ID_LENGTH), ForeignKey("people.id"), primary_key=True),
    tenant(),
    Column("since", Moment, nullable=False),
    Index(None, "person_id"),
)

asks: Final = Table(
    "asks",  # somebody in a call asks a colleague to take it over or to join it
    metadata,
    identifier(),
    tenant(),
    reference("call_id", "calls.id", index=True),
    Column("purpose", String(20), nullable=False),
    reference("asked_by", "people.id", index=True),
    reference("person_id", "people.id", nullable=True, index=True),
    Column("team_id", String(ID_LENGTH), nullable=True),  # no reference: a team may be deleted
    Column("state", String(20), nullable=False),
    reference("taken_by", "people.id", nullable=True, index=True),
    Column("created_at", Moment, nullable=False),
    Column("taken_at", Moment, nullable=True),
    Column("ended_at", Moment, nullable=True),
    Index(
        "uq_asks_open",  # one at a time: whoever waits knows for whom
        "call_id",
        unique=True,
        sqlite_where=text("state IN ('ringing', 'taken')"),
        postgresql_where=text("state IN ('ringing', 'taken')"),
    ),
    Index(None, "state"),
)

invitations: Final = Table(
    "invitations",  # an agent invites a visitor to call: the outgoing call
    metadata,
    identifier(),
    tenant(),
    reference("button_id", "buttons.id", index=True),
    reference("person_id", "people.id", index=True),
    Column("secret_hash", LargeBinary(32), nullable=False),
    Column("personal", LargeBinary, nullable=True),  # sealed: what the agent said of the visitor
    Column("indexes", Json, nullable=True),  # keyed hashes of reference, address and number, in hex
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("opened_at", Moment, nullable=True),
    Column("call_id", String(ID_LENGTH), nullable=True),  # the last one it opened; the call names it, too
    Column("ended_at", Moment, nullable=True),
    Column("end_reason", String(20), nullable=True),  # used, revoked or expired
    Column("erased_at", Moment, nullable=True),
    Index(None, "tenant_id", "erased_at"),
    Index(None, "ended_at"),
)
