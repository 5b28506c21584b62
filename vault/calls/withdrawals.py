"""Recording that is stopped for good: the visitor takes their consent back, or an agent wants none.

It bites in memory first, on every leg; then it is written; then what was captured is erased or kept. What a
crash leaves between the last two is finished by the keeper: the rows say what is owed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

import structlog
from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.calls import capturing, unrecorded
from vault.calls.admission import Admission
from vault.calls.calls import Calls
from vault.calls.floor import Floor
from vault.calls.permits import Permit
from vault.calls.standing import consent_of
from vault.calls.tellings import Tellings
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import calls, consents, tenants
from vault.errors import ConflictError, ConsentMissingError, NotFoundError, VaultError
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.media.capture import Capture
from vault.model import ConsentChoice, ErasureReason, Id, RecordingState, StopRule
from vault.policy import Permission, Principal, require, require_own_call, require_same_tenant

log = structlog.get_logger(__name__)

WITHDRAWN: Final = "consent_withdrawn"  # why a recording ended that is kept
UNRECORDED: Final = "not_recorded"
AGAIN_S: Final = 1.0  # what could not be written is tried again this often
CAPTURES_END_S: Final = 5.0  # a store that does not answer holds up no answer; the keeper goes on

Erases = Callable[[Id, Id, ErasureReason], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Stopped:
    """A call that is not recorded any more, and what becomes of what was."""

    state: RecordingState
    rule: StopRule


class Withdrawals:
    """Stops recordings for good."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        calls: Calls,
        floor: Floor,
        tellings: Tellings,
        clock: Clock,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._admission = Admission(database, calls, floor)
        self._floor = floor
        self._tellings = tellings
        self._clock = clock
        self._erase: Erases | None = None
        self._owed: dict[Id, Principal] = {}
        self._unrecorded: dict[Id, tuple[Permit, Principal]] = {}  # owed as well

    def erase_with(self, erase: Erases) -> None:
        """Have ``erase(tenant, call, reason)`` ask for what was captured of a call, at once."""
        self._erase = erase

    async def withdraw(self, call_id: str, *, by: Principal) -> Stopped:
        """Take the visitor's consent back, also after the call; repeating it is harmless.

        Nothing is captured from the first line on. Raises ConsentMissingError or ConflictError where there is
        no consent to take back. Where the database does not answer (DependencyError) nothing is captured all
        the same, and it is written as soon as it does.
        """
        self.halt(call_id, by=by)
        try:
            stopped, tenant_id = await self._write_withdrawal(Id(call_id), by)
        except (ConflictError, NotFoundError):
            self._settle(Id(call_id), written=False)
            raise
        except BaseException:  # the database does not answer, or whoever asks went away meanwhile
            self._owed[Id(call_id)] = by
            raise
        self._settle(Id(call_id), written=True)
        await self._finish(tenant_id, Id(call_id), stopped.rule, ErasureReason.CONSENT_WITHDRAWN)
        return stopped

    def halt(self, call_id: str, *, by: Principal) -> None:
        """Capture nothing more of the visitor's call, whatever may be written of it; it needs no database."""
        require(by, Permission.CALL_WITHDRAW)
        require_own_call(by, call_id)
        self._floor.permits.withdraw(Id(call_id))
        capturing.pause(self._floor, call_id)

    async def unrecord(self, call_id: str, *, by: Principal) -> Stopped:
        """Make a call one without a recording from now on; it cannot be undone. Repeating it is harmless.

        What was recorded stays, but where the call was taken as an unrecorded one (``vault.calls.ringing``):
        then nothing of it is kept. Raises ConflictError where the call has ended or ``by`` is not in it.
        """
        permit = await self._admission.permit_of(call_id, Permission.CALL_UNRECORD, by=by)
        permit.unrecorded = True
        capturing.pause(self._floor, call_id)
        return await self._unrecord(permit, by)

    def taken_unrecorded(self, call_id: Id, by: Principal) -> None:
        """Capture nothing more of a call that was just taken as an unrecorded one, as its row says already.

        It needs no database. What else follows from it is owed: whoever took it may never hear that they did.
        """
        permit = self._floor.permits.get(call_id)
        if permit is not None:
            permit.unrecorded = True
            capturing.pause(self._floor, call_id)
            self._unrecorded[call_id] = (permit, by)

    async def run(self) -> None:
        """Write what could not be written, again and again; until cancelled."""
        while True:
            await asyncio.sleep(AGAIN_S)
            for call_id, by in list(self._owed.items()):
                await _contained(call_id, self.withdraw(call_id, by=by))
            for call_id, (permit, by) in list(self._unrecorded.items()):
                await _contained(call_id, self._unrecord(permit, by))

    async def _unrecord(self, permit: Permit, by: Principal) -> Stopped:
        """Write what holds already."""
        try:
            rule = await self._write_unrecorded(permit.call_id, by)
        except BaseException:  # as for a withdrawal
            permit.is_owed, self._unrecorded[permit.call_id] = True, (permit, by)
            raise
        permit.is_owed = False
        self._unrecorded.pop(permit.call_id, None)
        await self._finish(permit.tenant_id, permit.call_id, rule, ErasureReason.NOT_RECORDED)
        return Stopped(permit.state(), rule)

    def _settle(self, call_id: Id, *, written: bool) -> None:
        self._owed.pop(call_id, None)
        self._floor.permits.withdrawn(call_id, written=written)

    async def _write_withdrawal(self, call_id: Id, by: Principal) -> tuple[Stopped, Id]:
        async with self._database.write() as connection:
            call = await self._held(connection, call_id, by)
            consent = await consent_of(connection, call_id)
            if consent is None:
                raise ConsentMissingError("the notice has not been answered: there is nothing to take back")
            if consent.choice == ConsentChoice.WITHDRAWN:
                return _withdrawn(consent.withdrawal_rule), call.tenant_id
            if consent.choice != ConsentChoice.ACCEPTED:
                raise ConflictError("this call is not recorded: the notice was answered with no")
            rule = await connection.execute(
                select(tenants.c.on_withdrawal).where(tenants.c.id == call.tenant_id)
            )
            stopped = _withdrawn(rule.scalar_one())
            await connection.execute(
                update(consents)
                .where(consents.c.id == consent.id)
                .values(
                    choice=ConsentChoice.WITHDRAWN.value,
                    withdrawn_at=self._clock.now(),
                    withdrawal_rule=stopped.rule.value,
                )
            )
            await self._ledger.append(
                connection,
                Entry(
                    EntryType.CONSENT_WITHDRAWN,
                    tenant_id=call.tenant_id,
                    object_id=call_id,
                    actor_id=by.id,
                    facts={"rule": stopped.rule.value, "notice_version": consent.notice_version},
                ),
            )
            return stopped, call.tenant_id

    async def _write_unrecorded(self, call_id: Id, by: Principal) -> StopRule:
        async with self._database.write() as connection:
            call = await self._held(connection, call_id, by)
            now = self._clock.now()
            return await unrecorded.write(connection, self._ledger, call, StopRule.KEEP, by=by.id, at=now)

    async def _held(self, connection: AsyncConnection, call_id: Id, by: Principal) -> Row[Any]:
        found = await connection.execute(select(calls).where(calls.c.id == call_id).with_for_update())
        row: Row[Any] | None = found.first()
        if row is None:
            raise NotFoundError
        require_same_tenant(by, row.tenant_id)
        return row

    async def _finish(self, tenant_id: Id, call_id: Id, rule: StopRule, reason: ErasureReason) -> None:
        """Keep or erase what was captured, and tell everybody."""
        if rule is StopRule.ERASE:
            await _over(capturing.drop(self._floor, call_id))
            await self._ask(tenant_id, call_id, reason)
        else:
            why = WITHDRAWN if reason is ErasureReason.CONSENT_WITHDRAWN else UNRECORDED
            capturing.end(self._floor, call_id, why=why)
        permit = self._floor.permits.get(call_id)
        if permit is not None:
            await self._tellings.recording(call_id, {"call_id": call_id, **permit.told()})

    async def _ask(self, tenant_id: Id, call_id: Id, reason: ErasureReason) -> None:
        """Ask for what was captured; where that cannot be, the keeper sees the rows."""
        try:
            if self._erase is not None:
                await self._erase(tenant_id, call_id, reason)
        except VaultError as error:
            log.error("withdrawal.not_asked", call=call_id, error=type(error).__name__)


async def _contained(call_id: Id, writing: Awaitable[object]) -> None:
    """Try once more; whatever comes of it holds up no other call's."""
    try:
        await writing
    except Exception as error:  # noqa: BLE001  # it is tried again, and said each time
        log.error("withdrawal.waits", call=call_id, error=type(error).__name__)


def _withdrawn(rule: str) -> Stopped:
    return Stopped(RecordingState.WITHDRAWN, StopRule(rule))


async def _over(captures: Collection[Capture]) -> None:
    """Wait until nothing more is stored, so that what is asked for now is everything."""
    try:
        async with asyncio.timeout(CAPTURES_END_S):
            for capture in captures:
                await capture.done()
    except TimeoutError:
        log.warning("withdrawal.captures_wait", captures=len(captures))
