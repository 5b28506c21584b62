"""The recovery sheet on paper, and reading it back from who types it."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Final

from crypto.errors import SheetError
from crypto.key_sheet import read_sheet, sheet_lines
from crypto.keys import RingKey
from vault.cli.exits import CommandError, Exit

TRIES: Final = 3

SHEET: Final = """\
---------------------------------------------------------------------------
RECOVERY SHEET of the key ring {ring}
printed on {day}

{lines}

It opens copies of this key ring when the machine is lost, or the passphrase
forgotten. Without the ring no recording can ever be opened again.

1. Print these lines or write them down. Keep them in a safe, not in a
   computer, and apart from the copies of the ring.
2. Make copies of the ring, and a new one after each turn of the epochs:
   callvault keys copy FILE
3. In need, on the new machine, with the newest copy:
   callvault keys recover FILE

Who has this sheet and a copy of the ring can open what the ring opens.
---------------------------------------------------------------------------"""


def sheet_text(ring: Path, ring_key: RingKey, *, now: datetime) -> str:
    """Write the sheet of a ring."""
    lines = "\n".join(f"    {line}" for line in sheet_lines(ring_key))
    return SHEET.format(ring=ring, day=now.date().isoformat(), lines=lines)


def typed_sheet() -> RingKey:
    """Read the four lines of a sheet from standard input; a person at a terminal may try a line again.

    They are never an argument: arguments stand in the list of processes and in the shell's history.
    """
    from vault.cli.output import note

    if not sys.stdin.isatty():
        return _read(sys.stdin.read())
    note("Type the four lines of the recovery sheet, each with Enter. They show while you type.")
    typed: list[str] = []
    for _ in range(TRIES):
        while len(typed) < 4:  # noqa: PLR2004  # the lines of a sheet
            typed.append(input(f"{len(typed) + 1}  "))
        try:
            return read_sheet("\n".join(typed))
        except SheetError as error:
            note(f"{error}; type it again, and those after it")
            del typed[error.line - 1 :]
    raise CommandError("nothing was done: the sheet could not be read", code=Exit.USAGE)


def _read(text: str) -> RingKey:
    try:
        return read_sheet(text)
    except SheetError as cause:
        raise CommandError(f"nothing was done: {cause}", code=Exit.USAGE) from cause
