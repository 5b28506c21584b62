"""Tokens of other identity providers: their keys, their people, and what they cannot do."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.vault.identity.issuer import AUDIENCE, NAME, Provider, new_key, open_provider, public_jwk
from tests.vault.identity.room import OWN, Room, sign
from vault.db.tables import leaves, people
from vault.errors import ConflictError, DependencyError, InvalidError
from vault.identity.errors import Refusal, TokenRefusedError
from vault.identity.own_tokens import ACCESS_TYPE
from vault.model import Role
from vault.policy import Principal


def _claims(room: Room, **changes: Any) -> dict[str, Any]:
    now_s = int(room.clock.now().timestamp())
    given = {"iss": NAME, "aud": AUDIENCE, "sub": "user-1", "iat": now_s, "exp": now_s + 300, "name": "Zoé"}
    return {name: value for name, value in (given | changes).items() if value is not None}


async def _refusal(room: Room, token: str) -> Refusal:
    with pytest.raises(TokenRefusedError) as caught:
        await room.identity.authenticate_token(token)
    return caught.value.reason


def _admin(room: Room) -> Principal:
    return Principal(room.admin.id, room.tenant_id, Role.ADMIN)


async def _register(room: Room, provider: Provider, **changes: Any) -> Any:
    return await room.identity.issuers.add(
        provider.registration(**changes), tenant_id=room.tenant_id, by=_admin(room)
    )


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256"])
async def test_a_providers_person_is_met_once_and_known_again(any_room: Room, algorithm: str) -> None:
    """Each algorithm; the same subject is the same person; the name is sealed."""
    room = any_room
    async with open_provider(algorithm) as provider:
        issuer = await _register(room, provider)
        first = await room.identity.authenticate_token(provider.token(_claims(room)))
        again = await room.identity.authenticate_token(provider.token(_claims(room, name="Changed")))
        other = await room.identity.authenticate_token(provider.token(_claims(room, sub="USER-1")))
    assert first == again
    assert first.id != other.id  # a subject is case-sensitive
    assert first.role is Role.AGENT
    person = await room.identity.people.one(first.id, tenant_id=room.tenant_id)
    assert (person.name, person.issuer_id) == ("Zoé", issuer.id)


async def test_two_first_requests_at_once_meet_one_person(room: Room) -> None:
    """A page that opens with five requests makes one person."""
    async with open_provider() as provider:
        await _register(room, provider)
        tokens = [provider.token(_claims(room)) for _ in range(5)]
        found = await asyncio.gather(*(room.identity.authenticate_token(token) for token in tokens))
    assert len({principal.id for principal in found}) == 1


async def test_keys_given_with_the_registration_need_no_address(room: Room) -> None:
    """An air-gapped installation works too."""
    provider = Provider()
    provider.add_key("k1")
    await _register(room, provider, jwks_url=None, jwks=provider.key_set())
    assert (await room.identity.authenticate_token(provider.token(_claims(room)))).role is Role.AGENT


@pytest.mark.parametrize(
    ("changes", "header", "reason"),
    [
        ({"iss": "https://unknown.example"}, {}, Refusal.ISSUER),
        ({"iss": NAME + "/"}, {}, Refusal.ISSUER),
        ({"aud": "another"}, {}, Refusal.AUDIENCE),
        ({"aud": ["another", 5]}, {}, Refusal.CLAIMS),
        ({"exp": None}, {}, Refusal.CLAIMS),
        ({"iat": None}, {}, Refusal.CLAIMS),
        ({"sub": None}, {}, Refusal.CLAIMS),
        ({"exp": 10**11}, {}, Refusal.CLAIMS),
        ({}, {"typ": ACCESS_TYPE}, Refusal.TYPE),
        ({}, {"typ": "logout+jwt"}, Refusal.TYPE),
        ({}, {"kid": "unknown"}, Refusal.KEY),
        ({"iss": "\ud800"}, {}, Refusal.CLAIMS),
        ({"iss": "a\0"}, {}, Refusal.CLAIMS),
        ({"aud": "\ud800"}, {}, Refusal.CLAIMS),
        ({"aud": [AUDIENCE, "a\0"]}, {}, Refusal.CLAIMS),
        ({"sub": "\udfff"}, {}, Refusal.CLAIMS),
    ],
    ids=str,
)
async def test_a_foreign_token_is_held_to_its_registration(
    room: Room, changes: dict[str, Any], header: dict[str, Any], reason: Refusal
) -> None:
    """Issuer and audience to the letter, times present, a type that is not ours."""
    async with open_provider() as provider:
        await _register(room, provider)
        assert await _refusal(room, provider.token(_claims(room, **changes), header=header)) is reason


@pytest.mark.parametrize("kid", [["k1"], {"k1": 1}, 1, None], ids=str)
async def test_a_key_is_named_by_a_text(room: Room, kid: Any) -> None:
    """Anything else names no key (RFC 7515, 4.1.4), also where keys are looked for at an address."""
    async with open_provider() as provider:
        await _register(room, provider)
        token = sign(provider.keys["k1"], {"alg": "EdDSA", "kid": kid}, _claims(room))
        assert await _refusal(room, token) is Refusal.KEY


async def test_a_provider_cannot_speak_in_our_name(room: Room) -> None:
    """Our own issuer cannot be registered, and its name needs our own key."""
    async with open_provider() as provider:
        with pytest.raises(InvalidError):
            await _register(room, provider, issuer=OWN)
        await _register(room, provider)
        claims = _claims(room, iss=OWN, aud=OWN, sub=room.admin.id, tid=room.tenant_id, role="admin", jti="x")
        token = provider.token(claims, header={"typ": ACCESS_TYPE})
        assert await _refusal(room, token) is Refusal.KEY


async def test_one_algorithm_per_issuer(room: Room) -> None:
    """A token of another algorithm is refused even if the key set holds a key for it."""
    async with open_provider("ES256") as provider:
        await _register(room, provider, algorithm="RS256")
        assert await _refusal(room, provider.token(_claims(room))) is Refusal.ALGORITHM


async def test_two_registrations_of_one_name_are_told_apart_by_audience(room: Room) -> None:
    """Two tenants may use the same provider; the audience says which one is meant."""
    other_tenant = await room.identity.tenants.add(name="Other", retention_days=30)
    async with open_provider() as provider:
        await _register(room, provider)
        await room.identity.issuers.add(
            provider.registration(audience="callvault-b"), tenant_id=other_tenant, by=None
        )
        ours = await room.identity.authenticate_token(provider.token(_claims(room)))
        theirs = await room.identity.authenticate_token(
            provider.token(_claims(room, aud=["x", "callvault-b"]))
        )
    assert (ours.tenant_id, theirs.tenant_id) == (room.tenant_id, other_tenant)
    assert ours.id != theirs.id


async def test_a_pair_of_issuer_and_audience_belongs_to_one_tenant(room: Room) -> None:
    """Else one tenant could read in another's people."""
    other_tenant = await room.identity.tenants.add(name="Other", retention_days=30)
    async with open_provider() as provider:
        await _register(room, provider)
        with pytest.raises(ConflictError):
            await room.identity.issuers.add(provider.registration(), tenant_id=other_tenant, by=None)


