"""`python -m benchmarks` lists what it can measure and refuses what it cannot."""

import subprocess
import sys

from benchmarks.__main__ import MEMBERS, names
from tests.repo import tree


def test_an_unknown_measure_is_refused_with_the_list_of_known_ones() -> None:
    """A typing error in `make bench NAME=` must not look like a finished run."""
    argv = [sys.executable, "-m", "benchmarks", "no-such-measure"]
    done = subprocess.run(argv, cwd=tree.ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert all(name in done.stderr for name in names())


def test_each_measure_is_a_module_that_runs_by_itself() -> None:
    """The runner starts a process per module: helpers, without `run`, are not among them."""
    for name in names():
        assert "\ndef run(" in tree.text(f"benchmarks/{name}.py")
    assert {"name", "value", "unit", "against", "goal", "met"} == set(MEMBERS)
