"""People over HTTP: the shape, the tenants' walls, and what a list may tell."""

from tests.vault.http.house import House
from vault.model import Role


async def test_an_administrator_adds_a_person_and_finds_them_again(house: House) -> None:
    """A created thing answers 201 with its address, and the address answers the same thing."""
    body = {"role": "agent", "name": "Zoé Martin", "email": "zoe@example.org"}
    status, made, response = await house.ask("POST", "/v1/people", role=Role.ADMIN, json=body)
    assert status == 201
    assert response.headers["Location"] == f"/v1/people/{made['id']}"
    status, found, _ = await house.ask("GET", response.headers["Location"], role=Role.ADMIN)
    assert (status, found) == (200, made)
    assert found["name"] == "Zoé Martin"


async def test_another_tenants_person_looks_like_none(house: House) -> None:
    """Foreign and missing are the same answer, letter for letter (but for the request's id)."""
    foreign = house.people["b", Role.AGENT].id
    missing = foreign[:-4] + "0000"
    answers = []
    for person_id in (foreign, missing):
        status, body, _ = await house.ask("GET", f"/v1/people/{person_id}", role=Role.ADMIN)
        body.pop("instance")
        answers.append((status, body))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


async def test_pages_follow_one_another_without_gap_or_repeat(house: House) -> None:
    """Following next_cursor shows everyone once; the Link header says the same."""
    seen: list[str] = []
    path = "/v1/people?limit=2"
    while path:
        status, page, response = await house.ask("GET", path, role=Role.ADMIN)
        assert status == 200
        seen += [person["id"] for person in page["items"]]
        link = response.headers.get("Link", "")
        assert bool(link) == (page["next_cursor"] is not None)
        path = link.partition("<")[2].partition(">")[0]
    ours = [person.id for (tenant, _), person in house.people.items() if tenant == "a"]
    assert seen == sorted(ours, reverse=True)


async def test_a_cursor_of_another_list_or_tenant_is_refused(house: House) -> None:
    """A cursor is bound to tenant and filters: it cannot be carried elsewhere, nor made up."""
    _, page, _ = await house.ask("GET", "/v1/people?limit=2", role=Role.ADMIN)
    cursor = page["next_cursor"]
    for path, tenant in (
        (f"/v1/people?limit=2&cursor={cursor}", "b"),
        (f"/v1/people?role=agent&cursor={cursor}", "a"),
        (f"/v1/people?cursor={cursor[:-2]}AA", "a"),
        ("/v1/people?cursor=!!", "a"),
    ):
        status, body, _ = await house.ask("GET", path, role=Role.ADMIN, tenant=tenant)
        assert (status, body["code"]) == (422, "invalid")
        assert body["errors"][0]["parameter"] == "cursor"


async def test_the_last_administrator_cannot_be_removed(house: House) -> None:
    """A tenant always keeps one administrator who can sign in."""
    admin = house.people["a", Role.ADMIN].id
    for change in ({"role": "agent"}, {"disabled": True}):
        status, body, _ = await house.ask("PATCH", f"/v1/people/{admin}", role=Role.ADMIN, json=change)
        assert (status, body["code"]) == (409, "conflict")


async def test_disabling_a_person_bites_on_their_next_request(house: House) -> None:
    """Nothing about a person is remembered between requests."""
    agent = house.people["a", Role.AGENT].id
    assert (await house.ask("GET", "/v1/me", role=Role.AGENT))[0] == 200
    await house.ask("PATCH", f"/v1/people/{agent}", role=Role.ADMIN, json={"disabled": True})
    assert (await house.ask("GET", "/v1/me", role=Role.AGENT))[0] == 401


async def test_names_are_not_in_the_database_file(house: House) -> None:
    """Names and e-mail addresses are sealed: no page of the file holds one."""
    body = {"role": "agent", "name": "Canary Kestrel", "email": "kestrel@example.org"}
    await house.ask("POST", "/v1/people", role=Role.ADMIN, json=body, headers={"Idempotency-Key": "k-1"})
    async with house.rooms.database.read() as connection:
        path = (await connection.exec_driver_sql("PRAGMA database_list")).scalars(2).one()
    import pathlib

    written = b"".join(file.read_bytes() for file in pathlib.Path(path).parent.glob("*.db*"))
    assert b"Kestrel" not in written
    assert b"kestrel@" not in written
