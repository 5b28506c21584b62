"""Reading JSON and query strings strictly, and telling what is wrong without repeating it."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from vault.errors import InvalidError, MalformedError
from vault.http.wire import In, Integer, PageQuery, Text, parse_json, parse_strings

SECRET = "my-secret-value"


class Form(In):
    """A form with one field of each kind."""

    name: Text = Field(max_length=5)
    count: Integer = Field(1, ge=0, le=10)
    on: bool = False


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff",
        b'\xef\xbb\xbf{"name": "a"}',
        b'{"name": "a", "name": "b"}',
        b'{"name": "a", "count": NaN}',
        b'{"name": "a", "count": Infinity}',
        b"[" * 60_000,
        b'{"a":' * 10_000,
    ],
    ids=lambda raw: repr(raw[:20]),
)
def test_what_is_no_json_or_says_a_name_twice_is_malformed(raw: bytes) -> None:
    """Two readers must not be able to read one body differently (ASVS 1.5.3)."""
    with pytest.raises(MalformedError):
        parse_json(Form, raw)


@pytest.mark.parametrize(
    ("body", "where", "code"),
    [
        ({}, "#/name", "missing"),
        ({"name": SECRET}, "#/name", "string_too_long"),
        ({"name": 5}, "#/name", "string_type"),
        ({"name": "a", "count": True}, "#/count", "int_type"),
        ({"name": "a", "count": "5"}, "#/count", "int_type"),
        ({"name": "a", "count": 1.5}, "#/count", "int_type"),
        ({"name": "a", "count": 11}, "#/count", "less_than_equal"),
        ({"name": "a", "on": 1}, "#/on", "bool_type"),
        ({"name": "a\u0000"}, "#/name", "value_error"),
        ({"name": "a\u202eb"}, "#/name", "value_error"),
        ({"name": "a", "a/b~c": SECRET}, "#/a~1b~0c", "extra_forbidden"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_told_by_pointer_and_code_only(body: object, where: str, code: str) -> None:
    """A fault names its place; the value that was sent is nowhere in it."""
    with pytest.raises(InvalidError) as caught:
        parse_json(Form, json.dumps(body).encode())
    fault = caught.value.faults[0]
    assert (fault.where, fault.code) == (where, code)
    assert SECRET not in repr(caught.value.faults)
    assert SECRET not in str(caught.value)


def test_an_integral_float_is_an_integer_as_json_schema_says() -> None:
    """JSON has one kind of number; 2.0 is an integer to every schema validator."""
    assert parse_json(Form, b'{"name": "a", "count": 2.0}').count == 2


@given(st.binary(max_size=200))
def test_no_bytes_make_the_parser_fail_in_another_way(raw: bytes) -> None:
    """Anything is read, malformed or invalid."""
    with contextlib.suppress(MalformedError, InvalidError):
        parse_json(Form, raw)


@pytest.mark.parametrize(
    ("pairs", "where"),
    [
        ([("limit", "0")], "limit"),
        ([("limit", "201")], "limit"),
        ([("limit", "x")], "limit"),
        ([("limit", "5"), ("limit", "6")], "limit"),
        ([("unknown", "5")], "unknown"),
        ([("cursor", "x" * 1_001)], "cursor"),
    ],
    ids=str,
)
def test_a_query_is_read_as_strictly(pairs: list[tuple[str, str]], where: str) -> None:
    """Unknown, repeated and ill-formed parameters are refused."""
    with pytest.raises(InvalidError) as caught:
        parse_strings(PageQuery, pairs)
    assert caught.value.faults[0].where == where
