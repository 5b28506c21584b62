"""Run the measures and print one JSON line for each: ``python -m benchmarks [NAME]``.

A module ``benchmarks/<name>.py`` exposes ``run() -> Iterator[dict]``; each dict has the members of MEMBERS.
Modules run one after the other, each in a process of its own, so that none measures another's leftovers.
Modules without a ``run`` are helpers. A goal that is missed is a figure, not a failure: the exit code tells
only whether all could be measured.
"""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent
# value and goal are numbers in `unit`; `against` says what the value is compared with; met is true or false.
MEMBERS: Final = ("name", "value", "unit", "against", "goal", "met")


def names() -> list[str]:
    """List the measures: modules of this folder that define ``run``."""
    modules = sorted(FOLDER.glob("[a-z]*.py"))
    return [module.stem for module in modules if "\ndef run(" in module.read_text(encoding="utf-8")]


def measure(name: str) -> None:
    """Run one measure in this process; raises KeyError when a line lacks a member."""
    for line in importlib.import_module(f"benchmarks.{name}").run():
        print(json.dumps({member: line[member] for member in MEMBERS} | line), flush=True)


def main(arguments: list[str]) -> int:
    """Start a child for each measure asked for, or for all, and return the exit code."""
    match arguments:
        case ["--in-process", name]:
            measure(name)
            return 0
        case []:
            chosen = names()
        case [name] if name in names():
            chosen = [name]
        case _:
            print(f"usage: python -m benchmarks [{'|'.join(names())}]", file=sys.stderr)
            return 2
    failed = 0
    for name in chosen:
        argv = [sys.executable, "-m", "benchmarks", "--in-process", name]
        failed |= subprocess.run(argv, cwd=FOLDER.parent, stdin=subprocess.DEVNULL, check=False).returncode
    return int(failed != 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
