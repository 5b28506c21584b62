"""``callvault agent``: people and services of a tenant, their tokens and their sign-in links."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from vault.cli import options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vault.app import Rooms
    from vault.identity.people import Person
    from vault.model import Id

GROUP: Final = options.group("agent", "People and services of a tenant.")
LISTED_MAX: Final = 1_000
SHOWN: Final = ("id", "role", "name", "email", "disabled_at")


class PersonRole(StrEnum):
    """Roles a person or service can have; the visitor's is not one of them."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"
    AUDITOR = "auditor"
    SERVICE = "service"


PersonId = Annotated[str, typer.Argument(metavar="PERSON", help="Id, as `callvault agent list` shows it.")]


@GROUP.command("add")
def add(
    *,
    name: Annotated[str, typer.Argument(callback=options.named, help="Name of the person or service.")],
    role: Annotated[PersonRole, typer.Option("--role", help="What they may do.")] = PersonRole.AGENT,
    email: Annotated[str, typer.Option("--email")] = "",
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Add someone. Name and e-mail are sealed; they are shown to administrators only."""
    from vault.cli.output import show
    from vault.cli.rooms import in_rooms, operator_of, tenant_of
    from vault.model import Role

    async def act(rooms: "Rooms") -> dict[str, Any]:
        chosen = await tenant_of(rooms, tenant)
        made = await rooms.identity.people.add(
            tenant_id=chosen,
            role=Role(role.value),
            profile={"name": name, "email": email},
            by=operator_of(chosen),
        )
        return _shown(made)

    show(in_rooms(config, act), as_json=as_json)


@GROUP.command("list")
def list_(
    *, tenant: options.Tenant = None, config: options.Config = None, as_json: options.Json = False
) -> None:
    """List people and services, newest first."""
    from vault.cli.output import show
    from vault.cli.rooms import in_rooms, tenant_of

    async def act(rooms: "Rooms") -> list[dict[str, Any]]:
        chosen = await tenant_of(rooms, tenant)
        found = await rooms.identity.people.page(tenant_id=chosen, after=None, limit=LISTED_MAX)
        return [_shown(person) for person in found]

    show(in_rooms(config, act), as_json=as_json, columns=SHOWN)


@GROUP.command("token")
def token(
    *,
    person: PersonId,
    hours: Annotated[
        float | None,
        typer.Option("--hours", min=0.01, max=8_784, help="Its life; else sessions.agent_token_s."),
    ] = None,
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Print an access token for a person or a service. Whoever has it is that person: keep it secret."""

    async def act(rooms: "Rooms") -> dict[str, Any]:
        _require_address(rooms)
        found = await _one(rooms, person, tenant)
        lifetime_s = hours * 3_600 if hours is not None else None
        minted = rooms.identity.mint_access_token(found, lifetime_s=lifetime_s)
        return {"token": minted.token, "expires_at": minted.expires_at, "jti": minted.jti}

    _tell(config, act, name="token", as_json=as_json)


@GROUP.command("link")
def link(
    *,
    person: PersonId,
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Print a link that signs a person in to the console, once."""

    async def act(rooms: "Rooms") -> dict[str, Any]:
        _require_address(rooms)
        found = await _one(rooms, person, tenant)
        sessions = rooms.identity.sessions
        code = await sessions.make_code(person_id=found.id, tenant_id=found.tenant_id)
        # The code stands in the fragment: browsers send that to nobody, so no log has it.
        url = f"{rooms.settings.server.public_url}/console#code={code}"
        return {"url": url, "valid_for_s": rooms.settings.sessions.login_link_s}

    _tell(config, act, name="url", as_json=as_json)


@GROUP.command("disable")
def disable(
    *,
    person: PersonId,
    yes: options.Yes = False,
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Turn someone off: tokens, sessions and running playbacks end at their next request."""
    from vault.cli.output import confirm

    confirm(f"Turn off {person}?", yes=yes)
    _switch(person, tenant, config, disabled=True, as_json=as_json)


@GROUP.command("enable")
def enable(
    *,
    person: PersonId,
    tenant: options.Tenant = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Turn someone on again."""
    _switch(person, tenant, config, disabled=False, as_json=as_json)


def _switch(
    person: str, tenant: str | None, config: options.Config, *, disabled: bool, as_json: bool
) -> None:
    from vault.cli.output import show
    from vault.cli.rooms import in_rooms, operator_of

    async def act(rooms: "Rooms") -> dict[str, Any]:
        found = await _one(rooms, person, tenant)
        by = operator_of(found.tenant_id)
        return _shown(await rooms.identity.people.change(found.id, by=by, disabled=disabled))

    show(in_rooms(config, act), as_json=as_json)


def _tell(
    config: options.Config, act: "Callable[[Rooms], Awaitable[dict[str, Any]]]", *, name: str, as_json: bool
) -> None:
    """Print what was made: all of it as JSON, else the one thing a person copies."""
    from vault.cli.output import say, show
    from vault.cli.rooms import in_rooms

    made = in_rooms(config, act)
    if as_json:
        show(made, as_json=True)
    else:
        say(made[name])


async def _one(rooms: "Rooms", person: str, tenant: str | None) -> "Person":
    from vault.cli.rooms import tenant_of

    chosen: Id = await tenant_of(rooms, tenant)
    return await rooms.identity.people.one(person, tenant_id=chosen)


def _require_address(rooms: "Rooms") -> None:
    from vault.errors import ConfigurationError

    if not rooms.settings.server.public_url:
        raise ConfigurationError("server.public_url is missing; tokens and links are made for that address")


def _shown(person: "Person") -> dict[str, Any]:
    return {name: getattr(person, name) for name in SHOWN}
