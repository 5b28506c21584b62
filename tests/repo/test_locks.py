"""The lock files say exactly what is installed, by hash, and name no index."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.repo import tree

ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==([^ \\]+)( ;[^\\]*)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")
LOCKS = ("requirements.lock", "requirements-dev.lock")


def locked(path: str) -> dict[str, set[Version]]:
    """Read a lock file: the versions of each package (more than one when Python versions differ)."""
    found: dict[str, set[Version]] = {}
    for line in tree.text(path).splitlines():
        if entry := ENTRY.match(line):
            found.setdefault(canonicalize_name(entry[1]), set()).add(Version(entry[2]))
    return found


def required() -> dict[str, list[Requirement]]:
    """Read pyproject.toml: what each lock file must satisfy."""
    project = tomllib.loads(Path(tree.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    run = [*project["project"]["dependencies"]]
    for extra in project["project"]["optional-dependencies"].values():
        run += extra
    dev = [*run, *project["dependency-groups"]["dev"]]
    return {
        "requirements.lock": [Requirement(line) for line in run],
        "requirements-dev.lock": [Requirement(line) for line in dev],
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_names_and_hashes_only(lock: str) -> None:
    """Every file that pip takes is known by its SHA-256; no option, no address, no comment."""
    lines = tree.text(lock).splitlines()
    strange = [line for line in lines if not ENTRY.match(line) and not HASH.match(line)]
    unhashed = [
        line
        for line, following in zip(lines, [*lines[1:], ""], strict=True)
        if ENTRY.match(line) and not HASH.match(following)
    ]
    assert (strange, unhashed) == ([], [])


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_satisfies_what_the_project_asks_for(lock: str) -> None:
    """Changing a dependency without `make lock` is noticed here."""
    versions = locked(lock)
    stale = [
        str(wanted)
        for wanted in required()[lock]
        if not all(
            wanted.specifier.contains(version) for version in versions.get(canonicalize_name(wanted.name), ())
        )
        or canonicalize_name(wanted.name) not in versions
    ]
    assert stale == []


def test_the_tests_run_on_what_is_shipped() -> None:
    """Every version of the run lock is in the dev lock."""
    run, dev = (locked(lock) for lock in LOCKS)
    assert {name: versions for name, versions in run.items() if dev.get(name) != versions} == {}


def test_the_javascript_lock_has_hashes_and_no_addresses() -> None:
    """Each package by its integrity value; where it comes from is the machine's affair (.npmrc)."""
    packages = json.loads(tree.text("package-lock.json"))["packages"]
    wanted = json.loads(tree.text("package.json"))["devDependencies"]
    assert packages[""]["devDependencies"] == wanted
    for name, entry in packages.items():
        assert "resolved" not in entry, name
        assert not name or entry["integrity"].startswith("sha512-"), name
