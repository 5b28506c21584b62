"""Verifier keys as a person hands them over: one-line texts, or a file with a line for each."""

from collections.abc import Sequence
from pathlib import Path

from crypto.errors import NoteError
from crypto.signers import NoteVerifier
from vault.cli.exits import CommandError, Exit


def read_pins(given: Sequence[str]) -> tuple[NoteVerifier, ...]:
    """Read keys from lines or from files that hold them; raises CommandError for what is no key."""
    lines: list[str] = []
    for text in given:
        lines += _lines(Path(text)) if "+" not in text or Path(text).is_file() else [text]
    try:
        return tuple(NoteVerifier.parse(line) for line in lines)
    except NoteError as cause:
        raise CommandError(f"--key: {cause}", code=Exit.USAGE) from cause


def _lines(path: Path) -> list[str]:
    try:
        found = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as cause:
        raise CommandError(f"--key: {path} is neither a key nor a file of keys", code=Exit.USAGE) from cause
    keys = [line for line in found if line and not line.startswith("#")]
    if not keys:
        raise CommandError(f"--key: {path} holds no key", code=Exit.USAGE)
    return keys
