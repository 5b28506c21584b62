"""``callvault config``: the settings file, what the settings are, and what is wrong with them."""

import re
from typing import Annotated, Any, Final

import typer
from pydantic import BaseModel

from vault.cli import options

GROUP: Final = options.group("config", "Settings: an example, what they are, what is wrong.")
MASK: Final = "(set, not shown)"
# After a user's name, up to the last @ (one may stand in it, and a slash), or as a parameter.
_PASSWORDS: Final = re.compile(r"(://[^:@/?]*:).*(?=@)|(\bpassword=)[^&]*", re.IGNORECASE)


@GROUP.command("example")
def example() -> None:
    """Print a commented settings file."""
    from vault.cli.output import say
    from vault.settings.example import example_toml

    say(example_toml().removesuffix("\n"))


@GROUP.command("show")
def show_settings(*, config: options.Config = None, as_json: options.Json = False) -> None:
    """Print each setting, its value and where it comes from. Secrets are masked."""
    from vault.cli.output import show
    from vault.cli.rooms import loaded_from
    from vault.settings.sources import fields, is_secret

    loaded = loaded_from(config)
    rows = []
    for name, field in fields().items():
        value = getattr(getattr(loaded.settings, name.section), name.key)
        shown = without_password(value) if not is_secret(field) else MASK if value is not None else None
        rows.append({"setting": str(name), "value": shown, "source": loaded.origins[name]})
    show(rows, as_json=as_json, columns=("setting", "value", "source"))


@GROUP.command("check")
def check(
    *,
    config: options.Config = None,
    keys: Annotated[bool, typer.Option("--keys/--no-keys", help="Also ask for the key files.")] = True,
) -> None:
    """Say what keeps ``serve`` from starting, a line each. Opens no database and no store."""
    from vault.cli.checks import cautions, require_startable
    from vault.cli.output import note, say
    from vault.cli.rooms import settings_of

    settings = settings_of(config)
    require_startable(settings, keys_needed=keys)
    for caution in cautions(settings):
        note(f"caution: {caution}")
    say("ok")


def without_password(value: Any) -> Any:
    """Mask a password that was written into a URL after all."""
    if isinstance(value, tuple):
        return [without_password(each) for each in value]
    if isinstance(value, BaseModel):
        return {name: without_password(each) for name, each in value.model_dump(mode="json").items()}
    if not isinstance(value, str):
        return value
    return _PASSWORDS.sub(r"\1\2***", value)
