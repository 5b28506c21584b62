"""Key sets: only public keys that are fit and meant for the issuer's algorithm."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from hypothesis import given
from hypothesis import strategies as st

from tests.vault.identity.issuer import new_key, public_jwk
from vault.errors import InvalidError
from vault.identity.jwk import ALGORITHMS, is_roca, read_key_set

JWKS = {algorithm: public_jwk(new_key(algorithm), algorithm, "k1") for algorithm in ALGORITHMS}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_plain_public_key_is_taken(algorithm: str) -> None:
    """By its kid, with or without use, key_ops and alg."""
    for more in ({}, {"use": "sig"}, {"key_ops": ["verify"]}, {"alg": algorithm}):
        assert set(read_key_set({"keys": [{**JWKS[algorithm], **more}]}, algorithm=algorithm)) == {"k1"}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    "more",
    [
        {"use": "enc"},
        {"use": ""},
        {"use": ["sig"]},
        {"key_ops": ["sign"]},
        {"key_ops": ["encrypt"]},
        {"key_ops": []},
        {"key_ops": "verify"},
        {"alg": "HS256"},
        {"alg": "none"},
        {"kid": None},
        {"kid": 5},
        {"kid": "x" * 201},
        {"kty": "oct"},
        {"kty": None},
    ],
    ids=str,
)
def test_a_key_for_another_use_is_passed_over(algorithm: str, more: dict[str, Any]) -> None:
    """RFC 7517, 4.2 to 4.4: use, key_ops and alg are obeyed; a key without a name cannot be chosen."""
    assert read_key_set({"keys": [{**JWKS[algorithm], **more}]}, algorithm=algorithm) == {}


def _weak() -> list[tuple[str, dict[str, Any]]]:
    weak_rsa = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)  # noqa: S505  # the point
    small_exponent = rsa.generate_private_key(public_exponent=3, key_size=2_048)
    other_curve = ec.generate_private_key(ec.SECP384R1())
    return [
        ("RS256", public_jwk(weak_rsa, "RS256", "k1")),
        ("RS256", public_jwk(small_exponent, "RS256", "k1")),
        ("RS256", {**JWKS["RS256"], "e": "AQ"}),
        ("RS256", {**JWKS["RS256"], "n": "AQAB"}),
        ("ES256", public_jwk(other_curve, "ES384", "k1")),
        ("ES256", {**JWKS["ES256"], "y": JWKS["ES256"]["x"]}),
        ("EdDSA", public_jwk(ed448.Ed448PrivateKey.generate(), "EdDSA", "k1")),
        ("EdDSA", {**JWKS["EdDSA"], "x": "AAAA"}),
        ("EdDSA", JWKS["ES256"]),
        ("ES256", JWKS["RS256"]),
        ("RS256", JWKS["EdDSA"]),
    ]


@pytest.mark.parametrize(("algorithm", "jwk"), _weak())
def test_a_weak_broken_or_different_key_is_passed_over(algorithm: str, jwk: dict[str, Any]) -> None:
    """RSA from 2048 bits and exponent 65537, P-256 points on their curve, Ed25519 only."""
    assert read_key_set({"keys": [jwk]}, algorithm=algorithm) == {}


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"keys": None},
        {"keys": {"k1": {}}},
        {"keys": [JWKS["EdDSA"]] * 51},
        {"keys": [JWKS["EdDSA"], JWKS["EdDSA"]]},
        {"keys": [{**JWKS["EdDSA"], "d": "AAAA"}]},
        {"keys": [{"kty": "oct", "k": "AAAA", "kid": "k2"}, JWKS["EdDSA"]]},
    ],
    ids=[f"document-{number}" for number in range(9)],
)
def test_a_document_that_is_no_public_key_set_is_refused(document: Any) -> None:
    """Too many keys, secret keys, one name twice: the whole set is not believed."""
    with pytest.raises(InvalidError):
        read_key_set(document, algorithm="EdDSA")


def test_a_key_of_the_broken_generator_is_recognised() -> None:
    """CVE-2017-15361: powers of 65537 modulo each small prime; an ordinary key is not one."""
    primorial = 1
    for prime in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89,
                  97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167):  # fmt: skip
        primorial *= prime
    assert is_roca(pow(65_537, 12_345, primorial) + 7 * primorial)
    ordinary = new_key("RS256").public_key().public_numbers().n
    assert not is_roca(ordinary)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["kty", "crv", "x", "y", "n", "e", "kid", "use", "alg", "key_ops"]), _JSON
        )
        | _JSON,
        max_size=3,
    ),
    st.sampled_from(ALGORITHMS),
)
def test_no_key_set_makes_reading_fail_in_another_way(keys: list[Any], algorithm: str) -> None:
    """Whatever an issuer publishes, reading it ends in keys or in a refusal."""
    try:
        read_key_set({"keys": keys}, algorithm=algorithm)
    except InvalidError:
        return
