"""Pinned keys, as people hand them over."""

from pathlib import Path

import pytest

from crypto.signers import NoteSigner, SignatureKind
from vault.cli.exits import CommandError, Exit
from vault.cli.pins import read_pins


def test_keys_come_as_lines_and_in_files(tmp_path: Path) -> None:
    """A file may hold several, blank lines and remarks."""
    first = NoteSigner.generate("a.example/log").verifier
    second = NoteSigner.generate("a.example/log", kind=SignatureKind.ML_DSA_44).verifier
    file = tmp_path / "pins"
    file.write_text(f"# ours\n\n{second.vkey}\n")
    assert read_pins([first.vkey, str(file)]) == (first, second)


@pytest.mark.parametrize("given", ["nothing", "a+b+c", ""])
def test_what_is_no_key_is_a_usage_error(given: str) -> None:
    """Mistyped keys are found by their own check sum, before anything is verified with them."""
    with pytest.raises(CommandError, match="--key") as refused:
        read_pins([given])
    assert refused.value.code is Exit.USAGE


def test_a_file_without_keys_is_a_usage_error(tmp_path: Path) -> None:
    """No key means nothing would be checked: that must not pass."""
    (tmp_path / "empty").write_text("# none\n")
    with pytest.raises(CommandError, match="holds no key"):
        read_pins([str(tmp_path / "empty")])
