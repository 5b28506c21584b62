"""Tokens of a tenant's own identity providers: verified with their keys, turned into our people."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from vault.clock import Clock
from vault.errors import ConflictError, DependencyError
from vault.identity.claims import Claims, audiences_of, issuer_of, read_claims
from vault.identity.errors import Refusal, TokenRefusedError
from vault.identity.issuers import Issuer, Issuers
from vault.identity.jws import Envelope, verify
from vault.identity.key_sets import KeySets
from vault.identity.people import People, Person
from vault.identity.visitor_tokens import VisitorTokens
from vault.model import Role
from vault.policy import Principal

# What others call a token that gives access (RFC 9068, 2.1; RFC 7519, 5.1). Never one of our own types.
FOREIGN_TYPES: Final = frozenset({None, "JWT", "at+jwt", "application/at+jwt"})
MAX_NAME_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Told:
    """What a verified foreign token says. ``jti`` is ours: a hash over issuer and theirs."""

    issuer: Issuer
    claims: Claims
    role: Role
    jti: str | None
    expires_at: datetime


class ForeignTokens:
    """Reads tokens of registered issuers. Where several share a name, the audience chooses."""

    def __init__(self, issuers: Issuers, key_sets: KeySets, people: People, clock: Clock) -> None:
        self._issuers = issuers
        self._key_sets = key_sets
        self._people = people
        self._clock = clock

    def of_visitors(self, *, own_name: str) -> VisitorTokens:
        """Give the reader of what the same issuers sign of visitors."""
        return VisitorTokens(self._issuers, self._key_sets, self._clock, own_name=own_name)

    async def read(self, envelope: Envelope) -> Told:
        """Verify a token; raises TokenRefusedError, or DependencyError where the issuer does not answer."""
        kind = envelope.header.get("typ")
        if not isinstance(kind, str | None) or kind not in FOREIGN_TYPES:
            raise TokenRefusedError("the token is of another type", reason=Refusal.TYPE)
        claims, issuer = await self._verified(envelope)
        role = issuer.role_for(claims.rest)
        if role is None:
            raise TokenRefusedError("the token gives no role here", reason=Refusal.PERSON)
        return Told(
            issuer=issuer,
            claims=claims,
            role=role,
            jti=_own_name(issuer, claims.jti),
            expires_at=datetime.fromtimestamp(claims.expires_s, UTC),
        )

    async def principal(self, told: Told) -> Principal:
        """Find, or the first time add, the person a token speaks for; raises TokenRefusedError if disabled.

        Where the issuer gives roles (it has a role claim), its latest word counts; else ours does.
        """
        issuer = told.issuer
        person = await self._people.by_subject(
            issuer_id=issuer.id, tenant_id=issuer.tenant_id, subject=told.claims.subject
        )
        if person is None:
            person = await self._meet(told)
        if person.disabled_at is not None:
            raise TokenRefusedError("the person cannot sign in", reason=Refusal.PERSON)
        if issuer.role_claim is None:
            return Principal(person.id, person.tenant_id, person.role, token_id=told.jti)
        if person.role is not told.role:
            await self._people.follow_issuer(person, told.role)
        return Principal(person.id, person.tenant_id, told.role, token_id=told.jti)

    async def _verified(self, envelope: Envelope) -> tuple[Claims, Issuer]:
        """Try the providers that the token names, oldest first: one that fails never speaks for the next."""
        refusal: TokenRefusedError | None = None
        unanswered: DependencyError | None = None
        for issuer in await self._chosen(envelope):
            try:
                keys = await self._key_sets.keys_of(issuer, kid=envelope.kid)
                payload = verify(envelope, keys, algorithm=issuer.algorithm)
                return read_claims(payload, now_s=self._clock.now().timestamp()), issuer
            except TokenRefusedError as error:
                refusal = error
            except DependencyError as error:
                unanswered = error
        if unanswered is not None:  # whose keys are not known might have been the right one
            raise unanswered
        raise refusal or TokenRefusedError("the token's issuer is not known here", reason=Refusal.ISSUER)

    async def _chosen(self, envelope: Envelope) -> list[Issuer]:
        """Find the registered providers by name and audience, before any key is fetched."""
        name = issuer_of(envelope.payload)
        found = await self._issuers.trusted(name, audiences_of(envelope.payload))
        if not found and await self._issuers.knows(name):
            raise TokenRefusedError("the token is for another audience", reason=Refusal.AUDIENCE)
        return found

    async def _meet(self, told: Told) -> Person:
        said = {name: told.claims.rest.get(name) for name in ("name", "email")}
        profile = {name: value[:MAX_NAME_CHARS] for name, value in said.items() if isinstance(value, str)}
        issuer, subject = told.issuer, told.claims.subject
        try:
            return await self._people.add(
                tenant_id=issuer.tenant_id,
                role=told.role,
                profile=profile,
                by=None,
                subject=(issuer.id, subject),
            )
        except ConflictError:
            # Two first requests at once: the other one added the person.
            met = await self._people.by_subject(
                issuer_id=issuer.id, tenant_id=issuer.tenant_id, subject=subject
            )
            if met is None:
                raise
            return met


def _own_name(issuer: Issuer, jti: str | None) -> str | None:
    # Two issuers may use the same jti; hashed, it fits its column however long it is.
    return None if jti is None else hashlib.sha256(f"{issuer.id} {jti}".encode()).hexdigest()
