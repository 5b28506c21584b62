"""``callvault issuer``: identity providers whose tokens a tenant trusts."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from vault.cli import options
from vault.cli.agents import PersonRole

if TYPE_CHECKING:
    from vault.app import Rooms
    from vault.identity.issuers import Issuer, NewIssuer

GROUP: Final = options.group("issuer", "Identity providers whose tokens a tenant trusts.")
SHOWN: Final = ("id", "name", "issuer", "audience", "algorithm", "disabled_at")


@GROUP.command("add")
def add(
    *,
    file: Annotated[
        Path,
        typer.Argument(
            help="JSON: name, issuer, audience, algorithm, and jwks_url or jwks; role_claim, role_map, "
            "default_role where wanted.",
            exists=True,
            dir_okay=False,
        ),
    ],
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Trust an identity provider, described as for POST /v1/issuers."""
    from vault.cli.output import show
    from vault.cli.rooms import in_rooms, operator_of, tenant_of

    new = read_issuer(file.read_bytes())

    async def act(rooms: "Rooms") -> dict[str, Any]:
        chosen = await tenant_of(rooms, tenant)
        return _shown(await rooms.identity.issuers.add(new, tenant_id=chosen, by=operator_of(chosen)))

    show(in_rooms(config, act), as_json=as_json)


@GROUP.command("list")
def list_(
    *, tenant: options.Tenant = None, config: options.Config = None, as_json: options.Json = False
) -> None:
    """List a tenant's identity providers, oldest first."""
    from vault.cli.output import show
    from vault.cli.rooms import in_rooms, tenant_of

    async def act(rooms: "Rooms") -> list[dict[str, Any]]:
        chosen = await tenant_of(rooms, tenant)
        return [_shown(found) for found in await rooms.identity.issuers.all_of(chosen)]

    show(in_rooms(config, act), as_json=as_json, columns=SHOWN)


@GROUP.command("disable")
def disable(
    *,
    issuer: Annotated[str, typer.Argument(help="Id, as `callvault issuer list` shows it.")],
    yes: options.Yes = False,
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Trust a provider no longer: tokens and sessions of its people are refused from the next request on."""
    from vault.cli.output import confirm, show
    from vault.cli.rooms import acting_for, in_rooms

    confirm(f"Refuse everyone who comes from {issuer}?", yes=yes)

    async def act(rooms: "Rooms") -> dict[str, Any]:
        by = await acting_for(rooms, tenant)
        return _shown(await rooms.identity.issuers.set_disabled(issuer, disabled=True, by=by))

    show(in_rooms(config, act), as_json=as_json)


def read_issuer(text: str | bytes) -> "NewIssuer":
    """Read a provider's description; raises CommandError that names the member that is wrong."""
    from vault.cli.exits import CommandError
    from vault.identity.issuers import NewIssuer
    from vault.model import Role

    try:
        told = json.loads(text)
        roles = {PersonRole(role) for role in told.get("role_map", {}).values()}
        if told.get("default_role") is not None:
            roles.add(PersonRole(told["default_role"]))
        return NewIssuer(
            **{
                **told,
                "role_map": {said: Role(role) for said, role in told.get("role_map", {}).items()},
                "default_role": Role(told["default_role"]) if told.get("default_role") else None,
            }
        )
    except (ValueError, TypeError, AttributeError) as cause:
        raise CommandError(
            "the file is no description of an identity provider; see `callvault issuer add --help`"
        ) from cause


def _shown(issuer: "Issuer") -> dict[str, Any]:
    return {name: getattr(issuer, name) for name in SHOWN}
