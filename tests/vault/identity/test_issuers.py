"""Identity providers of several tenants: none can stand in another's way."""

from typing import Any

import pytest

from tests.vault.identity.issuer import AUDIENCE, NAME, Provider, open_provider
from tests.vault.identity.room import Room
from vault.errors import ConflictError, DependencyError
from vault.identity import issuers
from vault.model import Id, Role

DEAD = "http://127.0.0.1:9/keys"  # discard: nothing listens


async def _neighbour(room: Room) -> Id:
    return await room.identity.tenants.add(name="Neighbour", retention_days=30)


async def _register(room: Room, provider: Provider, tenant_id: Id, **changes: Any) -> None:
    await room.identity.issuers.add(provider.registration(**changes), tenant_id=tenant_id, by=None)


def _token(room: Room, provider: Provider, audience: Any = AUDIENCE) -> str:
    now_s = int(room.clock.now().timestamp())
    claims = {"iss": NAME, "aud": audience, "sub": "user-1", "iat": now_s, "exp": now_s + 300}
    return provider.token(claims)


async def test_a_neighbours_dead_provider_of_the_same_name_stops_nobody(any_room: Room) -> None:
    """Providers are chosen by name and audience before any key address is asked."""
    room = any_room
    async with open_provider() as provider:
        await _register(room, provider, await _neighbour(room), audience="!", jwks_url=DEAD)
        await _register(room, provider, room.tenant_id)
        principal = await room.identity.authenticate_token(_token(room, provider))
    assert (principal.tenant_id, principal.role) == (room.tenant_id, Role.AGENT)


async def test_of_several_audiences_one_that_answers_is_enough(room: Room) -> None:
    """A token for two audiences is good by the second where the first one's keys cannot be had."""
    async with open_provider() as provider:
        await _register(room, provider, await _neighbour(room), audience="other", jwks_url=DEAD)
        with pytest.raises(DependencyError):
            await room.identity.authenticate_token(_token(room, provider, ["other", AUDIENCE]))
        await _register(room, provider, room.tenant_id)
        principal = await room.identity.authenticate_token(_token(room, provider, ["other", AUDIENCE]))
    assert principal.tenant_id == room.tenant_id


async def test_a_tenant_has_so_many_providers_and_no_more(
    any_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list is shown whole, so what is on it is bounded; another tenant's count is its own."""
    room = any_room
    monkeypatch.setattr(issuers, "MAX_PER_TENANT", 2)
    provider = Provider(url="https://idp.example/keys")
    for audience in ("one", "two"):
        await _register(room, provider, room.tenant_id, audience=audience)
    with pytest.raises(ConflictError):
        await _register(room, provider, room.tenant_id, audience="three")
    await _register(room, provider, await _neighbour(room), audience="three")
