"""The files of a vault's SQLite databases, copied and put back as a backup of the disk does it."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path


def copy_databases(source: Path, target: Path, names: tuple[str, ...]) -> None:
    """Copy databases of one folder into another, which is made."""
    target.mkdir()
    for name in names:
        shutil.copy(source / name, target / name)


def replace_database(folder: Path, source: Path, name: str) -> None:
    """Put another folder's database in the place of one, and its logs away."""
    for path in folder.glob(f"{name}*"):
        path.unlink()
    shutil.copy(source / name, folder / name)


def epochs_in(path: Path) -> list[int]:
    """Name the epochs that a key store's keys belong to."""
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT DISTINCT epoch FROM data_keys")]
