"""A vault to give commands to: settings as `serve` wants them, keys, and the command line in this process."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.vault.cli.command import PUBLIC_URL, Cli, Outcome
from vault.cli.main import run


@pytest.fixture(autouse=True)
def _own_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No variable of the caller's, an empty working folder, and the logging of before afterwards."""
    for name in os.environ:
        if name.startswith("CALLVAULT_") and not name.startswith("CALLVAULT_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Cli:
    """Run a command in this process."""

    def call(*arguments: str | Path) -> Outcome:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Outcome(code, out, err)

    return call


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A settings file that `serve` accepts, without keys as yet."""
    path = tmp_path / "callvault.toml"
    path.write_text(
        f"""
[server]
port = 0
metrics_port = 0
public_url = "{PUBLIC_URL}"
[database]
url = "sqlite:///{tmp_path}/callvault.db"
[keys]
database_url = "sqlite:///{tmp_path}/keys.db"
key_file = "{tmp_path}/keys/root.key"
[ledger]
key_file = "{tmp_path}/keys/ledger.key"
[sessions]
key_file = "{tmp_path}/keys/tokens.key"
[storage]
url = "file://{tmp_path}/objects"
country = "FR"
[media]
addresses = ["127.0.0.1"]
"""
    )
    return path


@pytest.fixture
def vault(config: Path, cli: Cli) -> Path:
    """The same with keys and one tenant."""
    assert cli("keys", "init", "-c", config).code == 0
    assert cli("tenant", "add", "Atelier Essai", "-c", config).code == 0
    return config
