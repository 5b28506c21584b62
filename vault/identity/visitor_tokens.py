"""What a tenant's own program says of a visitor, signed: ``data-visitor-token`` of the call button.

The key is one of a registered issuer of the tenant. The token says who a visitor is and gives no right: its
type is no access token's, so that neither is taken for the other (RFC 8725, 3.11).
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import Clock
from vault.db.tables import revoked_tokens
from vault.errors import VisitorTokenError
from vault.identity.claims import LEEWAY_S, Claims, audiences_of, issuer_of, read_claims
from vault.identity.errors import Refusal, TokenRefusedError
from vault.identity.issuers import Issuer, Issuers
from vault.identity.jws import Envelope, read_envelope, verify
from vault.identity.key_sets import KeySets
from vault.model import Id

TYPE: Final = "visitor+jwt"
MAX_LIFETIME_S: Final = (
    600  # it is made when the page is; longer, and a copied one speaks for a visitor all day
)
USED: Final = "used"
MISSING: Final = "missing"
# Each claim with the field it fills and the longest value a field may have (RFC 7519; OpenID Connect, 5.1).
FIELDS: Final = {
    "sub": ("reference", 200),
    "name": ("name", 200),
    "email": ("email", 254),
    "phone_number": ("phone", 40),
}
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Vouched:
    """What a verified token says of a visitor. ``jti`` is ours: a hash over issuer and theirs."""

    tenant_id: Id
    signed: Mapping[str, str] = field(repr=False)
    jti: str | None
    expires_at: datetime


class VisitorTokens:
    """Reads the tokens of one installation; ``own_name`` is its public address."""

    def __init__(self, issuers: Issuers, key_sets: KeySets, clock: Clock, *, own_name: str) -> None:
        self._issuers = issuers
        self._key_sets = key_sets
        self._clock = clock
        self._own_name = own_name

    async def read(self, token: str, *, tenant_id: Id, button_id: Id) -> Vouched:
        """Verify a token for one button; raises VisitorTokenError with the reason it is refused.

        Raises DependencyError where the issuer's keys are not known and it does not answer.
        """
        try:
            envelope = read_envelope(token)
            self._require_meant_for_us(envelope, button_id)
            issuer, claims = await self._verified(envelope, tenant_id)
            signed = _signed(claims)
        except TokenRefusedError as error:
            raise VisitorTokenError("the visitor's token is refused", reason=error.reason.value) from error
        jti = None if claims.jti is None else _own_jti(issuer, claims.jti)
        return Vouched(tenant_id, signed, jti, datetime.fromtimestamp(claims.expires_s, UTC))

    def _require_meant_for_us(self, envelope: Envelope, button_id: Id) -> None:
        """Look at type and audience, before any key is fetched."""
        if envelope.header.get("typ") != TYPE:
            raise TokenRefusedError("the token is of another type", reason=Refusal.TYPE)
        if not {button_id, self._own_name}.intersection(audiences_of(envelope.payload)):
            raise TokenRefusedError("the token is for another audience", reason=Refusal.AUDIENCE)

    async def _verified(self, envelope: Envelope, tenant_id: Id) -> tuple[Issuer, Claims]:
        """Try the tenant's providers of that name: one may be registered for several audiences."""
        name = issuer_of(envelope.payload)
        refusal = TokenRefusedError("the token's issuer is not known here", reason=Refusal.ISSUER)
        for issuer in await self._issuers.all_of(tenant_id):
            if issuer.issuer != name or issuer.disabled_at is not None:
                continue
            try:
                keys = await self._key_sets.keys_of(issuer, kid=envelope.kid)
                payload = verify(envelope, keys, algorithm=issuer.algorithm)
                now_s = self._clock.now().timestamp()
                return issuer, read_claims(payload, now_s=now_s, max_lifetime_s=MAX_LIFETIME_S)
            except TokenRefusedError as error:
                refusal = error
        raise refusal


async def spend(connection: AsyncConnection, vouched: Vouched, *, now: datetime) -> None:
    """Take a token that names itself out of use, in the transaction of what it was used for.

    Raises VisitorTokenError where it was used before.
    """
    if vouched.jti is None:
        return
    gone = now - timedelta(seconds=2 * LEEWAY_S)
    await connection.execute(delete(revoked_tokens).where(revoked_tokens.c.expires_at < gone))
    row = {"jti": vouched.jti, "tenant_id": vouched.tenant_id, "expires_at": vouched.expires_at}
    try:
        await connection.execute(insert(revoked_tokens).values(row))
    except IntegrityError as cause:
        raise VisitorTokenError("the visitor's token was used before", reason=USED) from cause


def _signed(claims: Claims) -> dict[str, str]:
    """Take the fields out of the claims, each of the right kind and length."""
    found = {name: claims.rest[name] for name in FIELDS if claims.rest.get(name) is not None}
    return {FIELDS[name][0]: _text(value, FIELDS[name][1]) for name, value in found.items()}


def _text(value: Any, longest: int) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= longest or _CONTROLS.search(value):
        raise TokenRefusedError("a claim of the token is of the wrong kind", reason=Refusal.CLAIMS)
    return value


def _own_jti(issuer: Issuer, jti: str) -> str:
    # Of another kind than an access token's name: revoking the one does not spend the other.
    return hashlib.sha256(f"visitor {issuer.id} {jti}".encode()).hexdigest()
