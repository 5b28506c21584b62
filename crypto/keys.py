"""Secret keys as types: kinds that cannot be swapped, and that do not print themselves."""

import hashlib
import hmac
import os
from typing import Final, NoReturn, Self

from crypto.errors import ParameterError, UnwrapError

__all__ = [
    "KEY_BYTES",
    "WRAPPED_KEY_BYTES",
    "AnchorKey",
    "DataKey",
    "RecoveryKey",
    "RingKey",
    "TenantKey",
    "WrappedKey",
]

KEY_BYTES: Final = 32  # AES-256; the only key size this vault makes
WRAPPED_KEY_BYTES: Final = 66  # 2 version bytes, 4 of epoch, 12 of nonce, 32 of key, 16 of tag

_WRAP_VERSION: Final = b"\x01\x01"  # record version 1, algorithm 1 = AES-256-GCM


class _SecretKey:
    """32 secret bytes with a mute `repr`, equality in constant time, and no pickling or copying.

    The bytes live in a `bytearray`, the only buffer Python lets us overwrite; `reveal` hands out a
    copy that cannot be overwritten, so hold on to the key object and reveal late.
    """

    __slots__ = ("_secret",)
    __hash__ = None  # type: ignore[assignment]  # a secret is no dictionary key

    def __init__(self, secret: bytes | bytearray) -> None:
        if len(secret) != KEY_BYTES:
            raise ParameterError(f"a key has {KEY_BYTES} bytes, not {len(secret)}")
        self._secret = bytearray(secret)

    @classmethod
    def generate(cls) -> Self:
        """A new key from the system's random generator."""
        return cls(os.urandom(KEY_BYTES))

    @classmethod
    def from_bytes(cls, secret: bytes | bytearray) -> Self:
        """The key made of these 32 bytes; `ParameterError` for any other length."""
        return cls(secret)

    @property
    def fingerprint(self) -> str:
        """Four hex digits of a hash: enough to tell two keys apart in a log, useless to guess one."""
        return hashlib.sha256(b"callvault-key-fingerprint/1\n" + self._secret).hexdigest()[:4]

    def reveal(self) -> bytes:
        """The 32 secret bytes, as a copy the caller must not store, log or send."""
        return bytes(self._secret)

    def wipe(self) -> None:
        """Overwrite the bytes with zeros; the object must not be used after it."""
        self._secret[:] = bytes(KEY_BYTES)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return hmac.compare_digest(self._secret, other._secret)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.fingerprint})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} is neither pickled nor copied")


class DataKey(_SecretKey):
    """The key of one object generation; every part of the object is sealed under it."""

    __slots__ = ()


class TenantKey(_SecretKey):
    """The key-encryption key of one tenant in one epoch; it only ever wraps data keys."""

    __slots__ = ()


class RingKey(_SecretKey):
    """What a file of epoch keys is sealed under, and what its recovery sheet holds."""

    __slots__ = ()


class RecoveryKey(_SecretKey):
    """The seed of an epoch's recovery key pair (`crypto.recovery`)."""

    __slots__ = ()


class AnchorKey(_SecretKey):
    """What this vault vouches with for what anybody could have sealed to a public key."""

    __slots__ = ()


class WrappedKey:
    """A data key sealed under a tenant key: the 66 bytes a key store keeps (FORMAT.md, Wrap record).

    Raises `UnwrapError` when the bytes cannot be such a record.
    """

    __slots__ = ("_wrapped",)

    def __init__(self, wrapped: bytes) -> None:
        if len(wrapped) != WRAPPED_KEY_BYTES or wrapped[:2] != _WRAP_VERSION:
            raise UnwrapError(
                "not a wrapped key of version 1: the record is damaged or newer than this program"
            )
        self._wrapped = bytes(wrapped)

    @classmethod
    def assemble(cls, *, epoch: int, nonce: bytes, sealed_key: bytes) -> Self:
        """The record made of an epoch (32 bits), a nonce (12 bytes) and a sealed key (48 bytes)."""
        return cls(_WRAP_VERSION + epoch.to_bytes(4, "big") + nonce + sealed_key)

    @property
    def epoch(self) -> int:
        """The epoch whose tenant key opens this record; authenticated only once it has been unwrapped."""
        return int.from_bytes(self._wrapped[2:6], "big")

    @property
    def nonce(self) -> bytes:
        """The 12-byte GCM nonce."""
        return self._wrapped[6:18]

    @property
    def sealed_key(self) -> bytes:
        """The 32-byte key, encrypted, and its 16-byte tag."""
        return self._wrapped[18:]

    def __bytes__(self) -> bytes:
        return self._wrapped

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WrappedKey):
            return NotImplemented
        return hmac.compare_digest(self._wrapped, other._wrapped)

    def __hash__(self) -> int:
        return hash(self._wrapped)

    def __repr__(self) -> str:
        return f"WrappedKey(epoch={self.epoch})"
