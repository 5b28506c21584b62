"""The room's front desk: from a credential to a principal, on every request anew.

Nothing about a person is remembered between requests: disabling someone, changing a role or revoking a token
bites on the next one. What may not wait for the database goes by ``Identity.unlooked``.
"""

from collections.abc import Awaitable
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select

from vault.clock import Clock
from vault.db import tables
from vault.db.engine import Database
from vault.identity.claims import LEEWAY_S, issuer_of
from vault.identity.errors import Refusal, TokenRefusedError
from vault.identity.foreign_tokens import ForeignTokens
from vault.identity.going_on import GoingOn
from vault.identity.issuers import Issuers
from vault.identity.jws import Envelope, read_envelope
from vault.identity.lately import Lately
from vault.identity.own_tokens import Minted, OwnClaims, OwnTokens
from vault.identity.people import People, Person
from vault.identity.sessions import OpenedSession, Sessions
from vault.identity.tenants import Tenants, is_here
from vault.identity.visits import is_good
from vault.model import Id, Role
from vault.policy import Principal

LEEWAY = timedelta(seconds=LEEWAY_S)


class Identity:
    """Authenticates, signs in and out, mints and revokes. Composed once, in ``vault.app``."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        tokens: OwnTokens,
        foreign: ForeignTokens,
        issuers: Issuers,
        people: People,
        sessions: Sessions,
        tenants: Tenants,
    ) -> None:
        self.issuers = issuers
        self.people = people
        self.sessions = sessions
        self.tenants = tenants
        self.visitors = foreign.of_visitors(own_name=tokens.issuer)
        self._database = database
        self._clock = clock
        self._tokens = tokens
        self._foreign = foreign
        self._going_on = GoingOn(database, sessions)
        self._lately = Lately(clock)

    async def authenticate_token(self, token: str) -> Principal:
        """Say who a bearer token speaks for; raises TokenRefusedError.

        Raises DependencyError where an issuer's keys are not known and it does not answer.
        """
        envelope = read_envelope(token)
        if issuer_of(envelope.payload) == self._tokens.issuer:
            return await self._noted(token, self._own(self._tokens.read(envelope)))
        return await self._noted(token, self._other(envelope))

    async def authenticate_session(self, secret: str) -> Principal:
        """Say whose a session cookie is; raises TokenRefusedError once it is over."""
        return await self._noted(secret, self.sessions.principal_of(secret))

    def unlooked(self, credential: str) -> Principal | None:
        """Say who a token or a session's secret speaks for without looking anything up; None where unknown.

        It was good lately, or it is a person's or a visitor's token of ours by its signature. Whether it was
        revoked since, nobody says: ask only for what stops a recording, of a call that the principal is in.
        """
        return self._lately.who(credential) or self._signed(credential)

    async def may_go_on(self, principal: Principal) -> Principal | None:
        """Look a principal up again, for what outlives its request; None where it may not go on.

        The role in the answer is the one of now.
        """
        if principal.until is not None and principal.until + LEEWAY <= self._clock.now():
            return None
        if principal.is_visit:
            return None  # a visit reads and decides; nothing of it goes on
        role = await self._going_on.role_of(principal)
        return None if role is None else replace(principal, role=role)

    async def sign_in_with_token(self, token: str) -> OpenedSession:
        """Exchange an access token for a browser session; raises TokenRefusedError."""
        principal = await self.authenticate_token(token)
        if principal.role in {Role.VISITOR, Role.SERVICE}:
            raise TokenRefusedError("only people have browser sessions", reason=Refusal.TYPE)
        return await self.sessions.open_for(principal)

    def mint_access_token(self, person: Person, *, lifetime_s: float | None = None) -> Minted:
        """Make an access token for a person or a service of ours."""
        return self._tokens.mint_access(
            person_id=person.id, tenant_id=person.tenant_id, role=person.role, lifetime_s=lifetime_s
        )

    def mint_visitor_token(self, *, call_id: Id, tenant_id: Id) -> Minted:
        """Make the token of a visitor, good for one call."""
        return self._tokens.mint_visitor(call_id=call_id, tenant_id=tenant_id)

    def mint_visit_token(self, *, call_id: Id, tenant_id: Id, link: str) -> Minted:
        """Make the token of a visitor who came back by their own link; ``link`` is that link's tag."""
        return self._tokens.mint_visit(call_id=call_id, tenant_id=tenant_id, link=link)

    async def revoke_token(self, token: str) -> None:
        """Refuse a good token from now on; raises TokenRefusedError for one that is not good anyway.

        The ``jti`` is kept, not the text: that is a secret. Repeating it is harmless.
        """
        envelope = read_envelope(token)
        if issuer_of(envelope.payload) == self._tokens.issuer:
            claims = self._tokens.read(envelope)
            await self.revoke(claims.jti, expires_at=claims.expires_at, tenant_id=claims.tenant_id)
            return
        told = await self._foreign.read(envelope)
        if told.jti is None:
            raise TokenRefusedError("a token without jti cannot be revoked alone", reason=Refusal.CLAIMS)
        await self.revoke(told.jti, expires_at=told.expires_at, tenant_id=told.issuer.tenant_id)

    async def revoke(self, jti: str, *, expires_at: datetime, tenant_id: Id) -> None:
        """Refuse a token of ours from now on by its name. Repeating it is harmless."""
        revoked = tables.revoked_tokens
        gone = self._clock.now() - timedelta(seconds=2 * LEEWAY_S)
        async with self._database.write() as connection:
            await connection.execute(
                delete(revoked).where((revoked.c.jti == jti) | (revoked.c.expires_at < gone))
            )
            await connection.execute(
                insert(revoked).values(jti=jti, tenant_id=tenant_id, expires_at=expires_at)
            )

    async def _own(self, claims: OwnClaims) -> Principal:
        await self._require_not_revoked(claims.jti)
        if claims.role is Role.VISITOR:
            if not await self._visitor_may_come(claims):
                raise TokenRefusedError("the token's call is gone", reason=Refusal.CALL)
            return _principal(claims)
        # A role that changed since the token was made needs a new token: neither loss nor gain slips through.
        if await self._role_of(claims.subject, claims.tenant_id) is not claims.role:
            raise TokenRefusedError("the token's person may no longer use it", reason=Refusal.PERSON)
        return _principal(claims)

    async def _noted(self, credential: str, found: Awaitable[Principal]) -> Principal:
        try:
            who = await found
        except TokenRefusedError:
            self._lately.forget(credential)
            raise
        self._lately.note(credential, who)
        return who

    def _signed(self, credential: str) -> Principal | None:
        try:
            claims = self._tokens.read(read_envelope(credential))
        except TokenRefusedError:
            return None
        return None if claims.role is Role.SERVICE or claims.link is not None else _principal(claims)

    async def _other(self, envelope: Envelope) -> Principal:
        told = await self._foreign.read(envelope)
        if told.jti is not None:
            await self._require_not_revoked(told.jti)
        return replace(await self._foreign.principal(told), until=told.expires_at)

    async def _role_of(self, person_id: Id, tenant_id: Id) -> Role | None:
        people, issuers = tables.people, tables.issuers
        query = (
            select(people.c.role)
            .outerjoin(issuers, issuers.c.id == people.c.issuer_id)
            .where(
                people.c.id == person_id,
                people.c.tenant_id == tenant_id,
                people.c.disabled_at.is_(None),
                issuers.c.disabled_at.is_(None),
            )
        )
        async with self._database.read() as connection:
            role = (await connection.execute(query)).scalar_one_or_none()
        return None if role is None else Role(role)

    async def _visitor_may_come(self, claims: OwnClaims) -> bool:
        """Tell whether a visitor's call is there, or for a visit, its link: that one outlives the call."""
        if claims.link is None:
            return await self._call_is_there(claims.subject, claims.tenant_id)
        async with self._database.read() as connection:
            return await is_good(connection, claims, now=self._clock.now())

    async def _call_is_there(self, call_id: Id, tenant_id: Id) -> bool:
        calls = tables.calls
        query = select(calls.c.id).where(
            calls.c.id == call_id,
            calls.c.tenant_id == tenant_id,
            calls.c.erased_at.is_(None),
            is_here(calls.c.tenant_id),
        )
        async with self._database.read() as connection:
            return (await connection.execute(query)).first() is not None

    async def _require_not_revoked(self, jti: str) -> None:
        query = select(tables.revoked_tokens.c.jti).where(tables.revoked_tokens.c.jti == jti)
        async with self._database.read() as connection:
            if (await connection.execute(query)).first() is not None:
                raise TokenRefusedError("the token was revoked", reason=Refusal.REVOKED)


def _principal(claims: OwnClaims) -> Principal:
    return Principal(
        claims.subject,
        claims.tenant_id,
        claims.role,
        call_id=claims.subject if claims.role is Role.VISITOR else None,
        token_id=claims.jti,
        until=claims.expires_at,
        is_visit=claims.link is not None,
    )
