"""Sign-in codes over HTTP: who makes one is on record, and a sign-in ends the session it replaces."""

import json

from sqlalchemy import select

from tests.vault.http.house import House
from vault.db.tables import leaves
from vault.model import Role, uuid_of


async def test_making_a_code_is_in_the_ledger_with_its_maker(house: House) -> None:
    """An administrator can act in another's name; that it was made possible cannot be hidden."""
    person = house.people["a", Role.AUDITOR]
    status, _, _ = await house.ask("POST", f"/v1/people/{person.id}/sign-in-codes", role=Role.ADMIN)
    assert status == 201
    async with house.services.database.read() as connection:
        rows = await connection.execute(select(leaves.c.leaf).where(leaves.c.type == "sign_in_code.made"))
        (leaf,) = [json.loads(text) for text in rows.scalars()]
    maker = await house.services.blobs.pseudonym(
        tenant_id=house.tenants["a"], subject_id=house.people["a", Role.ADMIN].id
    )
    assert (leaf["object"], leaf["actor"]) == (uuid_of(person.id), maker)
    assert (await house.services.ledger.history(person.id))[0].type == "sign_in_code.made"


async def test_a_service_gets_no_code(house: House) -> None:
    """A program has no browser; a session of one would be somebody else's."""
    service = house.people["a", Role.SERVICE]
    status, problem, _ = await house.ask("POST", f"/v1/people/{service.id}/sign-in-codes", role=Role.ADMIN)
    assert (status, problem["code"]) == (409, "conflict")


async def test_signing_in_again_ends_the_session_before(house: House) -> None:
    """Its cookie is overwritten in the browser, so nobody could end it any more."""
    cookies: list[str] = []
    for role in (Role.AGENT, Role.ADMIN):
        path = f"/v1/people/{house.people['a', role].id}/sign-in-codes"
        _, made, _ = await house.ask("POST", path, role=Role.ADMIN)
        headers = {"Sec-Fetch-Site": "same-origin", **({"Cookie": cookies[0]} if cookies else {})}
        status, _, response = await house.ask("POST", "/v1/sessions", json=made, headers=headers)
        assert status == 201
        cookies.append(response.headers["Set-Cookie"].split(";")[0])
    statuses = [(await house.ask("GET", "/v1/me", headers={"Cookie": one}))[0] for one in cookies]
    assert statuses == [401, 200]
