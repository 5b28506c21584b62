"""Opaque objects by key, and where they lie."""
