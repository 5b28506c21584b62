"""The manifest: what a recording holds, what it lacks, and on whose consent it rests (docs/FORMAT.md)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import to_text
from vault.db.tables import consents, legs, messages, recording_legs
from webrtc.media_report import MediaReport, TrackReport

MANIFEST_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the tables know of the call a recording belongs to."""

    recording: str
    call: str
    leg: str
    carried_by: tuple[str, ...]
    legs: tuple[dict[str, Any], ...]
    consent: dict[str, Any] | None
    started_at: datetime
    ended_at: datetime
    end_reason: str
    recovered: bool
    fragments: int
    fragments_missing: int
    messages: tuple[dict[str, Any], ...] = ()


async def consent_of(connection: AsyncConnection, call_id: str) -> dict[str, Any] | None:
    """Tell the visitor's answer to the notice."""
    row = (await connection.execute(select(consents).where(consents.c.call_id == call_id))).first()
    if row is None:
        return None
    withdrawn = {} if row.withdrawn_at is None else {"withdrawn_at": to_text(row.withdrawn_at)}
    return {
        "choice": row.choice,
        **withdrawn,
        "at": to_text(row.at),
        "language": row.language,
        "notice_version": row.notice_version,
        "notice_hash": row.notice_hash,
    }


async def messages_of(connection: AsyncConnection, call_id: str) -> tuple[dict[str, Any], ...]:
    """Tell when something was written in the call, by which role; never what: that can be erased apart."""
    rows = await connection.execute(
        select(messages.c.at, messages.c.role).where(messages.c.call_id == call_id).order_by(messages.c.n)
    )
    return tuple({"at": to_text(row.at), "role": row.role} for row in rows)


async def legs_of(connection: AsyncConnection, call_id: str) -> tuple[dict[str, Any], ...]:
    """Tell the legs of the call, by identifier and role only."""
    rows = await connection.execute(select(legs).where(legs.c.call_id == call_id).order_by(legs.c.id))
    return tuple(
        {
            "leg": row.id,
            "role": row.role,
            "connected_at": to_text(row.connected_at) if row.connected_at else None,
            "ended_at": to_text(row.ended_at) if row.ended_at else None,
        }
        for row in rows
    )


async def carried_by(connection: AsyncConnection, media_id: str) -> tuple[str, ...]:
    """Name the legs that a recording came by, in their order."""
    query = select(recording_legs.c.leg_id).where(recording_legs.c.media_id == media_id)
    return tuple((await connection.execute(query.order_by(recording_legs.c.ordinal))).scalars())


def make_manifest(told: Circumstances, report: MediaReport) -> dict[str, Any]:
    """Write the manifest of a finished recording; times in ms on the file's clock."""
    return {
        "v": MANIFEST_VERSION,
        "recording": told.recording,
        "call": told.call,
        "leg": told.leg,
        "carried_by": [
            {"leg": told.carried_by[span.leg], "from_ms": span.from_ms, "to_ms": span.to_ms}
            for span in report.legs
        ],
        "legs": list(told.legs),
        "messages": list(told.messages),
        "consent": told.consent,
        "started_at": to_text(told.started_at),
        "ended_at": to_text(told.ended_at),
        "end_reason": told.end_reason,
        "zero_ms": report.zero_ms,
        "recovered": told.recovered,
        "duration_ms": report.duration_ms,
        "fragments": {"stored": told.fragments, "missing": told.fragments_missing},
        "clock": {track.kind: track.clock for track in report.tracks},
        "tracks": [_track(track) for track in report.tracks],
        "gaps": [
            {"track": gap.track_id, "from_ms": gap.start_ms, "to_ms": gap.end_ms, "cause": gap.cause}
            for gap in report.gaps
        ],
        "gaps_not_listed": report.gaps_not_listed,
        "pauses": [
            {"from_ms": pause.start_ms, "to_ms": pause.end_ms, "cause": "paused"} for pause in report.pauses
        ],
    }


def _track(track: TrackReport) -> dict[str, Any]:
    return {
        "id": track.track_id,
        "kind": track.kind,
        "codec": track.codec,
        "frames": track.frames,
        "frames_dropped": track.frames_dropped,
        "first_ms": track.first_ms,
        "last_ms": track.last_ms,
        "lost_packets": track.packets_lost,
        "losses": [{"at_ms": loss.at_ms, "packets": loss.packets} for loss in track.losses],
        "sizes": [{"at_ms": size.at_ms, "width": size.width, "height": size.height} for size in track.sizes],
        "ended": track.ended,
        "sha256": track.sha256,
    }
