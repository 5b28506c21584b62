"""A process that puts objects until it is killed, and prints the key of each one acknowledged."""

import asyncio
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from storage.filesystem import FilesystemStore
from storage.store import ObjectKey
from tests.storage.contract import in_pieces, some_bytes


async def put_for_ever(store: FilesystemStore, run: str, seeds: range) -> None:
    """Put one object after the other, every second one as a stream."""
    for seed in seeds:
        whole = some_bytes(1_000 + seed * 211 % 150_000, seed)
        key = ObjectKey(f"run-{run}/{seed}")
        await store.put(key, whole if seed % 2 else in_pieces(whole, 9_973), if_absent=seed % 3 == 0)
        # One write, so that the reader never sees half a line before it is acknowledged.
        os.write(sys.stdout.fileno(), f"{key}\n".encode())


async def main() -> None:
    """Run four writers side by side."""
    store = await FilesystemStore.create(Path(sys.argv[1]))
    writers = (put_for_ever(store, sys.argv[2], range(first, 1_000_000, 4)) for first in range(4))
    await asyncio.gather(*writers)


asyncio.run(main())
