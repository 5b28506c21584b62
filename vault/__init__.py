"""The program: calls taken, media kept sealed, rights exercised."""
