"""``callvault exit``: a company leaves, carried out from the machine itself."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from vault.cli import options

if TYPE_CHECKING:
    from vault.app import Rooms
    from vault.leaving.exits import Exit
    from vault.policy import Principal

GROUP: Final = options.group("exit", "A company leaves: what it takes along, and the end of the rest.")
SHOWN: Final = ("id", "state", "asked_at", "ends_at", "waits_for", "request_id", "ended_at", "notice")


@GROUP.command("begin")
def begin(
    *,
    recipient: Annotated[
        str | None,
        typer.Option("--recipient", help="An age public key that seals what is taken along."),
    ] = None,
    nothing: Annotated[bool, typer.Option("--take-nothing", help="Take nothing along.")] = False,
    notify: Annotated[str | None, typer.Option("--notify", help="Who is told by mail.")] = None,
    grace_days: Annotated[
        int | None, typer.Option("--grace-days", min=0, max=365, help="Else exit.grace_days.")
    ] = None,
    yes: options.Yes = False,
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Begin: no call begins any more; the running program exports, waits, erases, and tells."""
    from vault.cli.exits import CommandError, Exit
    from vault.cli.output import show
    from vault.cli.rooms import acting_for, in_rooms
    from vault.leaving.exits import NewExit

    if (recipient is None) is not nothing:
        raise CommandError("say --recipient, or --take-nothing", code=Exit.USAGE)
    if not yes:
        typer.confirm("Everything of this company will be erased at the end. Begin?", abort=True)

    async def act(rooms: "Rooms") -> dict[str, Any]:
        by = await acting_for(rooms, tenant)
        days = rooms.settings.exit.grace_days if grace_days is None else grace_days
        return _shown(await rooms.exits.begin(NewExit(recipient, notify, days), by=by))

    show(in_rooms(config, act), as_json=as_json)


@GROUP.command("status")
def status(
    *, tenant: options.Tenant = None, config: options.Config = None, as_json: options.Json = False
) -> None:
    """Show how far it is: volumes, what it waits for, what is erased so far."""
    from vault.cli.output import show
    from vault.cli.rooms import in_rooms

    async def act(rooms: "Rooms") -> dict[str, Any]:
        found = await rooms.exits.current(by=await _whoever(rooms, tenant))
        return {**_shown(found), "volumes": len(found.volumes), **found.erased}

    show(in_rooms(config, act), as_json=as_json)


@GROUP.command("cancel")
def cancel(
    *, tenant: options.Tenant = None, config: options.Config = None, as_json: options.Json = False
) -> None:
    """Stay after all, as long as nothing is erased yet."""
    from vault.cli.output import show
    from vault.cli.rooms import acting_for, in_rooms

    async def act(rooms: "Rooms") -> dict[str, Any]:
        return _shown(await rooms.exits.cancel(by=await acting_for(rooms, tenant)))

    show(in_rooms(config, act), as_json=as_json)


@GROUP.command("fetch")
def fetch(
    folder: Annotated[Path, typer.Argument(help="Where the volumes are written.", file_okay=False)],
    *,
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Write the volumes that lie ready into a folder, sealed as they are, and check each."""
    from vault.cli.output import show
    from vault.cli.rooms import acting_for, in_rooms

    async def act(rooms: "Rooms") -> list[dict[str, Any]]:
        by = await acting_for(rooms, tenant)
        folder.mkdir(parents=True, exist_ok=True)
        there = (await rooms.exits.current(by=by)).volumes
        return [await _fetched(rooms, by, volume.number, folder) for volume in there]

    show(in_rooms(config, act), as_json=as_json, columns=("file", "sealed_bytes", "sha256"))


@GROUP.command("receipt")
def receipt(
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to a file.")] = None,
    tenant: options.Tenant = None,
    config: options.Config = None,
) -> None:
    """Write the receipt of what was erased, as it stands; `callvault receipt verify` checks it."""
    import sys

    from vault.cli.exits import CommandError
    from vault.cli.rooms import in_rooms

    async def act(rooms: "Rooms") -> bytes:
        by = await _whoever(rooms, tenant)
        found = await rooms.exits.current(by=by)
        if found.request_id is None:
            raise CommandError("nothing is erased yet; see: callvault exit status")
        return await rooms.receipts.of(found.request_id, by=by)

    written = in_rooms(config, act)
    if output is not None:
        output.write_bytes(written)
    else:
        sys.stdout.write(written.decode() + "\n")


async def _fetched(rooms: "Rooms", by: "Principal", number: int, folder: Path) -> dict[str, Any]:
    """Write one volume, for nobody else to read; what is there already and whole is left.

    It takes its name when it is whole, so that one that was cut off is fetched again.
    """
    import asyncio
    import os

    from vault.cli.exits import CommandError

    async with rooms.exits.fetch(number, by=by) as (volume, reading):
        path = folder / f"{volume.number:06d}.tar.age"
        shown = {"file": str(path), "sealed_bytes": volume.sealed_bytes, "sha256": volume.sha256}
        if volume.sha256 and await asyncio.to_thread(_digest_of, path) == volume.sha256:
            return shown
        unfinished = path.with_suffix(".part")
        unfinished.unlink(missing_ok=True)
        private = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(private, "wb") as file:
            async for piece in reading:
                file.write(piece)
    digest = await asyncio.to_thread(_digest_of, unfinished)
    if volume.sha256 and digest != volume.sha256:
        raise CommandError(f"{unfinished} is not what was stored; fetch it again")
    unfinished.replace(path)
    return {**shown, "sha256": digest}


def _digest_of(path: Path) -> str | None:
    import hashlib

    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _whoever(rooms: "Rooms", tenant: str | None) -> "Principal":
    """Act for a tenant that may have left already: then it has to be named."""
    from vault.cli.rooms import acting_for, operator_of
    from vault.model import Id, is_id

    if tenant is not None and is_id(tenant, "ten"):
        return operator_of(Id(tenant))
    return await acting_for(rooms, tenant)


def _shown(found: "Exit") -> dict[str, Any]:
    return {name: getattr(found, name) for name in SHOWN}
