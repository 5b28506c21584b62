"""Where epoch keys lie in tests: real holders, opened by as many processes as one likes, and taken away."""

import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import pkcs11
import pytest

from tests.servers.moto import Moto
from tests.servers.openbao import OpenBao
from tests.servers.softhsm import CONFIGURATION, softhsm_token
from tests.storage.lossy_proxy import Fault, lossy_proxy
from vault.clock import SystemClock
from vault.keys.file_provider import FileKeyProvider
from vault.keys.patience import Patience, PatientProvider
from vault.keys.private_file import write_private
from vault.keys.provider import KeyProvider
from vault.keyservice.awskms import AwsKmsKeyProvider, KmsSettings
from vault.keyservice.openbao import OpenBaoKeyProvider, TransitSettings
from vault.keyservice.pkcs11 import Pkcs11KeyProvider, TokenSettings


class Custody(Protocol):
    """A place that holds epoch keys. What the contract needs of it beside the port itself."""

    def opened(self) -> AbstractAsyncContextManager[KeyProvider]:
        """Open the place as one more process does."""

    def away(self) -> AbstractAsyncContextManager[None]:
        """Make the place unreachable for the length of the block."""

    def secrets(self) -> tuple[bytes, ...]:
        """What must stand in no message and no evidence: keys, credentials; as far as they can be known."""


class FileCustody:
    """A ring in a file, under a passphrase or none."""

    def __init__(self, folder: Path, passphrase: str | None = None) -> None:
        self._path = folder / "keys" / "root.key"
        self._passphrase = passphrase
        FileKeyProvider.create(self._path, passphrase)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[KeyProvider]:
        """Read the file."""
        yield FileKeyProvider.open(self._path, self._passphrase)

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Unmount the disk, as it were."""
        elsewhere = self._path.with_name("elsewhere")
        self._path.rename(elsewhere)
        try:
            yield
        finally:
            elsewhere.rename(self._path)

    def secrets(self) -> tuple[bytes, ...]:
        """The file's own texts between quotation marks, but the short ones."""
        texts = tuple(text for text in self._path.read_bytes().split(b'"') if len(text) > 16)
        return texts if self._passphrase is None else (*texts, self._passphrase.encode())


class TokenCustody:
    """A token behind PKCS #11."""

    def __init__(self, folder: Path) -> None:
        self.hsm = softhsm_token(folder / "hsm")
        os.environ[CONFIGURATION] = str(self.hsm.configuration)
        pkcs11.lib(str(self.hsm.module)).reinitialize()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Pkcs11KeyProvider]:
        """Open the token."""
        provider = Pkcs11KeyProvider(TokenSettings(self.hsm.module, self.hsm.token, self.hsm.pin))
        try:
            yield provider
        finally:
            await provider.aclose()

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Unplug it."""
        elsewhere = self.hsm.tokens.with_name("elsewhere")
        self.hsm.tokens.rename(elsewhere)
        try:
            yield
        finally:
            elsewhere.rename(self.hsm.tokens)

    def secrets(self) -> tuple[bytes, ...]:
        """The keys never leave the token; the PIN could."""
        return (self.hsm.pin.encode(),)


class TransitCustody:
    """A transit engine of a real OpenBao, under a deployment's name of its own."""

    def __init__(self, bao: OpenBao, folder: Path) -> None:
        self.url, self.ca_file = bao.url, bao.ca_file
        self.label = f"t{secrets.token_hex(6)}"
        self.token_file = folder / "bao.token"
        self._token = bao.token_for(self.label)
        write_private(self.token_file, self._token.encode())

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[OpenBaoKeyProvider]:
        """Connect to it."""
        provider = OpenBaoKeyProvider(
            TransitSettings(self.url, self.token_file, label=self.label, ca_file=self.ca_file)
        )
        try:
            yield provider
        finally:
            await provider.aclose()

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Let the token expire, as it were: the service says no to everything."""
        write_private(self.token_file, b"s.expired")
        try:
            yield
        finally:
            write_private(self.token_file, self._token.encode())

    def secrets(self) -> tuple[bytes, ...]:
        """The keys never leave it; the token could."""
        return (self._token.encode(), b"s.expired")


class KmsCustody:
    """AWS KMS as moto plays it, under a deployment's name of its own."""

    def __init__(self, moto: Moto) -> None:
        self._moto = moto
        self._cut = False
        self.label = f"t{secrets.token_hex(6)}"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[AwsKmsKeyProvider]:
        """Connect to it, through a wire that can be cut."""
        async with lossy_proxy(urlsplit(self._moto.endpoint).port or 0) as proxy:
            proxy.judge = lambda _: Fault.RESET if self._cut else Fault.NONE
            provider = AwsKmsKeyProvider(
                KmsSettings(
                    self._moto.region,
                    label=self.label,
                    endpoint=proxy.endpoint,
                    access_key="AKIAEXAMPLE",
                    secret_key="hidden-secret-key",
                )
            )
            try:
                yield provider
            finally:
                await provider.aclose()

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Cut the wire."""
        self._cut = True
        try:
            yield
        finally:
            self._cut = False

    def secrets(self) -> tuple[bytes, ...]:
        """The keys never leave it; the credentials could."""
        return (b"hidden-secret-key",)


class Patient:
    """Another place, asked as a key store asks it: with patience."""

    def __init__(self, inner: Custody) -> None:
        self._inner = inner
        self.away, self.secrets = inner.away, inner.secrets

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[KeyProvider]:
        """Open it as that does."""
        async with self._inner.opened() as provider:
            yield PatientProvider(provider, Patience(SystemClock()))


CUSTODIES: dict[str, Callable[[pytest.FixtureRequest, Path], Custody]] = {
    "file": lambda _, folder: FileCustody(folder),
    "file with a passphrase": lambda _, folder: FileCustody(folder, "six words of some length"),
    "file with patience": lambda _, folder: Patient(FileCustody(folder)),
    "pkcs11": lambda _, folder: TokenCustody(folder),
    "awskms": lambda request, _: KmsCustody(request.getfixturevalue("moto_kms")),
    "openbao": lambda request, folder: TransitCustody(request.getfixturevalue("bao"), folder),
}
