"""Restore drills: the newest backups brought up in a place that is thrown away (docs/OPERATIONS.md)."""
