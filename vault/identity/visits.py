"""A visitor who comes back by their own link: which link it was, and whether that is still the one.

A visit's token bears a tag of the link that was brought. A newer link has another tag, so that taking a link
out of use takes its visits with it.
"""

import base64
import hashlib
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.db.tables import own_links
from vault.identity.own_tokens import OwnClaims
from vault.identity.tenants import is_here

TAG_BYTES: Final = 12


def tag_of(secret_hash: bytes) -> str:
    """Name a link without saying anything of its secret or of what is stored."""
    return base64.urlsafe_b64encode(hashlib.sha256(b"visit " + secret_hash).digest()[:TAG_BYTES]).decode()


async def is_good(connection: AsyncConnection, claims: OwnClaims, *, now: datetime) -> bool:
    """Tell whether the link of a visit's token is there, not over, and still the call's newest."""
    query = select(own_links.c.secret_hash).where(
        own_links.c.call_id == claims.subject,
        own_links.c.tenant_id == claims.tenant_id,
        own_links.c.expires_at > now,
        is_here(own_links.c.tenant_id),
    )
    found = (await connection.execute(query)).scalar_one_or_none()
    return found is not None and tag_of(found) == claims.link
