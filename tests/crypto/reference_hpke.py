"""HPKE by the letter, for one suite, written from RFC 9180 and the X-Wing draft with nothing of ours.

Only opening: what `crypto.recovery` seals, a foreign program must be able to open by docs/FORMAT.md alone.
"""

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SUITE_ID = b"HPKE" + bytes.fromhex("647a00010002")  # X-Wing, HKDF-SHA256, AES-256-GCM
XWING_LABEL = b"\\.//^\\"


def open_base(seed: bytes, sealed: bytes, *, info: bytes) -> bytes:
    """Open ``enc || ciphertext`` with the key pair of a seed of 32 bytes; no associated data."""
    encapsulated, ciphertext = sealed[:1120], sealed[1120:]
    key, nonce = _schedule(_decapsulated(seed, encapsulated), info)
    return AESGCM(key).decrypt(nonce, ciphertext, b"")


def _decapsulated(seed: bytes, encapsulated: bytes) -> bytes:
    stretched = hashlib.shake_256(seed).digest(96)
    mlkem = MLKEM768PrivateKey.from_seed_bytes(stretched[:64])
    x25519 = X25519PrivateKey.from_private_bytes(stretched[64:])
    theirs = encapsulated[1088:]
    first = mlkem.decapsulate(encapsulated[:1088])
    second = x25519.exchange(X25519PublicKey.from_public_bytes(theirs))
    ours = x25519.public_key().public_bytes_raw()
    return hashlib.sha3_256(first + second + theirs + ours + XWING_LABEL).digest()


def _schedule(secret: bytes, info: bytes) -> tuple[bytes, bytes]:
    """RFC 9180, 5.1: mode base, no pre-shared key."""
    context = b"\x00" + _extract(b"", b"psk_id_hash", b"") + _extract(b"", b"info_hash", info)
    prk = _extract(secret, b"secret", b"")
    return _expand(prk, b"key", context, 32), _expand(prk, b"base_nonce", context, 12)


def _extract(salt: bytes, label: bytes, material: bytes) -> bytes:
    labelled = b"HPKE-v1" + SUITE_ID + label + material
    return hmac.digest(salt or bytes(32), labelled, hashlib.sha256)


def _expand(prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    labelled = length.to_bytes(2, "big") + b"HPKE-v1" + SUITE_ID + label + info
    return hmac.digest(prk, labelled + b"\x01", hashlib.sha256)[:length]
