"""The smallest body that fits a model, made from its JSON schema: tests of rights need a form that fits."""

import json
from typing import Any

from pydantic import BaseModel

from vault.model import PREFIXES, new_id

_TEXTS = ("x", "fr", "a" * 64, "A" * 22, "https://x.example", "2026-01-01T00:00:00Z", "age1x")


def sample_of(model: type[BaseModel]) -> bytes:
    """Return a JSON body the model takes; raises AssertionError where none of the guesses fits."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    for text in (*_TEXTS, *(new_id(prefix) for prefix in PREFIXES)):
        for optional in (False, True):
            body = json.dumps(_value(schema, definitions, text, optional=optional)).encode()
            try:
                model.model_validate_json(body, strict=True)
            except ValueError:
                body = _one_of(model, schema, definitions, text) or b""
            if body:
                return body
    raise AssertionError(f"no sample fits {model.__name__}: add a guess")


def _one_of(model: type[BaseModel], schema: Any, definitions: Any, text: str) -> bytes | None:
    """Try the required members with one optional member: models that want exactly one of several."""
    required = set(schema.get("required", ()))
    for name, found in schema.get("properties", {}).items():
        body = {
            key: _value(value, definitions, text, optional=False)
            for key, value in schema["properties"].items()
            if key in required or key == name
        }
        body[name] = _value(found, definitions, text, optional=False)
        raw = json.dumps(body).encode()
        try:
            model.model_validate_json(raw, strict=True)
        except ValueError:
            continue
        return raw
    return None


def _value(schema: Any, definitions: Any, text: str, *, optional: bool) -> Any:
    if "$ref" in schema:
        return _value(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions, text, optional=optional)
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            return _value(schema[union][0], definitions, text, optional=optional)
    if "const" in schema or "enum" in schema:
        return schema.get("const") or schema["enum"][0]
    if schema.get("type") == "object":
        wanted = set(schema.get("required", ()))
        return {
            name: _value(found, definitions, text, optional=optional)
            for name, found in schema.get("properties", {}).items()
            if optional or name in wanted
        }
    if schema.get("type") == "array":
        return [_value(schema.get("items", {}), definitions, text, optional=optional)]
    return {"integer": schema.get("minimum", 1), "boolean": True}.get(schema.get("type"), text)
