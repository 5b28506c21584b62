"""The demo tenant of a development folder: made once, completed where an earlier start was cut short."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from vault.calls.buttons import NewButton
from vault.cli.rooms import operator_of
from vault.model import Id, Role

if TYPE_CHECKING:
    from vault.app import Rooms

TENANT: Final = "Atelier Lumen"
# Names of nobody; example.org is reserved (RFC 2606, 3).
PEOPLE: Final = {
    Role.AGENT: ("Camille Essai", "camille@example.org"),
    Role.ADMIN: ("Alex Essai", "alex@example.org"),
    Role.AUDITOR: ("Dominique Essai", "dominique@example.org"),
}
LABEL: Final = {"fr": "Appeler un technicien", "en": "Call a technician"}
PURPOSE: Final = {
    "fr": "vous aider, et pouvoir revoir la panne avec vous",
    "en": "to help you, and to look at the fault again with you",
}


@dataclass(frozen=True, slots=True)
class Demo:
    """What the welcome names."""

    tenant_id: Id
    admin_id: Id
    button_id: Id


async def seed(rooms: "Rooms") -> Demo:
    """Make what is missing of the demo; its button takes calls from this start's own address."""
    tenants = await rooms.identity.tenants.all_ids()
    days = rooms.settings.retention.recording_days
    tenant = tenants[0] if tenants else await rooms.identity.tenants.add(name=TENANT, retention_days=days)
    people = {role: await _person(rooms, tenant, role) for role in PEOPLE}
    return Demo(tenant, people[Role.ADMIN], await _button(rooms, tenant, days))


async def _person(rooms: "Rooms", tenant: Id, role: Role) -> Id:
    people = rooms.identity.people
    found = await people.oldest(tenant_id=tenant, role=role)  # the one of the first start
    if found is not None:
        return found
    name, email = PEOPLE[role]
    profile = {"name": name, "email": email}
    return (await people.add(tenant_id=tenant, role=role, profile=profile, by=None)).id


async def _button(rooms: "Rooms", tenant: Id, days: int) -> Id:
    by = operator_of(tenant)
    origins = own_origins(rooms.settings.server.public_url)
    found = await rooms.buttons.list(by=by)
    if found:
        first = found[0]
        kept = (*origins, *(origin for origin in first.allowed_origins if not _was_ours(origin)))
        if set(kept) != set(first.allowed_origins):
            await rooms.buttons.change(first.id, by=by, allowed_origins=kept)
        return first.id
    made = await rooms.buttons.create(
        NewButton(
            name="Demo",
            label=LABEL,
            purpose=PURPOSE,
            media=("audio", "video"),
            allowed_origins=origins,
            records=True,
            retention_days=days,
        ),
        by=by,
    )
    return made.id


def own_origins(public_url: str) -> tuple[str, ...]:
    """Give the origins under which a browser on this machine may open the demo page."""
    port = urlsplit(public_url).port
    names = (public_url, f"http://localhost:{port}") if port else (public_url,)
    return tuple(dict.fromkeys(names))


def _was_ours(origin: str) -> bool:
    """Tell whether an origin is of an earlier start on another port."""
    return urlsplit(origin).hostname in {"127.0.0.1", "localhost", "::1"}
