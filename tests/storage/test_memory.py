"""The memory store keeps the contract."""

from collections.abc import AsyncIterator

import pytest

from storage.errors import RefusedError, TooLargeError
from storage.memory import MemoryStore
from storage.store import ObjectStore
from tests.storage.contract import KEY, ObjectStoreContract, in_pieces


class TestMemoryStore(ObjectStoreContract):
    """The contract, in memory."""

    @pytest.fixture
    async def store(self) -> AsyncIterator[ObjectStore]:
        """An empty store."""
        store = MemoryStore(country="FR")
        yield store
        await store.aclose()


async def test_an_object_over_the_limit_is_refused_while_it_comes() -> None:
    """Memory is bounded: a stream over the limit ends the put, and nothing stays."""
    store = MemoryStore(limit_bytes=1000)
    with pytest.raises(TooLargeError):
        await store.put(KEY, in_pieces(b"x" * 1001, 100))
    with pytest.raises(TooLargeError):
        await store.put(KEY, b"x" * 1001)
    assert await store.remains("") == ()
    await store.aclose()
    with pytest.raises(RefusedError):
        await store.head(KEY)
