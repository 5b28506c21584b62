"""The vault's own signing key for tokens: Ed25519, in a private file, named by its thumbprint."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from vault.errors import ConfigurationError
from vault.keys.private_file import read_private, write_private

DERIVED_BYTES: Final = 32


class SigningKey:
    """An Ed25519 key pair. Prints its ``kid``, never its secret."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self.private = private
        self.public = private.public_key()
        self.kid = _thumbprint(self.public.public_bytes_raw())

    def __repr__(self) -> str:
        return f"SigningKey({self.kid[:6]})"

    @classmethod
    def generate(cls) -> "SigningKey":
        """Make a fresh key."""
        return cls(Ed25519PrivateKey.generate())

    def derive(self, purpose: str) -> bytes:
        """Give a secret for another purpose, like signed cursors: HKDF-SHA256 of the key and the purpose."""
        derivation = HKDF(hashes.SHA256(), DERIVED_BYTES, salt=None, info=b"callvault/" + purpose.encode())
        return derivation.derive(self.private.private_bytes_raw())


def load_signing_key(path: Path) -> SigningKey:
    """Read the key file; raises ConfigurationError where it is missing, open to others, or no such key."""
    try:
        private = serialization.load_pem_private_key(read_private(path), password=None)
    except (ValueError, TypeError) as cause:
        raise ConfigurationError(f"{path} holds no PEM private key; restore it from its backup") from cause
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigurationError(f"{path} holds another kind of key than Ed25519; restore it")
    return SigningKey(private)


def create_signing_key(path: Path) -> SigningKey:
    """Make a key and write its file, mode 0600; raises ConfigurationError where there is one already."""
    if path.exists():
        raise ConfigurationError(f"{path} exists; it is not overwritten")
    made = SigningKey.generate()
    write_private(
        path,
        made.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
    return made


def _thumbprint(public: bytes) -> str:
    # RFC 7638, 3.2 over the members RFC 8037, 2 requires for an OKP key.
    x = base64.urlsafe_b64encode(public).rstrip(b"=").decode("ascii")
    canonical = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode("ascii")
