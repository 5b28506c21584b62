"""``callvault evidence``: a pack that travels, and its check far from the vault."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.vault.cli.command import Cli, process
from tests.vault.cli.recordings import lay_down
from vault.cli.exits import Exit


@pytest.fixture
def pack(vault: Path, cli: Cli, tmp_path: Path) -> tuple[Path, Path]:
    """A folder with a pack, and a file with the ledger's keys."""
    asyncio.run(lay_down(vault))
    out, keys = tmp_path / "out", tmp_path / "ledger.pub"
    ended = cli("evidence", "make", "--out", out, "-c", vault, "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["files"] == [str(out / "evidence.json"), str(out / "evidence.html")]
    keys.write_text("# pinned\n" + cli("ledger", "key", "-c", vault).out)
    return out, keys


def test_a_pack_verifies_far_from_the_vault(pack: tuple[Path, Path], tmp_path: Path) -> None:
    """No settings, no database, no network: the file and the keys."""
    out, keys = pack
    away = tmp_path / "away"
    away.mkdir()
    ended = process("evidence", "verify", out / "evidence.json", "--key", keys, cwd=away)
    assert ended.code == 0, ended.err
    assert ended.lines[0].startswith("VALID: evidence of ")
    assert "calls.example.org/ledger" in ended.out
    assert list(away.iterdir()) == []


def test_a_pack_says_what_lies_where_and_what_is_kept(pack: tuple[Path, Path]) -> None:
    """The recording that was laid down, the country that the settings declare, one epoch."""
    told = json.loads((pack[0] / "evidence.json").read_bytes())["evidence"]
    assert told["tenant"]["name"] == "Atelier Essai"
    assert [place["where"]["country"] for place in told["storage"]["places"]] == ["FR"]
    assert [stock["state"] for stock in told["retention"]["stock"]] == ["ready"]
    assert [epoch["state"] for epoch in told["keys"]["epochs"]] == ["current"]
    assert told["program"]["main"]["revision"] >= "0017"


def test_a_changed_pack_and_a_foreign_key_are_not_valid(pack: tuple[Path, Path], cli: Cli) -> None:
    """One letter of the company's name; another ledger's key."""
    from crypto.signers import NoteSigner

    out, keys = pack
    file = out / "evidence.json"
    other = NoteSigner.generate("calls.example.org/ledger").verifier.vkey
    assert cli("evidence", "verify", file, "--key", other).code == Exit.FAILED
    file.write_bytes(file.read_bytes().replace(b"Atelier", b"Ateleer"))
    ended = cli("evidence", "verify", file, "--key", keys)
    assert (ended.code, ended.out) == (Exit.FAILED, "")
    assert "NOT VALID" in ended.err


def test_the_page_is_written_in_the_language_that_is_asked_for(vault: Path, cli: Cli, tmp_path: Path) -> None:
    """English unless told otherwise; another language is a mistake of the caller."""
    assert cli("evidence", "make", "-o", tmp_path / "fr", "--language", "fr", "-c", vault).code == 0
    assert '<html lang="fr">' in (tmp_path / "fr" / "evidence.html").read_text()
    ended = cli("evidence", "make", "-o", tmp_path / "de", "--language", "de", "-c", vault)
    assert (ended.code, (tmp_path / "de").exists()) == (Exit.USAGE, False)


def test_with_several_companies_one_is_named(vault: Path, cli: Cli, tmp_path: Path) -> None:
    """A pack is of one company; nothing is written for a guess."""
    assert cli("tenant", "add", "Another", "-c", vault).code == 0
    assert cli("evidence", "make", "-o", tmp_path / "out", "-c", vault).code == Exit.USAGE
    assert not (tmp_path / "out").exists()
