"""Leaves: the exact bytes the tree is made of (docs/FORMAT.md, ledger).

A leaf is canonical JSON, a subset of RFC 8785: sorted keys, no spaces, ASCII, integers, strings and booleans
only. It holds no personal datum: people are pseudonyms, what is personal is committed to under a random key.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from crypto.receipts import LeafValue, canonical_leaf
from vault.clock import to_text
from vault.errors import LedgerBrokenError
from vault.model import uuid_of

LEAF_VERSION: Final = 1
RESERVED: Final = frozenset({"v", "n", "type", "time", "tenant", "object", "actor", "detail"})
BLIND_BYTES: Final = 16  # a sibling's hash in somebody else's proof must not be guessable
ENTRY_KEY_BYTES: Final = 32
_FACT_NAME: Final = re.compile(r"^[a-z][a-z0-9_]{0,39}$")


class EntryType(StrEnum):
    """Everything the ledger records; docs/API.md repeats the list."""

    SYSTEM_STARTED = "system.started"
    SYSTEM_RESTORED = "system.restored"
    TENANT_CREATED = "tenant.created"
    TENANT_CHANGED = "tenant.changed"
    EXIT_BEGUN = "exit.begun"
    EXIT_READY = "exit.ready"
    EXIT_FETCHED = "exit.fetched"
    EXIT_CANCELLED = "exit.cancelled"
    PERSON_CREATED = "person.created"
    PERSON_CHANGED = "person.changed"
    TEAM_CREATED = "team.created"
    TEAM_CHANGED = "team.changed"
    TEAM_JOINED = "team.joined"
    TEAM_LEFT = "team.left"
    TEAM_DELETED = "team.deleted"
    ISSUER_CREATED = "issuer.created"
    ISSUER_CHANGED = "issuer.changed"
    SIGN_IN_CODE_MADE = "sign_in_code.made"
    SESSION_OPENED = "session.opened"
    SESSION_CLOSED = "session.closed"
    ACCESS_REFUSED = "access.refused"
    INVITATION_MADE = "invitation.made"
    INVITATION_OPENED = "invitation.opened"
    INVITATION_REVOKED = "invitation.revoked"
    INVITATION_EXPIRED = "invitation.expired"
    OWN_LINK_MADE = "own_link.made"
    OWN_LINK_OPENED = "own_link.opened"
    CALL_OPENED = "call.opened"
    CALL_TAKEN = "call.taken"
    CALL_TRANSFERRED = "call.transferred"
    CALL_JOINED = "call.joined"
    CALL_ENDED = "call.ended"
    CALL_VIEWED = "call.viewed"
    CONSENT_GIVEN = "consent.given"
    CONSENT_REFUSED = "consent.refused"
    CONSENT_WITHDRAWN = "consent.withdrawn"
    PAUSE_BEGUN = "pause.begun"
    PAUSE_ENDED = "pause.ended"
    CALL_UNRECORDED = "call.unrecorded"
    CAPTURE_BEGUN = "capture.begun"
    CAPTURE_RESUMED = "capture.resumed"
    CAPTURE_ENDED = "capture.ended"
    RECORDING_READY = "recording.ready"
    RECORDING_LOST = "recording.lost"
    EXPORT_BEGUN = "export.begun"
    EXPORT_READY = "export.ready"
    EXPORT_FAILED = "export.failed"
    LINK_MADE = "link.made"
    LINK_REVOKED = "link.revoked"
    MEDIA_VIEWED = "media.viewed"
    MEDIA_VIEW_CLOSED = "media.view_closed"
    RETENTION_RULE_SET = "retention.rule_set"
    RETENTION_CHANGE_ASKED = "retention.change_asked"
    RETENTION_CHANGE_CANCELLED = "retention.change_cancelled"
    RETENTION_CHANGE_APPLIED = "retention.change_applied"
    RETENTION_HALTED = "retention.halted"
    RETENTION_RESUMED = "retention.resumed"
    ERASURE_REQUESTED = "erasure.requested"
    ERASURE_HELD = "erasure.held"
    HOLD_PLACED = "hold.placed"
    HOLD_RELEASE_ASKED = "hold.release_asked"
    HOLD_RELEASED = "hold.released"
    HOLD_EXPIRED = "hold.expired"
    RESTRICTION_PLACED = "restriction.placed"
    RESTRICTION_LIFTED = "restriction.lifted"
    OBJECT_SHREDDED = "object.shredded"
    EPOCH_DESTROYED = "epoch.destroyed"
    EVIDENCE_MADE = "evidence.made"
    BACKUP_DRILLED = "backup.drilled"


# What a running call, and a person's right in it, does not wait for: written without the actor's pseudonym
# and without its detail where the key provider does not answer.
UNWAITING: Final = frozenset(
    {
        EntryType.CALL_TAKEN,
        EntryType.CALL_TRANSFERRED,
        EntryType.CALL_JOINED,
        EntryType.CALL_UNRECORDED,
        EntryType.CONSENT_GIVEN,
        EntryType.CONSENT_REFUSED,
        EntryType.CONSENT_WITHDRAWN,
        EntryType.PAUSE_BEGUN,
        EntryType.PAUSE_ENDED,
        EntryType.OWN_LINK_MADE,
    }
)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a use case wants recorded, in the transaction of the act itself.

    ``facts`` stand in the leaf for ever and hold nothing personal. ``detail`` may: it is sealed beside the
    leaf under the data key of ``detail_key`` (the object, unless said otherwise) and dies with that key.
    """

    type: EntryType
    tenant_id: str | None = None
    object_id: str | None = None
    actor_id: str | None = None
    facts: Mapping[str, LeafValue] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)
    detail_key: str | None = None


@dataclass(frozen=True, slots=True)
class Blind:
    """The random part of a leaf: ``n`` hides it from guesses, ``entry_key`` hides its detail."""

    n: bytes
    entry_key: bytes

    @classmethod
    def new(cls) -> "Blind":
        """Draw fresh ones from the system's random generator."""
        return cls(secrets.token_bytes(BLIND_BYTES), secrets.token_bytes(ENTRY_KEY_BYTES))


def canonical(value: Mapping[str, Any]) -> str:
    """Write canonical JSON: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def detail_commitment(entry_key: bytes, detail: Mapping[str, Any]) -> str:
    """Commit to a detail so that nobody without the entry's key can link or test it; base64."""
    digest = hmac.digest(entry_key, canonical(detail).encode("ascii"), hashlib.sha256)
    return base64.b64encode(digest).decode("ascii")


def make_leaf(entry: Entry, *, at: datetime, actor: str, blind: Blind) -> str:
    """Write an entry's leaf; ``actor`` is a pseudonym, ``system`` or ``unnamed``."""
    for name in entry.facts:
        if name in RESERVED or not _FACT_NAME.match(name):
            raise LedgerBrokenError(f"a program error: {name} cannot be a fact of a leaf")
    leaf = canonical_leaf(
        {
            **entry.facts,
            "v": LEAF_VERSION,
            "n": base64.b64encode(blind.n).decode("ascii"),
            "type": entry.type.value,
            "time": to_text(at),
            "tenant": uuid_of(entry.tenant_id) if entry.tenant_id else "",
            "object": uuid_of(entry.object_id) if entry.object_id else "",
            "actor": actor,
            "detail": detail_commitment(blind.entry_key, entry.detail) if entry.detail else "",
        }
    )
    return leaf.decode("ascii")
