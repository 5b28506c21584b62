"""Limits and the innocent: what strangers do behind the same address shuts nobody out."""

from pathlib import Path

from tests.vault.http.house import House, open_house
from tests.vault.http.visitors import add_button, add_call
from tests.vault.identity.issuer import AUDIENCE, NAME, open_provider
from vault.model import Role

BAD = {"Authorization": "Bearer guess"}


async def _cookie(house: House) -> dict[str, str]:
    person = house.people["a", Role.AGENT]
    code = await house.rooms.identity.sessions.make_code(person_id=person.id, tenant_id=person.tenant_id)
    status, _, response = await house.ask("POST", "/v1/sessions", json={"code": code})
    assert status == 201
    return {"Cookie": response.headers["Set-Cookie"].split(";")[0]}


async def test_bad_credentials_of_one_caller_leave_good_ones_alone(tmp_path: Path) -> None:
    """Over the limit of refusals a good token, a session and a new sign-in from there are still let in."""
    async with open_house(tmp_path, limits={"sign_in_per_minute": 2}) as house:
        statuses = [(await house.ask("GET", "/v1/me", headers=BAD))[0] for _ in range(3)]
        assert statuses == [401, 401, 429]
        assert (await house.ask("GET", "/v1/me", role=Role.AGENT))[0] == 200
        assert (await house.ask("GET", "/v1/me", headers=await _cookie(house)))[0] == 200
        assert (await house.ask("POST", "/v1/sessions", json={"code": "guess"}))[0] == 429


async def test_in_a_flood_of_bad_credentials_those_known_good_go_on(tmp_path: Path) -> None:
    """Then nothing unknown is even looked at, so that looking cannot be what exhausts us."""
    limits = {"sign_in_per_minute": 1, "requests_per_minute": 4}
    async with open_house(tmp_path, limits=limits) as house:
        known = {"Authorization": f"Bearer {house.token(Role.AGENT)}"}
        assert (await house.ask("GET", "/v1/me", headers=known))[0] == 200
        for _ in range(4):
            await house.ask("GET", "/v1/me", headers=BAD)
        assert (await house.ask("GET", "/v1/me", headers=known))[0] == 200
        assert (await house.ask("GET", "/v1/me", role=Role.SUPERVISOR))[0] == 429


async def test_visitors_are_counted_by_address(tmp_path: Path) -> None:
    """A visitor's token is free for the asking: more of them are not more room."""
    async with open_house(tmp_path, limits={"requests_per_minute": 2}) as house:
        button, statuses = await add_button(house), []
        for _ in range(3):
            call = await add_call(house, button)
            minted = house.rooms.identity.mint_visitor_token(call_id=call, tenant_id=house.tenants["a"])
            headers = {"Authorization": f"Bearer {minted.token}"}
            statuses.append((await house.ask("GET", f"/v1/calls/{call}", headers=headers))[0])
        assert statuses == [200, 200, 429]


async def test_what_is_not_counted_asks_nobody_who_they_are(tmp_path: Path) -> None:
    """A health check or a file must not cost a query or a key set, whatever credential comes with it."""
    async with open_house(tmp_path) as house, open_provider() as provider:
        tenant_id = house.tenants["a"]
        await house.rooms.identity.issuers.add(provider.registration(), tenant_id=tenant_id, by=None)
        now_s = int(house.rooms.clock.now().timestamp())
        claims = {"iss": NAME, "aud": AUDIENCE, "sub": "x", "iat": now_s, "exp": now_s + 60}
        headers = {"Authorization": f"Bearer {provider.token(claims)}"}
        for path in ("/livez", "/readyz", "/widget.js", "/assets/console/shell.js"):
            assert (await house.ask("GET", path, headers=headers))[0] == 200
        assert provider.asked == 0
        status, _, answer = await house.ask("GET", "/console", headers=headers)
        assert (status, provider.asked) == (200, 1)
        assert "RateLimit" in answer.headers
