"""A call from the pressed button to its end, as the tables know it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.calls import invited, pause_rows
from vault.calls.buttons import Button, Buttons
from vault.calls.notice import Language, Notice
from vault.calls.participants import (
    Required,
    all_left,
    came_back,
    left_with_last_leg,
    require_first,
    require_in,
    require_in_or_lost,
    require_part,
)
from vault.calls.standing import Hears, consent_of, standing_of
from vault.calls.visitors import Visitor, add_indexes, indexes, sealed
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import buttons, calls, consents, legs, tenants
from vault.errors import (
    ConflictError,
    ConsentMissingError,
    InvalidError,
    KeyProviderError,
    NotFoundError,
    NoticeChangedError,
    VisitorTokenError,
)
from vault.identity.visitor_tokens import MISSING, Vouched, spend
from vault.keys.blobs import Blobs
from vault.keys.store import KeyStore
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.media.recordings import INTERRUPTED
from vault.media.retention import days_of
from vault.model import (
    CALL_MOVES,
    LEG_MOVES,
    CallState,
    ConsentChoice,
    Id,
    LegKind,
    LegState,
    Role,
    RuleKind,
    StopRule,
    before,
    is_id,
    new_id,
    require_move,
)
from vault.policy import Permission, Principal, require, require_own_call, require_same_tenant

UNJOINED_BATCH: Final = 500  # ended in one round; the next round comes within minutes
_NONE: Final[Mapping[Id, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class OpenedCall:
    """A call that exists; the visitor has been told ``notice`` and nothing is captured yet."""

    id: Id
    tenant_id: Id
    state: CallState
    notice: Notice


@dataclass(frozen=True, slots=True)
class CallView:
    """A call as its visitor and the tenant's people may see it."""

    id: Id
    tenant_id: Id
    button_id: Id
    state: CallState
    language: str
    media: tuple[str, ...]
    created_at: datetime
    ended_at: datetime | None
    end_reason: str | None
    consent: ConsentChoice | None
    records: bool
    retention_days: int
    taken_by: Id | None = None  # the person who answered
    unrecorded: bool = False  # by an agent's wish
    pause: pause_rows.PauseRow | None = None
    on_withdrawal: StopRule = StopRule.ERASE  # the tenant's, or what held when consent was withdrawn


@dataclass(frozen=True, slots=True)
class OpenCall:
    """What the widget asks for; ``media`` is in the order audio, video."""

    button_id: str
    origin: str | None
    language: Language
    media: tuple[str, ...]
    visitor: Visitor
    page_url: str | None
    vouched: Vouched | None = None  # what the company's own program signed of the visitor
    invitation_id: Id | None = None  # opened with a link of ours, on our own page: no origin to ask about
    told_later: bool = False  # what the invitation knows of the visitor is not to be had now


Claim = Callable[[AsyncConnection, Id], Awaitable[None]]


