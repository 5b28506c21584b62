"""``callvault retention``: for how long what is kept, and why something is still here."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from vault.cli import options
from vault.model import DAYS_MAX, RuleKind

if TYPE_CHECKING:
    from vault.app import Rooms
    from vault.rights.rules import Rule

GROUP: Final = options.group("retention", "How long what is kept, and why something is still here.")
SHOWN: Final = ("kind", "button_id", "days", "source", "set_at")
WHY: Final = ("object_id", "kind", "why", "since", "until", "erased_at")
Button = Annotated[str | None, typer.Option("--button", help="The rule of this button; else the company's.")]
Kind = Annotated[RuleKind, typer.Argument(help="What the rule is about.")]


@GROUP.command("list")
def list_(
    *, tenant: options.Tenant = None, config: options.Config = None, as_json: options.Json = False
) -> None:
    """Say what counts: in general, then what buttons have of their own."""
    from vault.cli.output import show
    from vault.cli.rooms import acting_for, in_rooms

    async def act(rooms: "Rooms") -> list[dict[str, Any]]:
        by = await acting_for(rooms, tenant)
        return [_shown(rule) for rule in await rooms.custody.rules.list(by=by)]

    show(in_rooms(config, act), as_json=as_json, columns=SHOWN)


@GROUP.command("set")
def set_(
    *,
    kind: Kind,
    days: Annotated[int, typer.Argument(min=1, max=DAYS_MAX, help="Days, for what begins from now on.")],
    button: Button = None,
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Set a rule. What is kept already stays for as long as its visitor was told."""
    from vault.cli.output import show
    from vault.cli.rooms import acting_for, in_rooms

    async def act(rooms: "Rooms") -> dict[str, Any]:
        by = await acting_for(rooms, tenant)
        return _shown(await rooms.custody.rules.set(kind, days, button_id=button, by=by))

    show(in_rooms(config, act), as_json=as_json)


@GROUP.command("unset")
def unset(
    *,
    kind: Kind,
    button: Button = None,
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Let the more general rule count again, and print which that is."""
    from vault.cli.output import show
    from vault.cli.rooms import acting_for, in_rooms

    async def act(rooms: "Rooms") -> dict[str, Any]:
        by = await acting_for(rooms, tenant)
        return _shown(await rooms.custody.rules.unset(kind, button_id=button, by=by))

    show(in_rooms(config, act), as_json=as_json)


@GROUP.command("why")
def why(
    *,
    thing: Annotated[str, typer.Argument(metavar="ID", help="A recording, an export or a call.")],
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Say why something is still here, and when it goes; of a call, all that hangs from it."""
    from vault.cli.output import show
    from vault.cli.rooms import acting_for, in_rooms
    from vault.model import is_id

    async def act(rooms: "Rooms") -> list[dict[str, Any]]:
        by, standings = await acting_for(rooms, tenant), rooms.custody.standings
        is_call = is_id(thing, "call")
        found = await standings.of_call(thing, by=by) if is_call else [await standings.of_media(thing, by=by)]
        return [{name: getattr(one, name) for name in WHY} for one in found]

    show(in_rooms(config, act), as_json=as_json, columns=WHY)


def _shown(rule: "Rule") -> dict[str, Any]:
    return {name: asdict(rule)[name] for name in SHOWN}


@GROUP.command("resume")
def resume(*, config: options.Config = None, as_json: options.Json = False) -> None:
    """Believe the clock again after it jumped, and let what is due by time be erased."""
    from vault.cli.output import show
    from vault.cli.rooms import in_rooms

    async def act(rooms: "Rooms") -> bool:
        return await rooms.custody.sentry.resume()

    show({"resumed": in_rooms(config, act)}, as_json=as_json)


@GROUP.command("shorten")
def shorten(
    *,
    kind: Kind,
    days: Annotated[int, typer.Argument(min=1, max=DAYS_MAX, help="Days, for what is kept already.")],
    button: Button = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: options.Yes = False,
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Make a rule shorter for what is kept already, after retention.cooling_days; can be cancelled."""
    from vault.cli.output import confirm, note, show
    from vault.cli.rooms import acting_for, in_rooms
    from vault.rights.changes import Wanted

    wanted = Wanted(kind, days, button)

    async def look(rooms: "Rooms") -> dict[str, Any]:
        by = await acting_for(rooms, tenant)
        return asdict(await rooms.custody.changes.preview(wanted, by=by))

    async def act(rooms: "Rooms") -> dict[str, Any]:
        by = await acting_for(rooms, tenant)
        return asdict(await rooms.custody.changes.ask(wanted, moves=seen["moves"], by=by))

    seen = in_rooms(config, look)
    if dry_run or not seen["moves"]:
        show(seen, as_json=as_json)
        return
    note(f"{seen['moves']} end earlier, {seen['goes_at_once']} of them on {seen['applies_at']:%Y-%m-%d}")
    if seen["kept"]:
        note(f"{seen['kept']} of them stay as long as a hold or a restriction lasts")
    confirm("Shorten it?", yes=yes)
    show(in_rooms(config, act), as_json=as_json)


@GROUP.command("changes")
def changes(
    *, tenant: options.Tenant = None, config: options.Config = None, as_json: options.Json = False
) -> None:
    """List what was asked to be shortened, newest first."""
    from vault.cli.output import show
    from vault.cli.rooms import acting_for, in_rooms

    async def act(rooms: "Rooms") -> list[dict[str, Any]]:
        by = await acting_for(rooms, tenant)
        return [asdict(one) for one in await rooms.custody.changes.list(by=by)]

    show(in_rooms(config, act), as_json=as_json)


@GROUP.command("cancel")
def cancel(
    *,
    change: Annotated[
        str, typer.Argument(metavar="CHANGE", help="Id, as `callvault retention changes` shows it.")
    ],
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Cancel a change before it applies."""
    from vault.cli.output import show
    from vault.cli.rooms import acting_for, in_rooms

    async def act(rooms: "Rooms") -> dict[str, Any]:
        by = await acting_for(rooms, tenant)
        return asdict(await rooms.custody.changes.cancel(change, by=by))

    show(in_rooms(config, act), as_json=as_json)
