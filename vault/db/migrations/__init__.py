"""Alembic scripts of the two databases; ``vault.db.migrate`` runs them at start, under a lock."""
