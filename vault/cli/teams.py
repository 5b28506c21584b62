"""``callvault team``: teams of a tenant, and who is in them."""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from vault.cli import options

if TYPE_CHECKING:
    from vault.app import Rooms
    from vault.calls.teams import Team

GROUP: Final = options.group("team", "Teams that buttons ring, and who is in them.")
SHOWN: Final = ("id", "name", "person_ids")
TeamId = Annotated[str, typer.Argument(metavar="TEAM", help="Id, as `callvault team list` shows it.")]
PersonId = Annotated[str, typer.Argument(metavar="PERSON", help="Id, as `callvault agent list` shows it.")]


@GROUP.command("add")
def add(
    *,
    name: Annotated[str, typer.Argument(callback=options.named, help="What your own people call it.")],
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Add a team with nobody in it."""
    from vault.cli.output import show
    from vault.cli.rooms import acting_for, in_rooms

    async def act(rooms: "Rooms") -> dict[str, Any]:
        by = await acting_for(rooms, tenant)
        return _shown(await rooms.teams.create(name, by=by))

    show(in_rooms(config, act), as_json=as_json)


@GROUP.command("list")
def list_(
    *, tenant: options.Tenant = None, config: options.Config = None, as_json: options.Json = False
) -> None:
    """List a tenant's teams by name."""
    from vault.cli.output import show
    from vault.cli.rooms import acting_for, in_rooms

    async def act(rooms: "Rooms") -> list[dict[str, Any]]:
        by = await acting_for(rooms, tenant)
        return [_shown(found) for found in await rooms.teams.list(by=by)]

    show(in_rooms(config, act), as_json=as_json, columns=SHOWN)


@GROUP.command("join")
def join(
    *,
    team: TeamId,
    person: PersonId,
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Put somebody who answers calls into a team."""
    _change(team, person, tenant, config, joins=True, as_json=as_json)


@GROUP.command("leave")
def leave(
    *,
    team: TeamId,
    person: PersonId,
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Take somebody out of a team: it rings them no more."""
    _change(team, person, tenant, config, joins=False, as_json=as_json)


@GROUP.command("delete")
def delete(
    *,
    team: TeamId,
    yes: options.Yes = False,
    tenant: options.Tenant = None,
    config: options.Config = None,
) -> None:
    """Delete a team that no button rings."""
    from vault.cli.output import confirm, say
    from vault.cli.rooms import acting_for, in_rooms

    confirm(f"Delete {team}?", yes=yes)

    async def act(rooms: "Rooms") -> None:
        await rooms.teams.delete(team, by=await acting_for(rooms, tenant))

    in_rooms(config, act)
    say(f"{team} is deleted")


def _change(
    team: str, person: str, tenant: str | None, config: options.Config, *, joins: bool, as_json: bool
) -> None:
    from vault.cli.output import show
    from vault.cli.rooms import acting_for, in_rooms

    async def act(rooms: "Rooms") -> dict[str, Any]:
        by = await acting_for(rooms, tenant)
        changed = rooms.teams.add_member if joins else rooms.teams.remove_member
        await changed(team, person, by=by)
        return _shown(await rooms.teams.one(team, by=by))

    show(in_rooms(config, act), as_json=as_json)


def _shown(team: "Team") -> dict[str, Any]:
    return {name: getattr(team, name) for name in SHOWN}
