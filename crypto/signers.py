"""Keys that sign notes, and the one-line text form of their public halves (C2SP signed-note).

Two kinds of signature are made and checked: Ed25519 over the note's text (type 0x01), and the
ML-DSA-44 cosignature of a checkpoint (C2SP tlog-cosignature, type 0x06), so that a receipt kept for
ten years does not rest on elliptic curves alone.
"""

import enum
import hashlib
import os
import struct
from dataclasses import dataclass
from typing import Final, NoReturn, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from crypto.checkpoints import Checkpoint
from crypto.encoding import decode_base64, encode_base64
from crypto.errors import NoteError, ParameterError

__all__ = ["KEY_ID_BYTES", "NoteSigner", "NoteVerifier", "SignatureKind", "checked_name"]

KEY_ID_BYTES: Final = 4
_SEED_BYTES: Final = 32  # of both kinds: RFC 8032, 5.1.5; FIPS 204, key generation seed
_TIMESTAMP: Final = struct.Struct(">Q")
_COSIGNED_LABEL: Final = b"subtree/v1\n\0"
_NAME_LIMIT_BYTES: Final = 255  # a cosigned message gives a name's length in one byte
_PUBLIC_KEY_BYTES: Final = {0x01: 32, 0x06: 1312}
_VKEY_FIELDS: Final = 3


class SignatureKind(enum.IntEnum):
    """The signature types of C2SP signed-note that this vault uses."""

    ED25519 = 0x01
    ML_DSA_44 = 0x06


def checked_name(name: str) -> str:
    """`name` if a key may be called so: not empty, no space, plus sign or control; else `ParameterError`."""
    # Printable excludes controls, every space but U+0020, and lone surrogates.
    if not name or not name.isprintable() or " " in name or "+" in name:
        raise ParameterError("a key name has no space, plus sign or control character, and is not empty")
    if len(name.encode()) > _NAME_LIMIT_BYTES:
        raise ParameterError("a key name has at most 255 bytes")
    return name


@dataclass(frozen=True, slots=True)
class NoteVerifier:
    """A public key with its name: what a receipt's reader pins beforehand.

    Raises `ParameterError` for a name or key that cannot be.
    """

    name: str
    kind: SignatureKind
    public_key: bytes

    def __post_init__(self) -> None:
        checked_name(self.name)
        if len(self.public_key) != _PUBLIC_KEY_BYTES[self.kind]:
            raise ParameterError(f"a {self.kind.name} public key has {_PUBLIC_KEY_BYTES[self.kind]} bytes")

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """The verifier of a "name+key id+key" line; `NoteError` if it is malformed or mistyped.

        The key id repeats a hash of the rest, so a slip of one character is noticed.
        """
        fields = vkey.split("+", _VKEY_FIELDS - 1)
        key = decode_base64(fields[-1])
        if len(fields) != _VKEY_FIELDS or not key or key[0] not in _PUBLIC_KEY_BYTES:
            raise NoteError("not a verifier key of a known type")
        try:
            verifier = cls(fields[0], SignatureKind(key[0]), key[1:])
        except ParameterError as cause:
            raise NoteError("not a verifier key") from cause
        if verifier.key_id.hex() != fields[1]:
            raise NoteError("the verifier key is mistyped: its key id does not fit")
        return verifier

    @property
    def key_id(self) -> bytes:
        """The first 4 bytes of SHA-256(name || LF || type || public key)."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public_key).digest()[
            :KEY_ID_BYTES
        ]

    @property
    def vkey(self) -> str:
        """The one-line text form: name, key id in hex, base64 of type and key, joined by plus signs."""
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(bytes([self.kind]) + self.public_key)}"

    def verify(self, text: str, signature: bytes) -> None:
        """Raise `NoteError` unless `signature` (without key id) is this key's signature of `text`."""
        try:
            if self.kind is SignatureKind.ED25519:
                Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text.encode())
            else:
                timestamp, bare = signature[: _TIMESTAMP.size], signature[_TIMESTAMP.size :]
                message = _cosigned_message(self.name, timestamp, Checkpoint.parse(text))
                MLDSA44PublicKey.from_public_bytes(self.public_key).verify(bare, message)
        except InvalidSignature as cause:
            raise NoteError(f"the signature of {self.name} is not valid") from cause


class NoteSigner:
    """A private key with its name; its `repr` shows the public side only."""

    __slots__ = ("_seed", "verifier")

    def __init__(self, name: str, seed: bytes, *, kind: SignatureKind = SignatureKind.ED25519) -> None:
        if len(seed) != _SEED_BYTES:
            raise ParameterError(f"a signing seed has {_SEED_BYTES} bytes")
        self._seed = bytearray(seed)
        public: Ed25519PublicKey | MLDSA44PublicKey
        if kind is SignatureKind.ED25519:
            public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
        else:
            public = MLDSA44PrivateKey.from_seed_bytes(seed).public_key()
        self.verifier = NoteVerifier(name, kind, public.public_bytes_raw())

    @classmethod
    def generate(cls, name: str, *, kind: SignatureKind = SignatureKind.ED25519) -> Self:
        """A new key from the system's random generator."""
        return cls(name, os.urandom(_SEED_BYTES), kind=kind)

    def reveal_seed(self) -> bytes:
        """The 32 secret bytes the key is made from, for the key file and nothing else."""
        return bytes(self._seed)

    def sign(self, text: str, *, timestamp_s: int) -> bytes:
        """The signature of a note's text, without key id; `timestamp_s` (POSIX) enters cosignatures only.

        Raises `NoteError` if an ML-DSA-44 key is to sign what is not a checkpoint.
        """
        if self.verifier.kind is SignatureKind.ED25519:
            return Ed25519PrivateKey.from_private_bytes(bytes(self._seed)).sign(text.encode())
        timestamp = _TIMESTAMP.pack(timestamp_s)
        message = _cosigned_message(self.verifier.name, timestamp, Checkpoint.parse(text))
        return timestamp + MLDSA44PrivateKey.from_seed_bytes(bytes(self._seed)).sign(message)

    def __repr__(self) -> str:
        return f"NoteSigner({self.verifier.name}, {self.verifier.key_id.hex()})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a NoteSigner is neither pickled nor copied")


def _cosigned_message(signer: str, timestamp: bytes, checkpoint: Checkpoint) -> bytes:
    """The `cosigned_message` of C2SP tlog-cosignature for a whole tree (start = 0)."""
    name, origin = signer.encode(), checkpoint.origin.encode()
    if len(origin) > _NAME_LIMIT_BYTES:
        raise NoteError("a cosigned origin has at most 255 bytes")
    tree = struct.pack(">QQ", 0, checkpoint.size) + checkpoint.root
    return b"".join(
        (_COSIGNED_LABEL, bytes([len(name)]), name, timestamp, bytes([len(origin)]), origin, tree)
    )
