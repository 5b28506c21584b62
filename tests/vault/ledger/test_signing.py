"""The ledger's keys in their file."""

from pathlib import Path

import pytest

from crypto.checkpoints import Checkpoint
from crypto.errors import CryptoError
from crypto.notes import open_checkpoint, sign_checkpoint
from vault.errors import ConfigurationError
from vault.ledger.signing import LedgerKeys


def test_keys_are_found_again_and_both_sign(tmp_path: Path) -> None:
    """A note signed before a restart opens after it, and only with both keys' lines."""
    path = tmp_path / "keys" / "ledger.key"
    made = LedgerKeys.create(path, "ledger.example")
    found = LedgerKeys.open(path)
    assert found.origin == "ledger.example"
    assert [key.vkey for key in found.verifiers] == [key.vkey for key in made.verifiers]
    note = sign_checkpoint(Checkpoint("ledger.example", 0, bytes(32)), made.signers, timestamp_s=1)
    assert open_checkpoint(note, found.verifiers).size == 0
    alone = sign_checkpoint(Checkpoint("ledger.example", 0, bytes(32)), made.signers[:1], timestamp_s=1)
    with pytest.raises(CryptoError):
        open_checkpoint(alone, found.verifiers)


def test_keys_are_never_overwritten_and_stay_private(tmp_path: Path) -> None:
    """Receipts of years rest on them."""
    path = tmp_path / "ledger.key"
    LedgerKeys.create(path, "ledger.example")
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigurationError, match="never overwritten"):
        LedgerKeys.create(path, "ledger.example")
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod"):
        LedgerKeys.open(path)


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "line\nbreak"])
def test_an_origin_that_cannot_name_a_key_is_refused(tmp_path: Path, origin: str) -> None:
    """And no file is left behind."""
    with pytest.raises(ConfigurationError):
        LedgerKeys.create(tmp_path / "ledger.key", origin)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"v":1,"name":"a","ed25519":"AA==","mldsa44":"AA=="}', '{"name":7}', "null"]
)
def test_a_damaged_file_is_refused_with_words(tmp_path: Path, content: str) -> None:
    """The message names the file, never its content."""
    path = tmp_path / "ledger.key"
    path.touch(mode=0o600)
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"ledger\.key"):
        LedgerKeys.open(path)
