"""The main database. Personal fields are sealed blobs (``LargeBinary``) under an erasable data key.

No column holds a name, an address, a phone number or free text in the clear (docs/THREATS.md).
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    false,
    text,
)

from vault.db.colleague_tables import asks, invitations, team_members, teams
from vault.db.columns import ID_LENGTH, metadata
from vault.db.columns import identifier as _id
from vault.db.columns import reference as _ref
from vault.db.columns import tenant as _tenant
from vault.db.exit_tables import exit_items, exit_volumes, tenant_exits
from vault.db.export_tables import export_sources, exports
from vault.db.keeping_tables import clock_marks, holds, restrictions, retention_changes, retention_rules
from vault.db.ledger_tables import checkpoints, leaf_details, leaves, ledger_nodes
from vault.db.line_tables import leg_quality
from vault.db.replica_tables import replica_debts
from vault.db.types import Json, Moment
from vault.db.visit_tables import own_links

__all__ = [
    "asks",
    "checkpoints",
    "clock_marks",
    "exit_items",
    "exit_volumes",
    "export_sources",
    "exports",
    "holds",
    "invitations",
    "leaf_details",
    "leaves",
    "ledger_nodes",
    "leg_quality",
    "metadata",
    "own_links",
    "replica_debts",
    "restrictions",
    "retention_changes",
    "retention_rules",
    "team_members",
    "teams",
    "tenant_exits",
]

tenants: Final = Table(
    "tenants",
    metadata,
    _id(),
    Column("name", String(200), nullable=False),  # a company's name, shown in every notice
    Column("retention_days", Integer, nullable=False),
    Column("note_days", Integer, nullable=False, server_default="365"),  # how long a note on a call is kept
    Column("dispositions", Json, nullable=True),  # [{"code", "label"}]; none: those of vault.calls.notes
    Column("on_withdrawal", String(10), nullable=False, server_default="erase"),  # vault.model.StopRule
    Column("created_at", Moment, nullable=False),
    Column("leaving_at", Moment, nullable=True),  # no call begins any more; the rest goes on until
    Column("left_at", Moment, nullable=True),  # from here on nothing of it is served to anybody
)

people: Final = Table(
    "people",
    metadata,
    _id(),
    _tenant(),
    Column("role", String(20), nullable=False),
    Column("profile", LargeBinary, nullable=True),  # sealed: name, e-mail
    _ref("issuer_id", "issuers.id", nullable=True),
    Column("subject_index", LargeBinary(32), nullable=True),  # keyed hash of the issuer's `sub`
    Column("created_at", Moment, nullable=False),
    Column("disabled_at", Moment, nullable=True),
    UniqueConstraint("issuer_id", "subject_index"),
)

issuers: Final = Table(
    "issuers",
    metadata,
    _id(),
    _tenant(),
    Column("name", String(100), nullable=False),
    Column("issuer", String(500), nullable=False),
    Column("audience", String(500), nullable=False),
    Column("algorithm", String(10), nullable=False),  # one per issuer (RFC 8725, 3.1)
    Column("jwks_url", String(1000), nullable=True),
    Column("jwks", Json, nullable=True),
    Column("role_claim", String(100), nullable=True),
    Column("role_map", Json, nullable=False),
    Column("default_role", String(20), nullable=True),
    Column("created_at", Moment, nullable=False),
    Column("disabled_at", Moment, nullable=True),
    UniqueConstraint("issuer", "audience"),
)

sessions: Final = Table(
    "sessions",
    metadata,
    _id(),
    _tenant(),
    _ref("person_id", "people.id", index=True),
    Column("token_hash", LargeBinary(32), nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("ended_at", Moment, nullable=True),
)

login_codes: Final = Table(
    "login_codes",
    metadata,
    Column("code_hash", LargeBinary(32), primary_key=True),
    _tenant(),
    _ref("person_id", "people.id", index=True),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment, nullable=True),
)

revoked_tokens: Final = Table(
    "revoked_tokens",
    metadata,
    Column("jti", String(100), primary_key=True),
    _tenant(),
    Column("expires_at", Moment, nullable=False),
)

buttons: Final = Table(
    "buttons",
    metadata,
    _id(),
    _tenant(),
    Column("name", String(100), nullable=False),
    Column("label", Json, nullable=False),  # {"fr": ..., "en": ...}
    Column("purpose", Json, nullable=False),  # {"fr": ..., "en": ...}, part of the notice
    Column("media", Json, nullable=False),  # ["audio"] or ["audio", "video"]
    Column("allowed_origins", Json, nullable=False),
    Column("records", Boolean, nullable=False),
    Column("retention_days", Integer, nullable=False),
    Column("routing", Json, nullable=False),  # vault.calls.routing: whom it rings, and in which order
    Column("requires_visitor_token", Boolean, nullable=False, server_default=false()),
    Column("created_at", Moment, nullable=False),
    Column("disabled_at", Moment, nullable=True),
)

calls: Final = Table(
    "calls",
    metadata,
    _id(),
    _tenant(),
    _ref("button_id", "buttons.id", index=True),
    Column("state", String(20), nullable=False),
    Column("language", String(5), nullable=False),
    Column("media", Json, nullable=False),
    Column("notice_version", String(40), nullable=False),
    Column("notice_hash", String(64), nullable=False),
    Column("told_days", Integer, nullable=True),  # for which its visitor was told a recording is kept
    Column("keep_days", Integer, nullable=True),  # after its end, for what belongs to the call itself
    Column("personal", LargeBinary, nullable=True),  # sealed: what the widget passed about the visitor, page
    Column("chat_id", String(ID_LENGTH), nullable=True),  # whose data key seals what was written in it
    Column("created_at", Moment, nullable=False),
    Column("ringing_since", Moment, nullable=True),
    Column("ringing_ended_at", Moment, nullable=True),  # it rings from the one moment to the other
    Column("nobody_at", Moment, nullable=True),  # when its visitor was told that nobody is going to answer
    _ref("taken_by", "people.id", nullable=True, index=True),
    Column("taken_at", Moment, nullable=True),
    Column("unrecorded_at", Moment, nullable=True),  # from here on an agent wants no recording
    Column("unrecorded_rule", String(10), nullable=True),
    Column("ended_at", Moment, nullable=True),
    Column("end_reason", String(40), nullable=True),
    Column("erased_at", Moment, nullable=True),
    Column("invitation_id", String(ID_LENGTH), nullable=True),  # of the link it was opened with, if any
    Column(
        "index_owed_at", Moment, nullable=True
    ),  # since when it should be found by its visitor, and is not
    Index(None, "tenant_id", "created_at", "id"),
    Index(None, "state"),
    Index(None, "invitation_id"),
    Index(
        "ix_calls_ringing",
        "ringing_since",
        sqlite_where=text("ringing_since IS NOT NULL AND ringing_ended_at IS NULL"),
        postgresql_where=text("ringing_since IS NOT NULL AND ringing_ended_at IS NULL"),
    ),
    Index(
        "ix_calls_index_owed",
        "id",
        sqlite_where=text("index_owed_at IS NOT NULL"),
        postgresql_where=text("index_owed_at IS NOT NULL"),
    ),
    Index(
        "ix_calls_unrecorded",
        "id",
        sqlite_where=text("unrecorded_rule IS NOT NULL"),
        postgresql_where=text("unrecorded_rule IS NOT NULL"),
    ),
)

call_indexes: Final = Table(
    "call_indexes",  # keyed hashes by which calls are found again exactly (vault.calls.visitors)
    metadata,
    Column("call_id", String(ID_LENGTH), ForeignKey("calls.id"), primary_key=True),
    Column("field", String(20), primary_key=True),
    _tenant(),
    Column("keyed", LargeBinary(32), nullable=False),
    Index(None, "tenant_id", "field", "keyed"),
)

messages: Final = Table(
    "messages",
    metadata,
    _id(),
    _tenant(),
    _ref("call_id", "calls.id"),
    Column("chat_id", String(ID_LENGTH), nullable=False),
    Column("n", Integer, nullable=False),  # the place in its call
    Column("role", String(20), nullable=False),
    _ref("person_id", "people.id", nullable=True, index=True),  # none for the visitor
    Column("key_hash", LargeBinary(32), nullable=False),  # of who sends and the key they chose
    Column("sealed", LargeBinary, nullable=False),
    Column("at", Moment, nullable=False),
    UniqueConstraint("call_id", "n"),
    UniqueConstraint("call_id", "key_hash"),
    Index(None, "chat_id"),
)

notes: Final = Table(
    "notes",
    metadata,
    _id(),
    _tenant(),
    _ref("call_id", "calls.id"),
    _ref("person_id", "people.id", index=True),
    Column("version", Integer, nullable=False),
    Column("disposition", String(40), nullable=True),  # a code of the tenant's list
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("retain_until", Moment, nullable=False),
    UniqueConstraint("call_id", "person_id"),
    Index(None, "retain_until"),
)

presence: Final = Table(
    "presence",
    metadata,
    Column("person_id", String(ID_LENGTH), ForeignKey("people.id"), primary_key=True),
    _tenant(),
    Column("available", Boolean, nullable=False),
    Column("since", Moment, nullable=False),  # of the last change
    Index(None, "tenant_id"),
)

participants: Final = Table(
    "participants",  # the tenant's people in a call; its visitor needs no row
    metadata,
    Column("call_id", String(ID_LENGTH), ForeignKey("calls.id"), primary_key=True),
    Column("person_id", String(ID_LENGTH), ForeignKey("people.id"), primary_key=True),
    _tenant(),
    Column("joined_at", Moment, nullable=False),
    Column("left_at", Moment, nullable=True),
    Column(
        "handed_over_at", Moment, nullable=True
    ),  # they gave the call to a colleague: no way back by a leg
    Index(None, "person_id", "left_at"),
)

rings: Final = Table(
    "rings",
    metadata,
    _id(),
    _tenant(),
    _ref("call_id", "calls.id"),
    _ref("person_id", "people.id"),
    Column("state", String(20), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("ended_at", Moment, nullable=True),
    Column("ask_id", String(ID_LENGTH), nullable=True),  # none where a visitor waits to be answered
    Index(None, "call_id"),
    Index(None, "ask_id"),
    Index(
        "uq_rings_ringing",  # a call rings once on a screen
        "call_id",
        "person_id",
        unique=True,
        sqlite_where=text("state = 'ringing'"),
        postgresql_where=text("state = 'ringing'"),
    ),
    Index(None, "person_id"),
    Index(None, "state"),
)

legs: Final = Table(
    "legs",
    metadata,
    _id(),
    _tenant(),
    _ref("call_id", "calls.id"),
    Column("role", String(20), nullable=False),
    _ref("person_id", "people.id", nullable=True, index=True),  # none for the visitor
    Column("kind", String(20), nullable=False),
    Column("state", String(20), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("connected_at", Moment, nullable=True),
    Column("ended_at", Moment, nullable=True),
    Column("end_reason", String(40), nullable=True),
    Index(None, "call_id"),
    Index(None, "state"),
)

consents: Final = Table(
    "consents",
    metadata,
    _id(),
    _tenant(),
    _ref("call_id", "calls.id"),
    Column("choice", String(20), nullable=False),
    Column("language", String(5), nullable=False),
    Column("notice_version", String(40), nullable=False),
    Column("notice_hash", String(64), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("at", Moment, nullable=False),
    Column("withdrawn_at", Moment, nullable=True),
    Column("withdrawal_rule", String(10), nullable=True),  # the tenant's, as it was then
    Index(None, "call_id"),
    Index(
        "ix_consents_withdrawn",
        "call_id",
        sqlite_where=text("withdrawn_at IS NOT NULL"),
        postgresql_where=text("withdrawn_at IS NOT NULL"),
    ),
)

pauses: Final = Table(
    "pauses",  # secure pauses: while one is open, nothing of its call is kept
    metadata,
    _id(),
    _tenant(),
    _ref("call_id", "calls.id"),
    Column("begun_at", Moment, nullable=False),
    Column("ended_at", Moment, nullable=True),
    Column("end_cause", String(20), nullable=True),  # resumed, or call_ended
    Index(
        "uq_pauses_open",  # one at a time
        "call_id",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index(None, "call_id"),
)

media: Final = Table(
    "media",
    metadata,
    _id(),
    _tenant(),
    Column("kind", String(20), nullable=False),
    _ref("call_id", "calls.id"),
    _ref("leg_id", "legs.id", index=True),  # of an export: of the first of its recordings, and nobody is told
    _ref("button_id", "buttons.id", index=True),
    Column("gen", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("started_at", Moment, nullable=True),
    Column("started_us", BigInteger, nullable=True),  # the same moment on the clock of the fragments
    Column("ended_at", Moment, nullable=True),
    Column("duration_ms", BigInteger, nullable=True),
    Column("size_bytes", BigInteger, nullable=True),  # of the plain media part
    Column("content_type", String(100), nullable=True),
    Column("codecs", Json, nullable=False),
    Column("recovered", Boolean, nullable=False),
    Column("fragments", Integer, nullable=True),  # how many were cut up to the last end of a leg
    Column("end_reason", String(40), nullable=True),
    Column("retain_until", Moment, nullable=False),
    Column("restricted_at", Moment, nullable=True),  # while it is: neither opened nor erased
    Column("erased_at", Moment, nullable=True),
    Index(None, "tenant_id", "created_at", "id"),
    Index(None, "call_id"),
    Index(None, "state"),
)

recording_legs: Final = Table(
    "recording_legs",  # the legs that a recording came by, one after the other; ``media.leg_id`` is the first
    metadata,
    Column("media_id", String(ID_LENGTH), ForeignKey("media.id"), primary_key=True),
    Column("leg_id", String(ID_LENGTH), ForeignKey("legs.id"), primary_key=True),
    _tenant(),
    Column("ordinal", Integer, nullable=False),  # from 0; the track numbers of its fragments tell it
    Column("first_fragment", Integer, nullable=False),
    UniqueConstraint("media_id", "ordinal"),
    Index(None, "leg_id"),
)

parts: Final = Table(
    "parts",
    metadata,
    Column("media_id", String(ID_LENGTH), ForeignKey("media.id"), primary_key=True),
    Column("gen", Integer, primary_key=True),
    Column("part", String(20), primary_key=True),
    Column("object_key", String(512), nullable=False),
    Column("segment_bytes", Integer, nullable=False),
    Column("plain_bytes", BigInteger, nullable=False),
    Column("sealed_bytes", BigInteger, nullable=False),
    Column("sealed_sha256", LargeBinary(32), nullable=False),
    Column("content_type", String(100), nullable=False),
    Column("placement", Json, nullable=False),
    Column("created_at", Moment, nullable=False),
)

links: Final = Table(
    "links",
    metadata,
    _id(),
    _tenant(),
    _ref("media_id", "media.id"),
    Column("principal_id", String(ID_LENGTH), nullable=False),
    Column("path_hash", LargeBinary(32), nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("revoked_at", Moment, nullable=True),
    Column("uses", Integer, nullable=False),
    Index(None, "media_id"),
)

deletion_requests: Final = Table(
    "deletion_requests",
    metadata,
    _id(),
    _tenant(),
    Column("requested_by", String(ID_LENGTH), nullable=False),
    Column("scope", String(20), nullable=False),  # media, call, visitor, chat or note
    Column("call_id", String(ID_LENGTH), nullable=True),  # where all that it reaches is of this one call
    Column("reason", String(40), nullable=False),
    Column("requested_at", Moment, nullable=False),
    Column("completed_at", Moment, nullable=True),
    Index(None, "tenant_id", "requested_at", "id"),
    Index(None, "call_id"),
)

erasures: Final = Table(
    "erasures",
    metadata,
    _id("object_id"),  # a media item, a call, its chat, a note: whatever has a data key of its own
    _tenant(),
    _ref("request_id", "deletion_requests.id"),
    Column("kind", String(20), nullable=False),
    Column(
        "call_id", String(ID_LENGTH), nullable=True
    ),  # that it hangs from, where it does: holds name calls
    Column("begun_at", Moment, nullable=True),  # from here on no hold comes in between
    Column("held_leaf", BigInteger, nullable=True),  # of the entry that says it was held
    Column("state", String(20), nullable=False),
    Column("evidence", Json, nullable=False),  # commitment, digests, counts, other keys' names
    Column("epoch", Integer, nullable=True),  # as the evidence has it: which receipts wait for its end
    Column("live_erased_at", Moment, nullable=True),
    Column("completed_at", Moment, nullable=True),
    Column("leaf_index", BigInteger, nullable=True),
    Index(None, "request_id"),
    Index(None, "state"),
    Index(None, "tenant_id", "epoch"),
)

idempotency: Final = Table(
    "idempotency",
    metadata,
    Column("key_hash", LargeBinary(32), primary_key=True),  # of credential, path and key together
    _tenant(),
    Column("request_hash", LargeBinary(32), nullable=False),
    Column("status", Integer, nullable=True),  # none while the first request runs
    Column("sealed_response", LargeBinary, nullable=True),
    Column("created_at", Moment, nullable=False),
)
