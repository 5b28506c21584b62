"""The program: calls taken, media kept sealed, rights exercised."""

__version__ = "0.1.0"
