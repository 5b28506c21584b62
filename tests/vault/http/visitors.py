"""A call that is there, so that a visitor's token has something to be good for."""

from sqlalchemy import insert

from tests.vault.http.house import House
from vault.calls.routing import EVERYONE
from vault.db.tables import buttons, calls
from vault.model import CallState, Id, new_id

PAGE = "https://shop.example"


async def add_button(house: House, tenant: str = "a", origins: tuple[str, ...] = (PAGE,)) -> Id:
    """A button of a tenant, embedded on one page."""
    button_id = new_id("btn")
    async with house.services.database.write() as connection:
        await connection.execute(
            insert(buttons).values(
                id=button_id,
                tenant_id=house.tenants[tenant],
                name="Help",
                label={"fr": "Aide", "en": "Help"},
                purpose={"fr": "aide", "en": "help"},
                media=["audio"],
                allowed_origins=list(origins),
                records=True,
                retention_days=30,
                routing=EVERYONE.to_json(),
                created_at=house.services.clock.now(),
            )
        )
    return button_id


async def add_call(house: House, button_id: Id, tenant: str = "a") -> Id:
    """An open call of that button, with a key of its own."""
    call_id = new_id("call")
    tenant_id = house.tenants[tenant]
    await house.rooms.keys.create_data_key(tenant_id=tenant_id, object_id=call_id)
    async with house.services.database.write() as connection:
        await connection.execute(
            insert(calls).values(
                id=call_id,
                tenant_id=tenant_id,
                button_id=button_id,
                state=CallState.OPEN.value,
                language="en",
                media=["audio"],
                notice_version="1",
                notice_hash="0" * 64,
                created_at=house.services.clock.now(),
            )
        )
    return call_id


async def visitor_token(house: House, tenant: str = "a") -> str:
    """The token of a visitor with an open call."""
    call_id = await add_call(house, await add_button(house, tenant), tenant)
    minted = house.rooms.identity.mint_visitor_token(call_id=call_id, tenant_id=house.tenants[tenant])
    return minted.token
