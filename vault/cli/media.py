"""``callvault media``: list recordings, and erase one with proof."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from vault.cli import options
from vault.model import ErasureReason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault.app import Rooms
    from vault.media.library import MediaItem
    from vault.model import Id
    from vault.policy import Principal
    from vault.rights.asked import DeletionRequest

GROUP: Final = options.group("media", "Recordings.")
SHOWN: Final = ("id", "state", "created_at", "duration_ms", "size_bytes", "button_name", "retain_until")
TRY_AGAIN_S: Final = 1.0  # a reader of a running server may hold a database's log for a moment


@GROUP.command("list")
def list_(
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000)] = 50,
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """List a tenant's recordings, newest first."""
    from vault.cli.output import show
    from vault.cli.rooms import acting_for, in_rooms
    from vault.media.library import MediaFilter

    async def act(rooms: "Rooms") -> list[dict[str, Any]]:
        by = await acting_for(rooms, tenant)
        return [_shown(item) for item in await rooms.library.page(MediaFilter(), by=by, limit=limit)]

    show(in_rooms(config, act), as_json=as_json, columns=SHOWN)


@GROUP.command("erase")
def erase(
    *,
    recording: Annotated[str, typer.Argument(help="Recording id (rec_…).")],
    reason: Annotated[ErasureReason, typer.Option("--reason", help="Why: it stands in the ledger for ever.")],
    wait_s: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds until the proof must be there.")
    ] = 30,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be erased.")] = False,
    yes: options.Yes = False,
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Erase a recording for good: forget its key, delete every copy, prove it in the ledger."""
    from vault.cli.output import confirm, note, show
    from vault.cli.rooms import acting_for, in_rooms

    if dry_run:
        show(in_rooms(config, lambda rooms: _look(rooms, recording, tenant)), as_json=as_json)
        return
    confirm(f"Erase {recording} for good? Nobody can bring it back.", yes=yes)

    async def act(rooms: "Rooms") -> dict[str, Any]:
        by = await acting_for(rooms, tenant)
        return await _erased(rooms, recording, reason, wait_s, by)

    told = in_rooms(config, act)
    show(told, as_json=as_json)
    note(
        f"the receipt: callvault receipt get {told['request']} -o receipt.json"
        if told["complete"]
        else "not complete yet: the server goes on with it; ask again with `callvault receipt get`"
    )


async def _look(rooms: "Rooms", recording: str, tenant: str | None) -> dict[str, Any]:
    from vault.cli.rooms import acting_for

    by = await acting_for(rooms, tenant)
    return _shown(await rooms.library.get(recording, by=by))


async def _erased(
    rooms: "Rooms", recording: str, reason: ErasureReason, wait_s: float, by: "Principal"
) -> dict[str, Any]:
    from vault.errors import ConflictError
    from vault.model import MediaState

    item = await rooms.library.get(recording, by=by)
    if item.state in {MediaState.CAPTURING, MediaState.FINISHING}:
        raise ConflictError("the recording is still being made; erase it in the console, or wait for its end")
    request = await rooms.deletion_requests.of_media(recording, reason, by=by)
    # One that is being erased already may still be captured by the server, which alone can stop that.
    ours = [] if item.state is MediaState.ERASING else [found.object_id for found in request.items]
    done = await _carried(rooms, request.id, ours, wait_s, by)
    return {"request": done.id, "complete": done.complete, "completed_at": done.completed_at}


async def _carried(
    rooms: "Rooms", request_id: "Id", ours: "Sequence[Id]", wait_s: float, by: "Principal"
) -> "DeletionRequest":
    """Carry our erasures in this process; a running server that does the same does no harm."""
    until_s = rooms.clock.monotonic() + wait_s
    while True:
        await rooms.keeper.carry(ours)
        found = await rooms.deletion_requests.get(request_id, by=by)
        if found.complete or rooms.clock.monotonic() >= until_s:
            return found
        await asyncio.sleep(TRY_AGAIN_S)


def _shown(item: "MediaItem") -> dict[str, Any]:
    return {name: getattr(item, name) for name in SHOWN}
