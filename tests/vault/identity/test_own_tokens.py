"""The vault's own tokens: one spelling, one type, one audience, and dead at once when they must be."""

import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from tests.vault.identity.room import OWN, START, Room, decode, encode, sign
from vault.clock import TurnableClock
from vault.db.tables import people
from vault.errors import UnauthenticatedError
from vault.identity.errors import Refusal, TokenRefusedError
from vault.identity.jws import read_envelope
from vault.identity.own_tokens import ACCESS_TYPE, VISITOR_TYPE, OwnTokens
from vault.identity.signing_key import SigningKey
from vault.model import Id, Role, new_id
from vault.settings import SessionSettings

NOW_S = int(START.timestamp())
KEY = SigningKey.generate()
TOKENS = OwnTokens(KEY, issuer=OWN, clock=TurnableClock(START), settings=SessionSettings())
PERSON, TENANT, CALL = new_id("per"), new_id("ten"), new_id("call")
GOOD = TOKENS.mint_access(person_id=PERSON, tenant_id=TENANT, role=Role.AGENT).token
HEADER: dict[str, Any] = decode(GOOD.split(".")[0])
CLAIMS: dict[str, Any] = decode(GOOD.split(".")[1])


def _names(value: Any) -> str:
    """Name a case by what it changes: values are fresh in every process."""
    return "+".join(value) if isinstance(value, dict) else str(value)


def _refusal(token: str) -> Refusal:
    with pytest.raises(TokenRefusedError) as caught:
        TOKENS.read(read_envelope(token))
    return caught.value.reason


def _signed(header: dict[str, Any] | str = HEADER, claims: dict[str, Any] | str = CLAIMS) -> str:
    return sign(KEY.private, header, claims)


def test_a_token_says_who_for_whom_and_until_when() -> None:
    """What is minted is what is read."""
    read = TOKENS.read(read_envelope(GOOD))
    assert (read.subject, read.tenant_id, read.role) == (PERSON, TENANT, Role.AGENT)
    assert read.expires_at == START + timedelta(seconds=SessionSettings().agent_token_s)
    assert HEADER["typ"] == ACCESS_TYPE
    assert set(CLAIMS) == {"iss", "aud", "sub", "tid", "role", "jti", "iat", "exp"}
    assert TOKENS.read(read_envelope(_signed())).jti == read.jti  # the helper signs as we do


def test_a_new_token_does_not_print() -> None:
    """No token in a log by accident."""
    minted = TOKENS.mint_visitor(call_id=CALL, tenant_id=TENANT)
    assert minted.token not in repr(minted)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": None}, Refusal.CLAIMS),
        ({"exp": str(NOW_S + 60)}, Refusal.CLAIMS),
        ({"exp": True}, Refusal.CLAIMS),
        ({"exp": NOW_S - 31}, Refusal.EXPIRED),
        ({"exp": NOW_S + 400 * 86_400}, Refusal.CLAIMS),
        ({"exp": 1e300}, Refusal.CLAIMS),
        ({"iat": None}, Refusal.CLAIMS),
        ({"iat": NOW_S + 31}, Refusal.CLAIMS),
        ({"nbf": NOW_S + 31}, Refusal.EXPIRED),
        ({"nbf": "now"}, Refusal.CLAIMS),
        ({"aud": None}, Refusal.CLAIMS),
        ({"aud": OWN + "/"}, Refusal.AUDIENCE),
        ({"aud": [OWN, "https://other.example"]}, Refusal.AUDIENCE),
        ({"aud": [OWN, 1]}, Refusal.CLAIMS),
        ({"iss": "https://other.example"}, Refusal.ISSUER),
        ({"sub": None}, Refusal.CLAIMS),
        ({"sub": 5}, Refusal.CLAIMS),
        ({"sub": CALL}, Refusal.TYPE),
        ({"sub": "admin"}, Refusal.TYPE),
        ({"tid": PERSON}, Refusal.CLAIMS),
        ({"role": "root"}, Refusal.CLAIMS),
        ({"role": "visitor"}, Refusal.CLAIMS),
        ({"role": None}, Refusal.CLAIMS),
        ({"jti": None}, Refusal.CLAIMS),
        ({"jti": "with space"}, Refusal.CLAIMS),
    ],
    ids=_names,
)
def test_each_claim_is_held_to_its_kind_and_value(changes: dict[str, Any], reason: Refusal) -> None:
    """Rightly signed is not enough (ASVS 9.2): times are numbers, audience and issuer exact, types match."""
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    assert _refusal(_signed(claims=claims)) is reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"typ": None}, Refusal.TYPE),
        ({"typ": "JWT"}, Refusal.TYPE),
        ({"typ": VISITOR_TYPE}, Refusal.TYPE),
        ({"typ": ACCESS_TYPE.upper()}, Refusal.TYPE),
        ({"typ": [ACCESS_TYPE]}, Refusal.TYPE),
        ({"alg": "none"}, Refusal.ALGORITHM),
        ({"alg": "HS256"}, Refusal.ALGORITHM),
        ({"alg": "eddsa"}, Refusal.ALGORITHM),
        ({"alg": None}, Refusal.ALGORITHM),
        ({"alg": ["EdDSA"]}, Refusal.ALGORITHM),
        ({"kid": None}, Refusal.KEY),
        ({"kid": "../../etc/passwd"}, Refusal.KEY),
        ({"kid": [KEY.kid]}, Refusal.KEY),
        ({"crit": []}, Refusal.MALFORMED),
        ({"crit": ["b64"], "b64": False}, Refusal.MALFORMED),
        ({"b64": False}, Refusal.MALFORMED),
    ],
    ids=_names,
)
def test_each_header_is_held_to_the_one_we_write(changes: dict[str, Any], reason: Refusal) -> None:
    """One algorithm, one type, a key of ours by its name."""
    header = {name: value for name, value in {**HEADER, **changes}.items() if value is not None}
    assert _refusal(_signed(header=header)) is reason


