"""``callvault restrictions``: Art. 18 GDPR, from the machine itself."""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from vault.cli import options
from vault.model import RestrictionGround, RestrictionSubject

if TYPE_CHECKING:
    from vault.app import Rooms
    from vault.rights.restrictions import Restriction

GROUP: Final = options.group("restrictions", "What is kept, and neither opened nor erased (Art. 18 GDPR).")
SHOWN: Final = ("id", "call_id", "media_id", "ground", "subject", "placed_at", "lifted_at")


@GROUP.command("list")
def list_(
    *, tenant: options.Tenant = None, config: options.Config = None, as_json: options.Json = False
) -> None:
    """List restrictions, newest first."""
    from vault.cli.output import show
    from vault.cli.rooms import acting_for, in_rooms

    async def act(rooms: "Rooms") -> list[dict[str, Any]]:
        by = await acting_for(rooms, tenant)
        return [_shown(one) for one in await rooms.custody.restrictions.list(by=by, limit=1_000)]

    show(in_rooms(config, act), as_json=as_json, columns=SHOWN)


@GROUP.command("place")
def place(
    *,
    thing: Annotated[str, typer.Argument(metavar="ID", help="A recording, an export or a call.")],
    ground: Annotated[RestrictionGround, typer.Option("--ground", help="Art. 18(1) GDPR.")],
    reason: Annotated[str, typer.Option("--reason", callback=options.named, help="Sealed; for your file.")],
    subject: Annotated[
        RestrictionSubject, typer.Option("--for", help="Who asked for it: the visitor, or another person.")
    ] = RestrictionSubject.VISITOR,
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Restrict the processing of something: what plays of it ends within seconds."""
    from vault.cli.output import show
    from vault.cli.rooms import acting_for, in_rooms
    from vault.rights.restrictions import NewRestriction

    async def act(rooms: "Rooms") -> dict[str, Any]:
        by = await acting_for(rooms, tenant)
        new = NewRestriction(thing, ground, subject, reason)
        return _shown(await rooms.custody.restrictions.place(new, by=by))

    show(in_rooms(config, act), as_json=as_json)


@GROUP.command("lift")
def lift(
    *,
    restriction: Annotated[str, typer.Argument(metavar="RESTRICTION", help="Id, as the list shows it.")],
    yes: options.Yes = False,
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Lift a restriction; the person concerned is told before (Art. 18(3))."""
    from vault.cli.output import confirm, show
    from vault.cli.rooms import acting_for, in_rooms

    confirm("Has the person concerned been told that it will be lifted?", yes=yes)

    async def act(rooms: "Rooms") -> dict[str, Any]:
        by = await acting_for(rooms, tenant)
        return _shown(await rooms.custody.restrictions.lift(restriction, by=by))

    show(in_rooms(config, act), as_json=as_json)


def _shown(one: "Restriction") -> dict[str, Any]:
    return {name: getattr(one, name) for name in SHOWN}
