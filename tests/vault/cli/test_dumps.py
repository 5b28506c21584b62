"""A crash of the program leaves no image of its memory on disk."""

import subprocess
import sys

import pytest

CODE = """
import ctypes, resource
from vault.cli.dumps import forbid_dumps
forbid_dumps(debuggable={debuggable})
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


@pytest.mark.parametrize(("debuggable", "dumpable"), [(True, 1), (False, 0)])
def test_no_core_file_is_written_and_no_collector_gets_one(*, debuggable: bool, dumpable: int) -> None:
    """The limit is zero and final; in a server the kernel gives the image to nobody (PR_GET_DUMPABLE)."""
    argv = [sys.executable, "-c", CODE.format(debuggable=debuggable)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.split("\n")[0] == f"(0, 0) {dumpable}"
