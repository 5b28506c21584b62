"""The erase/restore matrix: every store, replica, crash and backup; nothing erased opens, neighbours play.

    pytest tests/vault/rights/test_restore_matrix.py

prints a line for each store, replica and backup at its end, over all crashes and ways back; a report in a
file (`--junit-xml`) has one for each combination. By default one step of the erasure is drawn for its crash;
`make soak` takes every step there is.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from storage.filesystem import FilesystemStore
from storage.s3 import S3Store
from storage.store import ObjectStore
from tests.conftest import TABLE
from tests.storage.conftest import Service, ceph, ceph_http, make_bucket, swift, swift_http
from tests.vault.rights.matrix import MOMENTS, WAYS, Combination, Places, Row, table_of

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ceph", "ceph_http", "make_bucket", "swift", "swift_http"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_600), pytest.mark.usefixtures("quick_child")]
Maker = Callable[[str], Awaitable[ObjectStore]]
REPLICAS = ["none", "up", "away", "lost"]


async def filled(
    folder: Path,
    make: Callable[[Path], Maker],
    name: str,
    replica: str,
    tell: Callable[[str, object], None],
    *,
    whole: bool,
) -> None:
    """The rows of one store and one fate of its replica: without a crash, then with one at a step or all.

    What came of it is told in any case: lines for the end of the run, and each row for the report in a file.
    """
    rows: list[Row] = []
    counted: list[str] = []
    chance = random.Random(int(os.environ.get("CALLVAULT_TEST_SEED", "0")) or None)
    try:
        counted = await one(folder / "counted", make, name, replica, None, rows)
        steps = range(1, len(counted) + 1)
        for dies_at in steps if whole else [chance.choice(steps)]:
            await one(folder / f"at{dies_at}", make, name, replica, dies_at, rows)
    finally:
        tell(TABLE, table_of(rows, len(counted)))
        tell("erase_restore_matrix", "\n".join(str(row) for row in rows))


async def one(
    folder: Path, make: Callable[[Path], Maker], name: str, replica: str, dies_at: int | None, rows: list[Row]
) -> list[str]:
    """One life and its rows; gives the steps that its erasure took."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    combination = Combination(folder, Places(make(folder), replica != "none"), replica, dies_at)
    made = [row async for row in combination.rows(name)]
    rows += made
    assert len(made) == len(MOMENTS) * len(WAYS)
    assert [str(row) for row in made if not row.is_green] == []
    return combination.steps


@pytest.mark.parametrize("replica", REPLICAS)
async def test_nothing_erased_comes_back_from_any_backup_over_files(
    tmp_path: Path,
    replica: str,
    record_property: Callable[[str, object], None],
    rounds: Callable[[int, int], int],
) -> None:
    """A folder, alone or with a replica that is up, away and back later, or lost for good and replaced."""

    def make(folder: Path) -> Maker:
        async def place(name: str) -> ObjectStore:
            return await FilesystemStore.create(folder / name, country="FR")

        return place

    await filled(tmp_path, make, "files", replica, record_property, whole=rounds(0, 1) == 1)


def in_buckets(of: Service, make_bucket: Callable[..., str], *, versioned: bool) -> Callable[[Path], Maker]:
    """Each place a bucket of its own."""

    def make(_folder: Path) -> Maker:
        async def place(_name: str) -> ObjectStore:
            bucket = make_bucket(of, is_versioned=versioned)
            return await S3Store.create(replace(of.settings, bucket=bucket), of.credentials)

        return place

    return make


@pytest.mark.ceph
@pytest.mark.parametrize("versions", ["off", "on"])
@pytest.mark.parametrize("replica", REPLICAS)
async def test_nothing_erased_comes_back_from_any_backup_over_s3(
    tmp_path: Path,
    replica: str,
    versions: str,
    record_property: Callable[[str, object], None],
    rounds: Callable[[int, int], int],
    ceph_http: Service,  # the fixture itself
    make_bucket: Callable[..., str],
) -> None:
    """A real gateway, with and without versions of its objects, alone or with a replica of any fate."""
    make = in_buckets(ceph_http, make_bucket, versioned=versions == "on")
    whole = rounds(0, 1) == 1
    await filled(tmp_path, make, f"ceph, versions {versions}", replica, record_property, whole=whole)


@pytest.mark.parametrize("replica", ["none", "away"])
async def test_nothing_erased_comes_back_from_any_backup_over_swift(
    tmp_path: Path,
    replica: str,
    record_property: Callable[[str, object], None],
    rounds: Callable[[int, int], int],
    swift_http: Service,  # the fixture itself
    make_bucket: Callable[..., str],
) -> None:
    """The second opinion, with versions."""
    make = in_buckets(swift_http, make_bucket, versioned=True)
    await filled(tmp_path, make, "swift, versions on", replica, record_property, whole=rounds(0, 1) == 1)
