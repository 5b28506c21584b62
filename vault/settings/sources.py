"""Where settings come from, and which source spoke: the first in this list wins.

1. the command line's own options, 2. environment variables ``CALLVAULT_SECTION__KEY``, 3. files named by
``CALLVAULT_SECTION__KEY_FILE`` (secrets only), 4. files ``SECTION__KEY`` in ``CALLVAULT_SECRETS_DIR``,
5. the TOML file, 6. the defaults of the command (``dev`` has some), 7. the schema's defaults.

A name that no setting has is refused wherever it stands. That includes variables named ``CALLVAULT_...``:
a misspelt one would otherwise be dropped without a word.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from vault.settings.errors import SettingsError
from vault.settings.schema import Settings
from vault.settings.section import Section

PREFIX: Final = "CALLVAULT_"
CONFIG_FILE: Final = "CALLVAULT_CONFIG_FILE"
SECRETS_DIR: Final = "CALLVAULT_SECRETS_DIR"
DEFAULT_FILE: Final = Path("callvault.toml")
MAX_FILE_BYTES: Final = 1024 * 1024  # a settings file has a few kilobytes; a device or a dump is none
# Variables of this repository's tools (CONTRIBUTING.md), which the program itself does not read.
_TOOLING: Final = ("CALLVAULT_TEST_", "CALLVAULT_PYTHON")


class Name(NamedTuple):
    """A setting's place: ``server.port`` is ``Name("server", "port")``."""

    section: str
    key: str

    def __str__(self) -> str:
        return f"{self.section}.{self.key}"

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"{PREFIX}{self.section}__{self.key}".upper()


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings with their origins: ``origins`` says of each setting which source spoke."""

    settings: Settings
    origins: Mapping[Name, str]
    file: Path | None


Layer = Mapping[Name, Any]


def sections() -> dict[str, type[Section]]:
    """Give each section of the schema by name."""
    found: dict[str, type[Section]] = {}
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            found[name] = kind
    return found


def fields() -> dict[Name, FieldInfo]:
    """Give each setting of the schema with its field, in the schema's order."""
    return {
        Name(section, key): field
        for section, kind in sections().items()
        for key, field in kind.model_fields.items()
    }


def is_secret(field: FieldInfo) -> bool:
    """Tell whether a setting is never shown."""
    return "SecretStr" in str(field.annotation)


def load_settings(
    *,
    environ: Mapping[str, str],
    file: Path | None = None,
    given: Layer | None = None,
    defaults: Layer | None = None,
    defaults_name: str = "default",
    working_folder: bool = True,
) -> Loaded:
    """Read all sources and validate what they say together; raises SettingsError with every problem found.

    ``file`` must exist when it is named here or by ``CALLVAULT_CONFIG_FILE``; ``callvault.toml`` in the
    working folder is read where there is one, unless ``working_folder`` is False.
    """
    path = settings_file(environ, file, working_folder=working_folder)
    layers: list[tuple[str, Layer]] = [("command line", given or {}), ("environment", _environment(environ))]
    layers.append(("file of the environment", _named_files(environ)))
    if folder := environ.get(SECRETS_DIR):
        layers.append((f"secrets in {folder}", _secrets(Path(folder))))
    if path is not None:
        layers.append((str(path), _toml(path)))
    layers.append((defaults_name, defaults or {}))
    return _joined(layers, path)


def settings_file(
    environ: Mapping[str, str], named: Path | None, *, working_folder: bool = True
) -> Path | None:
    """Find the settings file: the one named, else the environment's, else the working folder's if any."""
    if named is None and (told := environ.get(CONFIG_FILE)):
        named = Path(told)
    if named is not None:
        return named
    return DEFAULT_FILE if working_folder and DEFAULT_FILE.is_file() else None


def _joined(layers: Sequence[tuple[str, Layer]], path: Path | None) -> Loaded:
    values: dict[Name, Any] = {}
    origins: dict[Name, str] = {}
    for source, layer in layers:
        for name, value in layer.items():
            if name not in values:
                values[name], origins[name] = value, source
    nested: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        nested.setdefault(name.section, {})[name.key] = value
    try:
        settings = Settings.model_validate(nested)
    except ValidationError as cause:
        raise SettingsError(_problems(cause, origins)) from cause
    return Loaded(settings, {name: origins.get(name, "default") for name in fields()}, path)


def _problems(found: ValidationError, origins: Mapping[Name, str]) -> list[str]:
    problems = []
    for error in found.errors(include_url=False, include_input=False, include_context=False):
        section, key, *_ = [*(str(part) for part in error["loc"]), "", ""]
        name = Name(section, key)
        # The library's own sentence for a list's or a number's fault names no value.
        problems.append(
            f"{name} ({origins.get(name, 'default')}): {error['msg'].removeprefix('Value error, ')}"
        )
    return problems


