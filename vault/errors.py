"""Every error of the program: one class per decision a caller can take, one stable code each.

The HTTP door turns a code into a status (``vault.http.problems``), the command line into an exit code
(``vault.cli``). Messages are sentences that say what happened and what to do; they never repeat a value
that came from outside, a secret or a personal datum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar


class VaultError(Exception):
    """Base of all errors the program raises on purpose."""

    code: ClassVar[str] = "internal"


# --- the caller's side: ask differently -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request: where, a stable code, a sentence. Never the value itself."""

    where: str
    code: str
    detail: str


class InvalidError(VaultError):
    """The request does not fit its schema; ``faults`` says where."""

    code = "invalid"

    def __init__(self, message: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(message)
        self.faults = tuple(faults)


class MalformedError(VaultError):
    """The bytes are not what the content type says: send well-formed ones."""

    code = "malformed"


class UnauthenticatedError(VaultError):
    """Nobody we know is speaking: sign in again or bring a valid token."""

    code = "unauthenticated"


class ForbiddenError(VaultError):
    """Known, but the role does not allow it: ask an administrator."""

    code = "forbidden"


class OriginRefusedError(VaultError):
    """The page that asks is not on the button's list: add its origin to the button."""

    code = "origin_refused"


class NotFoundError(VaultError):
    """Missing, or another tenant's: the two look the same on purpose, and so does what is said of them."""

    code = "not_found"

    def __init__(self, message: str = "there is no such thing here") -> None:
        super().__init__(message)


class ErasedError(VaultError):
    """It was here and has been erased; the receipt tells when."""

    code = "erased"

    def __init__(self, message: str, *, details: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.details = dict(details or {})


class ConflictError(VaultError):
    """The thing is not in a state that allows this: read it again, then decide."""

    code = "conflict"


class RestrictedError(ConflictError):
    """Its processing is restricted (Art. 18 GDPR): it is kept, and neither opened nor erased meanwhile."""

    code = "restricted"


class SecondPersonError(ConflictError):
    """It takes two people, and the same one asked: let somebody else confirm."""

    code = "second_person"


class IllegalMoveError(ConflictError):
    """A state machine was asked for a move its table does not have."""

    code = "illegal_move"


class ConsentMissingError(ConflictError):
    """The visitor has not answered the notice yet: post a consent first."""

    code = "consent_missing"


class NoticeChangedError(ConflictError):
    """The answer is to another notice than the one shown: show the notice again."""

    code = "notice_changed"


class ChatPausedError(ConflictError):
    """The recording is paused, and so is the chat: wait until it goes on."""

    code = "chat_paused"


class VisitorTokenError(VaultError):
    """The button wants its visitor signed for: send a token that the company made just now."""

    code = "visitor_token"

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class TakenError(ConflictError):
    """Somebody else took the call first; ``name`` is what the others see of them."""

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name = name


class IdempotencyConflictError(ConflictError):
    """The same idempotency key came with another body, or its first request is still running."""

    code = "idempotency_conflict"


class PreconditionRequiredError(VaultError):
    """The request needs If-Match: send the ETag of the resource."""

    code = "precondition_required"


class PreconditionFailedError(VaultError):
    """The ETag sent is not the current one: read the resource again."""

    code = "precondition_failed"


class TooLargeError(VaultError):
    """The body is over the limit of its route: send less."""

    code = "too_large"


class UnsupportedTypeError(VaultError):
    """The content type is not one the route takes."""

    code = "unsupported_media_type"


class OfferRefusedError(VaultError):
    """The SDP offer breaks a rule of the gate; ``reason`` is the gate's own code."""

    code = "offer_refused"

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class RangeError(VaultError):
    """The byte range lies outside the media: ask inside ``size_bytes``."""

    code = "range_not_satisfiable"

    def __init__(self, message: str, *, size_bytes: int) -> None:
        super().__init__(message)
        self.size_bytes = size_bytes


class LinkDeadError(VaultError):
    """The link has expired, was revoked, or belongs to somebody else: make a new one."""

    code = "link_dead"


class TooManyRequestsError(VaultError):
    """Over the limit of this caller: wait ``retry_after_s``."""

    code = "too_many_requests"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TooManyLegsError(TooManyRequestsError):
    """As many legs as one address may have run from there already: end one, or wait ``retry_after_s``."""

    code = "too_many_legs"


# --- our side: the operator acts --------------------------------------------------------------------------


class BusyError(VaultError):
    """No room for another leg now, or the node is draining: try again in ``retry_after_s``."""

    code = "busy"

    def __init__(self, message: str, *, retry_after_s: int = 5) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DependencyError(VaultError):
    """A store, a database or a key provider does not answer: nothing was half done, try again."""

    code = "dependency_unavailable"


class NoSpaceError(VaultError):
    """The store is full: free space; what was acknowledged is safe."""

    code = "no_space"


class ConfigurationError(VaultError):
    """The settings cannot be used; the message names the setting and what to write instead."""

    code = "configuration"


class RefusedByPolicyError(VaultError):
    """A rule of the house forbids it: residency, hold, development keys."""

    code = "refused_by_policy"


class SchemaTooNewError(ConfigurationError):
    """The database was migrated by a newer program: start that one."""

    code = "schema_too_new"


# --- the media and its keys ---------------------------------------------------------------------------------


class KeyForgottenError(VaultError):
    """The data key has been forgotten: what it sealed cannot be opened by anyone."""

    code = "key_forgotten"


class KeyProviderError(VaultError):
    """The key provider refused or could not unwrap: reads stay closed until it answers."""

    code = "key_provider"


class TamperedError(VaultError):
    """Sealed bytes or their key record were changed: nothing of them is served."""

    code = "tampered"


class NothingCapturedError(VaultError):
    """The recording holds no frame that could be kept."""

    code = "nothing_captured"


class DerivationError(VaultError):
    """The sandboxed child could not make a poster or peaks; the recording itself is unharmed."""

    code = "derivation_failed"


class ExportFailedError(VaultError):
    """The export cannot be made, and trying again is no use; ``failure`` says why."""

    code = "export_failed"

    def __init__(self, failure: str) -> None:
        super().__init__("the export cannot be made")
        self.failure = failure


class LedgerBrokenError(VaultError):
    """The ledger does not match a signed checkpoint: stop, keep everything, call the auditor."""

    code = "ledger_broken"


class ReceiptInvalidError(VaultError):
    """The receipt does not verify against the key given."""

    code = "receipt_invalid"


def all_codes() -> dict[str, type[VaultError]]:
    """Return each stable code with its class; docs and problem table are held equal to it."""
    found: dict[str, type[VaultError]] = {}
    waiting: list[type[VaultError]] = [VaultError]
    while waiting:
        kind = waiting.pop()
        found.setdefault(kind.code, kind)
        waiting.extend(kind.__subclasses__())
    return dict(sorted(found.items()))
