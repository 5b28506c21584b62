"""What goes over the wire: base models, field types and the one JSON parser.

Strict JSON mode takes no ``true`` for a number and no ``"5"`` for 5; only an integral ``1.0`` is taken for
1, because JSON Schema says that it is one.
"""

import json
import re
from datetime import datetime
from typing import Annotated, Any, Final, NoReturn, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
)

from vault.clock import from_text, to_text
from vault.errors import Fault, InvalidError, MalformedError

ModelT = TypeVar("ModelT", bound=BaseModel)

MAX_FAULTS: Final = 20  # enough to mend a form; a hostile body must not buy a long answer
JSON_TYPE: Final = "application/json"
PROBLEM_TYPE: Final = "application/problem+json"


_ECHOING: Final = frozenset({"value_error", "assertion_error", "union_tag_invalid"})


class In(BaseModel):
    """A request body or query: unknown members are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Out(BaseModel):
    """A response body: exactly these members, chosen by hand, never a database row."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _integral(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _moment(value: Any) -> Any:
    return from_text(value) if isinstance(value, str) else value


_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def _printable(value: str) -> str:
    if _CONTROLS.search(value):
        raise ValueError("control characters")
    return value


Integer = Annotated[int, BeforeValidator(_integral)]
Text = Annotated[
    str,
    AfterValidator(_printable),
    Field(json_schema_extra={"pattern": r"^[^\u0000-\u0008\u000b-\u001f\u007f\u202a-\u202e\u2066-\u2069]*$"}),
]
"""Text without control characters (PostgreSQL takes no NUL, a log no escape sequence)."""

Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    PlainSerializer(to_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""RFC 3339 with an offset; written in UTC with milliseconds and ``Z``."""


def one_of(*names: str) -> dict[str, Any]:
    """Say in a model's JSON schema that exactly one of these members is given; a validator enforces it."""
    return {
        "oneOf": [{"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in names]
    }


class PageQuery(In):
    """What every list takes. Models of lists inherit it and add their filters."""

    limit: int = Field(50, ge=1, le=200, description="Items on a page.")
    cursor: str | None = Field(None, max_length=1_000, description="`next_cursor` of the page before.")


def parse_json(model: type[ModelT], raw: bytes) -> ModelT:
    """Read a JSON body strictly.

    Raises MalformedError for bytes that are no JSON, or JSON with one name twice, and InvalidError for JSON
    that does not fit the model. Neither repeats what was sent.
    """
    try:
        text = raw.decode("utf-8")
        json.loads(text, object_pairs_hook=_no_twins, parse_constant=_no_constant)
    except (ValueError, RecursionError) as cause:
        raise MalformedError("the body is not well-formed JSON in UTF-8, or repeats a name") from cause
    try:
        return model.model_validate_json(raw, strict=True)
    except ValidationError as cause:
        raise InvalidError("the body does not fit its schema", pointer_faults(cause)) from cause


def parse_strings(model: type[ModelT], pairs: list[tuple[str, str]]) -> ModelT:
    """Read a query string strictly; raises InvalidError for unknown, repeated or ill-formed parameters."""
    values = dict(pairs)
    if len(values) != len(pairs):
        twice = sorted({name for name, _ in pairs if sum(1 for other, _ in pairs if other == name) > 1})
        known = [name for name in twice if name in model.model_fields]
        faults = [Fault(name, "repeated", "give this parameter once") for name in known]
        raise InvalidError("a query parameter is repeated", faults)
    try:
        return model.model_validate_strings(values)
    except ValidationError as cause:
        raise InvalidError("the query does not fit its schema", _query_faults(cause)) from cause


def pointer_faults(error: ValidationError) -> list[Fault]:
    """Turn pydantic's errors into faults at JSON pointers (RFC 6901), without any value."""
    return [
        Fault("#" + "".join(f"/{_escape(part)}" for part in found["loc"]), found["type"], _sentence(found))
        for found in _told(error)
    ]


def _query_faults(error: ValidationError) -> list[Fault]:
    return [
        Fault(_short(found["loc"][0]) if found["loc"] else "query", found["type"], _sentence(found))
        for found in _told(error)
    ]


def _told(error: ValidationError) -> list[Any]:
    return list(error.errors(include_url=False, include_input=False, include_context=True))[:MAX_FAULTS]


def _short(part: object) -> str:
    # The name of a member may be the caller's own word; a name helps, a novel does not.
    return str(part)[:64]


def _escape(part: object) -> str:
    return _short(part).replace("~", "~0").replace("/", "~1")


def _sentence(found: Any) -> str:
    # Pydantic's sentences name limits, not the input, except these kinds, whose text could.
    return "This value is not accepted" if found["type"] in _ECHOING else found["msg"]


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice")
    return made


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("no JSON number")
