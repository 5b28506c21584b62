"""``callvault check``: whether every place of the store has what the rows speak of, and nothing else."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from vault.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault.app import Rooms
    from vault.media.inventory import Finding, Stock

SHOWN_MAX: Final = 20  # lines for a person; --json has all


def check(
    *,
    read_data: Annotated[
        bool, typer.Option("--read-data", help="Read every byte, and compare its digest with the row's.")
    ] = False,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="Copy what a place lacks from one that has it; delete what is left over."
        ),
    ] = False,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Compare the database with every place of the object store. It may run beside the server.

    An object that no row knows is told and never deleted. Exit code 0 only when everything is right, or was
    made right; 4 where a place did not answer; 5 where a database older than the store was to repair.
    """
    from vault.cli.exits import CommandError, Exit
    from vault.cli.output import note, show
    from vault.cli.rooms import in_rooms

    async def act(rooms: "Rooms") -> "tuple[Stock, Sequence[Finding]]":
        from vault.media.mending import Mender

        if repair:
            await _require_newest(rooms)
        stock = await rooms.inventory.take(read_data=read_data)
        mended = await Mender(rooms.inventory, rooms.store).mend(stock) if repair else ()
        return stock, mended

    stock, mended = in_rooms(config, act, only_compares=True)
    left = [one for one in stock.findings if one not in set(mended)]
    show(_told(stock, mended, left, every=as_json), as_json=as_json)
    if not as_json:
        for one in left[:SHOWN_MAX]:
            note(f"{one.what.value}: {one.key} at {one.place}")
    if left or stock.uncounted:
        raise CommandError(f"{len(left) + stock.uncounted} objects are not as the rows say")
    if stock.away:
        raise CommandError(f"{', '.join(stock.away)} did not answer", code=Exit.UNREACHABLE)


async def _require_newest(rooms: "Rooms") -> None:
    from vault.cli.exits import CommandError, Exit
    from vault.errors import LedgerBrokenError
    from vault.media.mending import require_newest

    try:
        await require_newest(rooms.database, rooms.store, rooms.checkpoints.keys, rooms.clock)
    except LedgerBrokenError as cause:
        raise CommandError(f"nothing was repaired: {cause}", code=Exit.REFUSED) from cause


def _told(
    stock: "Stock", mended: "Sequence[Finding]", left: "Sequence[Finding]", *, every: bool
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "ok": not left and not stock.uncounted and not stock.away,
        "items": stock.items,
        "objects": stock.objects,
        "read_bytes": stock.read_bytes,
        "away": stock.away,
        "orphans": stock.orphans,
        "found": dict(Counter(one.what.value for one in stock.findings)),
        "repaired": len(mended),
    }
    if every:
        told["left"] = [{"place": one.place, "key": one.key, "what": one.what.value} for one in left]
    return told
