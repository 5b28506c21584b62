"""Whether something is restricted (Art. 18 GDPR), as a condition of queries and as a refusal.

A media item says so in its own row, so that whoever reads it knows without asking further. A call says so by
its restrictions; one on a call covers every media item of it.
"""

from sqlalchemy import ColumnElement, select

from vault.db.tables import restrictions
from vault.errors import RestrictedError

WORDS = "its processing is restricted (Art. 18 GDPR): it is kept, and neither opened nor erased"


def call_is_restricted(call_id: ColumnElement[str] | str) -> ColumnElement[bool]:
    """Make the condition that a whole call is restricted."""
    query = select(restrictions.c.id).where(
        restrictions.c.call_id == call_id,
        restrictions.c.media_id.is_(None),
        restrictions.c.lifted_at.is_(None),
    )
    return query.correlate_except(restrictions).exists()


def refusal() -> RestrictedError:
    """Make the refusal: the same words wherever something restricted is asked for."""
    return RestrictedError(WORDS)
