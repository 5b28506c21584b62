"""``callvault keys``: the key files, the recovery sheet and the way back, and the epochs keys live in."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from vault.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault.app import Rooms
    from vault.keys.epochs import Standing
    from vault.keys.ring_file import RingFile
    from vault.settings import Settings

GROUP: Final = options.group("keys", "The key files.")
FileToWrite = Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; it must not be there.")]
Copy = Annotated[Path, typer.Argument(metavar="COPY", help="A copy of the key ring.")]
NewPassphrase = Annotated[
    Path | None,
    typer.Option("--from", metavar="FILE", help="A file, mode 0600, with the new passphrase in one line."),
]
Remove = Annotated[bool, typer.Option("--remove", help="Let the file alone open the ring.")]


@GROUP.command("init")
def init(*, config: options.Config = None, as_json: options.Json = False) -> None:
    """Make the key files that are missing: root, ledger, tokens, backup. Existing ones are never touched.

    With a new key ring its recovery sheet is printed, to standard error.
    """
    from vault.cli.keyfiles import make_key_files
    from vault.cli.output import note, show
    from vault.cli.rooms import settings_of

    settings = settings_of(config)
    made = asyncio.run(make_key_files(settings))
    rows = [{"key": key.purpose, "file": key.path, "made": key.made} for key in made]
    show(rows, as_json=as_json, columns=("key", "file", "made"))
    if any(key.made and key.purpose == "root" for key in made):
        note(_sheet_of(settings))
        note("Keep the sheet and a copy of the root key offline now: without it no recording can be opened.")


@GROUP.command("sheet")
def sheet(*, config: options.Config = None) -> None:
    """Print the recovery sheet of the key ring again, to standard error."""
    from vault.cli.output import note
    from vault.cli.rooms import settings_of

    note(_sheet_of(settings_of(config)))


@GROUP.command("copy")
def copy(file: FileToWrite, *, config: options.Config = None) -> None:
    """Write a copy of the key ring that only the recovery sheet opens: it may lie beside backups.

    Copies hold the epochs' keys of their day: with the sheet they bring back what was destroyed since. Keep
    them no longer than backups of the key store (``keys.backup_days``).
    """
    from vault.cli.rooms import settings_of

    _ring(settings_of(config)).copy_to(file)


@GROUP.command("recover")
def recover(copy: Copy, *, config: options.Config = None) -> None:
    """Make the key ring again from a copy and the recovery sheet, which is asked for.

    The ring is put under ``keys.passphrase`` where that is set, and nothing is overwritten.
    """
    from vault.cli.key_sheets import typed_sheet
    from vault.cli.output import note
    from vault.cli.rooms import settings_of
    from vault.keys.ring_file import RingFile

    keys = settings_of(config).keys
    RingFile.recover(keys.key_file, copy, typed_sheet(), passphrase_of(keys.passphrase))
    note(f"The key ring is at {keys.key_file} again.")


@GROUP.command("rotate")
def rotate(*, config: options.Config = None) -> None:
    """Give the key ring another key, and print its new recovery sheet, to standard error.

    For a sheet that was seen, or lost. A server that runs goes on. Copies that were made before open with
    the old sheet still, until the epochs whose keys they hold are over: make a copy, then turn.
    """
    from vault.cli.output import note
    from vault.cli.rooms import settings_of

    ring = _ring(settings_of(config))
    ring.rotate()
    note(_text_of(ring))
    note("Old copies and the old sheet open what they hold until its epochs end. Make a new copy, then run:")
    note("callvault keys turn --at-once")


@GROUP.command("passphrase")
def passphrase(*, config: options.Config = None, new: NewPassphrase = None, remove: Remove = False) -> None:
    """Put the key ring under another passphrase, or none. Then write it to ``keys.passphrase``.

    A server that runs goes on with what it has read until it is started again.
    """
    from vault.cli.exits import CommandError, Exit
    from vault.cli.output import note
    from vault.cli.rooms import settings_of
    from vault.keys.private_file import read_private

    if (new is None) is not remove:
        raise CommandError("say --from FILE or --remove", code=Exit.USAGE)
    settings = settings_of(config)
    told = read_private(new).decode("utf-8", "replace").rstrip("\r\n") if new is not None else None
    had_sheet = _ring(settings).has_ring_key()
    ring = _ring(settings)
    ring.lock(told)
    if not had_sheet:
        note(_text_of(ring))


def passphrase_of(secret: object) -> str | None:
    """Reveal a passphrase that was set."""
    reveal = getattr(secret, "get_secret_value", None)
    return str(reveal()) if reveal is not None else None


def _ring(settings: "Settings") -> "RingFile":
    from vault.cli.exits import CommandError, Exit
    from vault.keys.ring_file import RingFile

    if settings.keys.provider != "file":
        raise CommandError(
            f"there is no key ring: keys.provider is {settings.keys.provider}", code=Exit.USAGE
        )
    return RingFile(settings.keys.key_file, passphrase_of(settings.keys.passphrase))


def _sheet_of(settings: "Settings") -> str:
    return _text_of(_ring(settings))


def _text_of(ring: "RingFile") -> str:
    from vault.cli.key_sheets import sheet_text
    from vault.clock import SystemClock

    return sheet_text(ring.path, ring.ring_key(), now=SystemClock().now())


STANDING: Final = (
    "epoch",
    "state",
    "holder",
    "provider",
    "created_at",
    "retired_at",
    "destroyed_at",
    "data_keys",
    "in_recovery",
)
TOLD: Final = (*STANDING, "copies", "least_copies")


@GROUP.command("status")
def status(*, config: options.Config = None, as_json: options.Json = False) -> None:
    """Tell of every epoch: where it stands, how many keys are still in it, and what its end waits for.

    Of these, ``in_recovery`` were made while the key provider did not answer, and wait for it. Of a retired
    epoch the backups of the key store from since are read back whole: ``copies`` are good.
    """
    from vault.cli.output import show
    from vault.cli.rooms import in_rooms

    async def act(rooms: "Rooms") -> list[dict[str, Any]]:
        return await _told(rooms, await rooms.keys.epochs.all())

    show(in_rooms(config, act), as_json=as_json, columns=TOLD)


@GROUP.command("turn")
def turn(
    *,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="Wait for no grace period before the old key is destroyed.")
    ] = False,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Begin the next epoch, move every surviving key into it, and destroy the old one's key in time.

    So with each holder of keys; one that does not answer holds up no other (exit code 4). A turn that was
    begun is carried on. The old key is destroyed only with enough good backups of the key store from after
    its last key moved out (``keys.least_copies``); the running program does it when the grace period is over.
    """
    from vault.cli.exits import CommandError, Exit
    from vault.cli.output import note, show
    from vault.cli.rooms import in_rooms
    from vault.errors import KeyProviderError

    async def act(rooms: "Rooms") -> "tuple[list[dict[str, Any]], list[str]]":
        away = [str(error) for error in await rooms.turn.begin_all(at_once=at_once)]
        try:
            is_believed = await rooms.custody.sentry.now() is not None
            await rooms.turn.carry(grace=timedelta(0) if at_once else None, by_time=is_believed)
            if not is_believed:
                note("the clock jumped, so nothing ends by time: set it right, callvault retention resume")
        except KeyProviderError as error:
            away.append(str(error))
        for broken in rooms.turn.broken:
            note(f"the record of {broken} does not open: restore it from a backup, or erase it")
        return await _told(rooms, await rooms.keys.epochs.all()), away

    told, away = in_rooms(config, act)
    show(told, as_json=as_json, columns=TOLD)
    if away:
        raise CommandError(*dict.fromkeys(away), code=Exit.UNREACHABLE)


