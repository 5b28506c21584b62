"""Errors as answers: what each code says, and what it never repeats."""

import json
from typing import Any

import pytest

from vault.errors import (
    BusyError,
    DependencyError,
    ErasedError,
    Fault,
    InvalidError,
    NotFoundError,
    OfferRefusedError,
    RangeError,
    TooManyRequestsError,
    UnauthenticatedError,
    VaultError,
    all_codes,
)
from vault.http.errors import MethodNotAllowedError
from vault.http.language import LANGUAGES
from vault.http.problem_rows import PROBLEMS
from vault.http.problems import problem_of
from vault.identity.errors import Refusal

CANARY = "canary-kestrel"
ARGUMENTS: dict[str, dict[str, Any]] = {
    "offer_refused": {"reason": "no_media"},
    "range_not_satisfiable": {"size_bytes": 10},
    "token_refused": {"reason": Refusal.EXPIRED},
    "too_many_legs": {"retry_after_s": 7},
    "too_many_requests": {"retry_after_s": 7},
    "visitor_token": {"reason": "expired"},
}


@pytest.mark.parametrize("code", PROBLEMS)
def test_a_problem_says_its_code_and_instance_but_never_the_errors_own_words(code: str) -> None:
    """An error's message is for logs; the answer's words come from the catalogue (RFC 9457)."""
    error = all_codes()[code](CANARY, **ARGUMENTS.get(code, {}))
    for language in LANGUAGES:
        problem = problem_of(error, language=language, request_id="req_1")
        told = json.loads(problem.to_json())
        assert CANARY not in problem.to_json().decode()
        assert (told["status"], told["code"], told["instance"]) == (problem.status, code, "req_1")
        assert told["type"].endswith(f"#{code}")
        assert (told["title"], told["detail"]) == (
            PROBLEMS[code].words[language].title,
            PROBLEMS[code].words[language].detail,
        )


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        (TooManyRequestsError("", retry_after_s=7), 429, {"Retry-After": "7"}),
        (BusyError("", retry_after_s=9), 503, {"Retry-After": "9"}),
        (DependencyError(""), 503, {"Retry-After": "5"}),
        (UnauthenticatedError(""), 401, {"WWW-Authenticate": "Bearer"}),
        (RangeError("", size_bytes=123), 416, {"Content-Range": "bytes */123"}),
        (MethodNotAllowedError("", allowed=("POST", "GET")), 405, {"Allow": "GET, POST"}),
        (NotFoundError(""), 404, {}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, VaultError) else None,
)
def test_a_status_brings_the_headers_that_belong_to_it(
    error: VaultError, status: int, headers: dict[str, str]
) -> None:
    """RFC 9110: 401 names the scheme, 405 the methods, 416 the size, a passing fault its wait."""
    problem = problem_of(error, language="en", request_id="req_1")
    assert (problem.status, problem.headers) == (status, headers)


def test_each_fault_says_where_it_is() -> None:
    """A pointer into the body, a parameter of the query, or a header's name; never the value."""
    faults = [
        Fault("#/visitor/name", "string_too_long", "This text is too long"),
        Fault("limit", "greater_than_equal", "This value is too small"),
        Fault("header:Idempotency-Key", "string_pattern_mismatch", "This text has not the right form"),
    ]
    problem = problem_of(InvalidError(CANARY, faults), language="fr", request_id="req_1")
    where = [{name: fault[name] for name in fault if name != "detail"} for fault in problem.members["errors"]]
    assert where == [
        {"pointer": "#/visitor/name", "code": "string_too_long"},
        {"parameter": "limit", "code": "greater_than_equal"},
        {"header": "Idempotency-Key", "code": "string_pattern_mismatch"},
    ]
    assert [fault["detail"] for fault in problem.members["errors"]] == [
        "Ce texte est trop long",
        "Cette valeur est trop petite",
        "Ce texte n\N{RIGHT SINGLE QUOTATION MARK}a pas la forme attendue",
    ]


@pytest.mark.parametrize(
    ("error", "more"),
    [
        (ErasedError("", details={"erased_at": "2026-01-31T08:00:00.000Z"}), {"erased_at"}),
        (OfferRefusedError("", reason="no_media"), {"reason"}),
        (RangeError("", size_bytes=1), {"size_bytes"}),
        (InvalidError(""), set()),
        (NotFoundError(""), set()),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, VaultError) else None,
)
def test_only_some_problems_have_members_of_their_own(error: VaultError, more: set[str]) -> None:
    """What stands beside RFC 9457's members and ours is what a caller can act on."""
    members = problem_of(error, language="en", request_id="req_1").members
    assert set(members) - {"type", "title", "status", "detail", "code", "instance"} == more
