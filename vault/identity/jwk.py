"""Key sets of issuers (RFC 7517): only public keys that are fit, and meant, for the issuer's algorithm."""

from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from vault.errors import Fault, InvalidError

ALGORITHMS: Final = ("EdDSA", "ES256", "RS256")
MIN_RSA_BITS: Final = 2_048  # RFC 7518, 3.3
MAX_RSA_BITS: Final = 8_192  # larger ones cost the event loop milliseconds for each token
MIN_RSA_EXPONENT: Final = 65_537
MAX_KEYS: Final = 50
MAX_KID_CHARS: Final = 200


def read_key_set(document: Any, *, algorithm: str) -> dict[str, Any]:
    """Return the usable keys of a JWK set by their ``kid``.

    Keys of other kinds or uses are passed over, as RFC 7517, 5 asks. Raises InvalidError where the document
    is no key set, holds a private key, or gives one ``kid`` to two usable keys.
    """
    found = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(found, list) or len(found) > MAX_KEYS:
        raise _invalid(f"a key set is an object with at most {MAX_KEYS} keys")
    keys: dict[str, Any] = {}
    for jwk in found:
        if isinstance(jwk, Mapping) and ("d" in jwk or "k" in jwk):
            raise _invalid("the set holds a secret key; publish public keys only, and replace this one")
        kid, key = (jwk.get("kid"), read_key(jwk, algorithm)) if isinstance(jwk, Mapping) else (None, None)
        if key is None or not isinstance(kid, str) or len(kid) > MAX_KID_CHARS:
            continue
        if kid in keys:
            raise _invalid("two keys of the set bear the same kid")
        keys[kid] = key
    return keys


def read_key(jwk: Mapping[str, Any], algorithm: str) -> Any | None:
    """Return the key where it is fit and meant for verifying with the algorithm, else None."""
    operations = jwk.get("key_ops")
    if jwk.get("use", "sig") != "sig" or jwk.get("alg", algorithm) != algorithm:
        return None
    if operations is not None and (not isinstance(operations, list) or "verify" not in operations):
        return None
    try:
        key = PyJWK(dict(jwk), algorithm).key
    except (PyJWTError, ValueError, TypeError, KeyError):
        return None
    return key if _fits(key, algorithm) else None


def is_roca(modulus: int) -> bool:
    """Tell whether a modulus bears the mark of CVE-2017-15361: its private key can be computed.

    The broken generator's primes are powers of 65537 modulo many small primes, and so is their product.
    """
    return all(modulus % prime in powers for prime, powers in _ROCA_POWERS.items())


def _powers_modulo(prime: int) -> frozenset[int]:
    return frozenset(pow(65_537, exponent, prime) for exponent in range(prime))


_ROCA_POWERS: Final = {
    prime: _powers_modulo(prime)
    for prime in (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)
}


def _fits(key: Any, algorithm: str) -> bool:
    match algorithm:
        case "EdDSA":  # RFC 8037 also knows Ed448; it is not used here
            return isinstance(key, Ed25519PublicKey)
        case "ES256":
            return isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)
        case "RS256":
            return (
                isinstance(key, RSAPublicKey)
                and MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS
                and key.public_numbers().e >= MIN_RSA_EXPONENT
                and not is_roca(key.public_numbers().n)
            )
        case _:
            return False


def _invalid(sentence: str) -> InvalidError:
    return InvalidError("the key set cannot be used", [Fault("#/jwks", "jwks", sentence)])
