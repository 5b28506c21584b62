"""The blocking half of the file store against a dict, under Hypothesis."""

import asyncio
import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import files
from storage.errors import AbsentError, ExistsError
from storage.files import TICKET_CHARS, belongs, key_of_unfinished, unfinished_stem
from storage.filesystem import FilesystemStore
from storage.memory import MemoryStore
from storage.store import ObjectKey, ObjectStore

KEYS = [ObjectKey(text) for text in ("a", "a/b", "a/b/c", "a-b", "b/a", "x" * 200, f"{'y' * 99}/{'z' * 100}")]
some_key = st.sampled_from(KEYS)
some_body = st.binary(max_size=300)
step = st.one_of(
    st.tuples(st.just("put"), some_key, some_body, st.booleans()),
    st.tuples(st.just("erase"), some_key),
    st.tuples(st.just("read"), some_key),
    st.tuples(st.just("list"), st.sampled_from(["", "a/", "a/b/", "b/", "c/"])),
)


async def follow(store: ObjectStore, steps: list[tuple[object, ...]]) -> None:
    """Do every step on the store and on a dict, and compare."""
    model: dict[ObjectKey, bytes] = {}
    for one in steps:
        match one:
            case ("put", ObjectKey() as key, bytes() as body, bool() as if_absent):
                try:
                    stored = await store.put(key, body, if_absent=if_absent)
                except ExistsError:
                    assert if_absent
                    assert key in model
                else:
                    assert not (if_absent and key in model)
                    assert stored.sha256 == hashlib.sha256(body).digest()
                    model[key] = body
            case ("erase", ObjectKey() as key):
                assert (await store.erase(key)).versions_deleted == (key in model)
                model.pop(key, None)
            case ("read", ObjectKey() as key):
                try:
                    assert await store.read(key, limit_bytes=300) == model[key]
                except AbsentError:
                    assert key not in model
            case ("list", str() as prefix):
                expected = sorted(key for key in model if key.startswith(prefix))
                assert [stored.key async for stored in store.list(prefix)] == expected
                assert len(await store.remains(prefix)) == len(expected)
    for key in list(model):
        await store.erase(key)
    assert await store.remains("") == ()


@settings(max_examples=40, deadline=None)
@given(st.lists(step, max_size=25))
def test_files_and_memory_behave_like_a_dict(steps: list[tuple[object, ...]]) -> None:
    """P3: any row of puts, reads, listings and erasures ends as in a dict."""

    async def both() -> None:
        with TemporaryDirectory() as folder:
            for store in (await FilesystemStore.create(Path(folder)), MemoryStore()):
                await follow(store, steps)
                await store.aclose()

    asyncio.run(both())


def test_unfinished_names_tell_keys_apart() -> None:
    """The name of an unfinished file belongs to exactly one key, and fits a file system."""
    keys = [*KEYS, *(ObjectKey(f"{'y' * 99}/{'z' * 99}{n}") for n in range(3))]
    for key in keys:
        name = Path(f"{unfinished_stem(key)}.{'0' * (TICKET_CHARS - 1)}")
        assert len(name.name) <= 255
        assert key_of_unfinished(name) == key
        assert [other for other in keys if belongs(name, other)] == [key]
        assert belongs(name, "")
        assert belongs(name, f"{key.partition('/')[0]}/") == ("/" in key)


@pytest.mark.parametrize("names", [1, 2, 3, 7, 50])
async def test_a_folder_of_more_names_than_are_kept_in_memory_is_walked_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: int
) -> None:
    """It is read again for the next ones: nothing is left out or told twice, whatever goes meanwhile."""
    monkeypatch.setattr(files, "WALK_NAMES", names)
    store = await FilesystemStore.create(tmp_path)
    keys = sorted(ObjectKey(f"a/{number:02d}{end}") for number in range(10) for end in ("", "/x", "-y"))
    for key in keys:
        await store.put(key, b"")
    assert [stored.key async for stored in store.list("a/")] == keys
    walking = files.walk(tmp_path, "a/")
    told = []
    for stored in walking:
        told.append(stored.key)
        (tmp_path / f"{stored.key}{files.MARK}").unlink()
    assert told == keys
    await store.aclose()