class Calls:
    """Opens calls, takes the visitor's answer to the notice, ends calls."""

    def __init__(
        self,
        database: Database,
        keys: KeyStore,
        blobs: Blobs,
        ledger: Ledger,
        buttons_: Buttons,
        clock: Clock,
    ) -> None:
        self._database = database
        self._keys = keys
        self._blobs = blobs
        self._ledger = ledger
        self._buttons = buttons_
        self._clock = clock

    async def open(self, asked: OpenCall, *, claim: Claim | None = None) -> OpenedCall:
        """Make a call; raises OriginRefusedError for a page that is not on the button's list.

        ``claim`` is asked in the call's own transaction, and may refuse.
        Raises VisitorTokenError where the button wants one and there is none, or it was used before.
        The call's key comes first: what the page told about the visitor is never stored unsealed.
        """
        button = await self._buttons.public(asked.button_id)
        if asked.invitation_id is None:
            button.admit_origin(asked.origin)
        if not set(asked.media) <= set(button.media):
            raise InvalidError("this button does not offer what was asked for; ask for less")
        visitor = _visitor_of(asked, button)
        notice = button.notice(asked.language, asked.media)
        call_id = new_id("call")
        await self._keys.create_data_key(tenant_id=button.tenant_id, object_id=call_id)
        # Named while the key is at hand: the answer to the notice may come when it is not to be had.
        await self._blobs.pseudonym(tenant_id=button.tenant_id, subject_id=call_id)
        row = self._row(asked, button, notice, call_id)
        told: Any = {"tenant_id": button.tenant_id, "call_id": call_id, "visitor": visitor}
        row["personal"] = await sealed(self._blobs, **told, page_url=asked.page_url)
        found_by = await self._indexes(row, told, told_later=asked.told_later)
        async with self._database.write() as connection:
            if claim is not None:
                await claim(connection, call_id)
            if asked.vouched is not None:
                await spend(connection, asked.vouched, now=self._clock.now())
            row["keep_days"] = await days_of(connection, button.id, RuleKind.CALL)
            await connection.execute(insert(calls).values(row))
            await add_indexes(connection, found_by)
            await self._ledger.append(
                connection,
                Entry(
                    EntryType.CALL_OPENED,
                    tenant_id=button.tenant_id,
                    object_id=call_id,
                    facts={"notice_version": notice.version, "notice_hash": notice.hash},
                ),
            )
        return OpenedCall(call_id, button.tenant_id, CallState.OPEN, notice)

    async def _indexes(
        self, row: dict[str, Any], told: dict[str, Any], *, told_later: bool
    ) -> list[dict[str, Any]]:
        """Give what the call will be found by; owed where the key provider does not answer."""
        if told_later:
            row["index_owed_at"] = self._clock.now()
        try:
            return await indexes(self._blobs, **told)
        except KeyProviderError:
            row["index_owed_at"] = self._clock.now()
            return []

    def _row(self, asked: OpenCall, button: Button, notice: Notice, call_id: Id) -> dict[str, Any]:
        return {
            "id": call_id,
            "tenant_id": button.tenant_id,
            "button_id": button.id,
            "state": CallState.OPEN.value,
            "language": asked.language,
            "media": list(asked.media),
            "notice_version": notice.version,
            "notice_hash": notice.hash,
            "told_days": notice.retention_days,
            "created_at": self._clock.now(),
            "invitation_id": asked.invitation_id,
        }

    async def answer_notice(
        self, call_id: str, choice: ConsentChoice, *, notice_hash: str, language: str, by: Principal
    ) -> Id:
        """Record the visitor's answer; it is in the ledger before anything can be captured.

        The first answer counts: repeating it is harmless, another one is a ConflictError. The language is
        part of what was shown: an answer in another one is to another notice (NoticeChangedError).
        """
        require(by, Permission.CALL_CONSENT)
        async with self._database.write() as connection:
            call = await self._own(connection, call_id, by, lock=True)
            if call.state == CallState.ENDED:
                raise ConflictError("this call has ended; press the button again")
            if call.notice_hash != notice_hash or call.language != language:
                raise NoticeChangedError("this is not the notice of this call; show it again")
            before = await consent_of(connection, call_id)
            if before is not None:
                if before.choice != choice:
                    raise ConflictError("the notice has been answered already")
                return Id(before.id)
            return await self._record_consent(connection, call, choice)

    async def view(self, call_id: str, *, by: Principal) -> CallView:
        """Show a call to its visitor or its tenant; NotFoundError for everybody else."""
        require(by, Permission.CALL_READ)
        async with self._database.read() as connection:
            call = await self._own(connection, call_id, by)
            return await self._view(connection, call)

    async def ready_for_leg(self, call_id: str, *, by: Principal) -> CallView:
        """Return the call a leg may join; raises ConsentMissingError, ConflictError where it may not.

        A visitor joins its own call, one of the tenant's people a call that they took.
        """
        return await self._running(call_id, by, require_part)

    async def joined(self, call_id: str, *, by: Principal, or_lost: bool = False) -> CallView:
        """Return a call that ``by`` is in at this moment; raises as ``ready_for_leg`` does.

        ``or_lost`` lets those pass, too, who were lost and may come back.
        """
        return await self._running(call_id, by, require_in_or_lost if or_lost else require_in)

    async def _running(self, call_id: str, by: Principal, required: Required) -> CallView:
        require(by, Permission.CALL_JOIN)
        async with self._database.read() as connection:
            view = await self._view(connection, await self._own(connection, call_id, by))
            await required(connection, call_id, by)
        if view.state is CallState.ENDED:
            raise ConflictError("this call has ended; press the button again")
        if view.consent is None:
            raise ConsentMissingError("the notice has not been answered; answer it, then join")
        return view

    async def leg_joined(
        self,
        call: CallView,
        leg_id: Id,
        by: Principal,
        kind: LegKind | str = LegKind.CAMERA,
        hears: Hears = lambda _: None,
        *,
        ends: Mapping[Id, str] = _NONE,
    ) -> None:
        """Write the row of a leg that is being set up; one leg of a kind at a time per participant.

        ``ends`` names the participant's own legs that end with it, and why: it takes their place.
        Raises ConflictError where another leg was faster or the call has ended since it was read.
        ``hears`` is told what stands about the recording while nobody can change it.
        """
        kind, person_id = LegKind(kind), None if by.role is Role.VISITOR else by.id
        async with self._database.write() as connection:
            now = await self._own(connection, call.id, by, lock=True)
            if now.state == CallState.ENDED:
                raise ConflictError("this call has ended; press the button again")
            await require_part(connection, call.id, by)
            if person_id is None:
                await invited.require_first(connection, now)
            for ended_id, reason in ends.items():
                await _end_leg(connection, ended_id, reason=reason, at=self._clock.now())
            await require_first(connection, call.id, person_id, kind)
            hears(await standing_of(connection, now))
            await came_back(connection, call.id, by)
            await connection.execute(
                insert(legs).values(
                    id=leg_id,
                    tenant_id=call.tenant_id,
                    call_id=call.id,
                    role=by.role.value,
                    person_id=person_id,
                    kind=kind.value,
                    state=LegState.CONNECTING.value,
                    created_at=self._clock.now(),
                )
            )

    async def leg_connected(self, call_id: Id, leg_id: Id) -> None:
        """Media keys are agreed: the leg and its call are live."""
        async with self._database.write() as connection:
            await connection.execute(
                update(legs)
                .where(legs.c.id == leg_id, legs.c.state.in_(before(LEG_MOVES, LegState.LIVE)))
                .values(state=LegState.LIVE.value, connected_at=self._clock.now())
            )
            await connection.execute(
                update(calls)
                .where(calls.c.id == call_id, calls.c.state.in_(before(CALL_MOVES, CallState.LIVE)))
                .values(state=CallState.LIVE.value)
            )

    async def leg_ended(self, call_id: Id, leg_id: Id, *, reason: str, call_goes_on: bool = False) -> None:
        """End a leg; with the visitor's last one the call ends too. Repeating it is harmless.

        ``call_goes_on`` keeps the call open: its visitor may come back, and ``end_left`` ends it if not.
        """
        async with self._database.write() as connection:
            await _hold(connection, call_id)
            now = self._clock.now()
            await _end_leg(connection, leg_id, reason=reason, at=now)
            whose = await connection.execute(select(legs.c.person_id).where(legs.c.id == leg_id))
            if (person_id := whose.scalar_one_or_none()) is not None:
                await left_with_last_leg(connection, call_id, person_id, now)
            if not call_goes_on:
                await self._end_when_empty(connection, call_id, reason=reason)

    async def end_left(self, call_id: Id, *, reason: str) -> bool:
        """End a call whose visitor did not come back; False where there is a leg of theirs after all."""
        async with self._database.write() as connection:
            await _hold(connection, call_id)
            return await self._end_when_empty(connection, call_id, reason=reason)

    async def end_unjoined(self, *, opened_before: datetime) -> None:
        """End calls that their visitor is not in, once the token is over with which they could join."""
        there = select(legs.c.id).where(
            legs.c.call_id == calls.c.id, legs.c.person_id.is_(None), legs.c.state != LegState.ENDED.value
        )
        query = select(calls.c.id).where(
            calls.c.state != CallState.ENDED.value, calls.c.created_at < opened_before, ~there.exists()
        )
        async with self._database.read() as connection:
            waiting = [row.id for row in await connection.execute(query.limit(UNJOINED_BATCH))]
        for call_id in waiting:  # looked at again, held: somebody may have joined since
            await self.end_left(call_id, reason="not_joined")

    async def end_interrupted(self, *, joinable_since: datetime | None = None) -> Sequence[Id]:
        """At start: end every leg and call that the process before left open; returns the calls it ended.

        Calls opened after ``joinable_since`` stay open: their visitor's token lives, and may bring it back.
        """
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(legs.c.id, legs.c.call_id).where(legs.c.state != LegState.ENDED.value)
            )
            open_legs = [(Id(row.id), Id(row.call_id)) for row in rows]
        staying = set() if joinable_since is None else set(await self.begun(since=joinable_since))
        for leg_id, call_id in open_legs:
            await self.leg_ended(call_id, leg_id, reason=INTERRUPTED, call_goes_on=call_id in staying)
        left = [call_id for call_id in await self.begun() if call_id not in staying]
        for call_id in left:
            await self.end_left(call_id, reason=INTERRUPTED)
        ended = [call_id for _, call_id in open_legs if call_id not in staying]
        return list(dict.fromkeys([*ended, *left]))

    async def begun(self, *, since: datetime | None = None) -> Sequence[Id]:
        """Name the calls that somebody was in and that have not ended, all or those opened since."""
        joined = select(legs.c.id).where(legs.c.call_id == calls.c.id).exists()
        query = select(calls.c.id).where(calls.c.state != CallState.ENDED.value, joined)
        if since is not None:
            query = query.where(calls.c.created_at > since)
        async with self._database.read() as connection:
            return list((await connection.execute(query.order_by(calls.c.id))).scalars())

    async def _record_consent(self, connection: AsyncConnection, call: Row[Any], choice: ConsentChoice) -> Id:
        consent_id = new_id("con")
        await connection.execute(
            insert(consents).values(
                id=consent_id,
                tenant_id=call.tenant_id,
                call_id=call.id,
                choice=choice.value,
                language=call.language,
                notice_version=call.notice_version,
                notice_hash=call.notice_hash,
                channel="widget",
                at=self._clock.now(),
            )
        )
        given = choice is ConsentChoice.ACCEPTED
        await self._ledger.append(
            connection,
            Entry(
                EntryType.CONSENT_GIVEN if given else EntryType.CONSENT_REFUSED,
                tenant_id=call.tenant_id,
                object_id=call.id,
                actor_id=call.id,
                facts={
                    "language": call.language,
                    "notice_version": call.notice_version,
                    "notice_hash": call.notice_hash,
                },
            ),
        )
        return consent_id

    async def _own(
        self, connection: AsyncConnection, call_id: str, by: Principal, *, lock: bool = False
    ) -> Row[Any]:
        """Find a call of the principal's; ``lock`` keeps it as it is until the transaction ends."""
        if not is_id(call_id, "call"):
            raise NotFoundError
        query = select(calls).where(calls.c.id == call_id)
        row = (await connection.execute(query.with_for_update() if lock else query)).first()
        if row is None:
            raise NotFoundError
        require_same_tenant(by, row.tenant_id)
        require_own_call(by, row.id)
        return row

    async def _view(self, connection: AsyncConnection, call: Row[Any]) -> CallView:
        button = (
            await connection.execute(
                select(buttons.c.records, buttons.c.retention_days, tenants.c.on_withdrawal)
                .join(tenants, tenants.c.id == buttons.c.tenant_id)
                .where(buttons.c.id == call.button_id)
            )
        ).one()
        consent = await consent_of(connection, call.id)
        rule = button.on_withdrawal if consent is None else consent.withdrawal_rule or button.on_withdrawal
        return CallView(
            id=call.id,
            tenant_id=call.tenant_id,
            button_id=call.button_id,
            state=CallState(call.state),
            language=call.language,
            media=tuple(call.media),
            created_at=call.created_at,
            ended_at=call.ended_at,
            end_reason=call.end_reason,
            consent=None if consent is None else ConsentChoice(consent.choice),
            records=button.records,
            retention_days=call.told_days or button.retention_days,  # as its visitor was told
            taken_by=call.taken_by,
            unrecorded=call.unrecorded_at is not None,
            pause=await pause_rows.open_pause(connection, call.id),
            on_withdrawal=StopRule(rule),
        )

    async def _end_when_empty(self, connection: AsyncConnection, call_id: Id, *, reason: str) -> bool:
        """End a call that its visitor is not in, or say no; its row is held, so nobody joins meanwhile."""
        theirs = (legs.c.call_id == call_id, legs.c.person_id.is_(None), legs.c.state != LegState.ENDED.value)
        running = await connection.execute(select(legs.c.id).where(*theirs).limit(1))
        if running.first() is not None:
            return False
        await self._end(connection, call_id, reason=reason)
        return True

    async def _end(self, connection: AsyncConnection, call_id: Id, *, reason: str) -> None:
        call = (await connection.execute(select(calls).where(calls.c.id == call_id))).one()
        if call.state == CallState.ENDED:
            return
        to, now = require_move(CALL_MOVES, CallState(call.state), CallState.ENDED), self._clock.now()
        await connection.execute(
            update(calls).where(calls.c.id == call_id).values(state=to.value, ended_at=now, end_reason=reason)
        )
        await all_left(connection, call_id, now)
        await pause_rows.end(connection, call_id, at=now, cause=pause_rows.CALL_ENDED)
        await self._ledger.append(
            connection,
            Entry(
                EntryType.CALL_ENDED, tenant_id=call.tenant_id, object_id=call_id, facts={"reason": reason}
            ),
        )


def _visitor_of(asked: OpenCall, button: Button) -> Visitor:
    """Tell who calls: what is signed counts, before what the page says."""
    if asked.vouched is not None:
        return asked.visitor.vouched(asked.vouched.signed)
    if button.requires_visitor_token and asked.invitation_id is None:
        raise VisitorTokenError("this button wants a visitor's token", reason=MISSING)
    return asked.visitor


async def _end_leg(connection: AsyncConnection, leg_id: Id, *, reason: str, at: datetime) -> None:
    await connection.execute(
        update(legs)
        .where(legs.c.id == leg_id, legs.c.state.in_(before(LEG_MOVES, LegState.ENDED)))
        .values(state=LegState.ENDED.value, ended_at=at, end_reason=reason)
    )


async def _hold(connection: AsyncConnection, call_id: Id) -> None:
    """Keep a call's row as it is until the transaction ends."""
    await connection.execute(select(calls.c.id).where(calls.c.id == call_id).with_for_update())
