"""Backups of both databases, sealed, to a place of their own; and the way back from them."""
