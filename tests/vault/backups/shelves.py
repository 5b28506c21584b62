"""Places of backups, in stores of a test's own."""

from storage.store import ObjectKey, ObjectStore
from vault.backups.shelf import Backup, Place

NAMES = ("primary", "lyon", "metz")


def placed(*stores: ObjectStore) -> list[Place]:
    """A place for each store, none lost with another."""
    return [Place(name, store, f"disk {name}") for name, store in zip(NAMES, stores, strict=False)]


async def spoil(store: ObjectStore, backup: Backup) -> None:
    """Change the last byte of a backup."""
    key = ObjectKey(f"backups/{backup.kind.value}/{backup.name}")
    sealed = await store.read(key, limit_bytes=1 << 24)
    await store.put(key, sealed[:-1] + bytes([sealed[-1] ^ 1]))
