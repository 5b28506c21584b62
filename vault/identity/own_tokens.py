"""Tokens the vault makes itself: access for people and services, one visitor's one call, a visit to it."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import jwt

from vault.clock import Clock
from vault.identity.claims import Claims, read_claims
from vault.identity.errors import Refusal, TokenRefusedError
from vault.identity.jws import Envelope, verify
from vault.identity.signing_key import SigningKey
from vault.model import Id, Role, is_id
from vault.settings import SessionSettings

ALGORITHM: Final = "EdDSA"
ACCESS_TYPE: Final = "callvault-access+jwt"
VISITOR_TYPE: Final = "callvault-visitor+jwt"
VISIT_TYPE: Final = "callvault-visit+jwt"
VISIT_S: Final = 1_800  # to read a page and to decide; the page asks for another while it has the link
MAX_LIFETIME_S: Final = 366 * 24 * 3_600  # a service's token may live a year; every use looks its person up


@dataclass(frozen=True, slots=True)
class Minted:
    """A new token. Its text is a secret and does not print."""

    token: str
    expires_at: datetime
    jti: str

    def __repr__(self) -> str:
        return f"Minted(expires_at={self.expires_at!s})"


@dataclass(frozen=True, slots=True)
class OwnClaims:
    """What one of our tokens says. ``subject`` is a person, or the call of a visitor.

    ``link`` is set for a visit: the tag of the link that was brought (``vault.identity.visits``).
    """

    subject: Id
    tenant_id: Id
    role: Role
    jti: str
    expires_at: datetime
    link: str | None = None


class OwnTokens:
    """Makes and reads tokens under one key. ``issuer`` is the public address; it is the audience too."""

    def __init__(self, key: SigningKey, *, issuer: str, clock: Clock, settings: SessionSettings) -> None:
        self.issuer = issuer
        self._key = key
        self._keys = {key.kid: key.public}
        self._clock = clock
        self._settings = settings

    def mint_access(
        self, *, person_id: Id, tenant_id: Id, role: Role, lifetime_s: float | None = None
    ) -> Minted:
        """Make a token for a person or a service, for the settings' lifetime unless said otherwise."""
        life_s = min(lifetime_s or self._settings.agent_token_s, MAX_LIFETIME_S)
        return self._mint(ACCESS_TYPE, person_id, tenant_id, role, life_s)

    def mint_visitor(self, *, call_id: Id, tenant_id: Id) -> Minted:
        """Make a token that is good for one call."""
        return self._mint(VISITOR_TYPE, call_id, tenant_id, Role.VISITOR, self._settings.visitor_token_s)

    def mint_visit(self, *, call_id: Id, tenant_id: Id, link: str) -> Minted:
        """Make a token for whoever came back to one call by the link of this tag."""
        return self._mint(VISIT_TYPE, call_id, tenant_id, Role.VISITOR, VISIT_S, link=link)

    def read(self, envelope: Envelope) -> OwnClaims:
        """Verify one of our tokens; raises TokenRefusedError. Revocation is the caller's question."""
        payload = verify(envelope, self._keys, algorithm=ALGORITHM)
        claims = read_claims(payload, now_s=self._clock.now().timestamp(), max_lifetime_s=MAX_LIFETIME_S)
        if claims.issuer != self.issuer:
            raise TokenRefusedError("the token is another issuer's", reason=Refusal.ISSUER)
        if claims.audiences != (self.issuer,):
            raise TokenRefusedError("the token is for another audience", reason=Refusal.AUDIENCE)
        return _own_claims(envelope.header.get("typ"), claims)

    def _mint(
        self, kind: str, subject: Id, tenant_id: Id, role: Role, lifetime_s: float, **more: str
    ) -> Minted:
        issued_s = int(self._clock.now().timestamp())
        expires_s = issued_s + int(lifetime_s)
        jti = secrets.token_urlsafe(16)
        payload = {
            "iss": self.issuer,
            "aud": self.issuer,
            "sub": subject,
            "tid": tenant_id,
            "role": role.value,
            "jti": jti,
            "iat": issued_s,
            "exp": expires_s,
            **more,
        }
        headers = {"typ": kind, "kid": self._key.kid}
        token = jwt.encode(payload, self._key.private, algorithm=ALGORITHM, headers=headers)
        return Minted(token, datetime.fromtimestamp(expires_s, UTC), jti)


def _own_claims(kind: Any, claims: Claims) -> OwnClaims:
    # A token is good for the one thing its type says (RFC 8725, 3.11), and its subject is of that kind.
    prefixes = {ACCESS_TYPE: "per", VISITOR_TYPE: "call", VISIT_TYPE: "call"}
    prefix = prefixes.get(kind) if isinstance(kind, str) else None
    tenant_id, role, link = claims.rest.get("tid"), claims.rest.get("role"), claims.rest.get("link")
    if prefix is None or not is_id(claims.subject, prefix):
        raise TokenRefusedError("the token is of another type", reason=Refusal.TYPE)
    if not isinstance(tenant_id, str) or not is_id(tenant_id, "ten") or role not in list(Role):
        raise TokenRefusedError("the token lacks its tenant or role", reason=Refusal.CLAIMS)
    is_of_call, is_visit = prefix == "call", kind == VISIT_TYPE
    if claims.jti is None or (role == Role.VISITOR) != is_of_call or isinstance(link, str) != is_visit:
        raise TokenRefusedError("the token contradicts itself", reason=Refusal.CLAIMS)
    return OwnClaims(
        subject=Id(claims.subject),
        tenant_id=Id(tenant_id),
        role=Role(role),
        jti=claims.jti,
        expires_at=datetime.fromtimestamp(claims.expires_s, UTC),
        link=link,
    )
