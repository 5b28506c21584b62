"""``callvault storage check``."""

import json
from pathlib import Path

import pytest

from tests.vault.cli.command import Cli
from vault.cli.exits import Exit


def test_the_store_s_own_word_is_printed(config: Path, cli: Cli) -> None:
    """A file store can only declare; the evidence says so. Keys are not needed for it."""
    told = json.loads(cli("storage", "check", "-c", config, "--json").out)
    assert (told["provider"], told["country"]) == ("file", "FR")
    assert "declared" in told["evidence"]


@pytest.mark.parametrize("country", ["US", "GB"])
def test_a_store_outside_the_allowed_countries_is_refused(
    config: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, country: str
) -> None:
    """Code 5: a rule of the house, not a mistake in the settings."""
    monkeypatch.setenv("CALLVAULT_STORAGE__COUNTRY", country)
    ended = cli("storage", "check", "-c", config)
    assert ended.code == Exit.REFUSED
    assert len(ended.err.splitlines()) == 1


def test_a_store_that_does_not_answer_is_code_four(
    config: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing listens there: try again, the settings may be right."""
    monkeypatch.setenv("CALLVAULT_STORAGE__URL", "s3://b?region=lab-1&endpoint=http://127.0.0.1:9")
    monkeypatch.setenv("CALLVAULT_STORAGE__REGIONS", '{"lab-1": "FR"}')
    monkeypatch.setenv("CALLVAULT_STORAGE__ACCESS_KEY", "a")
    monkeypatch.setenv("CALLVAULT_STORAGE__SECRET_KEY", "b")
    monkeypatch.setenv("CALLVAULT_STORAGE__TIMEOUT_S", "1")
    assert cli("storage", "check", "-c", config).code == Exit.UNREACHABLE


def with_replica(monkeypatch: pytest.MonkeyPatch, **replica: str) -> None:
    """Give the settings a replica."""
    monkeypatch.setenv("CALLVAULT_STORAGE__REPLICAS", json.dumps([{"name": "lyon", **replica}]))


def test_every_replica_tells_where_it_lies(
    config: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By its own name, beside the primary."""
    with_replica(monkeypatch, url=f"file://{tmp_path}/lyon", country="DE")
    told = json.loads(cli("storage", "check", "-c", config, "--json").out)
    assert told["country"] == "FR"
    assert told["replicas"]["lyon"]["country"] == "DE"


def test_a_replica_outside_the_allowed_countries_is_refused(
    config: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The rule is for each place; `config check` says so beforehand."""
    with_replica(monkeypatch, url=f"file://{tmp_path}/lyon", country="US")
    assert cli("storage", "check", "-c", config).code == Exit.REFUSED
    assert "lyon" in cli("config", "check", "-c", config).err


def test_a_replica_that_is_away_at_the_start_is_waited_for(
    config: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A backup server that is down must not take the vault down with it."""
    keys = tmp_path / "lyon.s3"
    keys.touch(mode=0o600)
    keys.write_text("access\nsecret\n")
    url = "s3://b?region=lab-1&endpoint=http://127.0.0.1:9"
    monkeypatch.setenv("CALLVAULT_STORAGE__TIMEOUT_S", "1")
    with_replica(monkeypatch, url=url, credentials_file=str(keys), timeout_s="1")
    assert cli("keys", "init", "-c", config).code == Exit.OK
    ended = cli("ledger", "checkpoint", "-c", config)
    assert ended.code == Exit.OK, ended.err
    shown = cli("config", "show", "-c", config, "--json").out
    assert str(keys) in shown
    assert "secret\n" not in shown


def test_two_places_of_one_name_or_url_are_refused(
    config: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A copy beside itself is none, and names tell what is owed to whom."""
    one = {"name": "lyon", "url": f"file://{tmp_path}/lyon", "country": "FR"}
    monkeypatch.setenv("CALLVAULT_STORAGE__REPLICAS", json.dumps([one, one]))
    assert cli("config", "check", "-c", config).code == Exit.CONFIGURATION
    monkeypatch.setenv("CALLVAULT_STORAGE__REPLICAS", json.dumps([one, {**one, "name": "metz"}]))
    assert "same url" in cli("config", "check", "-c", config).err
