"""Watches the lines of the calls that run: tells the agents in a call, and keeps numbers of each leg."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from sqlalchemy import insert, select

from vault.calls.calls import Calls
from vault.calls.feeds import quality_of
from vault.calls.floor import Floor, LiveLeg
from vault.calls.quality import Counted, Sample, Summary, Told, between
from vault.calls.tellings import Tells
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import leg_quality, legs
from vault.errors import VaultError
from vault.model import Id, LegKind, Role
from vault.policy import Principal
from webrtc.frames import Codec
from webrtc.stats import TrackStats

SAMPLE_S: Final = 2.0  # long enough for a share of 100 packets of sound, short enough to be news
AGAIN: Final = 3  # samples, and the numbers of a trouble that lasts are told anew: seldom, as events are kept
QUALITY: Final = "call.quality"
log = structlog.get_logger(__name__)
Watcher = Callable[[Sample], None]


@dataclass(frozen=True, slots=True)
class LegNumbers:
    """How a leg did, as kept."""

    leg_id: Id
    role: Role
    kind: LegKind
    numbers: Mapping[str, Any]


@dataclass(slots=True)
class _Line:
    """What is known of one leg's line."""

    leg: LiveLeg
    at_s: float
    counted: Counted
    told: Told = field(default_factory=Told)
    summary: Summary = field(default_factory=Summary)
    untold: int = 0  # samples since the people of the call were told of it


class Qualities:
    """Samples every leg that is live; `watch` hears each sample."""

    def __init__(self, floor: Floor, database: Database, events: Tells, clock: Clock, calls: Calls) -> None:
        self._floor = floor
        self._database = database
        self._events = events
        self._clock = clock
        self._calls = calls
        self._lines: dict[Id, _Line] = {}
        self._watchers: list[Watcher] = []

    def watch(self, watcher: Watcher) -> None:
        """Call `watcher(sample)` for each sample."""
        self._watchers.append(watcher)

    async def run(self) -> None:
        """Sample until cancelled; then keep what was counted of the legs that are left."""
        try:
            while True:
                await asyncio.sleep(SAMPLE_S)
                await self.turn()
        finally:
            for leg_id in list(self._lines):
                await self._keep(leg_id)

    async def of_call(self, call_id: str, *, by: Principal) -> list[LegNumbers]:
        """Tell how the legs of a call did that have ended; NotFoundError for what is not the asker's."""
        call = await self._calls.view(call_id, by=by)
        joined = leg_quality.join(legs, legs.c.id == leg_quality.c.leg_id)
        query = (
            select(leg_quality, legs.c.role, legs.c.kind)
            .select_from(joined)
            .where(leg_quality.c.call_id == call.id)
            .order_by(legs.c.created_at, legs.c.id)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [
            LegNumbers(Id(row["leg_id"]), Role(row["role"]), LegKind(row["kind"]), dict(row)) for row in rows
        ]

    async def turn(self) -> None:
        """Take one sample of each leg; keep the numbers of those that are gone."""
        live = {leg.id: leg for leg in self._floor.legs.values() if leg.is_live and not leg.is_ending}
        for leg in live.values():
            self._sample(leg)
            await asyncio.sleep(0)  # packets of all calls wait meanwhile
        for leg_id in [each for each in self._lines if each not in live]:
            await self._keep(leg_id)

    def _sample(self, leg: LiveLeg) -> None:
        tracks = leg.peer.stats().tracks
        now_s, counted = self._clock.monotonic(), counted_of(tracks)
        line = self._lines.get(leg.id)
        if line is None:
            self._lines[leg.id] = _Line(leg, now_s, counted)
            return
        if now_s <= line.at_s:
            return
        sample = self._judge(line, counted, now_s, max((track.jitter_s for track in tracks), default=0.0))
        line.at_s, line.counted = now_s, counted
        line.summary.add(sample)
        for watcher in self._watchers:
            watcher(sample)
        line.untold += 1
        if line.told.news(sample.troubles()) or (line.told.troubles and line.untold >= AGAIN):
            line.untold = 0
            self._tell(line, sample)

    def _judge(self, line: _Line, counted: Counted, now_s: float, jitter_s: float) -> Sample:
        """What happened since the last sample; how the others' legs reach this participant is among it."""
        leg = line.leg
        watched = [
            quality
            for feed in self._floor.feeds_of(leg.call.id)
            if feed.by.id == leg.by.id and (quality := quality_of(feed)) is not None
        ]
        round_trips = [each.round_trip_s for each in watched if each.round_trip_s is not None]
        return between(
            line.counted,
            counted,
            now_s - line.at_s,
            jitter_s=jitter_s,
            round_trip_s=max(round_trips, default=None),
            received_lost=max((each.fraction_lost for each in watched), default=None),
        )

    def _tell(self, line: _Line, sample: Sample) -> None:
        leg = line.leg
        people = {other.by.id: other for other in self._floor.legs_of(leg.call.id) if not other.is_visitors}
        for person_id in people:
            self._events.tell(
                person_id,
                QUALITY,
                {
                    "call_id": leg.call.id,
                    "leg_id": leg.id,
                    "role": leg.by.role.value,
                    "mine": leg.by.id == person_id,
                    "troubles": line.told.worst_first,
                    **numbers_of(sample),
                    "still_s": round(line.summary.still_s),
                },
            )

    async def _keep(self, leg_id: Id) -> None:
        line = self._lines.pop(leg_id)
        if not line.summary.samples:
            return
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(leg_quality).values(**row_of(line.leg, line.summary)))
        except VaultError as error:  # numbers about a call are not worth its end
            log.warning("quality.not_kept", leg=leg_id, error=type(error).__name__)


