"""Tells whom the company named how far its exit is, and forgets the address when the last was said.

The address lies sealed under a key of the exit's own. What becomes of the last notice is written down before
that key is forgotten, and the row keeps something to do until the logs of both databases are clean of it: a
crash anywhere is finished by the next.
"""

from datetime import timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Row, update

from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import tenant_exits
from vault.errors import DependencyError, KeyForgottenError
from vault.keys.blobs import Blobs
from vault.keys.store import KeyStore
from vault.leaving.exits import NOTIFY_PART, told
from vault.leaving.notices import TEXTS, NoticeRefusedError, Post
from vault.model import ExitState, Role
from vault.policy import Principal
from vault.rights.receipts import Receipts

log = structlog.get_logger(__name__)

AGAIN_S: Final = 1_800.0  # RFC 5321, 4.5.4.1: at least 30 minutes between two tries
GIVE_UP: Final = timedelta(days=5)  # as above: some 4 to 5 days
NOBODY: Final = b""  # in the place of an address whose key is forgotten: the database's log is still to clean
REFUSED: Final = "refused"
UNANSWERED: Final = "unanswered"


class Teller:
    """Sends notices; ``post`` is None where no mail is sent."""

    def __init__(
        self, database: Database, keys: KeyStore, receipts: Receipts, clock: Clock, post: Post | None
    ) -> None:
        self._database = database
        self._keys = keys
        self._blobs = Blobs(keys)
        self._receipts = receipts
        self._clock = clock
        self._post = post
        self._again_s: dict[str, float] = {}

    async def tell(self, row: Row[Any]) -> bool:
        """Tell the state of an exit where that is due; False while it is to be tried again.

        A mail server that is away keeps nothing waiting but the address.
        """
        state = ExitState(row.state)
        post = self._post
        if row.told == state.value or state not in TEXTS or not row.notify or post is None:
            return True
        if self._clock.monotonic() < self._again_s.get(row.id, 0.0):
            return False
        try:
            notice = await self._sent(row, state, post)
        except DependencyError:
            self._again_s[row.id] = self._clock.monotonic() + AGAIN_S
            if row.ended_at is None or self._clock.now() - row.ended_at < GIVE_UP:
                log.warning("exit.notice_waits", exit=row.id, state=state.value)
                return False
            log.error("exit.notice_unanswered", exit=row.id, state=state.value)
            notice = UNANSWERED
        self._again_s.pop(row.id, None)
        await self._set(row, {"told": row.state, "notice": notice})
        return True

    async def _sent(self, row: Row[Any], state: ExitState, post: Post) -> str | None:
        """Send a notice; tells why it will not arrive, None where it was taken, by now or before a crash."""
        try:
            opened = await self._blobs.open(row.notify, tenant_id=row.id, object_id=row.id, part=NOTIFY_PART)
            receipt = await self._receipt(row) if state is ExitState.GONE else None
            await post.tell(str(opened["address"]), told(row), receipt)
        except KeyForgottenError:
            return None
        except NoticeRefusedError:
            log.error("exit.notice_refused", exit=row.id, state=state.value)
            return REFUSED
        return None

    async def forgotten(self, row: Row[Any]) -> bool:
        """Forget the address of an exit that is over; False while a reader holds what was forgotten."""
        if row.notify is None:
            return True
        if row.notify != NOBODY:
            await self._keys.forget(object_id=row.id)
            await self._keys.forget_tenant(row.id)
            if not await self._keys.tenant_traces_gone():
                return False
            await self._set(row, {"notify": NOBODY})
        if not await self._database.forget_traces("tenant_exits"):
            return False
        self._again_s.pop(row.id, None)
        await self._set(row, {"notify": None})
        return True

    async def _receipt(self, row: Row[Any]) -> bytes:
        by = Principal(row.tenant_id, row.tenant_id, Role.ADMIN)
        return await self._receipts.of(row.request_id, by=by)

    async def _set(self, row: Row[Any], values: dict[str, Any]) -> None:
        this = (tenant_exits.c.id == row.id) & (tenant_exits.c.state == row.state)
        async with self._database.write() as connection:
            await connection.execute(update(tenant_exits).where(this).values(values))
