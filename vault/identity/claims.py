"""Claims of a verified token (RFC 7519, 4.1), read strictly: a wrong kind of value is refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from vault.identity.errors import Refusal, TokenRefusedError
from vault.identity.jws import read_object

LEEWAY_S: Final = 30  # clocks of two well-kept machines differ by less
MAX_LIFETIME_S: Final = (
    24 * 3_600
)  # a token that lives longer could not be left to expire after a role change
MAX_SUBJECT_CHARS: Final = 255
MAX_AUDIENCES: Final = 20  # each may name a provider whose keys are fetched; real tokens have one to three
# Before a signature is checked these texts are already looked up: no database takes half a surrogate pair,
# and PostgreSQL no NUL.
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_JTI: Final = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims every accepted token has, and all others in ``rest``."""

    issuer: str
    subject: str
    audiences: tuple[str, ...]
    expires_s: float
    issued_s: float
    jti: str | None
    rest: Mapping[str, Any]


def read_claims(payload: bytes, *, now_s: float, max_lifetime_s: float = MAX_LIFETIME_S) -> Claims:
    """Read and check what does not depend on the issuer: times, kinds, presence; raises TokenRefusedError."""
    raw = read_object(payload)
    claims = Claims(
        issuer=_text(raw, "iss"),
        subject=_text(raw, "sub"),
        audiences=_audiences(raw.get("aud")),
        expires_s=_number(raw, "exp"),
        issued_s=_number(raw, "iat"),
        jti=_jti(raw.get("jti")),
        rest=raw,
    )
    if "nbf" in raw and _number(raw, "nbf") > now_s + LEEWAY_S:
        raise TokenRefusedError("the token is not valid yet", reason=Refusal.EXPIRED)
    if claims.expires_s <= now_s - LEEWAY_S:
        raise TokenRefusedError("the token has expired", reason=Refusal.EXPIRED)
    if claims.issued_s > now_s + LEEWAY_S:
        raise TokenRefusedError("the token was issued in the future", reason=Refusal.CLAIMS)
    if claims.expires_s - claims.issued_s > max_lifetime_s:
        raise TokenRefusedError("the token lives too long", reason=Refusal.CLAIMS)
    return claims


def issuer_of(payload: bytes) -> str:
    """Return who an unverified token says it is from, to choose the keys that verify it."""
    return _text(read_object(payload), "iss")


def audiences_of(payload: bytes) -> tuple[str, ...]:
    """Return whom an unverified token says it is for, to choose among issuers of one name."""
    return _audiences(read_object(payload).get("aud"))


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_SUBJECT_CHARS * 2 or _CONTROLS.search(value):
        raise _wrong(name)
    return value


def _number(raw: Mapping[str, Any], name: str) -> float:
    value = raw.get(name)
    # A boolean is an int to Python and a digit string is one to others; neither is a NumericDate.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 2**40:
        raise _wrong(name)
    return float(value)


def _audiences(value: Any) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_AUDIENCES:
        raise _wrong("aud")
    if not all(isinstance(entry, str) and not _CONTROLS.search(entry) for entry in listed):
        raise _wrong("aud")
    return tuple(listed)


def _jti(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _JTI.fullmatch(value):
        raise _wrong("jti")
    return value


def _wrong(name: str) -> TokenRefusedError:
    return TokenRefusedError(f"the claim {name} is missing or of the wrong kind", reason=Refusal.CLAIMS)
