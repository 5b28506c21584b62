"""Whether something is under a legal hold, as a condition of queries.

A hold on a call covers all that hangs from it. A hold on one media item covers that and its call's own row:
a recording without who called, when and on what grounds is no evidence of anything.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from vault.db.tables import holds

Column = ColumnElement[Any] | str


def lasting(call_id: Column, object_id: Column) -> ColumnElement[bool]:
    """Make the condition that a hold lasts and covers an object of a call.

    Only what ends a hold ends it, never the clock alone: a clock that jumps would lift every hold at once.
    """
    covers = or_(holds.c.media_id.is_(None), holds.c.media_id == object_id, holds.c.call_id == object_id)
    return and_(holds.c.ended_at.is_(None), holds.c.call_id == call_id, covers)


def held(call_id: Column, object_id: Column) -> ColumnElement[bool]:
    """Make the condition that a hold covers an object."""
    return _uncorrelated(select(holds.c.id).where(lasting(call_id, object_id))).exists()


def ground_of(call_id: Column, object_id: Column) -> Any:
    """Select the ground of a hold that covers an object; NULL where none does."""
    query = select(func.min(holds.c.ground)).where(lasting(call_id, object_id))
    return _uncorrelated(query).scalar_subquery()


def held_until(call_id: Column, object_id: Column) -> Any:
    """Select when the last of the holds on an object expires; NULL where there is none."""
    query = select(func.max(holds.c.expires_at)).where(lasting(call_id, object_id))
    return _uncorrelated(query).scalar_subquery()


def _uncorrelated(query: Select[Any]) -> Select[Any]:
    """Keep the holds' own table in the subquery, wherever it stands."""
    return query.correlate_except(holds)
