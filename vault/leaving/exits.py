"""The exit of a tenant: asked for, taken back, and how far it is.

It is *exporting* until everything that the tenant takes along lies ready, then *ready* for the grace period.
No call begins from the first moment on; everything else goes on as before, and what comes of it is taken
along too. Then the tenant is *leaving*: nobody is let in, and all of it is erased; *gone* when that is
proven. Until it is leaving the exit can be *cancelled*.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from crypto.receipts import LeafValue
from storage.errors import AbsentError, StorageError
from storage.store import ObjectStore, Reading
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import erasures, exit_items, exit_volumes, media, tenant_exits, tenants
from vault.errors import ConflictError, DependencyError, Fault, InvalidError, NotFoundError
from vault.keys.blobs import Blobs
from vault.keys.store import KeyStore
from vault.leaving.addresses import require_address
from vault.leaving.age import recipient_of
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.media.places import volume_key
from vault.model import EXIT_MOVES, OPEN_EXITS, ExitState, Id, MediaState, before, new_id, uuid_of
from vault.policy import Permission, Principal, require
from vault.rights.taken_along import STANDING
from vault.rights.tenant_rows import require_here

NOTIFY_PART: Final = "exit-notify"
LEAST_DAYS: Final = 1  # to fetch what is taken along
LOOK_EVERY_S: Final = 2.0  # while a volume is given out, whether it still may be


@dataclass(frozen=True, slots=True)
class NewExit:
    """What it takes to leave. Without a ``recipient`` nothing is taken along; ``notify`` is told by mail.

    What is taken along can be fetched for a day at least, whatever ``grace_days`` says.
    """

    recipient: str | None
    notify: str | None
    grace_days: int


@dataclass(frozen=True, slots=True)
class TakenAlong:
    """One volume that can be fetched; ``sha256`` is of the sealed bytes, in hexadecimal.

    ``made_at``: as of when it is what it says. Numbers are given once: one that is made anew has another.
    """

    number: int
    made_at: datetime
    sealed_bytes: int
    sha256: str
    items: int


@dataclass(frozen=True, slots=True)
class Exit:
    """An exit as the tenant sees it; ``waits_for`` says what keeps the next step of it that was due.

    ``items_left``: recordings and exports that no volume has yet; None once nothing is packed any more.
    ``notice`` says what became of the last mail where it was not taken (``vault.leaving.telling``).
    """

    id: Id
    tenant_id: Id
    state: ExitState
    recipient: str | None
    grace_days: int
    asked_at: datetime
    ends_at: datetime | None
    waits_for: str | None
    volumes: Sequence[TakenAlong]
    request_id: Id | None
    ended_at: datetime | None
    items_left: int | None = None
    notice: str | None = None
    erased: Mapping[str, int] = field(default_factory=dict)  # objects' versions and rows so far


@dataclass(frozen=True, slots=True)
class UnderWay:
    """What everybody of a company is told of its exit: when its end is due, and what that waits for."""

    state: ExitState
    ends_at: datetime | None
    waits_for: str | None


class Exits:
    """Begins, shows and cancels exits. ``can_tell``: whether there is a way to send mail."""

    def __init__(
        self,
        database: Database,
        keys: KeyStore,
        store: ObjectStore,
        ledger: Ledger,
        clock: Clock,
        *,
        can_tell: bool,
    ) -> None:
        self._database = database
        self._store = store
        self._keys = keys
        self._blobs = Blobs(keys)
        self._ledger = ledger
        self._clock = clock
        self._can_tell = can_tell

    async def begin(self, new: NewExit, *, by: Principal) -> Exit:
        """Begin to leave: no call begins from now on; raises InvalidError, ConflictError for a second one."""
        require(by, Permission.TENANT_LEAVE)
        if new.recipient is not None:
            recipient_of(new.recipient)
        if new.notify is not None:
            require_address(new.notify)
        grace_days = new.grace_days if new.recipient is None else max(new.grace_days, LEAST_DAYS)
        exit_id = new_id("xit")
        notify = await self._sealed(exit_id, new.notify)
        row: dict[str, Any] = {
            "id": exit_id,
            "tenant_id": by.tenant_id,
            "state": ExitState.EXPORTING.value,
            "recipient": new.recipient,
            "notify": notify,
            "grace_days": grace_days,
            "asked_by": by.id,
            "asked_at": self._clock.now(),
        }
        facts: dict[str, LeafValue] = {"grace_days": grace_days, "takes_along": new.recipient is not None}
        ready = await self._ledger.ready(entry(EntryType.EXIT_BEGUN, row, facts, by=by))
        async with self._database.write() as connection:
            await _locked(connection, by.tenant_id)
            await require_here(connection, by.tenant_id)
            if await _open(connection, by.tenant_id) is not None:
                raise ConflictError("this company is leaving already; see how far it is")
            made = (await connection.execute(insert(tenant_exits).returning(tenant_exits), row)).one()
            await _leaving(connection, by.tenant_id, self._clock.now())
            await self._ledger.append(connection, ready)
            return await read_exit(connection, made)

    async def current(self, *, by: Principal) -> Exit:
        """Show the exit that is under way, or is over; NotFoundError where there is none."""
        require(by, Permission.TENANT_READ)
        newest = select(tenant_exits).where(
            tenant_exits.c.tenant_id == by.tenant_id, tenant_exits.c.state != ExitState.CANCELLED.value
        )
        async with self._database.read() as connection:
            row = (await connection.execute(newest.order_by(tenant_exits.c.id.desc()).limit(1))).first()
            if row is None:
                raise NotFoundError("this company is not leaving")
            return await read_exit(connection, row)

    async def under_way(self, *, by: Principal) -> UnderWay | None:
        """Tell anybody of the company whether it is leaving; None where it is not."""
        require(by, Permission.WHO_AM_I)
        async with self._database.read() as connection:
            row = await _open(connection, by.tenant_id)
        return None if row is None else UnderWay(ExitState(row.state), row.ends_at, row.waits_for)

    @asynccontextmanager
    async def fetch(
        self, number: int, *, by: Principal
    ) -> AsyncIterator[tuple[TakenAlong, AsyncIterator[bytes]]]:
        """Open a volume as it lies in the store; each time is in the ledger before a byte is handed out.

        Raises NotFoundError where there is none, or not yet, or no longer, in its middle too: what is erased
        or restricted meanwhile is not given out any further. DependencyError.
        """
        require(by, Permission.TENANT_LEAVE)
        now = await self.current(by=by)
        volume = next((each for each in now.volumes if each.number == number), None)
        if volume is None:
            raise NotFoundError("there is no such volume")
        key = volume_key(tenant_id=now.tenant_id, exit_id=now.id, number=number)
        try:
            async with self._store.open(key) as reading:
                row = {"id": now.id, "tenant_id": now.tenant_id}
                fetched = entry(EntryType.EXIT_FETCHED, row, {"volume": number}, by=by)
                await self._ledger.record(fetched)
                yield volume, self._given(reading, now.id, number)
        except AbsentError as cause:
            raise NotFoundError("there is no such volume any more") from cause
        except StorageError as cause:
            raise DependencyError("the store does not answer; try again") from cause

    async def _given(self, reading: Reading, exit_id: Id, number: int) -> AsyncGenerator[bytes]:
        looked_s = float("-inf")
        standing = select(exit_volumes.c.number).where(
            exit_volumes.c.exit_id == exit_id, exit_volumes.c.number == number, STANDING
        )
        async for piece in reading:
            if self._clock.monotonic() - looked_s >= LOOK_EVERY_S:
                async with self._database.read() as connection:
                    if (await connection.execute(standing)).first() is None:
                        raise NotFoundError("there is no such volume any more")
                looked_s = self._clock.monotonic()
            yield piece

    async def cancel(self, *, by: Principal) -> Exit:
        """Stay: calls begin again, what was exported is deleted; ConflictError once it is too late."""
        require(by, Permission.TENANT_LEAVE)
        async with self._database.write() as connection:
            await _locked(connection, by.tenant_id)
            row = await _open(connection, by.tenant_id)
            if row is None:
                raise NotFoundError("this company is not leaving")
            if row.state not in before(EXIT_MOVES, ExitState.CANCELLED):
                raise ConflictError("it is too late: the erasure has begun")
            values = {"state": ExitState.CANCELLED.value, "ended_at": self._clock.now()}
            changed = update(tenant_exits).where(tenant_exits.c.id == row.id).values(values)
            row = (await connection.execute(changed.returning(tenant_exits))).one()
            await _leaving(connection, by.tenant_id, None)
            await self._ledger.append(connection, entry(EntryType.EXIT_CANCELLED, row._asdict(), {}, by=by))
        return told(row)

    async def _sealed(self, exit_id: Id, address: str | None) -> bytes | None:
        """Seal an address under a key of the exit's own, which outlives the tenant's until it was told."""
        if address is None:
            return None
        if not self._can_tell:
            raise InvalidError(
                "no mail can be sent from here",
                [Fault("#/notify", "no_mail", "leave it out, or set mail.host")],
            )
        await self._keys.create_data_key(tenant_id=exit_id, object_id=exit_id)
        return await self._blobs.seal(
            tenant_id=exit_id, object_id=exit_id, part=NOTIFY_PART, value={"address": address}
        )


async def read_exit(connection: AsyncConnection, row: Row[Any]) -> Exit:
    """Read a row: what is still to be packed, the volumes that can be fetched, what is erased so far."""
    erased = select(erasures.c.evidence).where(erasures.c.object_id == row.tenant_id)
    evidence = (await connection.execute(erased)).scalar_one_or_none() or {}
    standing = select(exit_volumes).where(exit_volumes.c.exit_id == row.id, STANDING)
    volumes = [
        TakenAlong(each.number, each.made_at, each.sealed_bytes, each.sha256, each.items)
        for each in await connection.execute(standing.order_by(exit_volumes.c.number))
    ]
    counts = {name: int(evidence.get(name, 0)) for name in ("versions", "rows")}
    left = await _items_left(connection, row)
    return replace(told(row), volumes=volumes, items_left=left, erased=counts)


async def _items_left(connection: AsyncConnection, row: Row[Any]) -> int | None:
    if row.state != ExitState.EXPORTING or row.recipient is None:
        return None
    packed = select(exit_items.c.media_id).where(
        exit_items.c.exit_id == row.id, exit_items.c.number.is_not(None)
    )
    waiting = select(func.count()).where(
        media.c.tenant_id == row.tenant_id, media.c.state == MediaState.READY.value, media.c.id.not_in(packed)
    )
    return int((await connection.execute(waiting)).scalar_one())


def told(row: Row[Any]) -> Exit:
    """Read a row alone."""
    return Exit(
        id=row.id,
        tenant_id=row.tenant_id,
        state=ExitState(row.state),
        recipient=row.recipient,
        grace_days=row.grace_days,
        asked_at=row.asked_at,
        ends_at=row.ends_at,
        waits_for=row.waits_for,
        volumes=(),
        request_id=row.request_id,
        ended_at=row.ended_at,
        notice=row.notice,
    )


def entry(
    type_: EntryType, row: Mapping[str, Any], facts: Mapping[str, LeafValue], *, by: Principal | None
) -> Entry:
    """Say of an exit what happened; the system's own act without ``by``."""
    return Entry(
        type_,
        tenant_id=row["tenant_id"],
        object_id=row["tenant_id"],
        actor_id=None if by is None else by.id,
        facts={"exit": uuid_of(row["id"]), **facts},
    )


async def _open(connection: AsyncConnection, tenant_id: str) -> Row[Any] | None:
    query = select(tenant_exits).where(
        tenant_exits.c.tenant_id == tenant_id, tenant_exits.c.state.in_(OPEN_EXITS)
    )
    return (await connection.execute(query)).first()


async def _locked(connection: AsyncConnection, tenant_id: str) -> None:
    """Keep the tenant's row: of all that begins, ends or takes back an exit one is the first."""
    await connection.execute(select(tenants.c.id).where(tenants.c.id == tenant_id).with_for_update())


async def _leaving(connection: AsyncConnection, tenant_id: str, at: datetime | None) -> None:
    await connection.execute(update(tenants).where(tenants.c.id == tenant_id).values(leaving_at=at))
