"""The ledger's signing keys: Ed25519, and ML-DSA-44 beside it for receipts that live ten years.

One JSON file, mode 0600, apart from the root key: ``v``, ``name`` and a base64 seed for each kind.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crypto.errors import CryptoError
from crypto.keys import KEY_BYTES, AnchorKey
from crypto.signers import NoteSigner, NoteVerifier, SignatureKind
from vault.errors import ConfigurationError
from vault.keys.private_file import read_private, write_private


@dataclass(frozen=True, slots=True)
class LedgerKeys:
    """The signers of checkpoints; the name is the ledger's origin."""

    signers: tuple[NoteSigner, NoteSigner]

    @property
    def origin(self) -> str:
        """The ledger's name, first line of each checkpoint."""
        return self.signers[0].verifier.name

    @property
    def verifiers(self) -> tuple[NoteVerifier, NoteVerifier]:
        """The public halves, to be published and pinned."""
        return self.signers[0].verifier, self.signers[1].verifier

    @property
    def anchor(self) -> AnchorKey:
        """What the vault vouches with for keys in recovery (docs/FORMAT.md, recovery record)."""
        derivation = HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=b"callvault/recovery")
        return AnchorKey.from_bytes(derivation.derive(self.signers[0].reveal_seed()))

    @classmethod
    def create(cls, path: Path, origin: str) -> "LedgerKeys":
        """Make the keys and their file; raises ConfigurationError where the file exists."""
        if path.exists():
            raise ConfigurationError(f"there is a ledger key at {path} already; it is never overwritten")
        try:
            keys = cls(
                (
                    NoteSigner.generate(origin),
                    NoteSigner.generate(origin, kind=SignatureKind.ML_DSA_44),
                )
            )
        except CryptoError as cause:
            raise ConfigurationError("ledger.origin cannot name a key; use a host name and a path") from cause
        seeds = [base64.b64encode(signer.reveal_seed()).decode() for signer in keys.signers]
        body = {"v": 1, "name": origin, "ed25519": seeds[0], "mldsa44": seeds[1]}
        write_private(path, json.dumps(body).encode())
        return keys

    @classmethod
    def open(cls, path: Path) -> "LedgerKeys":
        """Read the keys; raises ConfigurationError where the file is missing, too open or damaged."""
        try:
            found = json.loads(read_private(path))
            name = found["name"]
            first = NoteSigner(name, base64.b64decode(found["ed25519"], validate=True))
            second = NoteSigner(
                name, base64.b64decode(found["mldsa44"], validate=True), kind=SignatureKind.ML_DSA_44
            )
        except (ValueError, KeyError, TypeError, binascii.Error, CryptoError) as cause:
            raise ConfigurationError(f"the ledger key {path} is damaged; restore it from its copy") from cause
        return cls((first, second))
