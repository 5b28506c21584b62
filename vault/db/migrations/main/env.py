"""Alembic's entry for the main database: connection or dialect come from vault.db.migrate."""

from typing import Any, Literal

from alembic import context

from vault.db.tables import metadata
from vault.db.types import Moment


def render_item(kind: str, item: Any, _context: object) -> str | Literal[False]:
    """Write our own column type as what the database sees, so that a script never changes with our code."""
    return "sa.BigInteger()" if kind == "type" and isinstance(item, Moment) else False


context.configure(
    connection=context.config.attributes.get("connection"),
    dialect_name=context.config.attributes.get("dialect"),
    literal_binds=context.is_offline_mode(),
    target_metadata=metadata,
    render_as_batch=True,
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
