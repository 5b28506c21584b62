"""``callvault config``: example, show, check."""

import json
from pathlib import Path

import pytest

from tests.vault.cli.command import Cli
from vault.cli.config import without_password
from vault.cli.exits import Exit
from vault.settings.example import example_toml
from vault.settings.sources import fields


def test_the_example_is_data_that_can_be_redirected(cli: Cli) -> None:
    """`callvault config example > callvault.toml` and nothing else in the file."""
    ended = cli("config", "example")
    assert (ended.code, ended.out, ended.err) == (0, example_toml(), "")


def test_each_setting_is_shown_with_its_source(
    config: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line per setting: who said what."""
    monkeypatch.setenv("CALLVAULT_SERVER__HOST", "127.0.0.9")
    ended = cli("config", "show", "-c", config, "--json")
    rows = {row["setting"]: (row["value"], row["source"]) for row in json.loads(ended.out)}
    assert len(rows) == len(fields())
    assert rows["server.host"] == ("127.0.0.9", "environment")
    assert rows["storage.country"] == ("FR", str(config))
    assert rows["log.level"] == ("info", "default")


def test_secrets_are_masked_wherever_they_stand(
    config: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`config show` is pasted into tickets."""
    monkeypatch.setenv("CALLVAULT_DATABASE__PASSWORD", "hunter2-a")
    monkeypatch.setenv("CALLVAULT_DATABASE__URL", "postgresql://me:hunter2-b@db.example/vault")
    ended = cli("config", "show", "-c", config)
    assert ended.code == 0
    assert "hunter2" not in ended.out + ended.err
    assert "postgresql://me:***@db.example/vault" in ended.out


def test_a_url_without_a_password_is_shown_as_it_is() -> None:
    """Only what stands between colon and at sign is masked."""
    assert without_password("postgresql://me@db/x") == "postgresql://me@db/x"
    assert without_password("sqlite:///./x@y.db") == "sqlite:///./x@y.db"
    assert without_password("http://127.0.0.1:8080") == "http://127.0.0.1:8080"
    assert without_password(3) == 3


def test_a_password_is_masked_wherever_a_url_may_hold_one() -> None:
    """With a slash or an at sign in it, as a parameter, in the address of an endpoint."""
    assert without_password("postgresql://me:a/b@c@db/x") == "postgresql://me:***@db/x"
    assert without_password("postgresql://db/x?user=me&password=a&b=c") == (
        "postgresql://db/x?user=me&password=***&b=c"
    )
    assert without_password("s3://b?endpoint=https://me:a@s3.example") == (
        "s3://b?endpoint=https://me:***@s3.example"
    )


def test_check_names_what_is_wrong_and_its_code(config: Path, cli: Cli) -> None:
    """The same findings as `serve`, without opening anything."""
    ended = cli("config", "check", "-c", config)
    assert ended.code == Exit.CONFIGURATION
    assert len(ended.err.splitlines()) == 3
    assert cli("config", "check", "--no-keys", "-c", config).out == "ok\n"
    assert sorted(path.name for path in config.parent.iterdir()) == ["callvault.toml"]


def test_check_passes_once_the_keys_are_made(vault: Path, cli: Cli) -> None:
    """Exit code 0 means: `serve` gets as far as its databases and its store."""
    assert cli("config", "check", "-c", vault).code == 0


def test_an_unknown_variable_stops_every_command(
    config: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting that nobody reads is a setting that somebody believes in."""
    monkeypatch.setenv("CALLVAULT_SERVER__PUBLICURL", "https://x.example")
    ended = cli("config", "check", "-c", config)
    assert ended.code == Exit.CONFIGURATION
    assert "did you mean CALLVAULT_SERVER__PUBLIC_URL?" in ended.err
