"""The table of routes: what it refuses to hold, and that its description is a valid one."""

from typing import Any

import pytest
from openapi_spec_validator import validate

from vault.errors import all_codes
from vault.http.ask import Answer, Ask
from vault.http.errors import RouteTableError
from vault.http.openapi import describe
from vault.http.problem_rows import PROBLEMS
from vault.http.route import Limit, Route, RouteTable
from vault.http.routes import ROUTES
from vault.policy import Permission


async def nothing(_ask: Ask[Any, Any]) -> Answer:
    """A handler that does nothing."""
    return Answer(status=204)


def _route(**changes: Any) -> Route:
    given: dict[str, Any] = {
        "method": "GET",
        "path": "/v1/things",
        "handler": nothing,
        "needs": Permission.WHO_AM_I,
        "summary": "Things.",
        "responses": {204: None},
    }
    return Route(**(given | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"needs": None},
        {"needs": "media:list"},
        {"path": "v1/things"},
        {"path": "/v1/things/"},
        {"path": "/v1/things/{thing_id}"},
        {"body": "application/sdp"},
        {"method": "DELETE", "body": "application/sdp"},
        {"method": "GET", "creates": True},
        {"method": "POST", "creates": True, "needs": Permission.PUBLIC},
        {"responses": {}},
        {"limit": Limit.NONE},
        {"method": "POST", "stops": True},
    ],
    ids=str,
)
def test_a_route_that_says_too_little_or_contradicts_itself_cannot_be_built(changes: dict[str, Any]) -> None:
    """A route without a permission fails the build: the module that names it does not import."""
    with pytest.raises(RouteTableError):
        _route(**changes)


def test_two_routes_for_one_method_and_path_are_refused() -> None:
    """One label, one row."""
    with pytest.raises(RouteTableError, match="twice"):
        RouteTable((_route(), _route()))


def test_the_description_is_valid_openapi() -> None:
    """What /openapi.json gives is OpenAPI 3.1 by an independent validator."""
    validate(describe(ROUTES, version="0.0.0", server_url="https://vault.example"))


def test_every_shown_route_is_in_the_description_and_nothing_else() -> None:
    """One list: the table."""
    paths = describe(ROUTES, version="0.0.0", server_url="")["paths"]
    described = {f"{method.upper()} {path}" for path, item in paths.items() for method in item}
    assert described == {route.label for route in ROUTES.routes if not route.hidden}


def test_operation_ids_are_unique() -> None:
    """Client generators name functions after them."""
    paths = describe(ROUTES, version="0.0.0", server_url="")["paths"]
    names = [operation["operationId"] for item in paths.values() for operation in item.values()]
    assert len(names) == len(set(names))


def test_every_error_code_has_exactly_one_row_in_the_catalogue() -> None:
    """The catalogue of problems is held equal to the codes of the program."""
    assert set(PROBLEMS) == set(all_codes())


def test_every_row_speaks_both_languages_and_has_an_error_status() -> None:
    """No empty words, no success."""
    for code, row in PROBLEMS.items():
        assert 400 <= row.status < 600, code
        for language in ("en", "fr"):
            words = row.words[language]
            assert words.title, code
            assert words.detail.endswith("."), code