@pytest.mark.parametrize(
    ("said", "role"),
    [
        ("boss", Role.ADMIN),
        (["staff", "boss"], Role.ADMIN),
        (["staff"], Role.AGENT),
        ([5, None], None),
        (5, None),
        ({"boss": True}, None),
        (None, None),
        ("Boss", None),
    ],
    ids=str,
)
async def test_the_role_comes_from_the_providers_claim(room: Room, said: Any, role: Role | None) -> None:
    """The first match of the role map, else the default; without either, no entry."""
    async with open_provider() as provider:
        await _register(
            room,
            provider,
            role_claim="groups",
            role_map={"boss": Role.ADMIN, "staff": Role.AGENT},
            default_role=None,
        )
        token = provider.token(_claims(room, groups=said))
        if role is None:
            assert await _refusal(room, token) is Refusal.PERSON
        else:
            assert (await room.identity.authenticate_token(token)).role is role


async def test_a_role_lost_at_the_provider_is_lost_here_and_recorded(room: Room) -> None:
    """Its latest word counts; the change is in the ledger."""
    async with open_provider() as provider:
        roles = {"boss": Role.ADMIN, "staff": Role.AGENT}
        await _register(room, provider, role_claim="groups", role_map=roles)
        boss = await room.identity.authenticate_token(provider.token(_claims(room, groups="boss")))
        staff = await room.identity.authenticate_token(provider.token(_claims(room, groups="staff")))
        with pytest.raises(ConflictError):
            await room.identity.people.change(boss.id, by=_admin(room), role=Role.ADMIN)
    assert (boss.id, staff.role) == (staff.id, Role.AGENT)
    async with room.database.read() as connection:
        row = (await connection.execute(select(people.c.role).where(people.c.id == boss.id))).one()
        changed = await connection.execute(select(leaves).where(leaves.c.type == "person.changed"))
        assert len(changed.all()) == 1
    assert row.role == "agent"


