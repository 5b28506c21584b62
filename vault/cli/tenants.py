"""``callvault tenant``: the companies whose calls these are."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from vault.cli import options
from vault.model import DAYS_MAX, Id, StopRule

if TYPE_CHECKING:
    from vault.app import Rooms

GROUP: Final = options.group("tenant", "The companies whose calls these are.")


@GROUP.command("add")
def add(
    *,
    name: Annotated[
        str, typer.Argument(callback=options.named, help="The company's name, as every notice shows it.")
    ],
    retention_days: Annotated[
        int | None,
        typer.Option("--retention-days", min=1, max=DAYS_MAX, help="Days; else the settings' default."),
    ] = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Add a tenant and print its id."""
    from vault.cli.output import show
    from vault.cli.rooms import in_rooms

    async def act(rooms: "Rooms") -> str:
        days = retention_days or rooms.settings.retention.recording_days
        return await rooms.identity.tenants.add(name=name, retention_days=days)

    show({"id": in_rooms(config, act), "name": name}, as_json=as_json)


@GROUP.command("withdrawal")
def withdrawal(
    *,
    tenant: Annotated[str, typer.Argument(help="The tenant's id.")],
    rule: Annotated[
        StopRule, typer.Argument(help="What becomes of a recording whose consent is taken back.")
    ],
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Say what becomes of a recording when its visitor takes their consent back."""
    from vault.cli.output import show
    from vault.cli.rooms import in_rooms

    async def act(rooms: "Rooms") -> None:
        await rooms.identity.tenants.set_on_withdrawal(Id(tenant), rule)

    in_rooms(config, act)
    show({"id": tenant, "on_withdrawal": rule.value}, as_json=as_json)


@GROUP.command("holder")
def holder(
    *,
    tenant: Annotated[str, typer.Argument(help="The tenant's id.")],
    name: Annotated[str, typer.Argument(help="A name of keys.holders, or `default`.")],
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Say with which holder a tenant's keys lie.

    New keys go there at once. What there is moves with the next turn of the holder before; `callvault keys
    turn` begins one now. The change is complete when the epochs it was in are destroyed.
    """
    from vault.cli.output import show
    from vault.cli.rooms import in_rooms

    async def act(rooms: "Rooms") -> None:
        await rooms.identity.tenants.set_key_holder(Id(tenant), name)

    in_rooms(config, act)
    show({"id": tenant, "key_holder": name}, as_json=as_json)


@GROUP.command("list")
def list_(*, config: options.Config = None, as_json: options.Json = False) -> None:
    """List tenants, oldest first, and with which holder their keys lie."""
    from vault.cli.output import show
    from vault.cli.rooms import in_rooms

    async def act(rooms: "Rooms") -> list[dict[str, str]]:
        tenants, epochs = rooms.identity.tenants, rooms.keys.epochs
        return [
            {"id": found, "name": await tenants.name_of(found), "key_holder": await epochs.holder_of(found)}
            for found in await tenants.all_ids()
        ]

    show(in_rooms(config, act), as_json=as_json, columns=("id", "name", "key_holder"))
