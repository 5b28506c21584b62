"""The recordings of one call on one clock: where each begins, and how long it is.

The clock's zero is the first frame of the call that can be played. Each recording knows when its own first
frame reached the vault, and how far from it its file begins; so two sides lie as far apart as they were heard
here. That is what the people in the call heard too, but for their own way to the vault.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.db.tables import legs, media
from vault.errors import ErasedError, KeyForgottenError, NotFoundError, RestrictedError
from vault.media.reading import Reader
from vault.model import ItemKind, LegKind, MediaState, Part, Role

EXACT_MS: Final = 20  # arrival is noted per frame, moments are kept in whole milliseconds
COARSE_MS: Final = 1_000  # of a recording whose manifest does not say where its file begins, or has none yet
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Placed:
    """One recording on the call's clock; ``manifest`` where it is ready, ``duration_ms`` where it is known.

    ``seat`` is 0 for the visitor and counts the tenant's people from 1, in the order in which they came.
    """

    row: Row[Any]
    manifest: Mapping[str, Any] | None
    seat: int
    offset_ms: int
    duration_ms: int | None

    @property
    def role(self) -> Role:
        """Whose side it is."""
        return Role(self.row.leg_role)

    @property
    def is_screen(self) -> bool:
        """Tell whether it is a screen rather than a person."""
        return bool(self.row.leg_kind == LegKind.SCREEN)

    def gaps(self, kind: str | None = None) -> list[tuple[Span, str, str]]:
        """Give (span on the call's clock, kind of track, cause), of one kind of track or of all.

        A gap of the whole leg counts for both kinds.
        """
        if self.manifest is None or self.duration_ms is None:
            return []
        kinds = {track["id"]: track["kind"] for track in self.manifest["tracks"]}
        found = []
        for gap in self.manifest["gaps"]:
            of = kinds.get(gap["track"], "all")
            if kind in {None, of} or of == "all":
                stop_ms = self.duration_ms if gap["to_ms"] is None else gap["to_ms"]
                span = (gap["from_ms"] + self.offset_ms, stop_ms + self.offset_ms)
                found.append((span, of, str(gap["cause"])))
        return found


@dataclass(frozen=True, slots=True)
class CallClock:
    """The clock and what lies on it."""

    zero: datetime
    accuracy_ms: int
    duration_ms: int
    placed: tuple[Placed, ...]

    def ms(self, moment: datetime) -> int:
        """Tell a moment on the call's clock; less than 0 before its first frame."""
        return (moment - self.zero) // timedelta(milliseconds=1)


async def recordings_of(connection: AsyncConnection, call_id: str) -> Sequence[Row[Any]]:
    """Read the rows of a call's recordings with their legs, oldest first, erased ones too."""
    query = (
        select(
            media,
            legs.c.role.label("leg_role"),
            legs.c.kind.label("leg_kind"),
            legs.c.person_id.label("leg_person"),
        )
        .join(legs, legs.c.id == media.c.leg_id)
        .where(media.c.call_id == call_id, media.c.kind == ItemKind.RECORDING.value)
        .order_by(media.c.id)
    )
    return (await connection.execute(query)).all()


async def manifests_of(rows: Sequence[Row[Any]], reader: Reader) -> dict[str, dict[str, Any]]:
    """Open the manifests of the recordings that are ready and not restricted; one that goes is left out."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row.state != MediaState.READY:
            continue
        try:
            stored = await reader.part(row.id, Part.MANIFEST)
            found[row.id] = json.loads(await reader.read(stored))
        except (ErasedError, KeyForgottenError, NotFoundError, RestrictedError):
            continue
    return found


def seats_of(rows: Sequence[Row[Any]]) -> dict[str | None, int]:
    """Number the people of a call: the visitor (no person) is 0."""
    people = dict.fromkeys(row.leg_person for row in rows if row.leg_person is not None)
    return {None: 0} | {person: at for at, person in enumerate(people, start=1)}


def lay(
    rows: Sequence[Row[Any]], manifests: Mapping[str, Mapping[str, Any]], *, otherwise: datetime
) -> CallClock:
    """Lay recordings on one clock; ``otherwise`` is its zero where none has begun."""
    shown = [row for row in rows if row.state not in {MediaState.ERASING, MediaState.ERASED}]
    begins = {row.id: _begin(row, manifests.get(row.id)) for row in shown}
    known = [begin for begin in begins.values() if begin is not None]
    ready = [begins[media_id] for media_id in manifests if begins.get(media_id) is not None]
    zero = min((begin for begin in ready if begin is not None), default=min(known, default=otherwise))
    seats = seats_of(rows)
    placed = []
    for row in shown:
        begin, manifest = begins[row.id], manifests.get(row.id)
        if begin is not None:
            offset_ms = (begin - zero) // timedelta(milliseconds=1)
            length = manifest["duration_ms"] if manifest is not None else row.duration_ms
            placed.append(Placed(row, manifest, seats[row.leg_person], offset_ms, length))
    exact = all(one.manifest is not None and "zero_ms" in one.manifest for one in placed)
    ends = [one.offset_ms + one.duration_ms for one in placed if one.duration_ms is not None]
    return CallClock(zero, EXACT_MS if exact else COARSE_MS, max(ends, default=0), tuple(placed))


def _begin(row: Row[Any], manifest: Mapping[str, Any] | None) -> datetime | None:
    """When the first frame of the file reached the vault."""
    started: datetime | None = row.started_at
    if started is None or manifest is None:
        return started
    return started + timedelta(milliseconds=int(manifest.get("zero_ms", 0)))
