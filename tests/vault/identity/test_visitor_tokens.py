"""What a company's own program signs of a visitor: taken only whole, fresh, meant for us, and once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.vault.identity.issuer import NAME, Provider, new_key, open_provider
from tests.vault.identity.room import OWN, START, Room
from vault.errors import DependencyError, VisitorTokenError
from vault.identity.errors import TokenRefusedError
from vault.identity.visitor_tokens import spend
from vault.model import Id, Role, new_id
from vault.policy import Principal

BUTTON = new_id("btn")
NOW_S = int(START.timestamp())


def said(**changes: Any) -> dict[str, Any]:
    """The claims of a good token."""
    claims = {
        "iss": NAME,
        "aud": BUTTON,
        "sub": "customer-7",
        "name": "Grace Hopper",
        "email": "grace@example.org",
        "phone_number": "+33612345678",
        "iat": NOW_S,
        "exp": NOW_S + 300,
    }
    return {name: value for name, value in (claims | changes).items() if value is not ...}


@asynccontextmanager
async def trusted(room: Room, algorithm: str = "EdDSA") -> AsyncIterator[Provider]:
    """A provider that the tenant has registered."""
    by = Principal(room.admin.id, room.tenant_id, Role.ADMIN)
    async with open_provider(algorithm) as provider:
        await room.identity.issuers.add(provider.registration(), tenant_id=room.tenant_id, by=by)
        yield provider


def signed(provider: Provider, *, typ: str = "visitor+jwt", kid: str = "k1", **changes: Any) -> str:
    """A token of these claims."""
    return provider.token(said(**changes), kid=kid, header={"typ": typ})


async def read(room: Room, token: str, tenant_id: Id | None = None) -> Any:
    """Read a token for the button."""
    return await room.identity.visitors.read(token, tenant_id=tenant_id or room.tenant_id, button_id=BUTTON)


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
async def test_a_good_token_says_who_a_visitor_is(room: Room, algorithm: str) -> None:
    """For the button, or for the vault by its public address."""
    async with trusted(room, algorithm) as provider:
        for audience in (BUTTON, OWN, ["elsewhere", OWN]):
            vouched = await read(room, signed(provider, aud=audience))
            assert vouched.signed == {
                "reference": "customer-7",
                "name": "Grace Hopper",
                "email": "grace@example.org",
                "phone": "+33612345678",
            }
            assert "Grace" not in repr(vouched)
        bare = await read(room, signed(provider, name=..., email=..., phone_number=...))
        assert bare.signed == {"reference": "customer-7"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"typ": "JWT"}, "type"),
        ({"typ": "at+jwt"}, "type"),
        ({"aud": "callvault"}, "audience"),
        ({"aud": "btn_" + "0" * 32}, "audience"),
        ({"iss": "https://other.example"}, "issuer"),
        ({"exp": NOW_S - 60, "iat": NOW_S - 300}, "expired"),
        ({"exp": NOW_S + 601}, "claims"),
        ({"iat": ...}, "claims"),
        ({"sub": ...}, "claims"),
        ({"sub": "x" * 201}, "claims"),
        ({"name": 7}, "claims"),
        ({"name": "a\u202eb"}, "claims"),
        ({"email": ""}, "claims"),
        ({"phone_number": ["+33"]}, "claims"),
        ({"kid": "k2"}, "signature"),
    ],
    ids=str,
)
async def test_anything_else_is_refused_with_its_reason(
    room: Room, changes: dict[str, Any], reason: str
) -> None:
    """Type, audience, issuer, time, kind of each claim, key (RFC 8725)."""
    async with trusted(room) as provider:
        provider.keys["k2"] = new_key("EdDSA")
        token = signed(provider, **changes)
        provider.keys["k2"] = new_key("EdDSA")
        with pytest.raises(VisitorTokenError) as refused:
            await read(room, token)
        assert refused.value.reason == reason


async def test_another_tenants_provider_vouches_for_nobody_here(room: Room) -> None:
    """Nor does one that was turned off, and neither token is taken for the other's kind."""
    async with trusted(room) as provider:
        other = await room.identity.tenants.add(name="Other", retention_days=30)
        with pytest.raises(VisitorTokenError):
            await read(room, signed(provider), other)
        with pytest.raises(TokenRefusedError):
            await room.identity.authenticate_token(signed(provider, aud="callvault"))
        (issuer,) = await room.identity.issuers.all_of(room.tenant_id)
        by = Principal(room.admin.id, room.tenant_id, Role.ADMIN)
        await room.identity.issuers.set_disabled(issuer.id, disabled=True, by=by)
        with pytest.raises(VisitorTokenError):
            await read(room, signed(provider))


async def test_a_provider_that_does_not_answer_is_not_a_refusal(room: Room) -> None:
    """The page may try again with the same token."""
    async with trusted(room) as provider:
        provider.status = 503
        with pytest.raises(DependencyError):
            await read(room, signed(provider))


async def test_a_token_that_names_itself_is_good_once(any_room: Room) -> None:
    """In the transaction of what it was used for: undone with it, and then good again."""
    async with trusted(any_room) as provider:
        vouched = await read(any_room, signed(provider, jti="one"))
        again = await read(any_room, signed(provider, jti="one"))
        now = any_room.clock.now()

        async def undone() -> None:
            async with any_room.database.write() as connection:
                await spend(connection, vouched, now=now)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await undone()
        async with any_room.database.write() as connection:
            await spend(connection, vouched, now=now)
        with pytest.raises(VisitorTokenError) as refused:
            async with any_room.database.write() as connection:
                await spend(connection, again, now=now)
        assert refused.value.reason == "used"
