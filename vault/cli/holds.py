"""``callvault holds``: legal holds, seen and placed from the machine itself."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from vault.cli import options
from vault.model import DAYS_MAX, HoldGround

if TYPE_CHECKING:
    from vault.app import Rooms
    from vault.rights.holds import Hold

GROUP: Final = options.group("holds", "Legal holds: what must not be erased, and until when.")
SHOWN: Final = ("id", "state", "call_id", "media_id", "ground", "expires_at", "owner_id", "release_asked_by")
HoldId = Annotated[str, typer.Argument(metavar="HOLD", help="Id, as `callvault holds list` shows it.")]


@GROUP.command("list")
def list_(
    *,
    every: Annotated[bool, typer.Option("--all", help="Those that have ended, too.")] = False,
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """List legal holds, newest first."""
    from vault.cli.output import show
    from vault.cli.rooms import acting_for, in_rooms
    from vault.rights.placing import Which

    async def act(rooms: "Rooms") -> list[dict[str, Any]]:
        by = await acting_for(rooms, tenant)
        found = await rooms.custody.holds.list(Which(only_lasting=not every), by=by, limit=1_000)
        return [_shown(hold) for hold in found]

    show(in_rooms(config, act), as_json=as_json, columns=SHOWN)


@GROUP.command("place")
def place(
    *,
    thing: Annotated[str, typer.Argument(metavar="ID", help="A recording, an export or a call.")],
    ground: Annotated[HoldGround, typer.Option("--ground", help="Art. 17(3) GDPR.")],
    reason: Annotated[str, typer.Option("--reason", callback=options.named, help="Sealed; for your file.")],
    days: Annotated[int, typer.Option("--days", min=1, max=DAYS_MAX, help="It ends by itself after these.")],
    owner: Annotated[str | None, typer.Option("--owner", help="The person who answers for it.")] = None,
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Place a legal hold: nothing of it is erased while it lasts, whoever asks."""
    from vault.cli.output import show
    from vault.cli.rooms import acting_for, in_rooms
    from vault.rights.holds import NewHold

    async def act(rooms: "Rooms") -> dict[str, Any]:
        by = await acting_for(rooms, tenant)
        until = rooms.clock.now() + timedelta(days=days)
        return _shown(await rooms.custody.holds.place(NewHold(thing, ground, reason, until, owner), by=by))

    show(in_rooms(config, act), as_json=as_json)


@GROUP.command("release")
def release(
    *,
    hold: HoldId,
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Ask for the release of a hold; one of your people confirms it in the console or over HTTP."""
    from vault.cli.output import show
    from vault.cli.rooms import acting_for, in_rooms

    async def act(rooms: "Rooms") -> dict[str, Any]:
        by = await acting_for(rooms, tenant)
        return _shown(await rooms.custody.holds.ask_release(hold, by=by))

    show(in_rooms(config, act), as_json=as_json)


@GROUP.command("confirm")
def confirm(
    *,
    hold: HoldId,
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Confirm, as the operator, a release that one of your people asked for."""
    from vault.cli.output import show
    from vault.cli.rooms import acting_for, in_rooms

    async def act(rooms: "Rooms") -> dict[str, Any]:
        by = await acting_for(rooms, tenant)
        return _shown(await rooms.custody.holds.confirm_release(hold, by=by))

    show(in_rooms(config, act), as_json=as_json)


def _shown(hold: "Hold") -> dict[str, Any]:
    return {name: getattr(hold, name) for name in SHOWN}
