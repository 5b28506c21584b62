"""``callvault keys``: made, printed on a sheet, copied, locked, and made again from sheet and copy."""

import io
import json
import re
from pathlib import Path

import pytest

from tests.vault.cli.command import Cli, Outcome
from vault.cli.exits import Exit
from vault.keys.ring_file import RingFile

LINE = re.compile(r"^ +([1-4]  (?:[0-9A-Z]{4} ){3}[0-9A-Z]{4})$", re.MULTILINE)
WORDS = "six words of some length"


def sheet_in(text: str) -> str:
    """The four lines of a sheet, as a person copies them."""
    return "\n".join(LINE.findall(text))


def test_what_was_made_is_told_as_json_too(config: Path, cli: Cli) -> None:
    """Provisioning scripts read which files to copy away; the sheet is not in their way."""
    told = json.loads(cli("keys", "init", "-c", config, "--json").out)
    assert [row["key"] for row in told if row["made"]] == ["root", "ledger", "tokens", "backup"]
    assert all(Path(row["file"]).exists() for row in told)


def test_keys_are_not_made_for_a_ledger_without_a_name(tmp_path: Path, cli: Cli) -> None:
    """Nothing is half done: the name is asked for before any file is made."""
    ended = cli("keys", "init")
    assert ended.code == Exit.CONFIGURATION
    assert "server.public_url" in ended.err
    assert not (tmp_path / "keys").exists()


def test_a_sheet_is_printed_with_a_new_ring_and_only_then(config: Path, cli: Cli) -> None:
    """Once by `init`; whoever needs it again asks for it by name and gets the same."""
    first = cli("keys", "init", "-c", config)
    assert len(LINE.findall(first.err)) == 4
    assert not LINE.findall(first.out)
    assert not LINE.findall(cli("keys", "init", "-c", config).err)
    assert sheet_in(cli("keys", "sheet", "-c", config).err) == sheet_in(first.err)


def test_a_sheet_that_was_seen_gives_way_to_another(config: Path, cli: Cli) -> None:
    """The new one is printed at once, and what has to be done so that the old one is worth nothing."""
    seen = sheet_in(cli("keys", "init", "-c", config).err)
    ended = cli("keys", "rotate", "-c", config)
    assert ended.code == 0
    assert "callvault keys turn --at-once" in ended.err
    assert sheet_in(ended.err) != seen
    assert sheet_in(cli("keys", "sheet", "-c", config).err) == sheet_in(ended.err)


def test_no_word_is_taken_for_an_epoch_that_does_not_wait(config: Path, cli: Cli) -> None:
    """The current one's key is there; one that never was has none, and nothing changes."""
    assert cli("keys", "init", "-c", config).code == 0
    assert cli("migrate", "-c", config).code == 0
    before = cli("keys", "status", "-c", config, "--json").out
    for epoch, says in (("1", "retired"), ("9", "no epoch 9")):
        ended = cli("keys", "gone", epoch, "-c", config)
        assert ended.code != 0
        assert says in ended.err
    assert cli("keys", "status", "-c", config, "--json").out == before


def slipped(sheet: str) -> str:
    """A sheet with one letter wrong in its first line."""
    return sheet[:3] + ("1" if sheet[3] == "0" else "0") + sheet[4:]


def test_sheet_and_copy_make_the_ring_again(
    config: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way back after a lost disk; the sheet is typed, never an argument."""
    sheet = sheet_in(cli("keys", "init", "-c", config).err)
    path, copy = config.parent / "keys" / "root.key", tmp_path / "ring.copy"
    assert cli("keys", "copy", copy, "-c", config).code == 0
    assert copy.stat().st_mode & 0o777 == 0o600
    ring = RingFile(path).read()

    def recover(typed: io.StringIO) -> Outcome:
        monkeypatch.setattr("sys.stdin", typed)
        return cli("keys", "recover", copy, "-c", config)

    assert "never overwritten" in recover(io.StringIO(sheet)).err
    path.unlink()
    slip = recover(io.StringIO(slipped(sheet)))
    assert (slip.code, "line 1" in slip.err, path.exists()) == (Exit.USAGE, True, False)
    assert recover(io.StringIO(sheet)).code == 0
    assert RingFile(path).read() == ring


def test_a_ring_gets_a_passphrase_and_loses_it_again(
    config: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a file that others cannot read; the settings then carry it, from wherever secrets come."""
    cli("keys", "init", "-c", config)
    words, path = tmp_path / "words", config.parent / "keys" / "root.key"
    words.write_text(WORDS + "\n")
    words.chmod(0o644)
    assert cli("keys", "passphrase", "--from", words, "-c", config).code == Exit.CONFIGURATION
    words.chmod(0o600)
    assert cli("keys", "passphrase", "-c", config).code == Exit.USAGE
    assert cli("keys", "passphrase", "--from", words, "-c", config).code == 0
    assert RingFile(path, WORDS).read() == {}
    locked_out = cli("keys", "sheet", "-c", config)
    assert (locked_out.code, "keys.passphrase" in locked_out.err) == (Exit.CONFIGURATION, True)
    monkeypatch.setenv("CALLVAULT_KEYS__PASSPHRASE_FILE", str(words))
    assert len(LINE.findall(cli("keys", "sheet", "-c", config).err)) == 4
    assert cli("keys", "passphrase", "--remove", "-c", config).code == 0
    assert RingFile(path).read() == {}
