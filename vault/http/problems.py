"""Errors as answers: RFC 9457 problem details, one row for each code of ``vault.errors``.

A row holds the status and the words in both languages. The words never repeat what the caller sent; the
exception's own message is for logs.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from vault.errors import (
    BusyError,
    ErasedError,
    Fault,
    InvalidError,
    OfferRefusedError,
    RangeError,
    TakenError,
    TooManyRequestsError,
    VaultError,
    VisitorTokenError,
)
from vault.http.errors import MethodNotAllowedError, UpgradeRequiredError
from vault.http.fault_words import fault_sentence
from vault.http.language import Language
from vault.http.problem_rows import PROBLEMS

DOCUMENTED_AT: Final = "/docs/problems"
TAKEN: Final[dict[Language, str]] = {
    "en": "{name} has taken this call already.",
    "fr": "{name} a déjà pris cet appel.",
}
"""The one detail with a word of its own: who was faster, as everybody of the tenant may know."""
RETRY_AFTER_S: Final = 5  # for a dependency that is away: long enough to come back, short enough to wait for


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem ready to be sent: status, members in the caller's language, headers that belong to it."""

    status: int
    members: Mapping[str, Any]
    headers: Mapping[str, str]

    def to_json(self) -> bytes:
        """Write the body."""
        return json.dumps(self.members, ensure_ascii=False, separators=(",", ":")).encode()


def problem_of(error: VaultError, *, language: Language, request_id: str) -> Problem:
    """Make the answer for an error."""
    row = PROBLEMS[error.code]
    words = row.words[language]
    members: dict[str, Any] = {
        "type": f"{DOCUMENTED_AT}#{error.code}",
        "title": words.title,
        "status": row.status,
        "detail": words.detail,
        "code": error.code,
        "instance": request_id,
    }
    members.update(_extensions(error, language))
    return Problem(row.status, members, _headers(error, row.status))


def _extensions(error: VaultError, language: Language) -> dict[str, Any]:
    if isinstance(error, InvalidError) and error.faults:
        return {"errors": [_fault(fault, language) for fault in error.faults]}
    if isinstance(error, ErasedError):
        return dict(error.details)
    if isinstance(error, TakenError):
        return {"detail": TAKEN[language].format(name=error.name), "taken_by": error.name}
    if isinstance(error, OfferRefusedError | VisitorTokenError):
        return {"reason": error.reason}
    if isinstance(error, RangeError):
        return {"size_bytes": error.size_bytes}
    return {}


def _fault(fault: Fault, language: Language) -> dict[str, str]:
    kind, _, name = fault.where.partition(":")
    if fault.where.startswith("#"):
        where = {"pointer": fault.where}
    elif kind == "header" and name:
        where = {"header": name}
    else:
        where = {"parameter": fault.where}
    return {**where, "code": fault.code, "detail": fault_sentence(fault, language)}


def _headers(error: VaultError, status: int) -> dict[str, str]:
    headers: dict[str, str] = {}
    if isinstance(error, BusyError | TooManyRequestsError):
        headers["Retry-After"] = str(error.retry_after_s)
    elif status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, RangeError):
        headers["Content-Range"] = f"bytes */{error.size_bytes}"
    if isinstance(error, MethodNotAllowedError):
        headers["Allow"] = ", ".join(error.allowed)
    if isinstance(error, UpgradeRequiredError):
        headers["Upgrade"] = "websocket"  # RFC 9110, 15.5.22
    return headers
