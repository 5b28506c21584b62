"""A store that is only looked at gives everything and takes nothing."""

import pytest

from storage.errors import AbsentError, RefusedError
from storage.memory import MemoryStore
from storage.read_only import ReadOnlyStore
from storage.store import ByteRange, ObjectKey

KEY = ObjectKey("media/one")


async def test_what_reads_is_passed_on_and_what_writes_is_refused() -> None:
    """Nothing is put, erased or probed; what was there before is there after."""
    inner = MemoryStore(country="FR")
    await inner.put(KEY, b"0123456789")
    store = ReadOnlyStore(inner)
    with pytest.raises(RefusedError):
        await store.put(ObjectKey("media/two"), b"x")
    with pytest.raises(RefusedError):
        await store.erase(KEY)
    with pytest.raises(RefusedError):
        await store.probe()
    assert await store.read(KEY, ByteRange(2, 4), limit_bytes=2) == b"23"
    assert (await store.head(KEY)).size_bytes == 10
    assert [stored.key async for stored in store.list("media/")] == [KEY]
    assert len(await store.remains("media/")) == 1
    assert (await store.placement()).country == "FR"
    async with store.open(KEY) as reading:
        assert b"".join([block async for block in reading]) == b"0123456789"
    with pytest.raises(AbsentError):
        await store.head(ObjectKey("media/two"))
    await store.aclose()