@GROUP.command("gone")
def gone(
    epoch: Annotated[int, typer.Argument(help="The epoch that waits for its end.")],
    *,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Declare that somebody else destroyed the key of a retired epoch: its holder does not have it any more.

    Later ends do not wait for it then, and receipts become final. They say what that is worth: your word
    (``declared``). Refused while the holder has the key, or nothing shows that the holder is yours.
    """
    from vault.cli.output import show
    from vault.cli.rooms import in_rooms

    async def act(rooms: "Rooms") -> list[dict[str, Any]]:
        await rooms.keys.ending.declare(epoch)
        return await _told(rooms, await rooms.turn.carry())

    show(in_rooms(config, act), as_json=as_json, columns=TOLD)


async def _told(rooms: "Rooms", epochs: "Sequence[Standing]") -> list[dict[str, Any]]:
    """Tell of epochs as a table does, and in words of those whose end waits for backups."""
    from vault.cli.output import note

    rows = []
    least = rooms.settings.keys.least_copies
    for each in epochs:
        copies = (
            await rooms.backups.read_back(each.retired_at)
            if each.retired_at and each.destroyed_at is None
            else None
        )
        if copies is not None and copies < least:
            note(
                f"epoch {each.epoch} does not end: {copies} good backups of the key store are from since it"
                f" retired and not lost together, and keys.least_copies is {least}"
            )
        counted = {"copies": copies, "least_copies": least if copies is not None else None}
        rows.append({name: getattr(each, name) for name in STANDING} | counted)
    return rows
