"""Folders that ``callvault dev`` made: marked, so that ``serve`` never carries real calls with their keys."""

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from vault.errors import RefusedByPolicyError
from vault.keys.private_file import write_private
from vault.settings import Settings

MARKER: Final = ".callvault-development"
MARKED: Final = (
    b"Made by `callvault dev` to try things out. `callvault serve` refuses what lies in this folder.\n"
)


def claim(folder: Path) -> None:
    """Make a development folder, or take one up again; raises RefusedByPolicyError for anybody else's."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (folder / MARKER).exists():
        return
    if any(folder.iterdir()):
        raise RefusedByPolicyError(
            f"{folder} holds files that `callvault dev` did not make; choose another folder with --dir"
        )
    write_private(folder / MARKER, MARKED)


def is_development(settings: Settings) -> bool:
    """Tell whether a key, a database or objects lie in a folder that ``dev`` made."""
    return any(_is_marked(path) for path in places(settings))


def places(settings: Settings) -> tuple[Path, ...]:
    """Name each file and folder on this machine that the settings speak of."""
    urls = (settings.database.url, settings.keys.database_url)
    paths = [*(database_path(url) for url in urls), settings.storage.folder()]
    paths += [replica.folder() for replica in settings.storage.replicas]
    paths += [holder.key_file for holder in settings.keys.holders]
    files = (settings.keys.key_file, settings.ledger.key_file, settings.sessions.key_file)
    return (*(path for path in paths if path is not None), *files)


def database_path(url: str) -> Path | None:
    """Give the path of a ``sqlite:`` URL, None for any other."""
    parts = urlsplit(url)
    return Path(parts.path.removeprefix("/")) if parts.scheme == "sqlite" else None


def _is_marked(path: Path) -> bool:
    return any((folder / MARKER).exists() for folder in path.absolute().resolve().parents)
