"""The manifest of a whole call: every side, every gap and what happened when, on one clock (docs/FORMAT.md).

It is composed when it is asked for: of the recordings' sealed manifests, of the tables, and of what the
ledger says of the call. It holds times and kinds, no names and no content.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import to_text
from vault.db.engine import Database
from vault.db.tables import calls, leaves, legs, messages
from vault.errors import ErasedError, NotFoundError
from vault.ledger.leaf import EntryType
from vault.media.call_clock import CallClock, Placed, lay, manifests_of, recordings_of
from vault.media.manifest import consent_of
from vault.media.reading import Reader
from vault.model import LegKind, MediaState, Role
from vault.policy import Permission, Principal, require, require_same_tenant

CALL_MANIFEST_VERSION: Final = 1
EVENTS_MAX: Final = 2_000  # of one call; further ones are only counted
TOLD: Final[dict[EntryType, str]] = {
    EntryType.CONSENT_GIVEN: "consent_given",
    EntryType.CONSENT_REFUSED: "consent_refused",
    EntryType.CONSENT_WITHDRAWN: "consent_withdrawn",
    EntryType.PAUSE_BEGUN: "paused",
    EntryType.PAUSE_ENDED: "resumed",
    EntryType.CALL_UNRECORDED: "unrecorded",
    EntryType.CALL_TAKEN: "taken",
    EntryType.CALL_TRANSFERRED: "transferred",
    EntryType.CALL_JOINED: "colleague_joined",
    EntryType.CALL_ENDED: "ended",
}
"""Entries of the ledger about a call that are events of its manifest."""


class CallManifests:
    """Composes manifests of calls."""

    def __init__(self, database: Database, reader: Reader) -> None:
        self._database = database
        self._reader = reader

    async def of(self, call_id: str, *, by: Principal) -> dict[str, Any]:
        """Compose a call's manifest.

        Who may list media may read it: it tells what there is. Raises NotFoundError for a missing or foreign
        call, ErasedError for an erased one.
        """
        require(by, Permission.MEDIA_LIST)
        async with self._database.read() as connection:
            call = (await connection.execute(select(calls).where(calls.c.id == call_id))).first()
            if call is None:
                raise NotFoundError
            require_same_tenant(by, call.tenant_id)
            if call.erased_at is not None:
                raise ErasedError("this call has been erased")
            rows = await recordings_of(connection, call_id)
            people = await _legs_of(connection, call_id)
            entries = await _entries_of(connection, call_id)
            written = await _messages_of(connection, call_id)
            consent = await consent_of(connection, call_id)
        clock = lay(rows, await manifests_of(rows, self._reader), otherwise=call.created_at)
        events = [*_of_legs(clock, people), *_of_ledger(clock, entries), *_of_chat(clock, written)]
        events.sort(key=lambda one: one["at_ms"])
        return {
            "v": CALL_MANIFEST_VERSION,
            "call": call.id,
            "state": call.state,
            "started_at": to_text(clock.zero),
            "duration_ms": clock.duration_ms,
            "accuracy_ms": clock.accuracy_ms,
            "consent": consent,
            "recordings": _recordings(rows, clock),
            "events": events[:EVENTS_MAX],
            "events_not_listed": max(0, len(events) - EVENTS_MAX),
        }


def participant(seat: int) -> str:
    """Name somebody without a name."""
    return "visitor" if seat == 0 else f"agent-{seat}"


def _recordings(rows: Sequence[Row[Any]], clock: CallClock) -> list[dict[str, Any]]:
    placed = {one.row.id: one for one in clock.placed}
    told: list[dict[str, Any]] = []
    for row in rows:
        if row.state in {MediaState.ERASING, MediaState.ERASED}:
            told.append({"recording": row.id, "state": "erased"})
        elif row.id in placed:
            told.append(_recording(placed[row.id]))
    return told


def _recording(one: Placed) -> dict[str, Any]:
    gaps = [
        {"kind": kind, "from_ms": span[0], "to_ms": span[1], "cause": cause}
        for span, kind, cause in one.gaps()
    ]
    return {
        "recording": one.row.id,
        "state": one.row.state,
        "leg": one.row.leg_id,
        "carried_by": _carried_by(one),
        "role": one.row.leg_role,
        "participant": participant(one.seat),
        "kind": one.row.leg_kind,
        "offset_ms": one.offset_ms,
        "duration_ms": one.duration_ms,
        "content_type": one.row.content_type,
        "recovered": one.row.recovered,
        "end_reason": one.row.end_reason,
        "tracks": [track["kind"] for track in one.manifest["tracks"]] if one.manifest else [],
        "gaps": gaps,
    }


def _carried_by(one: Placed) -> list[dict[str, Any]]:
    """The legs it came by, where a connection was lost and another came; times on the call's clock."""
    if one.manifest is None:
        return []
    return [
        {
            "leg": span["leg"],
            "from_ms": span["from_ms"] + one.offset_ms,
            "to_ms": span["to_ms"] + one.offset_ms,
        }
        for span in one.manifest.get("carried_by", [])
    ]


async def _legs_of(connection: AsyncConnection, call_id: str) -> Sequence[Row[Any]]:
    query = select(legs).where(legs.c.call_id == call_id).order_by(legs.c.id)
    return (await connection.execute(query)).all()


async def _entries_of(connection: AsyncConnection, call_id: str) -> Sequence[Row[Any]]:
    query = (
        select(leaves)
        .where(leaves.c.object_id == call_id, leaves.c.type.in_([one.value for one in TOLD]))
        .order_by(leaves.c.leaf_index)
        .limit(EVENTS_MAX)
    )
    return (await connection.execute(query)).all()


async def _messages_of(connection: AsyncConnection, call_id: str) -> Sequence[Row[Any]]:
    query = select(messages).where(messages.c.call_id == call_id).order_by(messages.c.n).limit(EVENTS_MAX)
    return (await connection.execute(query)).all()


def _of_legs(clock: CallClock, people: Sequence[Row[Any]]) -> Iterable[dict[str, Any]]:
    """When somebody came and went, and when a screen was shown."""
    seats: dict[str, int] = {}
    for leg in people:
        seat = 0
        if leg.role != Role.VISITOR:
            seat = seats.setdefault(leg.person_id, len(seats) + 1)
        begun, over = ("joined", "left")
        if leg.kind == LegKind.SCREEN:
            begun, over = ("screen_began", "screen_ended")
        for type_, moment in ((begun, leg.connected_at), (over, leg.ended_at)):
            if moment is not None and leg.connected_at is not None:
                event = {"type": type_, "at_ms": clock.ms(moment), "participant": participant(seat)}
                yield event | ({"reason": leg.end_reason} if type_ == over else {})


def _of_chat(clock: CallClock, written: Sequence[Row[Any]]) -> Iterable[dict[str, Any]]:
    """When somebody wrote, and never what."""
    for message in written:
        role = "visitor" if message.role == Role.VISITOR else "agent"
        yield {"type": "message", "at_ms": clock.ms(message.at), "participant": role}


def _of_ledger(clock: CallClock, entries: Sequence[Row[Any]]) -> Iterable[dict[str, Any]]:
    for entry in entries:
        yield {"type": TOLD[EntryType(entry.type)], "at_ms": clock.ms(entry.at)}
