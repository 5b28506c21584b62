"""Identity providers over HTTP: trusted, shown, turned off, and never another tenant's."""

from typing import Any

import pytest

from tests.vault.http.house import House
from tests.vault.identity.issuer import new_key, public_jwk
from vault.model import Role, new_id

ADMIN = Role.ADMIN


def provider(**changes: Any) -> dict[str, Any]:
    """A provider that brings its keys."""
    jwk = public_jwk(new_key("EdDSA"), "EdDSA", "k1")
    return {
        "name": "Directory",
        "issuer": "https://login.example.org",
        "audience": "callvault",
        "algorithm": "EdDSA",
        "jwks": {"keys": [jwk]},
        "role_claim": "groups",
        "role_map": {"support": "agent"},
        **changes,
    }


async def test_a_provider_is_trusted_shown_and_turned_off_and_on(house: House) -> None:
    """Location leads to it; what is shown is what was given, without its keys."""
    status, made, response = await house.ask("POST", "/v1/issuers", role=ADMIN, json=provider())
    assert status == 201
    path = response.headers["Location"]
    assert path == f"/v1/issuers/{made['id']}"
    assert "jwks" not in made
    assert (made["issuer"], made["role_map"]) == ("https://login.example.org", {"support": "agent"})
    assert (await house.ask("GET", path, role=ADMIN))[1] == made
    assert (await house.ask("GET", "/v1/issuers", role=ADMIN))[1] == {"items": [made]}
    _, off, _ = await house.ask("PATCH", path, role=ADMIN, json={"disabled": True})
    assert off["disabled_at"] is not None
    _, on, _ = await house.ask("PATCH", path, role=ADMIN, json={"disabled": False})
    assert on == made


async def test_another_tenants_provider_looks_like_none(house: House) -> None:
    """Reading and changing answer for a foreign one as for one that never was."""
    _, made, _ = await house.ask("POST", "/v1/issuers", role=ADMIN, tenant="b", json=provider())
    changes: list[tuple[str, dict[str, Any]]] = [("GET", {}), ("PATCH", {"json": {"disabled": True}})]
    for method, more in changes:
        answers = []
        for issuer_id in (made["id"], new_id("iss")):
            status, body, _ = await house.ask(method, f"/v1/issuers/{issuer_id}", role=ADMIN, **more)
            answers.append((status, body["code"]))
        assert answers == [(404, "not_found")] * 2
    assert (await house.ask("GET", "/v1/issuers", role=ADMIN))[1] == {"items": []}


async def test_a_pair_of_issuer_and_audience_is_registered_once(house: House) -> None:
    """A second registration of the same pair is a conflict, whichever tenant asks."""
    await house.ask("POST", "/v1/issuers", role=ADMIN, json=provider())
    for tenant in ("a", "b"):
        status, body, _ = await house.ask("POST", "/v1/issuers", role=ADMIN, tenant=tenant, json=provider())
        assert (status, body["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": "HS256"},
        {"algorithm": "none"},
        {"role_map": {"everyone": "visitor"}},
        {"default_role": "visitor"},
        {"jwks": None},
        {"jwks_url": "https://login.example.org/keys"},
        {"jwks": None, "jwks_url": "ftp://login.example.org/keys"},
        {"issuer": ""},
        {"unknown": 1},
    ],
    ids=str,
)
async def test_a_description_that_cannot_work_is_refused(house: House, changes: dict[str, Any]) -> None:
    """Shared secrets, visitors' roles, no keys or two places for them: 422, and nothing is trusted."""
    status, body, _ = await house.ask("POST", "/v1/issuers", role=ADMIN, json=provider(**changes))
    assert (status, body["code"]) == (422, "invalid")
    assert (await house.ask("GET", "/v1/issuers", role=ADMIN))[1] == {"items": []}
