"""Which tests one worker runs in a row, and which begin first.

Tests of one heavy part share a server and a core: two browsers at once on two cores make both late.
pytest-xdist's own groups have no effect with pytest 9.2 (its issue 1386), so the lanes are told by path.
"""

from fnmatch import fnmatch
from typing import Final

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it carries none

# A lane's name, and the files of it. Whatever is not named here has its file as its lane.
HEAVY: Final = {
    "browser": (
        "tests/browser/*",
        "tests/end_to_end/test_chromium.py",
        "tests/end_to_end/test_firefox.py",
        "tests/end_to_end/test_two_engines.py",
        "tests/vault/http/test_docs_page.py",
        "tests/webrtc/test_weak_viewer.py",
    ),
    "ceph": (
        "tests/storage/test_s3*.py",
        "tests/end_to_end/test_grown_up.py",
        "tests/vault/test_ground_on_ceph.py",
        "tests/vault/rights/test_restore_matrix.py",
    ),
}
# What takes minutes begins first: a lane that begins last is waited for by an idle worker. The kills, which
# are weighed in seconds, come before the browsers, which take all the cores there are.
LONGEST_FIRST: Final = (
    "tests/end_to_end/test_kill_loop.py",
    "ceph",
    "browser",
    "tests/end_to_end/test_kill_steps.py",
    "tests/end_to_end/test_canary.py",
)


def lane_of(nodeid: str) -> str:
    """Tell a test's lane by its address, ``tests/folder/test_file.py::test_name[parameters]``."""
    path = nodeid.split("::", 1)[0]
    return next((name for name, files in HEAVY.items() if any(fnmatch(path, file) for file in files)), path)


def turn_of(nodeid: str) -> int:
    """Tell when a test's lane begins: the least first."""
    lane = lane_of(nodeid)
    return LONGEST_FIRST.index(lane) if lane in LONGEST_FIRST else len(LONGEST_FIRST)


class Lanes(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Deals out whole lanes."""

    def _split_scope(self, nodeid: str) -> str:
        return lane_of(nodeid)
