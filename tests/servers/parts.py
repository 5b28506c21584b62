"""Real parts that a test needs. A missing one skips the test; with CALLVAULT_TEST_REQUIRE_ALL=1 it fails."""

import os
import shutil
from pathlib import Path

import pytest

# Debian keeps the server programs of PostgreSQL outside the path.
EXTRA_FOLDERS = (
    "/usr/sbin",
    "/sbin",
    *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True),
)
# Programs that are not started as they are.
WRAPPED = {"chromium": Path(__file__).with_name("chromium.sh")}


def all_required() -> bool:
    """Tell whether a missing part is a failure: so it is in CI."""
    return os.environ.get("CALLVAULT_TEST_REQUIRE_ALL") == "1"


def find(program: str) -> str | None:
    """Return the path of a program, or None."""
    path = shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), *EXTRA_FOLDERS]))
    return path and str(WRAPPED.get(program, path))


def need(*programs: str) -> dict[str, str]:
    """Return the paths of these programs; skips the test, or fails it when all parts are required."""
    found = {program: find(program) for program in programs}
    _require([program for program, path in found.items() if path is None])
    return {program: path for program, path in found.items() if path is not None}


def need_file(path: str, *, package: str) -> None:
    """As `need`, of a package without a program of its own: one of its files tells that it is here."""
    _require([] if Path(path).exists() else [package])


def _require(missing: list[str]) -> None:
    if missing:
        sentence = f"needs {', '.join(sorted(missing))} (make packages installs what Debian has)"
        (pytest.fail if all_required() else pytest.skip)(sentence)
