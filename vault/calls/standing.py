"""What the rows of a call say about its recording. Each function works in the caller's turn."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.calls import pause_rows
from vault.db.tables import consents
from vault.model import ConsentChoice


@dataclass(frozen=True, slots=True)
class Standing:
    """The visitor's answer, an agent's wish, and the pause that goes on."""

    consent: ConsentChoice | None
    unrecorded: bool
    pause: pause_rows.PauseRow | None = None


Hears = Callable[[Standing], None]


async def consent_of(connection: AsyncConnection, call_id: str) -> Row[Any] | None:
    """Find the visitor's answer to the notice."""
    return (await connection.execute(select(consents).where(consents.c.call_id == call_id))).first()


async def standing_of(connection: AsyncConnection, call: Row[Any]) -> Standing:
    """Read it; where the call's row is held it is what holds, and not what held."""
    consent = await consent_of(connection, call.id)
    return Standing(
        None if consent is None else ConsentChoice(consent.choice),
        call.unrecorded_at is not None,
        await pause_rows.open_pause(connection, call.id),
    )
