"""Recordings: captured sealed, finished once, described, played through links."""
