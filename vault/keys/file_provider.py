"""Epoch keys in a file on this machine: the embedded default (docs/OPERATIONS.md, keys).

The ring is one file (``vault.keys.ring_file``), mode 0600, in a directory apart from the data. Destroying a
key here is worth ``software``: a disk may keep old blocks.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from crypto.errors import CryptoError
from crypto.keys import KEY_BYTES, TenantKey
from crypto.tenant_wrapping import unwrap_tenant_key, wrap_tenant_key
from vault.errors import ConfigurationError, KeyProviderError
from vault.keys.provider import Destruction, Epoch, EpochKeyState
from vault.keys.ring_file import Ring, RingFile

Result = TypeVar("Result")


class FileKeyProvider:
    """Reads the file each time a key is needed: tenant keys are cached above, so that is seldom.

    So a key that another program made is found at once, and one that it destroyed is gone here as well.
    """

    name = "file"
    assurance = "software"

    def __init__(self, file: RingFile) -> None:
        self._file = file

    @classmethod
    def open(cls, path: Path, passphrase: str | None = None) -> "FileKeyProvider":
        """Read a ring; raises ConfigurationError where it is missing, too open, damaged or stays locked."""
        file = RingFile(path, passphrase)
        file.read()
        return cls(file)

    @classmethod
    def create(cls, path: Path, passphrase: str | None = None) -> "FileKeyProvider":
        """Make an empty ring; raises ConfigurationError where one is already there."""
        return cls(RingFile.create(path, passphrase))

    async def create_epoch(self, number: int) -> Epoch:
        """Make the key of an epoch and store it before it is used."""
        await self._changed(lambda ring: ring.setdefault(number, secrets.token_bytes(KEY_BYTES)))
        return Epoch(number, {"provider": self.name, "assurance": self.assurance})

    async def wrap(self, epoch: int, tenant_key: TenantKey, *, context: bytes) -> bytes:
        """Wrap a tenant key with AES-256-GCM under the epoch's key."""
        return wrap_tenant_key(tenant_key, await self._key(epoch), context=context)

    async def unwrap(self, epoch: int, wrapped: bytes, *, context: bytes) -> TenantKey:
        """Unwrap a tenant key; KeyProviderError for another context, epoch or changed bytes."""
        try:
            return unwrap_tenant_key(wrapped, await self._key(epoch), context=context)
        except CryptoError as cause:
            raise KeyProviderError(
                "a tenant key does not unwrap under its epoch; its record was changed"
            ) from cause

    async def state(self, epoch: int, *, made: Mapping[str, str] | None = None) -> EpochKeyState:  # noqa: ARG002  # a ring has one key of a number
        """Tell whether the file holds the key."""
        return EpochKeyState.USABLE if epoch in await self._ring() else EpochKeyState.GONE

    async def destroy_epoch(
        self,
        epoch: int,
        *,
        now: datetime,
        made: Mapping[str, str] | None = None,  # noqa: ARG002  # as above
    ) -> Destruction:
        """Rewrite the ring without the key."""
        await self._changed(lambda ring: ring.pop(epoch, None))
        return Destruction(now, {"provider": self.name, "assurance": self.assurance, "file": "rewritten"})

    async def _key(self, epoch: int) -> bytes:
        ring = await self._ring()
        if epoch not in ring:
            raise KeyProviderError(f"the key ring has no key for epoch {epoch}; is this the right ring?")
        return ring[epoch]

    async def _ring(self) -> Ring:
        return await self._read(self._file.read)

    async def _changed(self, change: Callable[[Ring], object]) -> None:
        await self._read(lambda: self._file.change(change))

    async def _read(self, act: Callable[[], Result]) -> Result:
        try:
            return await asyncio.to_thread(act)
        except ConfigurationError as cause:  # it was fit at the start: somebody took or changed it since
            raise KeyProviderError(f"the key ring cannot be read now: {cause}") from cause
