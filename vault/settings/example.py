"""The commented settings file, written from the schema: ``callvault config example``."""

import json
import textwrap
from typing import Any, Final

from pydantic_core import PydanticUndefined

from vault.settings.sources import Name, fields, is_secret, sections

WIDTH: Final = 100
# What a stranger has to fill in, with a value that shows its form.
REQUIRED: Final = {
    Name("server", "public_url"): "https://calls.example.org",
    Name("storage", "country"): "FR",
    Name("ledger", "origin"): "calls.example.org/ledger",
}
HEAD: Final = """\
# Settings of Callvault. Each line below is a default: take the mark away to change it.
# Each can also be set by an environment variable, CALLVAULT_SECTION__KEY; each secret also by a file,
# CALLVAULT_SECTION__KEY_FILE, or as SECTION__KEY in the folder CALLVAULT_SECRETS_DIR.
# `callvault config check` says what is wrong; `callvault config show` says which source won.
# Fill in first: server.public_url, and storage.country where objects are kept in a folder.
"""


def example_toml() -> str:
    """Write the file: every section, every setting with its meaning and its default, all commented out."""
    lines = [HEAD]
    known = fields()
    for section, kind in sections().items():
        lines.append(f"# {(kind.__doc__ or '').strip()}")
        lines.append(f"[{section}]")
        for key in kind.model_fields:
            name = Name(section, key)
            field = known[name]
            lines += [f"# {line}" for line in textwrap.wrap(field.description or "", WIDTH - 2)]
            lines += _line(name, field.get_default(), secret=is_secret(field))
        lines.append("")
    return "\n".join(lines)


def _line(name: Name, default: Any, *, secret: bool) -> list[str]:
    if secret:
        return [f"# Not in this file: {name.variable}, or {name.variable}_FILE."]
    if name in REQUIRED:
        return [f"#{name.key} = {toml_value(REQUIRED[name])}"]
    if default is None or default is PydanticUndefined:
        return [f"#{name.key} ="]
    return [f"#{name.key} = {toml_value(default)}"]


def toml_value(value: Any) -> str:
    """Write a value as TOML does."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, dict):
        inner = ", ".join(f"{json.dumps(key)} = {toml_value(item)}" for key, item in value.items())
        return "{" + f" {inner} " + "}" if inner else "{}"
    return json.dumps(str(value))