@pytest.mark.parametrize("place", ["jwk", "jku", "x5u", "x5c"])
def test_a_key_that_travels_with_the_token_is_never_used(place: str) -> None:
    """RFC 8725, 3.10: the attacker's own key in the header changes nothing."""
    attacker = Ed25519PrivateKey.generate()
    jwk = {
        "kty": "OKP",
        "crv": "Ed25519",
        "kid": KEY.kid,
        "x": encode(attacker.public_key().public_bytes_raw()),
    }
    header = {**HEADER, place: jwk if place == "jwk" else "http://127.0.0.1/keys"}
    assert _refusal(sign(attacker, header, CLAIMS)) is Refusal.SIGNATURE


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b",
        GOOD + ".",
        "." + GOOD,
        GOOD + "=",
        GOOD.replace(".", "=.", 1),
        GOOD.replace(".", "\n.", 1),
        " " + GOOD,
        GOOD + "\n",
        GOOD.rpartition(".")[0] + ".",
        "x" * 9_000,
        GOOD + "." + "A" * 9_000,
        _signed(header="[]"),
        _signed(claims="[]"),
        _signed(claims="{"),
        _signed(claims="{}x"),
        _signed(claims='{"exp": NaN}'),
        _signed(header=json.dumps(HEADER)[:-1] + ', "alg": "EdDSA"}'),
        _signed(claims=json.dumps(CLAIMS)[:-1] + ', "role": "admin"}'),
    ],
    ids=[f"spelling-{number}" for number in range(21)],
)
def test_what_is_not_the_one_canonical_spelling_is_refused(token: str) -> None:
    """Padding, spaces, spare parts, repeated names, other JSON: none of them is a token."""
    with pytest.raises(TokenRefusedError):
        TOKENS.read(read_envelope(token))


