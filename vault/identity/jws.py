"""A strict reading of signed tokens (RFC 7515 compact form), around PyJWT's signature check.

PyJWT is lenient where one token must have one spelling: it takes padded base64, repeated names, any ``typ``
and keys marked for another use. Here, before the signature is looked at:

1. size, three parts, canonical base64url (RFC 7515, 2: no padding, no spare bits),
2. header and payload are JSON objects in which no name stands twice,
3. ``alg`` is the one algorithm of the issuer (RFC 8725, 3.1), ``crit`` is refused (RFC 7515, 4.1.11),
4. the key is the one that ``kid`` names in the issuer's own set; ``jku``, ``x5u``, ``x5c`` and ``jwk`` are
   never read (RFC 8725, 3.10).
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from jwt import PyJWS
from jwt.exceptions import PyJWTError

from vault.identity.errors import Refusal, TokenRefusedError

MAX_TOKEN_CHARS: Final = 8_192  # a token of an identity provider with many groups is about 4 kB
_PART: Final = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A well-formed token whose signature has not been checked: good for choosing a key, nothing else."""

    token: str
    header: Mapping[str, Any]
    payload: bytes

    @property
    def kid(self) -> str | None:
        """The key the token says it was signed with; None where it names none, or not by a text."""
        named = self.header.get("kid")
        return named if isinstance(named, str) else None


def read_envelope(token: str) -> Envelope:
    """Take a token apart, steps 1 and 2 for the header; raises TokenRefusedError."""
    parts = token.split(".") if len(token) <= MAX_TOKEN_CHARS else []
    if len(parts) != 3:  # noqa: PLR2004  # header, payload, signature
        raise _malformed()
    header, payload, _signature = (decode_base64url(part) for part in parts)
    return Envelope(token, read_object(header), payload)


def verify(envelope: Envelope, keys: Mapping[str, Any], *, algorithm: str) -> bytes:
    """Check the signature, steps 3 and 4, and return the payload; raises TokenRefusedError."""
    header = envelope.header
    if header.get("alg") != algorithm:
        raise TokenRefusedError("the token's algorithm is not its issuer's", reason=Refusal.ALGORITHM)
    if "crit" in header or "b64" in header:
        raise TokenRefusedError("the token demands an extension", reason=Refusal.MALFORMED)
    kid = envelope.kid
    key = keys.get(kid) if kid is not None else None
    if key is None:
        raise TokenRefusedError("the token names no key of its issuer", reason=Refusal.KEY)
    try:
        payload = PyJWS(algorithms=[algorithm]).decode(envelope.token, key, algorithms=[algorithm])
    except (PyJWTError, ValueError, TypeError) as cause:
        raise TokenRefusedError("the token's signature is wrong", reason=Refusal.SIGNATURE) from cause
    return bytes(payload)


def read_object(raw: bytes) -> dict[str, Any]:
    """Read a JSON object in which no name stands twice; raises TokenRefusedError."""
    try:
        found = json.loads(raw.decode("utf-8"), object_pairs_hook=_no_twins, parse_constant=_no_constant)
    except (ValueError, RecursionError) as cause:
        raise _malformed() from cause
    if not isinstance(found, dict):
        raise _malformed()
    return found


def decode_base64url(text: str) -> bytes:
    """Decode base64url in its one canonical spelling; raises TokenRefusedError."""
    if not _PART.fullmatch(text):
        raise _malformed()
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as cause:
        raise _malformed() from cause
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii") != text:
        raise _malformed()
    return raw


def _malformed() -> TokenRefusedError:
    return TokenRefusedError("the token is not well-formed", reason=Refusal.MALFORMED)


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice")
    return made


def _no_constant(_name: str) -> Any:
    raise ValueError("no JSON number")
