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
