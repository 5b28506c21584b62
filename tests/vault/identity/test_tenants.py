"""Tenants: made with the key that their lookups rest on."""

from sqlalchemy import select

from tests.vault.identity.room import Room
from vault.db.tables import tenants
from vault.model import is_id


async def test_a_tenant_is_made_found_and_listed_oldest_first(any_room: Room) -> None:
    """Its name is what notices show; its days are how long its recordings stay."""
    made = await any_room.identity.tenants.add(name="Ateliers Réunis", retention_days=14)
    assert is_id(made, "ten")
    assert await any_room.identity.tenants.name_of(made) == "Ateliers Réunis"
    assert await any_room.identity.tenants.all_ids() == [any_room.tenant_id, made]
    async with any_room.database.read() as connection:
        query = select(tenants.c.retention_days, tenants.c.created_at).where(tenants.c.id == made)
        assert tuple((await connection.execute(query)).one()) == (14, any_room.clock.now())


async def test_a_new_tenant_has_its_key_and_a_leaf_in_the_ledger(any_room: Room) -> None:
    """Without the key no person could be looked up; the beginning of a tenant is on record."""
    made = await any_room.identity.tenants.add(name="Other", retention_days=1)
    assert await any_room.keys.data_key(tenant_id=made, object_id=made) is not None
    assert [entry.type for entry in await any_room.ledger.history(made)] == ["tenant.created"]
