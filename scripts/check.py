"""All static checks, side by side where that saves time: `make check`. Exits 1 when any of them fails."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
BIN: Final = Path(sys.executable).parent

# Tests that look at files only: the repository's habits, and that the documents agree with the code.
RULES: Final = [folder for folder in ("tests/repo", "tests/docs") if (ROOT / folder).is_dir()]

# Tests and tools are typed as strictly as the program; folders without __init__.py need the options below.
TYPED: Final = ("vault", "crypto", "webrtc", "storage", "tests", "scripts", "benchmarks")

# The slowest first: it runs on one core while the others take turns on the second.
STEPS: Final[dict[str, list[str]]] = {
    "mypy": [str(BIN / "mypy"), "--explicit-package-bases", "--namespace-packages", *TYPED],
    "ruff format": [str(BIN / "ruff"), "format", "--check", "--quiet", "."],
    "ruff check": [str(BIN / "ruff"), "check", "--quiet", "."],
    "import layers": [str(BIN / "lint-imports"), "--no-cache"],
    "repository rules": [sys.executable, "-m", "pytest", "-q", "-n0", *RULES],
}


@dataclass(frozen=True)
class Outcome:
    """How one step ended."""

    name: str
    exit_code: int
    seconds: float
    output: str


def run(name: str) -> Outcome:
    """Run one step to its end, its output kept so that two steps do not print into each other."""
    started_s = time.monotonic()
    done = subprocess.run(
        STEPS[name],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Outcome(name, done.returncode, time.monotonic() - started_s, done.stdout)


def main() -> int:
    """Run all steps, print the output of those that failed, then one line for each."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        outcomes = list(pool.map(run, STEPS))
    for outcome in outcomes:
        if outcome.exit_code:
            print(f"--- {outcome.name}\n{outcome.output.rstrip()}")
    for outcome in outcomes:
        print(f"{'ok  ' if outcome.exit_code == 0 else 'FAIL'} {outcome.name} ({outcome.seconds:.1f} s)")
    return int(any(outcome.exit_code for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
