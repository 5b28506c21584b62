"""A ring of epoch keys sealed under a ring key, and that key under a passphrase (docs/FORMAT.md, key ring).

Both are AES-256-GCM with a random nonce in front; the passphrase is stretched with Argon2id (RFC 9106).
"""

import os
import unicodedata
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from crypto.errors import ParameterError, UnwrapError
from crypto.keys import KEY_BYTES, RingKey

__all__ = ["Stretching", "lock_ring_key", "open_ring", "seal_ring", "unlock_ring_key"]

NONCE_BYTES: Final = 12
SALT_BYTES: Final = 16
RING_DATA: Final = b"callvault-ring/2\n"
LOCK_DATA: Final = b"callvault-ring-lock/1\n"
# Read from a file: far above our own cost, they would let whoever writes it hold up the start for hours.
MAX_PASSES: Final = 16
MAX_MEMORY_KIB: Final = 1024 * 1024
MAX_LANES: Final = 16


@dataclass(frozen=True, slots=True)
class Stretching:
    """How a passphrase becomes a key. The defaults take about 0.2 s and 64 MiB (RFC 9106, 4, and more)."""

    salt: bytes = field(default_factory=lambda: os.urandom(SALT_BYTES))
    passes: int = 3
    memory_kib: int = 64 * 1024
    lanes: int = 4

    def __post_init__(self) -> None:
        within = (
            len(self.salt) == SALT_BYTES
            and 1 <= self.passes <= MAX_PASSES
            and 1 <= self.lanes <= MAX_LANES
            and 8 * self.lanes <= self.memory_kib <= MAX_MEMORY_KIB
        )
        if not within:
            raise ParameterError("these Argon2id parameters are outside what this program will compute")

    def key(self, passphrase: str) -> bytes:
        """Stretch a passphrase; two ways to write one accent (NFC) are one."""
        return Argon2id(
            salt=self.salt,
            length=KEY_BYTES,
            iterations=self.passes,
            lanes=self.lanes,
            memory_cost=self.memory_kib,
        ).derive(unicodedata.normalize("NFC", passphrase).encode())

    def associated_data(self) -> bytes:
        """Give the parameters as the lock binds them: changed ones open nothing."""
        text = f"argon2id t={self.passes} m_kib={self.memory_kib} p={self.lanes} salt={self.salt.hex()}\n"
        return LOCK_DATA + text.encode("ascii")


def seal_ring(plain_ring: bytes, ring_key: RingKey) -> bytes:
    """Seal a ring. It is sealed anew at each epoch: far from the 2^32 nonces of one key."""
    return _sealed(ring_key.reveal(), plain_ring, RING_DATA)


def open_ring(sealed_ring: bytes, ring_key: RingKey) -> bytes:
    """Open a ring; raises UnwrapError for another key or changed bytes."""
    return _opened(ring_key.reveal(), sealed_ring, RING_DATA)


def lock_ring_key(ring_key: RingKey, passphrase: str, stretching: Stretching) -> bytes:
    """Wrap a ring key under a passphrase."""
    return _sealed(stretching.key(passphrase), ring_key.reveal(), stretching.associated_data())


def unlock_ring_key(wrapped: bytes, passphrase: str, stretching: Stretching) -> RingKey:
    """Unwrap a ring key; raises UnwrapError for another passphrase, other parameters or changed bytes."""
    if len(wrapped) != NONCE_BYTES + KEY_BYTES + 16:
        raise UnwrapError("a locked ring key has 60 bytes")
    return RingKey.from_bytes(_opened(stretching.key(passphrase), wrapped, stretching.associated_data()))


def _sealed(key: bytes, plain: bytes, associated: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, associated)


def _opened(key: bytes, sealed: bytes, associated: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
    except (InvalidTag, ValueError) as cause:
        raise UnwrapError("it does not open: another key or passphrase, or changed bytes") from cause
