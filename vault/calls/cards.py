"""What people see of a call that rings or that they are in, and what the others see of people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, select

from vault.calls.asks import Ask, get
from vault.calls.visitors import PERSONAL_PART
from vault.db.engine import Database
from vault.db.tables import buttons, calls, consents, legs, participants, rings
from vault.errors import KeyForgottenError, KeyProviderError, NotFoundError
from vault.identity.people import People
from vault.keys.blobs import Blobs
from vault.model import CallState, ConsentChoice, Id, LegKind, LegState, RingState, Role

ANSWER: Final = "answer"  # what a card is for where no colleague asks
SHOWN: Final = ("name", "reference")  # of the visitor; address and number are for who takes the call


@dataclass(frozen=True, slots=True)
class LegView:
    """A leg of a call that goes on, as others in it see it; ``name`` is empty where none is known."""

    id: Id
    role: Role
    kind: LegKind
    name: str


class Cards:
    """Reads what a screen shows. Opens what the page told about its visitor: call it for nobody else."""

    def __init__(self, database: Database, blobs: Blobs, people: People) -> None:
        self._database = database
        self._blobs = blobs
        self._people = people

    async def card(self, call_id: str, *, ask: Ask | None = None) -> dict[str, object]:
        """Write the card of one call that rings, or of an ask that does."""
        async with self._database.read() as connection:
            row = (await connection.execute(_CALLS.where(calls.c.id == call_id))).one()
        return await self._card(row) if ask is None else await self._asked(await self._card(row), ask)

    async def ringing_for(self, person_id: str) -> Sequence[dict[str, object]]:
        """Write the cards that ring on a person's screen, the oldest first."""
        query = (
            _CALLS.add_columns(rings.c.ask_id)
            .join(rings, rings.c.call_id == calls.c.id)
            .where(rings.c.person_id == person_id, rings.c.state == RingState.RINGING.value)
            .order_by(calls.c.ringing_since, calls.c.id)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
            found = {row.ask_id: await get(connection, row.ask_id) for row in rows if row.ask_id is not None}
        cards = []
        for row in rows:
            card, ask = await self._card(row), found.get(row.ask_id)
            cards.append(card if ask is None else await self._asked(card, ask))
        return cards

    async def calls_of(self, person_id: str) -> Sequence[dict[str, object]]:
        """Write the cards of the calls that a person is in."""
        query = (
            _CALLS.join(participants, participants.c.call_id == calls.c.id)
            .where(
                participants.c.person_id == person_id,
                participants.c.left_at.is_(None),
                calls.c.state != CallState.ENDED.value,
            )
            .order_by(participants.c.joined_at)
        )
        return await self._cards(query)

    async def name_of(self, person_id: Id, *, tenant_id: Id) -> str:
        """Give a person's display name; empty where it was erased, or is not to be had now."""
        try:
            return (await self._people.shown(person_id, tenant_id=tenant_id)).name
        except NotFoundError:
            return ""

    async def legs(self, call_id: str) -> tuple[LegView, ...]:
        """Name the legs of a call that have not ended, for somebody who is in it."""
        query = (
            select(legs, calls.c.personal)
            .join(calls, calls.c.id == legs.c.call_id)
            .where(legs.c.call_id == call_id, legs.c.state != LegState.ENDED.value)
            .order_by(legs.c.id)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return tuple(
            [LegView(row.id, Role(row.role), LegKind(row.kind), await self._name_on(row)) for row in rows]
        )

    async def _name_on(self, leg: Row[Any]) -> str:
        if leg.person_id is not None:
            return await self.name_of(leg.person_id, tenant_id=leg.tenant_id)
        return str((await self._personal(leg.personal, leg.tenant_id, leg.call_id)).get("name", ""))

    async def _cards(self, query: Any) -> Sequence[dict[str, object]]:
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [await self._card(row) for row in rows]

    async def _card(self, row: Row[Any]) -> dict[str, object]:
        told = await self._personal(row.personal, row.tenant_id, row.id)
        return {
            "call_id": row.id,
            "button_id": row.button_id,
            "button_name": row.button_name,
            "visitor": {name: told[name] for name in SHOWN if name in told},
            "verified": [name for name in SHOWN if name in told.get("verified", ())],
            "page_url": told.get("page_url"),
            "media": list(row.media),
            "language": row.language,
            "since": _moment(row.ringing_since, row.created_at),
            "recorded": row.records and row.choice == ConsentChoice.ACCEPTED.value,
            "purpose": ANSWER,
            "invited": row.invitation_id is not None,
            "asked_by": None,
        }

    async def _asked(self, card: dict[str, object], ask: Ask) -> dict[str, object]:
        name = await self.name_of(ask.asked_by, tenant_id=ask.tenant_id)
        asked_by = {"id": ask.asked_by, "name": name}
        return card | {"purpose": ask.purpose.value, "asked_by": asked_by, "since": ask.created_at}

    async def _personal(self, sealed: bytes | None, tenant_id: Id, call_id: Id) -> Mapping[str, Any]:
        if sealed is None:
            return {}
        place = {"tenant_id": tenant_id, "object_id": call_id, "part": PERSONAL_PART}
        try:
            return await self._blobs.open(sealed, **place, hurried=True)
        except (KeyForgottenError, KeyProviderError):  # erased; or kept for later: the call does not wait
            return {}


def _moment(first: datetime | None, other: datetime) -> datetime:
    return other if first is None else first


_CALLS = (
    select(calls, buttons.c.name.label("button_name"), buttons.c.records, consents.c.choice)
    .join(buttons, buttons.c.id == calls.c.button_id)
    .outerjoin(consents, consents.c.call_id == calls.c.id)
)
