"""No memory image on disk: keys and media are in this process's memory, and a core file would hold them."""

import ctypes
import resource
import sys
from typing import Final

PR_SET_DUMPABLE: Final = 4  # prctl(2)


def forbid_dumps(*, debuggable: bool) -> None:
    """Allow this process and its children no core file.

    The limit alone is not enough for real calls: where ``core_pattern`` is a pipe, the kernel hands the image
    to a collector whatever the limit says (core(5)), unless the process is not dumpable (prctl(2)). Then no
    debugger of the same user can attach either; ``debuggable`` leaves that out.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux" and not debuggable:
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
