"""kill -9 at each step of an erasure, in real processes over real files (item 12, P8, F15)."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


async def test_a_kill_at_each_step_of_an_erasure_ends_complete(tmp_path: Path) -> None:
    """The next start finishes it: no object, no key, no byte of the person in any file, a valid receipt."""
    argv = [sys.executable, "-m", "tests.vault.rights.dying", str(tmp_path)]
    done = await asyncio.to_thread(
        subprocess.run, argv, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(lines) > 30
    for line in lines:
        assert line["killed"], line
        assert (line["ended"], line["pending"], line["left"]) == (0, 0, []), line
        assert line["receipt"] == "complete", line
