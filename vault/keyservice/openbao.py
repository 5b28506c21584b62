"""Epoch keys in OpenBao or HashiCorp Vault: one key of the transit engine for each epoch, over HTTP.

The engine wraps with AES-256-GCM, the context as associated data. A wrapped tenant key is the key's version
there (four bytes, big-endian) and what stands in base 64 behind ``vault:v1:``: no two texts mean one wrap.

Encrypting under a name that is not there makes a key of that name. So a name is looked up first, and the
policy in docs/OPERATIONS.md gives the right to update and not to create.
"""

import asyncio
import base64
import binascii
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import aiohttp

from crypto.errors import CryptoError
from crypto.keys import TenantKey
from vault.errors import ConfigurationError, KeyProviderError
from vault.keys.private_file import read_private
from vault.keys.provider import Destruction, Epoch, EpochKeyState, require_place

KEY_TYPE: Final = "aes256-gcm96"
MAX_BYTES: Final = 64 * 1024  # answers of the engine have a kilobyte
CIPHERTEXT: Final = re.compile(r"vault:v([1-9][0-9]{0,8}):([A-Za-z0-9+/=]{1,500})")
OK, NO_CONTENT, BAD, DENIED, MISSING, SEALED = 200, 204, 400, 403, 404, 503


@dataclass(frozen=True, slots=True)
class TransitSettings:
    """Where the engine is, and under which name its keys stand."""

    url: str
    token_file: Path
    mount: str = "transit"
    label: str = "callvault"
    ca_file: Path | None = None
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that was one: its status and what it holds."""

    status: int
    content: dict[str, Any]

    @property
    def values(self) -> dict[str, Any]:
        """The part that answers the question."""
        found = self.content.get("data")
        return found if isinstance(found, dict) else {}


class OpenBaoKeyProvider:
    """Asks over one client session; the token is read each time, for whoever renews it writes the file."""

    name = "openbao"
    assurance = "kms"

    def __init__(self, settings: TransitSettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"OpenBaoKeyProvider({self._settings.url})"

    async def aclose(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def create_epoch(self, number: int) -> Epoch:
        """Make a key that cannot be exported; one that is there already must be of that kind."""
        if await self._key(number) is None:
            made = {"type": KEY_TYPE, "exportable": False, "allow_plaintext_backup": False, "derived": False}
            await self._done("POST", f"keys/{self._name(number)}", made)
            if await self._key(number) is None:
                raise self._away("made no key")
        return Epoch(number, self._evidence(number))

    async def wrap(self, epoch: int, tenant_key: TenantKey, *, context: bytes) -> bytes:
        """Have a tenant key wrapped."""
        await self._require(epoch)
        asked = {"plaintext": _text(tenant_key.reveal()), "associated_data": _text(context)}
        answer = await self._done("POST", f"encrypt/{self._name(epoch)}", asked)
        found = CIPHERTEXT.fullmatch(str(answer.values.get("ciphertext")))
        if found is None:
            raise self._away("gave no ciphertext")
        return int(found[1]).to_bytes(4, "big") + base64.b64decode(found[2])

    async def unwrap(self, epoch: int, wrapped: bytes, *, context: bytes) -> TenantKey:
        """Have a tenant key unwrapped; KeyProviderError for another context, epoch or changed bytes."""
        ciphertext = f"vault:v{int.from_bytes(wrapped[:4], 'big')}:{_text(wrapped[4:])}"
        asked = {"ciphertext": ciphertext, "associated_data": _text(context)}
        answer = await self._asked("POST", f"decrypt/{self._name(epoch)}", asked)
        if answer.status in {BAD, MISSING}:
            await self._require(epoch)
            raise _refused()
        self._expect(answer)
        try:
            return TenantKey.from_bytes(base64.b64decode(str(answer.values.get("plaintext")), validate=True))
        except (CryptoError, binascii.Error) as cause:
            raise _refused() from cause

    async def state(self, epoch: int, *, made: Mapping[str, str] | None = None) -> EpochKeyState:
        """Look the key up; a service that does not answer is an error, never a key that is gone."""
        found = await self._key(epoch)
        if found is None:
            require_place(made, self._evidence(epoch), "mount", "key")
            return EpochKeyState.GONE
        return EpochKeyState.DISABLED if found.get("soft_deleted") else EpochKeyState.USABLE

    async def destroy_epoch(
        self, epoch: int, *, now: datetime, made: Mapping[str, str] | None = None
    ) -> Destruction:
        """Allow the key's deletion, delete it, look again; a crash between is finished by the next call."""
        answer = "no key of this name"
        if await self._key(epoch) is None:
            require_place(made, self._evidence(epoch), "mount", "key")
        else:
            allowed = await self._done("POST", f"keys/{self._name(epoch)}/config", {"deletion_allowed": True})
            await self._done("DELETE", f"keys/{self._name(epoch)}")
            answer = str(allowed.content.get("request_id", ""))
            if await self._key(epoch) is not None:
                raise KeyProviderError("OpenBao still has a key that it was told to delete; look into it")
        return Destruction(now, {**self._evidence(epoch), "request": answer, "looked_up": "not found"})

    def _name(self, epoch: int) -> str:
        return f"{self._settings.label}-epoch-{epoch}"

    def _evidence(self, epoch: int) -> dict[str, str]:
        return {
            "provider": self.name,
            "assurance": self.assurance,
            "mount": self._settings.mount,
            "key": self._name(epoch),
        }

    async def _require(self, epoch: int) -> None:
        found = await self._key(epoch)
        if found is None:
            raise KeyProviderError(
                f"OpenBao has no key {self._name(epoch)}; are openbao.url, mount and label right?"
            )
        if found.get("soft_deleted"):
            raise KeyProviderError(f"the key {self._name(epoch)} is deleted in OpenBao for now; restore it")

    async def _key(self, epoch: int) -> dict[str, Any] | None:
        answer = await self._asked("GET", f"keys/{self._name(epoch)}")
        # A path that no engine serves is 404 as well, with words; a key that is not there has none.
        if answer.status == MISSING and answer.content.get("errors") == []:
            return None
        self._expect(answer)
        found = answer.values
        unfit = found.get("exportable") or found.get("allow_plaintext_backup") or found.get("derived")
        if found.get("type") != KEY_TYPE or unfit:
            raise KeyProviderError(
                f"the key {self._name(epoch)} in OpenBao is not as this program makes them: of another "
                "type, or exportable; it is not used"
            )
        return found

    async def _done(self, method: str, path: str, content: dict[str, Any] | None = None) -> Reply:
        answer = await self._asked(method, path, content)
        self._expect(answer)
        return answer

    def _expect(self, answer: Reply) -> None:
        if answer.status in {OK, NO_CONTENT}:
            return
        if answer.status == DENIED:
            raise KeyProviderError(
                "OpenBao refuses the token in openbao.token_file: is it expired, does its policy name "
                f"{self._settings.mount}/*/{self._settings.label}-epoch-*?"
            )
        if answer.status == MISSING:
            raise KeyProviderError(
                f"OpenBao serves no transit engine at {self._settings.mount}; openbao.mount"
            )
        if answer.status == SEALED:
            raise self._away("is sealed; unseal it")
        raise self._away(f"answered with {answer.status}")

    async def _asked(self, method: str, path: str, content: dict[str, Any] | None = None) -> Reply:
        token = await asyncio.to_thread(self._token)
        url = f"{self._settings.url.rstrip('/')}/v1/{self._settings.mount}/{path}"
        headers = {"X-Vault-Token": token, "X-Vault-Request": "true", "Accept-Encoding": "identity"}
        try:
            async with self._opened().request(
                method, url, json=content, headers=headers, allow_redirects=False
            ) as response:
                return Reply(response.status, _content(await _limited(response)))
        except (TimeoutError, aiohttp.ClientError, OSError) as cause:
            raise self._away(f"does not answer ({type(cause).__name__})") from None

    def _away(self, what: str) -> KeyProviderError:
        return KeyProviderError(
            f"OpenBao at openbao.url {what}; nothing is opened until it answers as it must"
        )

    def _token(self) -> str:
        try:
            return read_private(self._settings.token_file).decode("ascii").strip()
        except (ConfigurationError, UnicodeDecodeError) as cause:
            raise KeyProviderError(f"openbao.token_file cannot be used: {cause}") from cause

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            authorities = self._settings.ca_file
            try:
                context = ssl.create_default_context(cafile=None if authorities is None else str(authorities))
            except (OSError, ssl.SSLError) as cause:
                raise KeyProviderError("openbao.ca_file cannot be read as certificates") from cause
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=context, limit=4),
                timeout=aiohttp.ClientTimeout(total=self._settings.timeout_s),
                trust_env=False,
                auto_decompress=False,
            )
        return self._session


async def _limited(response: aiohttp.ClientResponse) -> bytes:
    read = bytearray()
    async for chunk in response.content.iter_chunked(16 * 1024):
        read += chunk
        if len(read) > MAX_BYTES:
            raise KeyProviderError("OpenBao's answer is too large to be one; is openbao.url right?")
    return bytes(read)


def _content(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw) if raw else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(plain: bytes) -> str:
    return base64.b64encode(plain).decode("ascii")


def _refused() -> KeyProviderError:
    return KeyProviderError("a tenant key does not unwrap under its epoch; its record was changed")
