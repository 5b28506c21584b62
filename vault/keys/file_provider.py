"""Epoch keys in a file on this machine: the embedded default (docs/OPERATIONS.md, keys).

The ring is one JSON file, ``{"v": 1, "epochs": {"1": "<base64 of 32 bytes>"}}``, mode 0600, in a directory
apart from the data. Destroying a key here is worth ``software``: a disk may keep old blocks.
"""

import asyncio
import base64
import binascii
import json
import secrets
from datetime import datetime
from pathlib import Path
from typing import Final

from crypto.errors import CryptoError
from crypto.keys import TenantKey
from crypto.tenant_wrapping import unwrap_tenant_key, wrap_tenant_key
from vault.errors import ConfigurationError, KeyProviderError
from vault.keys.private_file import read_private, write_private
from vault.keys.provider import Destruction, Epoch, EpochKeyState

KEY_BYTES: Final = 32


class FileKeyProvider:
    """Holds the ring in memory after ``open``; the file is rewritten only when an epoch begins.

    Another program may have begun an epoch since: what is not in memory is looked for in the file.
    """

    name = "file"
    assurance = "software"

    def __init__(self, path: Path, ring: dict[int, bytes]) -> None:
        self._path = path
        self._ring = ring

    @classmethod
    def open(cls, path: Path) -> "FileKeyProvider":
        """Read a ring; raises ConfigurationError where it is missing, too open or damaged."""
        return cls(path, _ring_in(path))

    @classmethod
    def create(cls, path: Path) -> "FileKeyProvider":
        """Make an empty ring; raises ConfigurationError where one is already there."""
        if path.exists():
            raise ConfigurationError(f"there is a key file at {path} already; it is never overwritten")
        provider = cls(path, {})
        provider._write({})
        return provider

    async def create_epoch(self, number: int) -> Epoch:
        """Make the key of an epoch and store it before it is used; the caller sees to it that it is alone."""
        self._ring |= await asyncio.to_thread(_ring_in, self._path)
        if number not in self._ring:
            ring = {**self._ring, number: secrets.token_bytes(KEY_BYTES)}
            await asyncio.to_thread(self._write, ring)
            self._ring = ring
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

    async def state(self, epoch: int) -> EpochKeyState:
        """Look into the file: another program may have changed it."""
        ring = await asyncio.to_thread(_ring_in, self._path)
        return EpochKeyState.USABLE if epoch in ring else EpochKeyState.GONE

    async def destroy_epoch(self, epoch: int, *, now: datetime) -> Destruction:
        """Rewrite the ring without the key; the caller sees to it that it is alone."""
        ring = await asyncio.to_thread(_ring_in, self._path)
        if ring.pop(epoch, None) is not None:
            await asyncio.to_thread(self._write, ring)
        self._ring.pop(epoch, None)
        return Destruction(now, {"provider": self.name, "assurance": self.assurance, "file": "rewritten"})

    async def _key(self, epoch: int) -> bytes:
        if epoch not in self._ring:
            self._ring |= await asyncio.to_thread(_ring_in, self._path)
        if epoch not in self._ring:
            raise KeyProviderError(f"the key ring has no key for epoch {epoch}; is this the right ring?")
        return self._ring[epoch]

    def _write(self, ring: dict[int, bytes]) -> None:
        epochs = {str(number): base64.b64encode(key).decode() for number, key in sorted(ring.items())}
        write_private(self._path, json.dumps({"v": 1, "epochs": epochs}).encode())


def _ring_in(path: Path) -> dict[int, bytes]:
    try:
        found = json.loads(read_private(path))
        ring = {int(n): base64.b64decode(key, validate=True) for n, key in found["epochs"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as cause:
        raise ConfigurationError(
            f"the key file {path} is damaged; restore it from its recovery copy"
        ) from cause
    if found.get("v") != 1 or any(len(key) != KEY_BYTES for key in ring.values()):
        raise ConfigurationError(f"the key file {path} has a form this program does not know")
    return ring
