"""``callvault ledger``: check the whole log, print its newest checkpoint and its public keys."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from vault.cli import options

if TYPE_CHECKING:
    from crypto.signers import NoteVerifier
    from vault.app import Rooms
    from vault.settings import Settings

GROUP: Final = options.group("ledger", "The access and deletion log.")
CHECKPOINT_LIMIT_BYTES: Final = 64 * 1024  # a checkpoint with its two signatures has about 4 KiB


@GROUP.command("verify")
def verify(
    *,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            "--checkpoint", help="A checkpoint kept elsewhere; repeat.", exists=True, dir_okay=False
        ),
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option("--key", help="A pinned verifier key or a file of them; else the key file's own."),
    ] = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Check every entry against every checkpoint: edits, holes, reordering and cut-off ends are found.

    The checkpoint published in the object store is taken along. Exit code 0 only when everything fits.
    """
    from vault.cli.output import note, show
    from vault.cli.pins import read_pins
    from vault.cli.rooms import settings_of
    from vault.insight.logs import configure_logging

    settings = settings_of(config)
    configure_logging("error", form="lines", stream=sys.stderr)
    pins = read_pins(key) if key else None
    kept = [_text_of(path) for path in checkpoint or ()]
    found, published = asyncio.run(_verified(settings, pins, kept))
    if not published:
        note("the object store holds no published checkpoint: a cut-off end shows only against kept ones")
    show({"ok": True, **found}, as_json=as_json)


@GROUP.command("checkpoint")
def newest(*, config: options.Config = None) -> None:
    """Print the newest signed checkpoint: keep it elsewhere, for ``ledger verify --checkpoint``."""
    from vault.cli.rooms import in_rooms

    async def act(rooms: "Rooms") -> str:
        return await rooms.checkpoints.newest()

    sys.stdout.write(in_rooms(config, act))


@GROUP.command("key")
def key(*, config: options.Config = None, as_json: options.Json = False) -> None:
    """Print the ledger's public keys, a line each: pin them, for ``receipt verify --key``."""
    from vault.cli.output import say, show
    from vault.cli.rooms import settings_of
    from vault.ledger.signing import LedgerKeys

    keys = LedgerKeys.open(settings_of(config).ledger.key_file).verifiers
    if as_json:
        show([verifier.vkey for verifier in keys], as_json=True)
    else:
        for verifier in keys:
            say(verifier.vkey)


def _text_of(path: Path) -> str:
    from vault.cli.exits import CommandError

    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as cause:
        raise CommandError(f"--checkpoint: {path} is no text, so no checkpoint") from cause


async def _verified(
    settings: "Settings", pins: "tuple[NoteVerifier, ...] | None", kept: list[str]
) -> tuple[dict[str, Any], bool]:
    from vault.ground import open_databases, open_store
    from vault.ledger.signing import LedgerKeys
    from vault.ledger.verify import verify_ledger

    verifiers = pins or LedgerKeys.open(settings.ledger.key_file).verifiers
    async with open_store(settings.storage) as store:
        published = await _published(store)
    async with open_databases(settings) as (database, _):
        found = await verify_ledger(database, verifiers, kept=[*kept, *published])
    counted = {
        "entries": found.leaves,
        "checkpoints": found.checkpoints,
        "kept_elsewhere": found.kept_elsewhere,
    }
    return counted, bool(published)


async def _published(store: Any) -> list[str]:
    from storage.errors import AbsentError
    from vault.ledger.checkpoints import PUBLISHED

    try:
        return [(await store.read(PUBLISHED, limit_bytes=CHECKPOINT_LIMIT_BYTES)).decode()]
    except AbsentError:
        return []
