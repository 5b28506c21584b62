"""``callvault backup``: make, list, check and restore backups of both databases, and drill the restore."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from vault.cli import options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from vault.app import Rooms
    from vault.backups.backups import Backups, Found, Restored
    from vault.backups.dump import Head, Kind
    from vault.backups.shelf import Backup

GROUP: Final = options.group("backup", "Sealed backups of both databases.")
COLUMNS: Final = ("kind", "place", "name", "made_at", "sealed_bytes")
NEWEST: Final = "newest"
NONE: Final = "none"
SAMPLE: Final = 20  # recordings that a drill opens
TOLD: Final = ("kind", "place", "made_at", "version", "ledger_size")
Result = TypeVar("Result")


@GROUP.command("create")
def create(*, config: options.Config = None, as_json: options.Json = False) -> None:
    """Make a backup of each database at each place that it has for one, and read it back."""
    from vault.backups.places import backup_places
    from vault.cli.exits import CommandError
    from vault.cli.output import show
    from vault.cli.rooms import in_rooms, settings_of

    kinds = [kind for kind, places in backup_places(settings_of(config)).items() if places]
    if not kinds:
        raise CommandError("no backup has a place: set backup.main_url and backup.keys_url")

    async def act(rooms: "Rooms") -> "Sequence[Backup]":
        return [each for kind in kinds for each in await rooms.backups.create(kind)]

    show([_row(each) for each in in_rooms(config, act)], as_json=as_json, columns=COLUMNS)


@GROUP.command("list")
def list_(*, config: options.Config = None, as_json: options.Json = False) -> None:
    """List the backups of both databases at every place, oldest first."""
    from vault.backups.dump import Kind
    from vault.cli.exits import CommandError
    from vault.cli.output import show

    async def act(backups: "Backups") -> "dict[Kind, Found]":
        return {kind: await backups.look(kind) for kind in Kind}

    found = _with_backups(config, act)
    rows = [_row(each) for one in found.values() for each in one.backups]
    show(rows, as_json=as_json, columns=COLUMNS)
    if away := [f"{kind.value}, {place}" for kind, one in found.items() for place in one.away]:
        raise CommandError(f"a place of backups does not answer: {'; '.join(away)}")


@GROUP.command("verify")
def verify(*, config: options.Config = None, as_json: options.Json = False) -> None:
    """Read the newest backup at each place whole, and check every line."""
    from vault.backups.dump import Kind
    from vault.cli.exits import CommandError
    from vault.cli.output import show
    from vault.errors import VaultError

    faults: list[str] = []

    async def act(backups: "Backups") -> list[dict[str, Any]]:
        told = []
        for shelf in [shelf for kind in Kind for shelf in backups.shelves(kind)]:
            try:
                told += [_told(each, await shelf.verify(each.name)) for each in (await shelf.all())[-1:]]
            except VaultError as error:
                faults.append(f"{shelf.place}: {error}")
        return told

    show(_with_backups(config, act), as_json=as_json, columns=TOLD)
    if faults:
        raise CommandError(*faults)


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

    On an empty machine: lay down the settings and the key files, run this, then start. `newest` is the newest
    of any place that opens; what was passed over for it is said.
    """
    from vault.backups.dump import Kind
    from vault.cli.output import note, show

    chosen = {kind: name for kind, name in {Kind.KEYS: keys, Kind.MAIN: main}.items() if name != NONE}

    async def act(backups: "Backups") -> "Sequence[Restored]":
        restored = []
        for kind, name in chosen.items():
            newest = name == NEWEST
            restored.append(await (backups.restore_newest(kind) if newest else backups.restore(kind, name)))
        return restored

    restored = _with_backups(config, act)
    for words in [words for each in restored for words in each.passed_over]:
        note(f"Passed over: {words}")
    show([_told(each.backup, each.head) for each in restored], as_json=as_json, columns=TOLD)
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


def _told(backup: "Backup", head: "Head") -> dict[str, Any]:
    return {name: getattr(backup if name == "place" else head, name) for name in TOLD}
