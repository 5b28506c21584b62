"""What a decoding child gives up before it reads a byte: memory, time, files, network (docs/THREATS.md).

Limits are set before the decoder is imported; the door is closed after, when nothing is left to be loaded.
Behind it there is no new descriptor, and of the kernel's calls only those that decoding needs.
"""

import ctypes
import resource
from typing import Final

from vault.media import calls_filter

CLONE_NEWNET: Final = 0x40000000
CLONE_NEWUSER: Final = 0x10000000
PR_SET_NO_NEW_PRIVS: Final = 38
PR_SET_DUMPABLE: Final = 4


def confine(memory_bytes: int, cpu_s: int) -> None:
    """Take away what decoding does not need. The network goes where the kernel lets an ordinary user."""
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_AS, memory_bytes),
    ):
        resource.setrlimit(limit, (value, value))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    if libc.unshare(CLONE_NEWNET) != 0:
        libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)


def close_the_door() -> None:
    """From here on what is open may be read, written and closed, and nothing else be asked of the kernel.

    ConfigurationError where the kernel cannot be told so: then nothing is decoded.
    """
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    calls_filter.begin()