async def test_disabling_bites_for_the_person_the_provider_and_their_sessions(room: Room) -> None:
    """On the next request, with the token still good and the session still open."""
    async with open_provider() as provider:
        issuer = await _register(room, provider)
        token = provider.token(_claims(room))
        session = await room.identity.sign_in_with_token(token)
        await room.identity.issuers.set_disabled(issuer.id, disabled=True, by=_admin(room))
        assert await _refusal(room, token) is Refusal.ISSUER
        with pytest.raises(TokenRefusedError):
            await room.identity.authenticate_session(session.secret)
        assert await room.identity.may_go_on(session.principal) is None
        await room.identity.issuers.set_disabled(issuer.id, disabled=False, by=_admin(room))
        assert (await room.identity.authenticate_token(token)).id == session.principal.id
        await room.identity.people.change(session.principal.id, by=_admin(room), disabled=True)
        assert await _refusal(room, token) is Refusal.PERSON


async def test_a_foreign_token_can_be_revoked_alone(room: Room) -> None:
    """By the provider and its jti together, and so for what runs with it."""
    async with open_provider() as provider:
        await _register(room, provider)
        token = provider.token(_claims(room, jti="j" * 255))
        running = await room.identity.authenticate_token(token)
        await room.identity.revoke_token(token)
        assert await _refusal(room, token) is Refusal.REVOKED
        assert await room.identity.may_go_on(running) is None
        await room.identity.authenticate_token(provider.token(_claims(room, jti="other")))


# --- keeping key sets -------------------------------------------------------------------------------------


async def test_a_new_key_is_found_but_asking_is_rationed(room: Room) -> None:
    """An unknown kid asks again, at most once a minute: strangers cannot make us ask."""
    async with open_provider() as provider:
        await _register(room, provider)
        await room.identity.authenticate_token(provider.token(_claims(room)))
        assert provider.asked == 1
        for number in range(5):
            header = {"kid": f"made-up-{number}"}
            assert await _refusal(room, provider.token(_claims(room), header=header)) is Refusal.KEY
        assert provider.asked == 1
        provider.add_key("k2")
        room.clock.turn(timedelta(seconds=61))
        await room.identity.authenticate_token(provider.token(_claims(room), kid="k2"))
        assert provider.asked == 2