# --- the environment ----------------------------------------------------------------------------------------


class _Fields(Settings, BaseSettings):
    """The schema, as the library that reads environments wants to see it."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, case_sensitive=False
    )


class _Texts(EnvSettingsSource):
    """Named texts, from wherever they come, read by the rules of environment variables."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = {name.lower(): text for name, text in texts.items()}
        super().__init__(_Fields)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self._texts

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Take JSON, or for a list also ``one,two``."""
        text = str(value).strip()
        if text[:1] in {"[", "{"}:
            return super().decode_complex_value(field_name, field, text)
        return [part.strip() for part in text.split(",") if part.strip()]


def _environment(environ: Mapping[str, str]) -> Layer:
    own = {
        name: text
        for name, text in environ.items()
        if name.startswith(PREFIX)
        and name not in {CONFIG_FILE, SECRETS_DIR}
        and not name.startswith(_TOOLING)
        and not _is_file_variable(name)
    }
    known = {name.variable for name in fields()}
    strangers = sorted(name for name in own if name.upper() not in known)
    if strangers:
        raise SettingsError([_unknown_variable(name, known) for name in strangers])
    return _read(own, "environment")


def _is_file_variable(name: str) -> bool:
    return any(name == f"{secret.variable}_FILE" for secret, field in fields().items() if is_secret(field))


def _unknown_variable(name: str, known: set[str]) -> str:
    return f"{name} is no setting{_did_you_mean(name.upper(), known)}; unset it"


def _did_you_mean(name: str, known: set[str]) -> str:
    close = get_close_matches(name, known, n=1, cutoff=0.75)
    return f" (did you mean {close[0]}?)" if close else ""


def _read(texts: Mapping[str, str], source: str) -> Layer:
    """Read texts that are all known to be settings."""
    layer: dict[Name, Any] = {}
    for variable, text in texts.items():
        try:
            nested = _Texts({variable: text})()
        except ValueError as cause:  # the library's message repeats no value, but names no setting either
            raise SettingsError([f"{variable} ({source}): write JSON, or a list like one,two"]) from cause
        for section, keys in nested.items():
            layer |= {Name(section, key): value for key, value in keys.items()}
    return layer


# --- files --------------------------------------------------------------------------------------------------


def _named_files(environ: Mapping[str, str]) -> Layer:
    layer: dict[Name, Any] = {}
    for name, field in fields().items():
        variable = f"{name.variable}_FILE"
        if is_secret(field) and variable in environ:
            layer[name] = SecretStr(_text_of(Path(environ[variable]), f"{variable} names a file that"))
    return layer


def _secrets(folder: Path) -> Layer:
    known = {name.variable.removeprefix(PREFIX): name for name in fields()}
    texts: dict[str, str] = {}
    try:
        # Orchestrators keep bookkeeping entries beside the secrets; their names begin with a dot.
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as cause:
        raise SettingsError([f"{SECRETS_DIR} names {folder}, which is no folder that can be read"]) from cause
    strangers = [entry.name for entry in entries if entry.name.upper() not in known]
    if strangers:
        raise SettingsError(
            [
                f"{folder / name} is named like no setting{_did_you_mean(name.upper(), set(known))}; "
                "name it SECTION__KEY or take it away"
                for name in strangers
            ]
        )
    for entry in entries:
        texts[PREFIX + entry.name.upper()] = _text_of(entry, f"the secret file {entry}")
    return _read(texts, str(folder))


def _toml(path: Path) -> Layer:
    try:
        tables = tomllib.loads(_text_of(path, f"the settings file {path}"))
    except tomllib.TOMLDecodeError as cause:
        raise SettingsError([f"{path} is not TOML: {cause}"]) from cause
    known = {str(name): name for name in fields()}
    layer: dict[Name, Any] = {}
    problems = []
    for section, keys in tables.items():
        if section not in sections() or not isinstance(keys, dict):
            hint = _did_you_mean(section, set(sections()))
            problems.append(f"{path}: [{section}] is no section{hint}; take it away")
            continue
        for key, value in keys.items():
            name = f"{section}.{key}"
            if name not in known:
                hint = _did_you_mean(name, set(known))
                problems.append(f"{path}: {name} is no setting{hint}; take it away")
                continue
            layer[known[name]] = value
    if problems:
        raise SettingsError(problems)
    return layer


def _text_of(path: Path, what: str) -> str:
    """Read a small text file; its last line break is the editor's, not the secret's."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise SettingsError([f"{what} is too large to be settings"])
        return path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as cause:
        raise SettingsError([f"{what} cannot be read; check its path and who may read it"]) from cause
