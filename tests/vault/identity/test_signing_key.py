"""The token key's file: private, whole, and named by its thumbprint."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vault.errors import ConfigurationError
from vault.identity.signing_key import SigningKey, create_signing_key, load_signing_key


def test_a_made_key_is_private_and_found_again(tmp_path: Path) -> None:
    """Mode 0600; the same key, by the same name."""
    path = tmp_path / "keys" / "tokens.key"
    made = create_signing_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_signing_key(path).kid == made.kid
    assert made.kid[:6] in repr(made)


def test_a_key_others_may_read_is_refused(tmp_path: Path) -> None:
    """The message says what to run."""
    path = tmp_path / "tokens.key"
    create_signing_key(path)
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        load_signing_key(path)


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    """Every token would die with it."""
    path = tmp_path / "tokens.key"
    create_signing_key(path)
    with pytest.raises(ConfigurationError):
        create_signing_key(path)


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    """No key, or a key of another kind."""
    path = tmp_path / "tokens.key"
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for content in (b"", b"not a key", pem):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(ConfigurationError):
            load_signing_key(path)


def test_the_name_is_the_thumbprint_of_rfc_8037() -> None:
    """The example key of RFC 8037, A.1 has the thumbprint of A.3."""
    secret = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(secret))
    assert key.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_secrets_for_other_purposes_differ_and_stay(tmp_path: Path) -> None:
    """One key file, one secret for each purpose, the same after a restart."""
    path = tmp_path / "tokens.key"
    made = create_signing_key(path)
    assert made.derive("cursors") != made.derive("other")
    assert made.derive("cursors") == load_signing_key(path).derive("cursors")
