"""What the double tells of a call as a whole: its manifest on one clock, and its exports."""

from datetime import datetime
from typing import Any


def whole_call(call_id: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    """The manifest of a call: its sides as they began, and three moments."""
    sides = [item for item in items if item["call_id"] == call_id]
    zero = min((_moment(item["started_at"]) for item in sides), default=datetime.now().astimezone())
    ends, told = [0], []
    for item in sides:
        offset_ms = round((_moment(item["started_at"]) - zero).total_seconds() * 1_000)
        gap = {"kind": "all", "from_ms": offset_ms + 4_000, "to_ms": offset_ms + 5_000, "cause": "pause"}
        ends.append(offset_ms + item["duration_ms"])
        who = item.get("participant", "visitor" if item["leg_role"] == "visitor" else "agent-1")
        side = {"recording": item["id"], "state": "ready", "participant": who}
        told.append({**side, "offset_ms": offset_ms, "gaps": [gap]})
    moments = (("consent_given", -900, None), ("joined", 2_000, "agent-1"), ("paused", 6_000, None))
    return {
        "v": 1,
        "duration_ms": max(ends),
        "recordings": told,
        "events": [{"type": kind, "at_ms": at, "participant": who} for kind, at, who in moments],
    }


def export(number: int, call_id: str, format_: str) -> dict[str, Any]:
    """An export that is being made."""
    return {
        "id": f"exp_{number:032x}",
        "call_id": call_id,
        "format": format_,
        "state": "running",
        "progress": 40,
        "failure": None,
        "created_at": "2026-11-12T15:00:00.000Z",
    }


def standing(item: dict[str, Any]) -> dict[str, Any]:
    """Why a recording is still here: by its rule, or because its processing is restricted."""
    restricted = item.get("restricted_at") is not None
    rule = {"kind": "recording", "button_id": None, "days": 180, "source": "tenant", "set_at": None}
    return {
        "object_id": item["id"],
        "kind": "recording",
        "why": "restricted" if restricted else "within_time",
        "since": item["created_at"],
        "until": None if restricted else "2027-05-11T14:05:03.000Z",
        "erased_at": None,
        "held_until": None,
        "rule": rule,
        "halted": False,
    }


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
