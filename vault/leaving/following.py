"""The follow-up link of an exit: how its end is seen once nobody of the company is let in any more.

Its secret is derived from the exit's id under a key of the deployment: it is stored nowhere, and is told
again to whoever of the company asks, as long as there is somebody. It shows how far the exit is, and the
receipt; neither has a personal datum. It fetches no volume and changes nothing (docs/adr/0018).
"""

import base64
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select

from vault.db.engine import Database
from vault.db.tables import tenant_exits
from vault.errors import ConflictError, NotFoundError
from vault.leaving.exits import Exit, read_exit
from vault.model import Id, Role
from vault.policy import Principal
from vault.rights.receipts import Receipts
from vault.rights.requests import DeletionRequests

SECRET_BYTES: Final = 16  # 128 bits: nobody guesses it, and it fits on a line


@dataclass(frozen=True, slots=True)
class Followed:
    """What a follow-up link shows. ``receipt``: its file's exact text, as soon as something is proven."""

    how_far: Exit
    erasing_since: datetime | None
    receipt: str | None


class FollowUps:
    """Makes links, and knows a good one. ``key``: a secret of the deployment, for this purpose alone."""

    def __init__(
        self, database: Database, requests: DeletionRequests, receipts: Receipts, key: bytes
    ) -> None:
        self._database = database
        self._requests = requests
        self._receipts = receipts
        self._key = key

    def __repr__(self) -> str:
        return "FollowUps()"

    def secret_of(self, exit_id: str) -> str:
        """Give an exit's secret: 22 characters of URL-safe base64 (RFC 4648, 5)."""
        made = hmac.digest(self._key, exit_id.encode(), "sha256")[:SECRET_BYTES]
        return base64.urlsafe_b64encode(made).decode().rstrip("=")

    async def follow(self, exit_id: str, secret: str) -> Followed:
        """Show how far an exit is; NotFoundError for whatever is not an exit with its own secret."""
        if not hmac.compare_digest(self.secret_of(exit_id).encode(), secret.encode()):
            raise NotFoundError
        query = select(tenant_exits).where(tenant_exits.c.id == exit_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
            how_far = None if row is None else await read_exit(connection, row)
        if how_far is None:
            raise NotFoundError
        if how_far.request_id is None:
            return Followed(how_far, None, None)
        return await self._ending(how_far, how_far.request_id)

    async def _ending(self, how_far: Exit, request_id: Id) -> Followed:
        """Show an exit whose erasure has begun, in the company's name: of it nobody is left to ask."""
        by = Principal(how_far.tenant_id, how_far.tenant_id, Role.ADMIN)
        request = await self._requests.get(request_id, by=by)
        try:
            receipt = (await self._receipts.written(request)).decode()
        except ConflictError:
            receipt = None
        return Followed(how_far, request.requested_at, receipt)
