"""The key files: made once, never overwritten, never made anew where something rests on old ones."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import Table, func, inspect, select

from vault.backups.key import create_backup_key
from vault.cli.folder import database_path
from vault.db.engine import open_database
from vault.db.key_tables import epochs
from vault.db.tables import checkpoints
from vault.errors import ConfigurationError, RefusedByPolicyError
from vault.identity.signing_key import create_signing_key
from vault.keys.file_provider import FileKeyProvider
from vault.keys.private_file import read_private
from vault.ledger.signing import LedgerKeys
from vault.settings import LedgerSettings, Settings

PLACEHOLDER: Final = LedgerSettings().origin
DEVELOPMENT_ORIGIN: Final = "development.invalid/"


@dataclass(frozen=True, slots=True)
class KeyFile:
    """One key file and whether it was made now."""

    purpose: str
    path: Path
    made: bool


async def make_key_files(settings: Settings, *, development: bool = False) -> list[KeyFile]:
    """Make the key files that are missing.

    Raises RefusedByPolicyError where a file is missing that a database still needs (a new root key would
    open nothing, a new ledger key would break the chain of signatures), ConfigurationError where the
    ledger's name is not told.
    """
    ledger, tokens = settings.ledger.key_file, settings.sessions.key_file
    backup = settings.backup.key_file
    purposes = {"root": settings.keys.key_file} if settings.keys.provider == "file" else {}
    purposes |= {"ledger": ledger, "tokens": tokens, "backup": backup}
    purposes |= {f"holder {name}": path for name, path in _rings(settings).items()}
    missing = [path for path in purposes.values() if not path.exists()]
    origin = DEVELOPMENT_ORIGIN + "ledger" if development else ""
    if ledger in missing:
        origin = origin or ledger_origin(settings)
        if await _has_rows(settings.database.url, _secret(settings.database.password), checkpoints):
            raise RefusedByPolicyError(f"the ledger was signed with the key that was {ledger}; restore it")
    key_store = (settings.keys.database_url, _secret(settings.keys.database_password))
    root = purposes.get("root")
    if root in missing and await _has_rows(*key_store, epochs):
        raise RefusedByPolicyError(f"the key store rests on the key ring that was {root}; restore it")
    if root is not None and root in missing:
        FileKeyProvider.create(root, _secret(settings.keys.passphrase))
    await _make_rings(settings, missing)
    if ledger in missing:
        LedgerKeys.create(ledger, origin)
    if tokens in missing:
        create_signing_key(tokens)
    if backup in missing:
        create_backup_key(backup)
    return [KeyFile(purpose, path, path in missing) for purpose, path in purposes.items()]


def ledger_origin(settings: Settings) -> str:
    """Choose the ledger's name: as told, else after the public host."""
    if settings.ledger.origin != PLACEHOLDER:
        return settings.ledger.origin
    host = urlsplit(settings.server.public_url).hostname
    if not host:
        raise ConfigurationError(
            "set ledger.origin (like calls.example.org/ledger) or server.public_url before keys are made"
        )
    return f"{host}/ledger"


def _rings(settings: Settings) -> dict[str, Path]:
    """Name the key rings of tenants' holders."""
    files = [(one.name, one.key_file) for one in settings.keys.holders if one.provider == "file"]
    return {name: path for name, path in files if path is not None}


async def _make_rings(settings: Settings, missing: list[Path]) -> None:
    """Make the key rings of tenants' holders that are missing."""
    key_store = (settings.keys.database_url, _secret(settings.keys.database_password))
    for name, path in _rings(settings).items():
        if path in missing:
            if await _has_rows(*key_store, epochs, holder=name):
                raise RefusedByPolicyError(f"tenants' keys rest on the key ring that was {path}; restore it")
            FileKeyProvider.create(path, _passphrase_of(settings, name))


def _passphrase_of(settings: Settings, holder: str) -> str | None:
    (path,) = [one.passphrase_file for one in settings.keys.holders if one.name == holder]
    return None if path is None else read_private(path).decode("utf-8", "replace").rstrip("\r\n")


async def _has_rows(url: str, password: str | None, table: Table, *, holder: str | None = None) -> bool:
    """Tell whether a table of a database holds anything; a database or table that is not there does not.

    With a holder, only its rows count: a table that knows of no holders has none.
    """
    path = database_path(url)
    if path is not None and not path.exists():
        return False  # looking would make the file
    database = open_database(url, password=password)
    try:
        async with database.read() as connection:
            if not await connection.run_sync(lambda sync: inspect(sync).has_table(table.name)):
                return False
            query = select(func.count()).select_from(table)
            if holder is not None:
                columns = await connection.run_sync(lambda sync: inspect(sync).get_columns(table.name))
                if "holder" not in {column["name"] for column in columns}:
                    return False
                query = query.where(table.c.holder == holder)
            return int((await connection.execute(query)).scalar_one()) > 0
    finally:
        await database.aclose()


def _secret(value: object) -> str | None:
    reveal = getattr(value, "get_secret_value", None)
    return str(reveal()) if reveal is not None else None
