"""Small sealed values: personal fields under an erasable key, and keyed hashes to find or to name with."""

import base64
import hashlib
import hmac
import json
import unicodedata
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from crypto.errors import CryptoError
from crypto.streaming import media_associated_data, open_sealed, seal
from vault.errors import KeyProviderError, TamperedError
from vault.keys.store import KeyStore
from vault.model import uuid_of

BLOB_SEGMENT_BYTES: Final = 4_096  # most values fit one segment
TOLD_MAX: Final = 10_000  # names of 64 bytes; more people than one process serves in a day
INDEX_LABEL: Final = b"callvault-index/1"
SUBJECT_LABEL: Final = b"callvault-subject/1"


class Blobs:
    """Seals and opens JSON objects under an object's data key; forget the key and they are noise."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys
        self._told: OrderedDict[bytes, bytes] = OrderedDict()

    async def seal(self, *, tenant_id: str, object_id: str, part: str, value: Mapping[str, Any]) -> bytes:
        """Seal a JSON object. ``part`` names its place, so that two blobs cannot be swapped."""
        key = await self._keys.data_key(tenant_id=tenant_id, object_id=object_id)
        plain = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
        associated = _associated(tenant_id, object_id, part)
        return seal(key, plain, associated_data=associated, segment_bytes=BLOB_SEGMENT_BYTES)

    async def open(
        self, sealed: bytes, *, tenant_id: str, object_id: str, part: str, hurried: bool = False
    ) -> dict[str, Any]:
        """Open a sealed JSON object; KeyForgottenError after erasure, TamperedError where it was changed."""
        key = await self._keys.data_key(tenant_id=tenant_id, object_id=object_id, hurried=hurried)
        associated = _associated(tenant_id, object_id, part)
        try:
            plain = open_sealed(key, sealed, associated_data=associated, segment_bytes=BLOB_SEGMENT_BYTES)
        except CryptoError as cause:
            raise TamperedError("a sealed field was changed; it is not shown") from cause
        value: dict[str, Any] = json.loads(plain)
        return value

    async def index(self, *, tenant_id: str, text: str, hurried: bool = False) -> bytes:
        """Give the keyed hash by which a text is found again exactly, and not guessed without the key.

        References are opaque: case and spaces count; only two spellings of one accent (NFC) are one.
        Who is ``hurried`` is told sooner that the key provider does not answer (KeyProviderError).
        """
        key = await self._keys.data_key(tenant_id=tenant_id, object_id=tenant_id, hurried=hurried)
        return _keyed(key.reveal(), INDEX_LABEL, unicodedata.normalize("NFC", text).encode())

    async def subject(self, *, tenant_id: str, text: str) -> bytes:
        """As ``index``, for what people are known by who sign in: told again while the provider is away."""
        return await self._again(
            (tenant_id, text), lambda: self.index(tenant_id=tenant_id, text=text, hurried=True)
        )

    async def pseudonym(self, *, tenant_id: str, subject_id: str) -> str:
        """Name a person or a visitor in the ledger; forget their key and the name leads nowhere.

        While the provider is away, who was named before by this process is named again.
        """

        async def named() -> bytes:
            key = await self._keys.data_key(tenant_id=tenant_id, object_id=subject_id, hurried=True)
            return _keyed(key.reveal(), SUBJECT_LABEL, b"actor/1" + subject_id.encode())

        return base64.b64encode(await self._again((tenant_id, subject_id), named)).decode("ascii")

    async def _again(self, name: tuple[str, str], tell: Callable[[], Awaitable[bytes]]) -> bytes:
        """Tell what a key makes of a name; where no key is to be had now, what was told last.

        That opens nothing. Whoever was forgotten is not told of: their key is missed before it is opened.
        """
        place = hashlib.sha256("\n".join(name).encode()).digest()
        try:
            self._told[place] = await tell()
        except KeyProviderError:
            if place not in self._told:
                raise
        self._told.move_to_end(place)
        while len(self._told) > TOLD_MAX:
            self._told.popitem(last=False)
        return self._told[place]


def _keyed(key: bytes, label: bytes, text: bytes) -> bytes:
    # Two HMACs: the first gives each use a key of its own, so that one use never answers for another.
    own_key = hmac.digest(key, label, hashlib.sha256)
    return hmac.digest(own_key, text, hashlib.sha256)


def _associated(tenant_id: str, object_id: str, part: str) -> bytes:
    return media_associated_data(
        tenant=uuid_of(tenant_id),
        object_id=uuid_of(object_id),
        part=part,
        gen=1,
        segment_bytes=BLOB_SEGMENT_BYTES,
    )