async def test_nobody_waits_while_a_strangers_unknown_key_is_asked_about(room: Room) -> None:
    """The key address may be slow; whose key is known does not feel it."""
    async with open_provider() as provider:
        await _register(room, provider)
        token, stranger = provider.token(_claims(room)), provider.token(_claims(room), header={"kid": "?"})
        await room.identity.authenticate_token(token)
        room.clock.turn(timedelta(seconds=61))
        provider.pause_s = 1.0
        asking = asyncio.create_task(_refusal(room, stranger), name="stranger")
        while provider.asked < 2:  # noqa: ASYNC110  # a counter has no event
            await asyncio.sleep(0.01)
        await room.identity.authenticate_token(token)
        assert not asking.done()
        assert await asking is Refusal.KEY


async def test_a_withdrawn_key_stops_working_when_the_set_is_asked_again(room: Room) -> None:
    """Ten minutes at most."""
    async with open_provider() as provider:
        await _register(room, provider)
        provider.add_key("k2")
        await room.identity.authenticate_token(provider.token(_claims(room)))
        withdrawn = provider.keys.pop("k1")
        room.clock.turn(timedelta(seconds=601))
        provider.keys["k1"] = withdrawn
        token = provider.token(_claims(room))
        del provider.keys["k1"]
        assert await _refusal(room, token) is Refusal.KEY


async def test_an_outage_of_the_provider_is_not_ours_for_a_day(room: Room) -> None:
    """The old set serves while the address is away; then nothing is believed any more."""
    async with open_provider() as provider:
        await _register(room, provider)
        await room.identity.authenticate_token(provider.token(_claims(room)))
        provider.status = 500
        room.clock.turn(timedelta(hours=23))
        await room.identity.authenticate_token(provider.token(_claims(room)))
        room.clock.turn(timedelta(hours=2))
        with pytest.raises(DependencyError):
            await room.identity.authenticate_token(provider.token(_claims(room)))


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (500, None),
        (302, None),
        (200, b""),
        (200, b"[]"),
        (200, b"{" * 100_000),
        (200, b'{"keys": "none"}'),
        (200, b'{"keys": [' + b" " * 300_000 + b"]}"),
    ],
    ids=lambda value: repr(value)[:20],
)
async def test_a_bad_answer_of_the_key_address_gives_no_keys(
    room: Room, status: int, answer: bytes | None
) -> None:
    """Errors, redirects, other JSON, too much of it: nobody gets in, nothing breaks."""
    async with open_provider() as provider:
        provider.status, provider.answer = status, answer
        await _register(room, provider)
        with pytest.raises(DependencyError):
            await room.identity.authenticate_token(provider.token(_claims(room)))
        assert provider.asked == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"jwks": {"keys": []}}, "#/jwks_url"),
        ({"jwks_url": None}, "#/jwks_url"),
        ({"jwks_url": None, "jwks": {"keys": []}}, "#/jwks"),
        ({"jwks_url": "ftp://x.example/keys"}, "#/jwks_url"),
        ({"jwks_url": "https://user:secret@x.example/keys"}, "#/jwks_url"),
        ({"algorithm": "HS256"}, "#/algorithm"),
        ({"algorithm": "none"}, "#/algorithm"),
        ({"role_map": {"x": Role.VISITOR}}, "#/role_map"),
        ({"default_role": Role.VISITOR}, "#/role_map"),
    ],
    ids=str,
)
async def test_a_registration_that_cannot_work_is_refused(
    room: Room, changes: dict[str, Any], field: str
) -> None:
    """Said at once, with the field."""
    provider = Provider(url="https://idp.example/keys")
    with pytest.raises(InvalidError) as caught:
        await _register(room, provider, **changes)
    assert caught.value.faults[0].where == field


async def test_a_registration_with_a_private_key_is_refused(room: Room) -> None:
    """Who pastes the wrong half is told, and should replace it."""
    provider = Provider()
    jwk = {**public_jwk(new_key("EdDSA"), "EdDSA", "k1"), "d": "AAAA"}
    with pytest.raises(InvalidError):
        await _register(room, provider, jwks_url=None, jwks={"keys": [jwk]})
