"""People of a tenant: found by their issuer's name for them, listed, changed, and nameless once erased."""

import asyncio

import pytest

from tests.vault.identity.issuer import open_provider
from tests.vault.identity.room import Room
from vault.errors import ConflictError, InvalidError, NotFoundError
from vault.identity.people import Person
from vault.model import Id, Role
from vault.policy import Principal


def admin_of(room: Room) -> Principal:
    """The administrator, as use cases know them."""
    return Principal(room.admin.id, room.tenant_id, Role.ADMIN)


async def add(room: Room, role: Role = Role.AGENT, subject: tuple[Id, str] | None = None) -> Person:
    """One more person."""
    profile = {"name": "Ada", "email": "ada@example.org"}
    return await room.identity.people.add(
        tenant_id=room.tenant_id, role=role, profile=profile, by=None, subject=subject
    )


async def test_a_person_is_found_with_name_and_address(any_room: Room) -> None:
    """What was sealed comes back, for their tenant only; printing tells no name."""
    made = await add(any_room)
    found = await any_room.identity.people.one(made.id, tenant_id=any_room.tenant_id)
    assert found == made
    assert (found.name, found.email) == ("Ada", "ada@example.org")
    assert "Ada" not in repr(found)
    other = await any_room.identity.tenants.add(name="Other", retention_days=1)
    with pytest.raises(NotFoundError):
        await any_room.identity.people.one(made.id, tenant_id=other)


async def test_a_person_without_their_key_has_no_name(any_room: Room) -> None:
    """Erasure forgets the person's own key: the row stays for the records, the name is gone."""
    made = await add(any_room)
    await any_room.keys.forget(object_id=made.id)
    found = await any_room.identity.people.one(made.id, tenant_id=any_room.tenant_id)
    assert (found.name, found.email, found.role) == ("", "", Role.AGENT)


async def test_an_issuers_name_for_somebody_is_taken_letter_for_letter(any_room: Room) -> None:
    """Subjects are case-sensitive (OpenID Connect Core, 2), and each means one person."""
    people = any_room.identity.people
    async with open_provider() as provider:
        issuer = await any_room.identity.issuers.add(
            provider.registration(), tenant_id=any_room.tenant_id, by=admin_of(any_room)
        )
        made = await add(any_room, subject=(issuer.id, "Ada-1"))
        known = {"issuer_id": issuer.id, "tenant_id": any_room.tenant_id}
        assert await people.by_subject(**known, subject="Ada-1") == made
        assert await people.by_subject(**known, subject="ada-1") is None
        with pytest.raises(ConflictError):
            await add(any_room, subject=(issuer.id, "Ada-1"))


async def test_a_list_is_newest_first_and_can_be_of_one_role(any_room: Room) -> None:
    """Pages begin behind the last id shown."""
    people, tenant_id = any_room.identity.people, any_room.tenant_id
    made = [any_room.agent, any_room.admin, await add(any_room), await add(any_room, Role.AUDITOR)]
    newest = sorted((person.id for person in made), reverse=True)
    first = await people.page(tenant_id=tenant_id, after=None, limit=3)
    assert [person.id for person in first] == newest[:3]
    rest = await people.page(tenant_id=tenant_id, after=first[-1].id, limit=3)
    assert [person.id for person in rest] == newest[3:]
    agents = await people.page(tenant_id=tenant_id, after=None, limit=9, role=Role.AGENT)
    assert {person.id for person in agents} == {made[0].id, made[2].id}


async def test_nobody_becomes_a_visitor(any_room: Room) -> None:
    """A visitor is whoever pressed the button, never a person of the tenant."""
    with pytest.raises(InvalidError):
        await add(any_room, Role.VISITOR)
    with pytest.raises(InvalidError):
        await any_room.identity.people.change(any_room.agent.id, by=admin_of(any_room), role=Role.VISITOR)


async def test_the_last_administrator_who_can_sign_in_stays(any_room: Room) -> None:
    """Neither another role nor disabling may leave a tenant without; a refused change changes nothing."""
    people, by = any_room.identity.people, admin_of(any_room)
    with pytest.raises(ConflictError):
        await people.change(any_room.admin.id, by=by, role=Role.AGENT)
    with pytest.raises(ConflictError):
        await people.change(any_room.admin.id, by=by, disabled=True)
    assert await people.one(any_room.admin.id, tenant_id=any_room.tenant_id) == any_room.admin
    await people.change(any_room.agent.id, by=by, role=Role.ADMIN)
    changed = await people.change(any_room.admin.id, by=by, disabled=True)
    assert changed.disabled_at == any_room.clock.now()


async def test_two_administrators_cannot_turn_off_each_other_at_once(any_room: Room) -> None:
    """However close together, one of them is told that nobody would be left."""
    people, by = any_room.identity.people, admin_of(any_room)
    await people.change(any_room.agent.id, by=by, role=Role.ADMIN)
    answers = await asyncio.gather(
        *(people.change(person.id, by=by, disabled=True) for person in (any_room.agent, any_room.admin)),
        return_exceptions=True,
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["ConflictError", "Person"]


async def test_a_role_the_provider_gives_is_not_changed_here(room: Room) -> None:
    """Where a claim decides the role, the change would be undone at the next sign-in: it is refused."""
    async with open_provider() as provider:
        registration = provider.registration(role_claim="groups", role_map={"support": Role.AGENT})
        issuer = await room.identity.issuers.add(registration, tenant_id=room.tenant_id, by=admin_of(room))
    made = await add(room, subject=(issuer.id, "ada"))
    with pytest.raises(ConflictError):
        await room.identity.people.change(made.id, by=admin_of(room), role=Role.SUPERVISOR)
    off = await room.identity.people.change(made.id, by=admin_of(room), disabled=True)
    assert off.disabled_at is not None
