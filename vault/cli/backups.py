"""``callvault backup``: make, list, check and restore backups of both databases, and drill the restore."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from vault.cli import options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from vault.app import Rooms
    from vault.backups.backups import Backup, Backups
    from vault.backups.dump import Head, Kind

GROUP: Final = options.group("backup", "Sealed backups of both databases.")
COLUMNS: Final = ("kind", "name", "made_at", "sealed_bytes")
NEWEST: Final = "newest"
NONE: Final = "none"
SAMPLE: Final = 20  # recordings that a drill opens
TOLD: Final = ("kind", "made_at", "version", "ledger_size")
Result = TypeVar("Result")


@GROUP.command("create")
def create(*, config: options.Config = None, as_json: options.Json = False) -> None:
    """Make a backup of each database that has a place for one, and read it back."""
    from vault.backups.dump import Kind
    from vault.cli.exits import CommandError
    from vault.cli.output import show
    from vault.cli.rooms import in_rooms, settings_of

    told = settings_of(config).backup
    kinds = [kind for kind, url in ((Kind.MAIN, told.main_url), (Kind.KEYS, told.keys_url)) if url]
    if not kinds:
        raise CommandError("no backup has a place: set backup.main_url and backup.keys_url")

    async def act(rooms: "Rooms") -> "Sequence[Backup]":
        return [await rooms.backups.create(kind) for kind in kinds]

    show([_row(each) for each in in_rooms(config, act)], as_json=as_json, columns=COLUMNS)


@GROUP.command("list")
def list_(*, config: options.Config = None, as_json: options.Json = False) -> None:
    """List the backups of both databases, oldest first."""
    from vault.cli.output import show

    async def act(backups: "Backups") -> "Sequence[Backup]":
        from vault.backups.dump import Kind

        return [each for kind in Kind for each in await backups.all(kind)]

    show([_row(each) for each in _with_backups(config, act)], as_json=as_json, columns=COLUMNS)


@GROUP.command("verify")
def verify(*, config: options.Config = None, as_json: options.Json = False) -> None:
    """Read the newest backup of each database whole, and check every line."""
    from vault.cli.output import show

    async def act(backups: "Backups") -> "Sequence[Head]":
        from vault.backups.dump import Kind

        newest = {kind: await backups.all(kind) for kind in Kind}
        return [await backups.verify(kind, made[-1].name) for kind, made in newest.items() if made]

    show([_told(head) for head in _with_backups(config, act)], as_json=as_json, columns=TOLD)


@GROUP.command("restore")
def restore(
    *,
    main: Annotated[
        str, typer.Option("--main", help="Name of the main database's backup, `newest` or `none`.")
    ] = NEWEST,
    keys: Annotated[
        str, typer.Option("--keys", help="Name of the key store's backup, `newest` or `none`.")
    ] = NEWEST,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Fill empty databases from backups; the next start replays what was erased since.

    On an empty machine: lay down the settings and the key files, run this, then start.
    """
    from vault.cli.output import note, show

    async def act(backups: "Backups") -> "Sequence[Head]":
        from vault.backups.dump import Kind

        chosen = {Kind.KEYS: keys, Kind.MAIN: main}
        names = {kind: await _chosen(backups, kind, name) for kind, name in chosen.items() if name != NONE}
        return [await backups.restore(kind, name) for kind, name in names.items()]

    show([_told(head) for head in _with_backups(config, act)], as_json=as_json, columns=TOLD)
    note("Start the program now: it serves nothing before every erasure since the backup is done again.")


@GROUP.command("drill")
def drill(
    *,
    keep: Annotated[
        Path | None,
        typer.Option("--keep", help="Keep the restored databases in this folder; count it as a backup."),
    ] = None,
    sample: Annotated[
        int, typer.Option("--sample", min=0, max=10_000, help="Recordings to open, first and last segment.")
    ] = SAMPLE,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Restore the newest backups into a folder that is thrown away, check all of it, and record how it went.

    It may run beside the server. The objects and the epoch keys are only looked at. Exit code 0 only when a
    restore would do.
    """
    from vault.cli.drills import drilled
    from vault.cli.exits import CommandError
    from vault.cli.output import show
    from vault.cli.rooms import settings_of

    told = drilled(settings_of(config), keep=keep, sample=sample)
    show(told.row(), as_json=as_json)
    if not told.ok:
        raise CommandError(*told.findings)


async def _chosen(backups: "Backups", kind: "Kind", name: str) -> str:
    from vault.errors import NotFoundError

    if name != NEWEST:
        return name
    made = await backups.all(kind)
    if not made:
        raise NotFoundError(f"there is no backup of the {kind.value} database to restore")
    return made[-1].name


def _with_backups(config: Path | None, act: "Callable[[Backups], Awaitable[Result]]") -> Result:
    """Open the databases and the places of their backups, and nothing that needs a filled database."""
    from vault.backups.dump import Kind
    from vault.cli.rooms import settings_of
    from vault.clock import SystemClock
    from vault.ground import open_backups, open_databases

    settings = settings_of(config)

    async def run() -> Result:
        async with (
            open_databases(settings) as (main, keys),
            open_backups(settings, {Kind.MAIN: main, Kind.KEYS: keys}, SystemClock()) as backups,
        ):
            return await act(backups)

    return asyncio.run(run())


def _row(backup: "Backup") -> dict[str, Any]:
    return {name: getattr(backup, name) for name in COLUMNS}


def _told(head: "Head") -> dict[str, Any]:
    return {name: getattr(head, name) for name in TOLD}