def counted_of(tracks: Sequence[TrackStats]) -> Counted:
    """Add up the counters of a leg's receivers."""
    sound = [track for track in tracks if track.codec == Codec.OPUS.value]
    picture = [track for track in tracks if track.codec != Codec.OPUS.value]
    return Counted(
        expected=sum(track.packets + track.missed for track in tracks),
        missed=sum(track.missed for track in tracks),
        sound=sum(track.packets for track in sound),
        sound_lost=sum(track.lost_packets for track in sound),
        picture=sum(track.packets for track in picture),
        picture_lost=sum(track.lost_packets for track in picture),
        pictures=sum(track.frames for track in picture),
        payload_bytes=sum(track.payload_bytes for track in tracks),
        vanished=sum(track.vanished for track in picture),
        is_followed=any(track.is_followed for track in picture),
    )


def numbers_of(sample: Sample) -> Mapping[str, object]:
    """Write a sample for a screen, in units that people read."""
    return {
        "lost_percent": round(sample.missed * 100, 1),
        "jitter_ms": round(sample.jitter_s * 1_000),
        "round_trip_ms": None if sample.round_trip_s is None else round(sample.round_trip_s * 1_000),
        "kbit_per_s": round(sample.bits_per_s / 1_000),
    }


def row_of(leg: LiveLeg, summary: Summary) -> dict[str, object]:
    """Write the numbers of a whole leg; parts per thousand and milliseconds, so that they are integers."""

    def scaled(value: float | None, by: float) -> int | None:
        return None if value is None else round(value * by)

    row: dict[str, object] = {
        "leg_id": leg.id,
        "tenant_id": leg.call.tenant_id,
        "call_id": leg.call.id,
        "samples": summary.samples,
        "still_ms": round(summary.still_s * 1_000),
        "mean_bits_per_s": scaled(summary.mean("bits_per_s"), 1),
    }
    for column, name in (
        ("missed", "missed"),
        ("sound_lost", "sound_lost"),
        ("picture_lost", "picture_lost"),
        ("received_lost", "received_lost"),
    ):
        row[f"mean_{column}_permille"] = scaled(summary.mean(name), 1_000)
        row[f"worst_{column}_permille"] = scaled(summary.worst(name), 1_000)
    for column, name in (("jitter", "jitter_s"), ("round_trip", "round_trip_s")):
        row[f"mean_{column}_ms"] = scaled(summary.mean(name), 1_000)
        row[f"worst_{column}_ms"] = scaled(summary.worst(name), 1_000)
    return row
