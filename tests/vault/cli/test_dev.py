"""``callvault dev``: one command to a vault that can be tried out, on this machine only."""

import json
import shlex
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.servers.ports import free_port
from tests.servers.process import server, stop
from tests.vault.cli.command import Cli, argv, ask, environment
from vault.cli.dev import development_settings
from vault.cli.exits import Exit
from vault.cli.folder import MARKER, is_development
from vault.errors import RefusedByPolicyError


@contextmanager
def trial(folder: Path, log: Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Run `dev` on a free port; give the process and what it told."""
    port = free_port()

    def is_ready() -> bool:
        return ask(f"http://127.0.0.1:{port}", "/readyz")[0] == 200 and "metrics_port" in log.read_text()

    command = argv("dev", "--dir", folder, "--port", str(port), "--json")
    with server(command, log=log, is_ready=is_ready, timeout_s=60, env=environment()) as running:
        text = log.read_text()
        told = json.loads(text[text.index("{") : text.rindex("}") + 1])
        yield running, told


def sign_in(told: dict[str, Any]) -> int:
    """Use the one-time link as the console does."""
    address, _, code = told["console"].partition("#code=")
    parts = urlsplit(address)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    headers = {
        "Content-Type": "application/json",
        "Origin": f"{parts.scheme}://{parts.netloc}",
        "Sec-Fetch-Site": "same-origin",
    }
    connection.request("POST", "/v1/sessions", json.dumps({"code": code}), headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def new_link(told: dict[str, Any]) -> str:
    """Run the command that the welcome gives, as it stands there, from elsewhere."""
    command = shlex.split(told["new_link"])
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd="/", env={})
    return done.stdout.strip()


def test_a_fresh_folder_becomes_a_vault_that_ends_cleanly(tmp_path: Path) -> None:
    """Demo page, console link that works once, keys of its own; SIGTERM ends it with code 0."""
    folder = tmp_path / "dev"
    with trial(folder, tmp_path / "log") as (running, told):
        address = told["demo"].removesuffix("/demo")
        assert ask(address, "/demo")[0] == 200
        assert ask(address, "/openapi.json")[0] == 200
        assert told["button_id"].encode() in ask(address, "/demo")[1]
        assert sign_in(told) == 201
        assert sign_in(told) == 401
        assert sign_in({"console": new_link(told)}) == 201
        code = stop(running)
    assert code == 0
    assert ask(address, "/livez")[0] == 0
    assert (folder / MARKER).exists()
    private = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]
    assert private == []
    assert f"{told['console']}" not in "".join(
        path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file()
    )


def test_a_second_start_keeps_keys_and_people_and_moves_the_button(tmp_path: Path, cli: Cli) -> None:
    """The folder is the vault; only the port, and with it the button's origin, is new."""
    folder = tmp_path / "dev"
    with trial(folder, tmp_path / "first.log") as (_, first):
        keys = {path.name: path.read_bytes() for path in (folder / "keys").glob("*.key")}
    with trial(folder, tmp_path / "second.log") as (running, second):
        assert (second["tenant_id"], second["button_id"]) == (first["tenant_id"], first["button_id"])
        assert {path.name: path.read_bytes() for path in (folder / "keys").glob("*.key")} == keys
        config = second["config"]
        (button,) = json.loads(cli("button", "list", "-c", config, "--json").out)
        port = urlsplit(second["demo"]).port
        assert button["allowed_origins"] == [f"http://127.0.0.1:{port}", f"http://localhost:{port}"]
        people = json.loads(cli("agent", "list", "-c", config, "--json").out)
        assert sorted(person["role"] for person in people) == ["admin", "agent", "auditor"]
        assert cli("health", "-c", config).code == 0
        assert stop(running, signal.SIGINT) == 0


def test_two_folders_have_different_keys(tmp_path: Path) -> None:
    """Never a fixed pair: what one trial sealed, another cannot open."""
    seen = set()
    for name in ("one", "two"):
        with trial(tmp_path / name, tmp_path / f"{name}.log"):
            seen |= {path.read_bytes() for path in (tmp_path / name / "keys").glob("*.key")}
    assert len(seen) == 8


def test_serve_refuses_what_dev_made(tmp_path: Path, cli: Cli) -> None:
    """Code 5, and what to do: real calls get keys of their own."""
    with trial(tmp_path / "dev", tmp_path / "log") as (_, told):
        pass
    ended = cli("serve", "-c", told["config"])
    assert ended.code == Exit.REFUSED
    assert "`callvault dev` made" in ended.err


def test_a_folder_of_somebody_s_is_left_alone(tmp_path: Path, cli: Cli) -> None:
    """Nothing is written into a folder that holds other files."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("x")
    ended = cli("dev", "--dir", tmp_path / "mine")
    assert ended.code == Exit.REFUSED
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])  # noqa: S104  # refused, which is the point
def test_a_trial_listens_to_nobody_else(tmp_path: Path, host: str) -> None:
    """Even where the environment asks for it: development keys are for this machine only."""
    with pytest.raises(RefusedByPolicyError, match="this machine only"):
        development_settings(tmp_path, port=None, environ={"CALLVAULT_SERVER__HOST": host})


def test_the_settings_of_a_trial_stay_inside_its_folder(tmp_path: Path) -> None:
    """Loopback for media too, a declared country, a free port where 0 was asked for; one copy of the keys."""
    settings = development_settings(tmp_path / "a b", port=0, environ={})
    assert settings.media.addresses[0] == "127.0.0.1"
    assert settings.media.local_only
    assert settings.storage.country == "FR"
    assert settings.keys.least_copies == 1
    assert settings.storage.folder() == tmp_path / "a b" / "objects"
    assert settings.server.port > 0
    assert settings.server.public_url == f"http://127.0.0.1:{settings.server.port}"
    assert not is_development(settings)


def test_the_environment_moves_the_port_and_no_settings_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `callvault.toml` beside us is the real vault's: a trial must not touch it."""
    (tmp_path / "callvault.toml").write_text('[database]\nurl = "sqlite:////srv/real.db"\n')
    environ = {"CALLVAULT_SERVER__PORT": "18080", "CALLVAULT_CONFIG_FILE": str(tmp_path / "callvault.toml")}
    settings = development_settings(tmp_path / "dev", port=None, environ=environ)
    assert settings.server.port == 18_080
    assert settings.database.url.startswith(f"sqlite:///{tmp_path}/dev/")
    assert development_settings(tmp_path, port=18_081, environ=environ).server.port == 18_081


def test_the_settings_left_in_the_folder_are_the_ones_that_run(tmp_path: Path) -> None:
    """Other commands read them back unchanged."""
    from vault.cli.dev import write_settings
    from vault.settings.sources import load_settings

    settings = development_settings(tmp_path, port=18_082, environ={})
    write_settings(tmp_path, settings)
    read = load_settings(environ={}, file=tmp_path / "callvault.toml").settings
    assert read.keys == settings.keys
    assert read.storage == settings.storage
    assert read.server.public_url == settings.server.public_url
    assert tomllib.loads((tmp_path / "callvault.toml").read_text())["media"]["local_only"] is True
    assert read.sessions.key_file.is_absolute()
