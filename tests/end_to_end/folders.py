"""Looking into a folder that a running program writes to and deletes from."""

import os
from pathlib import Path


def files_below(folder: Path) -> list[Path]:
    """The files below a folder; one that goes while we look is no error, as it would be for ``rglob``."""
    found = [Path(at) / name for at, _, names in os.walk(folder) for name in names]
    return sorted(path for path in found if path.is_file())


def objects_in(folder: Path) -> list[Path]:
    """What the program's store holds but the ledger, which grows by itself."""
    root = folder / "objects"
    return [path for path in files_below(root) if path.relative_to(root).parts[0] != "ledger"]
