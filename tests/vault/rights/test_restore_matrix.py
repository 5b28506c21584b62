"""The erase/restore matrix: every store, replica, crash and backup; nothing erased opens, neighbours play.

    pytest -s tests/vault/rights/test_restore_matrix.py

prints a line for each combination. By default one step of the erasure is drawn for its crash; `make soak`
takes every step there is.
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
from tests.storage.conftest import Service, ceph, ceph_http, make_bucket
from tests.vault.rights.matrix import MOMENTS, WAYS, Combination, Places, Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["ceph", "ceph_http", "make_bucket"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_600), pytest.mark.usefixtures("quick_child")]
Maker = Callable[[str], Awaitable[ObjectStore]]


@pytest.fixture(scope="module")
def table(record_testsuite_property: Callable[[str, object], None]) -> Iterator[list[Row]]:
    """The rows of all combinations, printed and put into the report at the end."""
    rows: list[Row] = []
    yield rows
    green = sum(row.is_green for row in rows)
    text = "\n".join([*(str(row) for row in rows), f"{len(rows)} combinations, {green} as promised"])
    print(f"\n{text}")  # noqa: T201  # what `pytest -s` is for
    record_testsuite_property("erase_restore_matrix", text)


async def filled(
    folder: Path, make: Callable[[Path], Maker], name: str, replica: str, rows: list[Row], *, whole: bool
) -> None:
    """The rows of one store and one fate of its replica: without a crash, then with one at a step or all."""
    counted = await one(folder / "counted", make, name, replica, None, rows)
    chance = random.Random(int(os.environ.get("CALLVAULT_TEST_SEED", "0")) or None)
    steps = range(1, len(counted) + 1)
    for dies_at in steps if whole else [chance.choice(steps)]:
        await one(folder / f"at{dies_at}", make, name, replica, dies_at, rows)


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


@pytest.mark.parametrize("replica", ["none", "up", "away", "lost"])
async def test_nothing_erased_comes_back_from_any_backup_over_files(
    tmp_path: Path, replica: str, table: list[Row], rounds: Callable[[int, int], int]
) -> None:
    """A folder, alone or with a replica that is up, away and back later, or lost for good and replaced."""

    def make(folder: Path) -> Maker:
        async def place(name: str) -> ObjectStore:
            return await FilesystemStore.create(folder / name, country="FR")

        return place

    await filled(tmp_path, make, "files", replica, table, whole=rounds(0, 1) == 1)


@pytest.mark.ceph
@pytest.mark.parametrize("versions", ["off", "on"])
@pytest.mark.parametrize("replica", ["none", "away"])
async def test_nothing_erased_comes_back_from_any_backup_over_s3(
    tmp_path: Path,
    replica: str,
    versions: str,
    table: list[Row],
    rounds: Callable[[int, int], int],
    ceph_http: Service,  # the fixture itself
    make_bucket: Callable[..., str],
) -> None:
    """A real gateway, with and without versions of its objects, alone or with a replica."""

    def make(_folder: Path) -> Maker:
        async def place(_name: str) -> ObjectStore:
            bucket = make_bucket(ceph_http, is_versioned=versions == "on")
            settings = replace(ceph_http.settings, bucket=bucket)
            return await S3Store.create(settings, ceph_http.credentials)

        return place

    await filled(tmp_path, make, f"s3, versions {versions}", replica, table, whole=rounds(0, 1) == 1)