def test_spare_bits_of_base64_are_no_second_spelling() -> None:
    """An Ed25519 signature ends in two unused bits: the three other spellings of them are refused."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(GOOD[-1])
    for other in range(last & ~0xF, (last & ~0xF) + 16):
        if other != last:
            _refusal(GOOD[:-1] + alphabet[other])


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_no_mutant_of_a_good_token_is_accepted(data: st.DataObject) -> None:
    """Change, drop, add or swap any characters: it is refused (promise P6)."""
    characters = st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\0é")
    start = data.draw(st.integers(0, len(GOOD)))
    stop = data.draw(st.integers(start, min(len(GOOD), start + 6)))
    mutant = GOOD[:start] + data.draw(st.text(characters, max_size=6)) + GOOD[stop:]
    if mutant == GOOD:
        return
    with pytest.raises(TokenRefusedError):
        TOKENS.read(read_envelope(mutant))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from([*CLAIMS, "nbf"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=5)
        | st.lists(st.integers()),
        min_size=1,
    )
)
def test_no_odd_claim_makes_reading_fail_in_another_way(changes: dict[str, Any]) -> None:
    """Even a signed token of nonsense is refused as a token, never an error of the program."""
    token = _signed(claims={**CLAIMS, **changes})
    try:
        TOKENS.read(read_envelope(token))
    except TokenRefusedError:
        return
    assert set(changes) <= {"jti", "iat", "nbf", "exp"}


async def test_a_token_works_until_its_person_is_disabled_or_changes_role(room: Room) -> None:
    """The person's row is looked up every time: loss and gain both need a new token."""
    token = room.identity.mint_access_token(room.agent).token
    assert (await room.identity.authenticate_token(token)).role is Role.AGENT
    for values in ({"role": "supervisor"}, {"role": "agent", "disabled_at": room.clock.now()}):
        async with room.database.write() as connection:
            await connection.execute(update(people).where(people.c.id == room.agent.id).values(values))
        with pytest.raises(TokenRefusedError):
            await room.identity.authenticate_token(token)


async def test_a_revoked_token_is_refused_at_once_and_its_sibling_is_not(any_room: Room) -> None:
    """Revocation is by jti."""
    one, other = (any_room.identity.mint_access_token(any_room.agent).token for _ in range(2))
    await any_room.identity.revoke_token(one)
    await any_room.identity.revoke_token(other)
    fresh = any_room.identity.mint_access_token(any_room.agent).token
    for token in (one, other):
        with pytest.raises(TokenRefusedError) as caught:
            await any_room.identity.authenticate_token(token)
        assert caught.value.reason is Refusal.REVOKED
    assert (await any_room.identity.authenticate_token(fresh)).id == any_room.agent.id


async def test_what_runs_with_a_token_ends_with_it(any_room: Room) -> None:
    """Revoking bites for who does not ask again by themselves; the person may go on with another token."""
    one, other = (any_room.identity.mint_access_token(any_room.agent).token for _ in range(2))
    running = await any_room.identity.authenticate_token(one)
    going_on = await any_room.identity.authenticate_token(other)
    assert await any_room.identity.may_go_on(running) == running
    await any_room.identity.revoke_token(one)
    assert await any_room.identity.may_go_on(running) is None
    assert await any_room.identity.may_go_on(going_on) == going_on


async def test_a_token_expires(room: Room) -> None:
    """Within the leeway of 30 seconds."""
    token = room.identity.mint_access_token(room.agent, lifetime_s=60).token
    room.clock.turn(timedelta(seconds=91))
    with pytest.raises(TokenRefusedError) as caught:
        await room.identity.authenticate_token(token)
    assert caught.value.reason is Refusal.EXPIRED


async def test_a_visitors_token_needs_its_call(room: Room) -> None:
    """A call that is not there (any more) gives no rights."""
    minted = room.identity.mint_visitor_token(call_id=CALL, tenant_id=room.tenant_id)
    with pytest.raises(UnauthenticatedError):
        await room.identity.authenticate_token(minted.token)


async def test_a_token_of_another_key_is_refused(room: Room) -> None:
    """Same issuer, same person, another key."""
    forger = OwnTokens(SigningKey.generate(), issuer=OWN, clock=room.clock, settings=SessionSettings())
    token = forger.mint_access(person_id=room.admin.id, tenant_id=room.tenant_id, role=Role.ADMIN).token
    with pytest.raises(TokenRefusedError) as caught:
        await room.identity.authenticate_token(token)
    assert caught.value.reason is Refusal.KEY


async def test_a_person_of_another_tenant_cannot_be_named(room: Room) -> None:
    """The tenant in the token and the one in the row must be the same."""
    stranger = Id(new_id("ten"))
    tokens = OwnTokens(room.signing_key, issuer=OWN, clock=room.clock, settings=SessionSettings())
    token = tokens.mint_access(person_id=room.admin.id, tenant_id=stranger, role=Role.ADMIN).token
    with pytest.raises(TokenRefusedError):
        await room.identity.authenticate_token(token)
