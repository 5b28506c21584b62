"""The file store keeps the contract, and what is special about files."""

import asyncio
import os
import resource
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from storage.errors import ExistsError, MisplacedError, NoSpaceError, RefusedError, TooLargeError
from storage.filesystem import FilesystemStore
from storage.store import ObjectKey, ObjectStore
from tests.servers.parts import all_required
from tests.storage.contract import KEY, SMALL, ObjectStoreContract, in_pieces, some_bytes

CHILD = Path(__file__).parent / "putting_child.py"


class TestFilesystemStore(ObjectStoreContract):
    """The contract, in files."""

    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[ObjectStore]:
        """A store in an empty folder."""
        store = await FilesystemStore.create(tmp_path / "objects", country="FR")
        yield store
        await store.aclose()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[FilesystemStore]:
    """A store in ``objects`` of the test's folder."""
    store = await FilesystemStore.create(tmp_path / "objects", country="FR")
    yield store
    await store.aclose()


def names_in(folder: Path) -> list[str]:
    """Return the names in a folder."""
    return sorted(path.name for path in folder.iterdir())


def files(folder: Path) -> list[str]:
    """Return the names of all files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_only_the_owner_can_look(store: FilesystemStore, tmp_path: Path) -> None:
    """Files are 0600 and folders 0700, whatever the umask says."""
    before = os.umask(0)
    try:
        await store.put(KEY, SMALL)
        await store.put(ObjectKey("a/b/c/d"), in_pieces(SMALL))
    finally:
        os.umask(before)
    for path in (tmp_path / "objects").rglob("*"):
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


async def test_erase_takes_the_empty_folders_along(store: FilesystemStore, tmp_path: Path) -> None:
    """Nothing tells afterwards that an object was there; folders with objects stay."""
    await store.put(ObjectKey("a/b/c"), SMALL)
    await store.put(ObjectKey("a/d"), SMALL)
    await store.erase(ObjectKey("a/b/c"))
    assert not (tmp_path / "objects/a/b").exists()
    await store.erase(ObjectKey("a/d"))
    assert names_in(tmp_path / "objects") == [".unfinished"]


async def test_puts_and_erasures_of_one_folder_do_not_trip(store: FilesystemStore) -> None:
    """A folder that vanishes with its last object does not fail the put beside it."""

    async def come_and_go(n: int) -> None:
        key = ObjectKey(f"shared/{n}")
        for _ in range(25):
            await store.put(key, SMALL, if_absent=n % 2 == 0)
            assert (await store.erase(key)).versions_deleted == 1

    await asyncio.gather(*(come_and_go(n) for n in range(8)))
    assert await store.remains("") == ()


async def test_a_dead_writers_file_goes_at_the_next_start(store: FilesystemStore, tmp_path: Path) -> None:
    """Unfinished files without a living writer are removed when the folder is opened; others stay."""
    (tmp_path / "objects/.unfinished/calls=1=x.0123456789abcdef").write_bytes(SMALL)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def paused() -> AsyncIterator[bytes]:
        yield some_bytes(2_000_000)
        begun.set()
        await go_on.wait()

    putting = asyncio.create_task(store.put(KEY, paused()), name="put")
    await begun.wait()
    second = await FilesystemStore.create(tmp_path / "objects")
    assert second.stale_removed == 1
    assert len(names_in(tmp_path / "objects/.unfinished")) == 1
    go_on.set()
    await putting
    assert len(await second.read(KEY, limit_bytes=2_000_000)) == 2_000_000
    await second.aclose()


async def test_long_keys_are_erased_apart(store: FilesystemStore) -> None:
    """The longest keys keep their unfinished files apart."""
    long = "/".join(["x" * 65] * 3)
    one, other = ObjectKey(f"{long}/1"), ObjectKey(f"{long}/2")
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def paused() -> AsyncIterator[bytes]:
        yield some_bytes(2_000_000)
        begun.set()
        await go_on.wait()

    putting = asyncio.create_task(store.put(one, paused()), name="put")
    await begun.wait()
    assert (await store.erase(other)).uploads_aborted == 0
    assert len(await store.remains(one)) == 1
    assert await store.remains(other) == ()
    go_on.set()
    await putting


async def test_a_strangers_file_is_left_alone(store: FilesystemStore, tmp_path: Path) -> None:
    """What the store did not write is neither listed nor in the way."""
    await store.put(KEY, SMALL)
    (tmp_path / "objects/calls/1/README").write_text("hello")
    assert [stored.key async for stored in store.list()] == [KEY]


async def test_a_symbolic_link_is_not_followed(store: FilesystemStore, tmp_path: Path) -> None:
    """A link where an object should be is refused: it may lead out of the folder."""
    (tmp_path / "secret").write_text("outside")
    (tmp_path / "objects/link=").symlink_to(tmp_path / "secret")
    with pytest.raises(RefusedError):
        await store.read(ObjectKey("link"), limit_bytes=100)
    with pytest.raises(RefusedError):
        await store.head(ObjectKey("link"))


async def test_an_open_folder_is_found(tmp_path: Path) -> None:
    """The probe tells when others on the machine can look in."""
    (tmp_path / "objects").mkdir(mode=0o755)
    store = await FilesystemStore.create(tmp_path / "objects")
    assert [finding.code for finding in (await store.probe()).findings] == ["folder_open"]
    await store.aclose()


async def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """A path that cannot be a folder is refused at the start."""
    (tmp_path / "file").touch()
    with pytest.raises(RefusedError):
        await FilesystemStore.create(tmp_path / "file" / "objects")


@pytest.mark.parametrize("country", ["", "fr", "FRA", "France"])
async def test_a_country_is_a_code(tmp_path: Path, country: str) -> None:
    """The operator declares an ISO 3166-1 code, nothing else."""
    with pytest.raises(MisplacedError):
        await FilesystemStore.create(tmp_path, country=country)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB in memory."""
    folder = tmp_path / "small"
    folder.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(folder)]
    mounted = subprocess.run(options, capture_output=True, check=False)
    if mounted.returncode:
        (pytest.fail if all_required() else pytest.skip)("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_full_disk_refuses_and_keeps_what_was_acknowledged(small_disk: Path) -> None:
    """P3: on ENOSPC the put is NoSpaceError, leaves nothing, and earlier objects are whole."""
    store = await FilesystemStore.create(small_disk / "objects")
    kept: dict[ObjectKey, bytes] = {}

    async def fill() -> None:
        for n in range(100):
            key, whole = ObjectKey(f"full/{n}"), some_bytes(60_000, seed=n)
            await store.put(key, in_pieces(whole, 7_000))
            kept[key] = whole

    with pytest.raises(NoSpaceError):
        await fill()
    assert kept
    assert [stored.key async for stored in store.list()] == sorted(kept)
    assert len(await store.remains("")) == len(kept)
    for key, whole in kept.items():
        assert await store.read(key, limit_bytes=len(whole)) == whole
    for key in kept:
        await store.erase(key)
    await store.put(KEY, some_bytes(60_000))
    await store.aclose()


async def test_a_file_over_the_systems_limit_leaves_nothing(store: FilesystemStore) -> None:
    """EFBIG in the middle of a body is TooLargeError, and no trace stays."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, before[1]))
    try:
        with pytest.raises(TooLargeError):
            await store.put(KEY, in_pieces(some_bytes(3_000_000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert await store.remains("") == ()


async def test_a_killed_writer_loses_nothing_it_acknowledged(
    tmp_path: Path, rounds: Callable[[int, int], int]
) -> None:
    """P3: SIGKILL at any instant: acknowledged objects are whole, all others absent, and no file is left."""
    folder = tmp_path / "objects"
    acknowledged = 0
    for n in range(rounds(12, 200)):
        argv = [sys.executable, str(CHILD), str(folder), str(n)]
        child = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE)
        assert child.stdout is not None
        told = [await child.stdout.readline()]
        await asyncio.sleep((n * 37 % 23) * 0.004)
        child.kill()
        told += (await child.stdout.read()).splitlines(keepends=True)
        await child.wait()
        # A last line without its end was not heard in full; the object behind it may be there or not.
        done = [ObjectKey(line.decode().strip()) for line in told if line.endswith(b"\n")]
        store = await FilesystemStore.create(folder)
        found = {stored.key: stored.size_bytes async for stored in store.list(f"run-{n}/")}
        assert set(done) <= set(found)
        assert len(found) <= len(done) + 4, "only the four writers' last puts may be stored unheard"
        for key in found:
            seed = int(key.rpartition("/")[2])
            assert await store.read(key, limit_bytes=200_000) == some_bytes(
                1_000 + seed * 211 % 150_000, seed
            )
        assert names_in(folder / ".unfinished") == []
        acknowledged += len(done)
        await store.aclose()
    assert acknowledged > 50


async def test_what_replaces_is_refused_without_a_trace(store: FilesystemStore, tmp_path: Path) -> None:
    """A put that loses against if_absent removes its temporary file."""
    await store.put(KEY, SMALL)
    with pytest.raises(ExistsError):
        await store.put(KEY, b"other", if_absent=True)
    assert files(tmp_path / "objects") == ["calls/1/leg.webm="]
