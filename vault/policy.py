"""Who may do what: one table, read by the doors and checked again by the use cases.

Deny by default: a permission missing from a role's row is refused, a route without a permission does not
build (``vault.http.routes``). Tenants never see each other: ``require_same_tenant`` answers like absence.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from vault.errors import ForbiddenError, NotFoundError
from vault.model import Id, Role


class Permission(StrEnum):
    """One thing a principal may do. Routes and commands name exactly one."""

    PUBLIC = "public"  # anyone, signed in or not: health, widget, notice, ledger key
    WHO_AM_I = "whoami"
    CALL_CONSENT = "call:consent"  # answer the notice: nobody says yes for the visitor
    CALL_WITHDRAW = "call:withdraw"  # take the yes back, during the call and after it
    CALL_OWN_LINK = "call:own-link"  # make the link with which a visitor comes back to their call
    CALL_KEPT = "call:kept"  # see what is kept of one's own call, and what became of an erasure
    CALL_ERASE_OWN = "call:erase-own"  # ask for the erasure of one's own call
    CALL_JOIN = "call:join"  # post a leg, hang up one's own; people only in calls that they took
    CALL_ANSWER = "call:answer"  # be rung, say whether one is there, take and decline
    CALL_PAUSE = "call:pause"  # pause the recording and let it go on; people only in calls that they are in
    CALL_UNRECORD = "call:unrecord"  # make one's call one without a recording
    CALL_READ = "call:read"
    CALL_LIST = "call:list"  # list and search calls; who called is not in the list
    CALL_PERSONAL = "call:personal"  # who called, what was written and noted; each look is in the ledger
    CALL_NOTE = "call:note"  # write a note of one's own on a call
    NOTES_MANAGE = "notes:manage"  # the list of dispositions, and how long notes are kept
    EVENTS_LISTEN = "events:listen"  # be told what happens to one's own calls
    MEDIA_LIST = "media:list"
    MEDIA_PLAY = "media:play"
    MEDIA_HISTORY = "media:history"
    MEDIA_EXPORT = "media:export"  # make one file of a call's recordings
    MEDIA_ERASE = "media:erase"
    ERASURE_REQUEST = "erasure:request"
    ERASURE_READ = "erasure:read"
    RETENTION_READ = "retention:read"  # the rules by which things are kept
    RETENTION_MANAGE = "retention:manage"
    HOLDS_READ = "holds:read"
    HOLDS_MANAGE = "holds:manage"  # place a legal hold, ask for its release, confirm another's
    RESTRICTIONS_READ = "restrictions:read"
    RESTRICTIONS_MANAGE = "restrictions:manage"  # Art. 18 GDPR: restrict processing, and lift it
    LEDGER_READ = "ledger:read"
    EVIDENCE_READ = "evidence:read"  # Art. 28(3)(h) GDPR: have the evidence pack made, and read it
    PEOPLE_READ = "people:read"
    PEOPLE_MANAGE = "people:manage"
    BUTTONS_READ = "buttons:read"
    BUTTONS_MANAGE = "buttons:manage"
    ISSUERS_MANAGE = "issuers:manage"
    TENANT_READ = "tenant:read"  # the company's own rules
    TENANT_MANAGE = "tenant:manage"
    TENANT_LEAVE = "tenant:leave"  # take everything along, and have all of it erased


_P = Permission
_SIGNED_IN: Final = frozenset({_P.PUBLIC, _P.WHO_AM_I, _P.EVENTS_LISTEN})
_READS: Final = frozenset({_P.CALL_READ, _P.MEDIA_LIST, _P.MEDIA_PLAY, _P.MEDIA_HISTORY, _P.BUTTONS_READ})
_ANSWERS: Final = frozenset({_P.CALL_ANSWER, _P.CALL_JOIN, _P.CALL_PAUSE, _P.CALL_UNRECORD}) | {
    _P.CALL_LIST,
    _P.CALL_PERSONAL,
    _P.CALL_NOTE,
}
_SEES_KEPT: Final = frozenset({_P.RETENTION_READ, _P.HOLDS_READ, _P.RESTRICTIONS_READ})
_KEEPS: Final = _SEES_KEPT | {_P.RETENTION_MANAGE, _P.HOLDS_MANAGE, _P.RESTRICTIONS_MANAGE}
_ERASES: Final = frozenset({_P.MEDIA_ERASE, _P.ERASURE_REQUEST, _P.ERASURE_READ})

GRANTS: Final[dict[Role, frozenset[Permission]]] = {
    Role.VISITOR: frozenset({_P.PUBLIC, _P.EVENTS_LISTEN, _P.CALL_CONSENT, _P.CALL_JOIN, _P.CALL_READ})
    | {_P.CALL_OWN_LINK, _P.CALL_KEPT, _P.CALL_WITHDRAW, _P.CALL_ERASE_OWN},
    Role.AGENT: _SIGNED_IN | _READS | _ANSWERS,
    Role.SUPERVISOR: _SIGNED_IN
    | _READS
    | _ANSWERS
    | _ERASES
    | {_P.PEOPLE_READ, _P.MEDIA_EXPORT}
    | _SEES_KEPT,
    Role.ADMIN: _SIGNED_IN
    | _READS
    | _ANSWERS
    | _ERASES
    | _KEEPS
    | {
        _P.MEDIA_EXPORT,
        _P.PEOPLE_READ,
        _P.PEOPLE_MANAGE,
        _P.BUTTONS_MANAGE,
        _P.NOTES_MANAGE,
        _P.ISSUERS_MANAGE,
        _P.LEDGER_READ,
        _P.EVIDENCE_READ,
        _P.TENANT_READ,
        _P.TENANT_MANAGE,
        _P.TENANT_LEAVE,
    },
    # The data protection officer sees who looked and what was erased, erases, but plays nothing.
    Role.AUDITOR: _SIGNED_IN
    | _ERASES
    | _KEEPS
    | {
        _P.CALL_READ,
        _P.CALL_LIST,
        _P.MEDIA_LIST,
        _P.MEDIA_HISTORY,
        _P.BUTTONS_READ,
        _P.PEOPLE_READ,
        _P.LEDGER_READ,
        _P.EVIDENCE_READ,
        _P.TENANT_READ,
    },
    # The client company's own program: asks for erasure, pauses for card data, never plays.
    Role.SERVICE: _SIGNED_IN
    | {
        _P.CALL_READ,
        _P.CALL_PAUSE,
        _P.CALL_LIST,
        _P.MEDIA_LIST,
        _P.ERASURE_REQUEST,
        _P.ERASURE_READ,
        _P.BUTTONS_READ,
    },
}
"""The whole policy. docs/API.md repeats it and a test walks role x route x tenant."""

VISIT: Final = frozenset({_P.PUBLIC, _P.CALL_KEPT, _P.CALL_WITHDRAW, _P.CALL_ERASE_OWN})
"""What is left of a visitor's rights when they come back by their own link: no part in a call."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever a token or a session speaks for.

    ``call_id`` is set for a visitor, whose rights end at that one call. What outlives its request asks again
    whether the session, or the token of that name, is still good. ``is_visit``: a visitor who came back by
    their own link, and may no more than ``VISIT`` says.
    """

    id: Id
    tenant_id: Id
    role: Role
    session_id: Id | None = None
    call_id: Id | None = None
    token_id: str | None = None
    until: datetime | None = field(default=None, compare=False)  # when the token ends by itself
    is_visit: bool = False

    def may(self, permission: Permission) -> bool:
        """Tell whether the role's row holds the permission, and a visit leaves it."""
        return permission in GRANTS[self.role] and (not self.is_visit or permission in VISIT)


def roles_with(permission: Permission) -> list[str]:
    """Name the roles that hold a permission, as the table of people keeps them."""
    return [role.value for role, held in GRANTS.items() if permission in held]


def require(principal: Principal, permission: Permission) -> None:
    """Raise ForbiddenError unless the principal's role holds the permission."""
    if not principal.may(permission):
        raise ForbiddenError("your role does not allow this; ask an administrator of your company")


def require_same_tenant(principal: Principal, tenant_id: str) -> None:
    """Raise NotFoundError for another tenant's object, exactly as if it did not exist."""
    if principal.tenant_id != tenant_id:
        raise NotFoundError


def require_own_call(principal: Principal, call_id: str) -> None:
    """A visitor's rights end at its own call; raises NotFoundError beyond it."""
    if principal.role is Role.VISITOR and principal.call_id != call_id:
        raise NotFoundError
