"""Data keys sealed to a recovery key pair, while no tenant key can be had (FORMAT.md, Recovery record).

HPKE (RFC 9180) in base mode with ML-KEM-768 and X25519, HKDF-SHA256 and AES-256-GCM. Both halves of the pair
follow from a seed of 32 bytes, as in X-Wing (draft-connolly-cfrg-xwing-kem): SHAKE-256 stretches it to the
seed of ML-KEM-768 (64 bytes) and the secret of X25519 (32 bytes).

Anybody can seal to a public key. So whoever seals vouches for the record, and for the public key, with a
secret of the vault's own, the anchor: a record that somebody laid down beside it opens nothing.
"""

import hashlib
import hmac
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from crypto.errors import ParameterError, UnwrapError
from crypto.keys import KEY_BYTES, AnchorKey, DataKey, RecoveryKey
from crypto.wrapping import WrapContext

__all__ = [
    "RECOVERY_RECORD_BYTES",
    "open_from_recovery",
    "public_key_of",
    "seal_to_recovery",
    "vouch",
    "vouches",
]

PUBLIC_BYTES: Final = 1_216  # 1,184 of ML-KEM-768 and 32 of X25519
ENCAPSULATED_BYTES: Final = 1_120  # 1,088 and 32
VOUCHER_BYTES: Final = 32  # HMAC-SHA256
RECOVERY_RECORD_BYTES: Final = 6 + VOUCHER_BYTES + ENCAPSULATED_BYTES + KEY_BYTES + 16
_HEAD: Final = b"\x01\x02"  # record version 1, algorithm 2 = HPKE to the epoch's recovery key
_KEY_LABEL: Final = b"vault-recovery-key/1\n"
_RECORD_LABEL: Final = b"vault-recovery-record/1\n"
_MLKEM_BYTES: Final = 1_184
_MLKEM_SEED_BYTES: Final = 64
_SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def public_key_of(key: RecoveryKey) -> bytes:
    """The public half, 1,216 bytes."""
    mlkem, x25519 = _halves(key)
    return mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()


def vouch(public_key: bytes, anchor: AnchorKey, *, epoch: int) -> bytes:
    """The 32 bytes that say: this is the public recovery key of this epoch."""
    return hmac.digest(anchor.reveal(), _KEY_LABEL + _number(epoch) + public_key, hashlib.sha256)


def vouches(voucher: bytes, public_key: bytes, anchor: AnchorKey, *, epoch: int) -> bool:
    """Whether `vouch` gave this (constant time)."""
    return hmac.compare_digest(voucher, vouch(public_key, anchor, epoch=epoch))


def seal_to_recovery(
    data_key: DataKey, public_key: bytes, anchor: AnchorKey, *, context: WrapContext
) -> bytes:
    """`data_key` sealed for this context, as a record of 1,206 bytes; `ParameterError` for no public key."""
    if len(public_key) != PUBLIC_BYTES:
        raise ParameterError(f"a public recovery key has {PUBLIC_BYTES} bytes")
    try:
        halves = MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public_key[:_MLKEM_BYTES]),
            X25519PublicKey.from_public_bytes(public_key[_MLKEM_BYTES:]),
        )
        sealed = _SUITE.encrypt(data_key.reveal(), halves, info=context.associated_data())
    except ValueError as cause:  # FIPS 203, 7.2: the modulus check; RFC 7748, 6.1: the all-zero secret
        raise ParameterError("the public recovery key is none") from cause
    head = _HEAD + _number(context.epoch)
    return head + _voucher(head, sealed, anchor, context) + sealed


def open_from_recovery(
    record: bytes, key: RecoveryKey, anchor: AnchorKey, *, context: WrapContext
) -> DataKey:
    """The data key, if the record was sealed by who holds `anchor`, to this key, for exactly this context.

    Raises `UnwrapError` otherwise. Check the commitment of what comes out, as after `crypto.wrapping.unwrap`.
    """
    head, voucher, sealed = record[:6], record[6 : 6 + VOUCHER_BYTES], record[6 + VOUCHER_BYTES :]
    if len(record) != RECOVERY_RECORD_BYTES or head != _HEAD + _number(context.epoch):
        raise UnwrapError("not a recovery record of this epoch: it is damaged or newer than this program")
    if not hmac.compare_digest(voucher, _voucher(head, sealed, anchor, context)):
        raise UnwrapError("this vault does not vouch for the recovery record: it was not sealed here")
    try:
        secret = _SUITE.decrypt(
            sealed, MLKEM768X25519PrivateKey(*_halves(key)), info=context.associated_data()
        )
    except InvalidTag as cause:
        raise UnwrapError("the recovery record does not open under this key and context") from cause
    return DataKey.from_bytes(secret)


def _halves(key: RecoveryKey) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    stretched = hashlib.shake_256(key.reveal()).digest(_MLKEM_SEED_BYTES + KEY_BYTES)
    return (
        MLKEM768PrivateKey.from_seed_bytes(stretched[:_MLKEM_SEED_BYTES]),
        X25519PrivateKey.from_private_bytes(stretched[_MLKEM_SEED_BYTES:]),
    )


def _voucher(head: bytes, sealed: bytes, anchor: AnchorKey, context: WrapContext) -> bytes:
    # The lines of the context end themselves, and what is sealed has one length: nothing can be shifted.
    text = _RECORD_LABEL + context.associated_data() + head + sealed
    return hmac.digest(anchor.reveal(), text, hashlib.sha256)


def _number(epoch: int) -> bytes:
    return epoch.to_bytes(4, "big")
