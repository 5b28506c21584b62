"""``callvault dev``: everything in one folder, on this machine only, with somebody to sign in as."""

import os
import random
import shlex
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote

import typer

from vault.cli import options
from vault.settings.sources import CONFIG_FILE, Name, load_settings

if TYPE_CHECKING:
    from vault.app import App
    from vault.settings import Settings

FOLDER: Final = Path("callvault-dev")
LOOPBACK: Final = "127.0.0.1"
FREE_PORTS: Final = range(20_000, 32_768)  # below those that Linux gives to clients
PORT_TRIES: Final = 50
COUNTRY: Final = "FR"  # a file store must declare one; a trial on a laptop declares this, and says so


def dev(
    *,
    folder: Annotated[Path, typer.Option("--dir", help="Where everything is kept.")] = FOLDER,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65_535, help="HTTP port; 0: a free one.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Try Callvault out: SQLite and a folder, fresh keys, a demo tenant, this machine only."""
    from vault.cli.folder import claim
    from vault.cli.keyfiles import make_key_files
    from vault.cli.pace import run_in_time
    from vault.cli.runner import run
    from vault.insight.logs import configure_logging

    folder = folder.absolute()
    settings = development_settings(folder, port=port, environ=os.environ)
    claim(folder)
    configure_logging(settings.log.level, form="lines", stream=sys.stderr)
    write_settings(folder, settings)

    async def start() -> None:
        await make_key_files(settings, development=True)

        async def ready(app: "App") -> None:
            await _welcome(app, folder, as_json=as_json)

        await run(settings, development=True, when_ready=ready)

    run_in_time(start())


def development_settings(folder: Path, *, port: int | None, environ: Mapping[str, str]) -> "Settings":
    """Give the settings of a trial: the environment's where it speaks, else everything inside the folder.

    Raises SettingsError, and RefusedByPolicyError for an address that others can reach.
    """
    from vault.cli.checks import is_loopback
    from vault.errors import RefusedByPolicyError

    own = {name: text for name, text in environ.items() if name != CONFIG_FILE}
    given: dict[Name, Any] = {} if port is None else {Name("server", "port"): port}

    def load(defaults: Mapping[Name, Any]) -> "Settings":
        return load_settings(
            environ=own, given=given, defaults=defaults, defaults_name="development", working_folder=False
        ).settings

    first = load(_inside(folder.absolute()))
    server = first.server
    if not (is_loopback(server.host) and is_loopback(server.metrics_host)):
        raise RefusedByPolicyError("`dev` listens on this machine only; use `callvault serve` for others")
    # The address is printed and stands in the button's allowed origins, so a free port is chosen now.
    given[Name("server", "port")] = server.port or _free_port(server.host)
    host = f"[{server.host}]" if ":" in server.host else server.host
    address = f"http://{host}:{given[Name('server', 'port')]}"
    return load({**_inside(folder.absolute()), Name("server", "public_url"): address})


def write_settings(folder: Path, settings: "Settings") -> None:
    """Leave the trial's settings in its folder, where other commands find them with ``--config``."""
    from vault.settings.example import toml_value

    lines = ["# Written by `callvault dev` at each start; other commands take it with --config."]
    shown = {
        "server": ("host", "port", "public_url"),
        "database": ("url",),
        "keys": ("database_url", "key_file", "least_copies"),
        "backup": ("key_file", "main_url", "keys_url", "country"),
        "ledger": ("origin", "key_file"),
        "storage": ("url", "country"),
        "media": ("addresses", "local_only"),
        "sessions": ("key_file",),
    }
    for section, keys in shown.items():
        values = getattr(settings, section)
        lines += [f"[{section}]", *(f"{key} = {toml_value(getattr(values, key))}" for key in keys)]
    (folder / "callvault.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _inside(folder: Path) -> dict[Name, Any]:
    from webrtc.ice import own_addresses

    return {
        Name("server", "host"): LOOPBACK,
        Name("server", "metrics_port"): 0,
        Name("server", "drain_s"): 5,
        Name("database", "url"): f"sqlite:///{folder}/callvault.db",
        Name("keys", "database_url"): f"sqlite:///{folder}/keys.db",
        Name("keys", "key_file"): folder / "keys" / "root.key",
        # One folder on one disk: what is tried out is lost with it, and evidence says that it may be.
        Name("keys", "least_copies"): 1,
        Name("backup", "key_file"): folder / "keys" / "backup.key",
        Name("backup", "main_url"): f"file://{quote(str(folder))}/backups",
        Name("backup", "keys_url"): f"file://{quote(str(folder))}/key-backups",
        Name("backup", "country"): COUNTRY,
        Name("ledger", "origin"): "development.invalid/ledger",
        Name("ledger", "key_file"): folder / "keys" / "ledger.key",
        Name("storage", "url"): f"file://{quote(str(folder))}/objects",
        Name("storage", "country"): COUNTRY,
        # Firefox makes no candidate on loopback: our other addresses serve it, and hear nobody else.
        Name("media", "addresses"): (LOOPBACK, *own_addresses()),
        Name("media", "local_only"): True,
        # Whoever tries it out on a busy laptop is not told that there is no room.
        Name("media", "full_lag_s"): 5,
        Name("media", "full_cpu"): 10,
        Name("sessions", "key_file"): folder / "keys" / "tokens.key",
    }


def _free_port(host: str) -> int:
    """A port that nobody listens on, of those the system gives no client: none is gone before we bind it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in (*random.sample(FREE_PORTS, PORT_TRIES), 0):
        with socket.socket(family, socket.SOCK_STREAM) as probe, suppress(OSError):
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    return 0


async def _welcome(app: "App", folder: Path, *, as_json: bool) -> None:
    from vault.cli.output import in_red, say, show
    from vault.cli.seed import seed

    settings = app.rooms.settings
    demo = await seed(app.rooms)
    app.services.demo_button_id = demo.button_id
    code = await app.rooms.identity.sessions.make_code(person_id=demo.admin_id, tenant_id=demo.tenant_id)
    url = settings.server.public_url
    told = {
        "demo": f"{url}/demo",
        "console": f"{url}/console#code={code}",
        "new_link": _link_command(demo.admin_id, folder / "callvault.toml"),
        "api": f"{url}/docs",
        "folder": folder,
        "config": folder / "callvault.toml",
        "tenant_id": demo.tenant_id,
        "button_id": demo.button_id,
        "metrics_port": app.metrics_port,
    }
    if as_json:
        show(told, as_json=True)
    else:
        minutes = round(settings.sessions.login_link_s / 60)
        say(
            in_red(
                "Callvault, for trying out: not for real calls. This machine only, keys in a folder.",
                sys.stdout,
            )
        )
        say()
        say(f"  Demo page   {told['demo']}")
        say(f"  Console     {told['console']}")
        say(f"              (signs you in once, within {minutes} minutes; this prints another:")
        say(f"              {told['new_link']})")
        say(f"  API         {told['api']}")
        say(f"  Kept in     {told['folder']}, declared to lie in {settings.storage.country}")
        say()
        say("Calls work from browsers on this machine. Ctrl-C ends it.")
    sys.stdout.flush()


def _link_command(person: str, config: Path) -> str:
    """Write the command that makes a sign-in link, to be copied: the program may be on nobody's path."""
    beside = Path(sys.executable).with_name("callvault")
    program = str(beside) if beside.exists() else "callvault"
    return shlex.join([program, "agent", "link", person, "--config", str(config)])
