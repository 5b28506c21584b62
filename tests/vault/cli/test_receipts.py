"""``callvault receipt``: proof that travels, checked with a pinned key and nothing else."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.vault.cli.command import Cli, process
from tests.vault.cli.recordings import lay_down
from vault.cli.exits import Exit


@pytest.fixture
def erased(vault: Path, cli: Cli, tmp_path: Path) -> tuple[Path, Path]:
    """A receipt, and a file with the ledger's keys."""
    recording = asyncio.run(lay_down(vault))
    ended = cli("media", "erase", recording, "--reason", "legal", "--yes", "-c", vault, "--json")
    request = json.loads(ended.out)["request"]
    receipt, keys = tmp_path / "receipt.json", tmp_path / "ledger.pub"
    assert cli("receipt", "get", request, "-o", receipt, "-c", vault).code == 0
    keys.write_text("# pinned\n" + cli("ledger", "key", "-c", vault).out)
    return receipt, keys


def test_a_complete_receipt_verifies_far_from_the_vault(erased: tuple[Path, Path], tmp_path: Path) -> None:
    """No settings, no database, no network: the file and the keys. Says what was erased and when."""
    receipt, keys = erased
    away = tmp_path / "away"
    away.mkdir()
    ended = process("receipt", "verify", receipt, "--key", keys, cwd=away)
    assert ended.code == 0, ended.err
    assert ended.lines[0].startswith("VALID: del_")
    assert "complete, signed by calls.example.org/ledger" in ended.lines[0]
    assert "live_erased_at" in ended.out
    assert list(away.iterdir()) == []


def test_each_key_alone_verifies_and_is_taken_as_a_line_too(erased: tuple[Path, Path], cli: Cli) -> None:
    """One key suffices where only one was pinned; both are asked for where both are given."""
    receipt, keys = erased
    lines = keys.read_text().splitlines()[1:]
    assert [cli("receipt", "verify", receipt, "--key", line).code for line in lines] == [0, 0]
    assert cli("receipt", "verify", receipt, "--key", lines[0], "--key", lines[1]).code == 0


def test_the_summary_as_json_holds_what_the_leaf_says(erased: tuple[Path, Path], cli: Cli) -> None:
    """Programs read the proven members, not the file's own words."""
    receipt, keys = erased
    told = json.loads(cli("receipt", "verify", receipt, "--key", keys, "--json").out)
    assert told["status"] == "complete"
    (entry,) = told["erased"]
    assert (entry["kind"], entry["reason"], entry["assurance"]) == ("recording", "legal", "software")


def change_leaf(document: dict[str, Any]) -> None:
    """Move the erasure to another day."""
    document["entries"][-1]["leaf"] = document["entries"][-1]["leaf"].replace('"legal"', '"other"')


def drop_proof(document: dict[str, Any]) -> None:
    """Cut the proof's last line off."""
    proof = document["entries"][-1]["proof"]
    document["entries"][-1]["proof"] = proof[: len(proof) // 2]


def rename(document: dict[str, Any]) -> None:
    """Pass it off as another request's."""
    document["request"] = "del_" + "0" * 32


@pytest.mark.parametrize("forge", [change_leaf, drop_proof, rename])
def test_a_changed_receipt_is_not_valid(erased: tuple[Path, Path], cli: Cli, forge: Any) -> None:
    """A word of a leaf, a byte of a proof, the name of the request: each is found."""
    receipt, keys = erased
    document = json.loads(receipt.read_text())
    forge(document)
    receipt.write_text(json.dumps(document))
    ended = cli("receipt", "verify", receipt, "--key", keys)
    assert ended.code == Exit.FAILED
    assert "NOT VALID" in ended.err
    assert ended.out == ""


def test_another_ledger_s_key_does_not_verify_it(
    erased: tuple[Path, Path], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the pinned key counts, never one that came with the file."""
    from crypto.signers import NoteSigner

    other = NoteSigner.generate("calls.example.org/ledger").verifier.vkey
    assert cli("receipt", "verify", erased[0], "--key", other).code == Exit.FAILED


def test_a_pending_receipt_is_valid_but_not_the_end(erased: tuple[Path, Path], cli: Cli) -> None:
    """Exit code 0 means complete: a script that deletes its own copy must not go on with pending."""
    receipt, keys = erased
    document = json.loads(receipt.read_text())
    document["status"] = "pending"
    receipt.write_text(json.dumps(document))
    ended = cli("receipt", "verify", receipt, "--key", keys)
    assert ended.code == Exit.FAILED
    assert "not complete" in ended.err
