"""The API description (OpenAPI 3.1), written from the table of routes and the models it names."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from vault.errors import VaultError
from vault.http.cookies import SECURE_NAME
from vault.http.problem_rows import PROBLEMS
from vault.http.route import Content, Route, RouteTable
from vault.http.wire import JSON_TYPE, PROBLEM_TYPE, Out
from vault.policy import Permission

_REF: Final = "#/components/schemas/{model}"
_ABOUT: Final = (
    "Clients must ignore response members they do not know. Errors are problem details (RFC 9457); `code` is "
    "stable, `title` and `detail` follow Accept-Language (en, fr)."
)


class ProblemFault(Out):
    """One thing wrong with a request; one of `pointer`, `parameter` or `header` says where."""

    code: str
    detail: str
    pointer: str | None = None
    parameter: str | None = None
    header: str | None = None


class ProblemBody(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable; decide by this one.")
    instance: str = Field(description="The request id; quote it to the operator.")
    errors: list[ProblemFault] | None = None


def describe(table: RouteTable, *, version: str, server_url: str) -> dict[str, Any]:
    """Write the whole description."""
    shown = [route for route in table.routes if not route.hidden]
    paths: dict[str, dict[str, Any]] = {}
    for route in shown:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Callvault", "version": version, "description": _ABOUT},
        "servers": [{"url": server_url or "/"}],
        "paths": paths,
        "components": {
            "schemas": _schemas(shown),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "session": {"type": "apiKey", "in": "cookie", "name": SECURE_NAME},
            },
        },
    }


def _schemas(routes: Iterable[Route]) -> dict[str, Any]:
    wanted: dict[tuple[type[BaseModel], str], None] = {(ProblemBody, "serialization"): None}
    for route in routes:
        if isinstance(route.body, type):
            wanted[(route.body, "validation")] = None
        for content in route.responses.values():
            if isinstance(content, type):
                wanted[(content, "serialization")] = None
    _, schemas = models_json_schema(list(wanted), ref_template=_REF)  # type: ignore[arg-type]
    found: dict[str, Any] = schemas.get("$defs", {})
    return dict(sorted(found.items()))


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_header_parameters(route)],
        "responses": _responses(route),
        "security": [] if route.needs is Permission.PUBLIC else [{"bearer": []}, {"session": []}],
        "x-permission": route.needs.value,
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _content(route.body)}
    return operation


def _operation_id(route: Route) -> str:
    words = [word for word in route.path.replace("{", "").replace("}", "").split("/") if word]
    return "_".join([route.method.lower(), *words]).replace(".", "_").replace("-", "_")


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {
            "name": place,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": f"^{route.pattern_of(place)}$"},
        }
        for place in route.places
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = route.query.model_json_schema(ref_template=_REF)
    required = set(schema.get("required", ()))
    definitions = schema.get("$defs", {})
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": found.get("description", found.get("title", name)),
            "schema": _without_null(_inlined(found, definitions)),
        }
        for name, found in schema.get("properties", {}).items()
    ]


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """Put referenced definitions in place: parameters share no component with bodies."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    return {name: _inlined(value, definitions) for name, value in schema.items() if name != "title"}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query parameter is absent, never null."""
    kept = {name: value for name, value in schema.items() if not (name == "default" and value is None)}
    choices = [choice for choice in kept.pop("anyOf", []) if choice.get("type") != "null"]
    return {**kept, **choices[0]} if len(choices) == 1 else kept


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    if not route.creates:
        return []
    return [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "Repeat a request safely: the first answer is given again for 24 hours.",
            "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
        }
    ]


def _responses(route: Route) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for status, content in route.responses.items():
        made[str(status)] = {"description": HTTPStatus(status).phrase}
        if content is not None:
            made[str(status)]["content"] = _content(content)
    for status, codes in _statuses(route.errors).items():
        made.setdefault(str(status), _problem(f"Problem: {', '.join(codes)}"))
    made["default"] = _problem("Any other problem of the catalogue at /docs/problems")
    return made


def _statuses(errors: Iterable[type[VaultError]]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for error in errors:
        found.setdefault(PROBLEMS[error.code].status, []).append(error.code)
    return dict(sorted(found.items()))


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {PROBLEM_TYPE: {"schema": {"$ref": _REF.format(model=ProblemBody.__name__)}}},
    }


def _content(content: Content) -> dict[str, Any]:
    if isinstance(content, type):
        return {JSON_TYPE: {"schema": {"$ref": _REF.format(model=content.__name__)}}}
    return {str(content): {"schema": {"type": "string"}}}
