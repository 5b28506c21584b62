"""Wrapping data keys under tenant keys, and committing to data keys (FORMAT.md, Wrap record).

The wrap authenticates what the stream cannot: which object, generation and epoch the key is for,
how long the sealed media part is, its digest, and a commitment to the key itself. Editing any of
them beside the wrapped key makes the unwrap fail.
"""

import base64
import hmac
import os
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crypto.errors import CommitmentError, ParameterError, UnwrapError
from crypto.identifiers import checked_counter, checked_uuid
from crypto.keys import DataKey, TenantKey, WrappedKey

__all__ = ["COMMITMENT_BYTES", "WrapContext", "check_commitment", "commitment", "unwrap", "wrap"]

COMMITMENT_BYTES: Final = 32  # of HMAC-SHA256 output: finding two keys for one costs about 2^128
_DIGEST_BYTES: Final = 32  # SHA-256
_NONCE_BYTES: Final = 12  # random; at most 2^32 wraps per tenant key (SP 800-38D, 8.3)
_COMMITMENT_LABEL: Final = b"vault-dek-commit/1\n"


def commitment(key: DataKey, associated_data: bytes) -> bytes:
    """The 32-byte commitment to `key` for the stream with this associated data.

    AES-GCM alone does not commit: one ciphertext can be built that opens under two keys. This value,
    recorded when the object is made, says which key is the true one, and does not reveal it.
    """
    derivation = HKDF(
        hashes.SHA256(), length=COMMITMENT_BYTES, salt=None, info=_COMMITMENT_LABEL + associated_data
    )
    return derivation.derive(key.reveal())


def check_commitment(key: DataKey, associated_data: bytes, expected: bytes) -> None:
    """Raise `CommitmentError` unless `key` is the one that `expected` commits to (constant time)."""
    if not hmac.compare_digest(commitment(key, associated_data), expected):
        raise CommitmentError("the data key is not the one this object was committed to")


@dataclass(frozen=True, slots=True)
class WrapContext:
    """What a wrapped key is for; every field is authenticated by the wrap, none is secret.

    `sealed_bytes` and `sealed_sha256` (32 bytes) describe the sealed media part. Both are None while
    it is still being recorded, and one re-wrap at its end sets both. Raises `ParameterError` if a
    field is not in its canonical form.
    """

    tenant: str
    object_id: str
    gen: int
    epoch: int
    commitment: bytes
    sealed_bytes: int | None = None
    sealed_sha256: bytes | None = None

    def __post_init__(self) -> None:
        checked_uuid(self.tenant, name="tenant")
        checked_uuid(self.object_id, name="object")
        checked_counter(self.gen, name="gen", bits=32)
        checked_counter(self.epoch, name="epoch", bits=32)
        if len(self.commitment) != COMMITMENT_BYTES:
            raise ParameterError("a commitment has 32 bytes")
        if (self.sealed_bytes is None) != (self.sealed_sha256 is None):
            raise ParameterError("length and digest of the sealed part are known together or not at all")
        if self.sealed_bytes is not None:
            checked_counter(self.sealed_bytes, name="sealed_bytes", bits=63)
        if self.sealed_sha256 is not None and len(self.sealed_sha256) != _DIGEST_BYTES:
            raise ParameterError("a SHA-256 digest has 32 bytes")

    def associated_data(self) -> bytes:
        """The ASCII lines that the wrap authenticates."""
        lines = (
            "vault-dek/1",
            f"tenant={self.tenant}",
            f"object={self.object_id}",
            f"gen={self.gen}",
            f"epoch={self.epoch}",
            f"commit={_base64_or_dash(self.commitment)}",
            f"ctlen={'-' if self.sealed_bytes is None else self.sealed_bytes}",
            f"ctsha256={_base64_or_dash(self.sealed_sha256)}",
        )
        return "".join(line + "\n" for line in lines).encode("ascii")


def wrap(data_key: DataKey, tenant_key: TenantKey, *, context: WrapContext) -> WrappedKey:
    """`data_key` sealed under `tenant_key` for this context: AES-256-GCM, a fresh random nonce."""
    nonce = os.urandom(_NONCE_BYTES)
    sealed_key = AESGCM(tenant_key.reveal()).encrypt(nonce, data_key.reveal(), context.associated_data())
    return WrappedKey.assemble(epoch=context.epoch, nonce=nonce, sealed_key=sealed_key)


def unwrap(wrapped: WrappedKey, tenant_key: TenantKey, *, context: WrapContext) -> DataKey:
    """The data key, if `wrapped` was made under this tenant key for exactly this context.

    Raises `UnwrapError` otherwise. Call `check_commitment` on the result with the media part's
    associated data before using it: the wrap proves which commitment was recorded, not that the key
    keeps it.
    """
    if wrapped.epoch != context.epoch:
        raise UnwrapError("the wrapped key belongs to another epoch than its record says")
    aead = AESGCM(tenant_key.reveal())
    try:
        secret = aead.decrypt(wrapped.nonce, wrapped.sealed_key, context.associated_data())
    except InvalidTag as cause:
        raise UnwrapError("the wrapped key does not open under this tenant key and context") from cause
    return DataKey.from_bytes(secret)


def _base64_or_dash(value: bytes | None) -> str:
    return "-" if value is None else base64.b64encode(value).decode("ascii")
