"""What a decoding child may still ask of the kernel once the door is closed: a filter of system calls.

Limits on open files stop descriptors, not calls: paths are unlinked, processes made and signals sent without
one. So the kernel is given a list of the few calls that decoding needs (seccomp(2)); every other one fails.
The list names numbers, so it exists for the two machines we ship for and for no other.
"""

import ctypes
import os
import struct
from dataclasses import dataclass
from typing import Final

from vault.errors import ConfigurationError

SET_MODE_FILTER: Final = 1
FLAG_TSYNC: Final = 1  # for every thread, should an import have begun one
CLONE_THREAD: Final = 0x10000
EPERM: Final = 1
ENOSYS: Final = 38

LOAD: Final = 0x20  # of an instruction: load a word; jump where equal, or where a bit is set; return
JUMP_EQUAL: Final = 0x15
JUMP_SET: Final = 0x45
RETURN: Final = 0x06
NUMBER_AT, MACHINE_AT, FIRST_ARGUMENT_AT = 0, 4, 16  # struct seccomp_data; both machines put low halves first
ALLOW: Final = 0x7FFF0000
FAIL: Final = 0x00050000
KILL: Final = 0x80000000


ALLOWED: Final = {  # numbers on x86_64 and on aarch64
    "read": (0, 63),
    "readv": (19, 65),
    "write": (1, 64),
    "writev": (20, 66),
    "close": (3, 57),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "munmap": (11, 215),
    "madvise": (28, 233),
    "brk": (12, 214),
    "futex": (202, 98),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "getcpu": (309, 168),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "times": (100, 153),
    "getrusage": (98, 165),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getrandom": (318, 278),
}
"""What is open already, memory, threads, signals of its own, time, random bytes."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A kind of processor: its name for the kernel, and the numbers of calls there.

    ``clone3`` is said not to exist, and the C library takes ``clone``, whose flags can be seen: a thread may
    begin, a process may not.
    """

    audit: int
    seccomp: int
    clone: int
    clone3: int
    allowed: frozenset[int]


def _allowed(column: int) -> frozenset[int]:
    return frozenset(number for numbers in ALLOWED.values() if (number := numbers[column]) is not None)


MACHINES: Final = {
    "x86_64": Machine(0xC000003E, seccomp=317, clone=56, clone3=435, allowed=_allowed(0)),
    "aarch64": Machine(0xC00000B7, seccomp=277, clone=220, clone3=435, allowed=_allowed(1)),
}


class _Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def is_possible() -> bool:
    """Tell whether this kernel and machine have such a filter: an empty one is refused for being empty."""
    machine = MACHINES.get(os.uname().machine)
    if machine is None:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(machine.seccomp, SET_MODE_FILTER, 0, None)
    return ctypes.get_errno() == 14  # noqa: PLR2004  # EFAULT


def begin() -> None:
    """Filter every call from here on, for good; ConfigurationError where that cannot be.

    The child must have given up new privileges before (``vault.media.confine``).
    """
    machine = MACHINES.get(os.uname().machine)
    if machine is None:
        raise ConfigurationError("no filter of system calls is known for this machine")
    instructions = program(machine)
    filled = _Program(len(instructions) // 8, instructions)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(machine.seccomp, SET_MODE_FILTER, FLAG_TSYNC, ctypes.byref(filled)) != 0:
        raise ConfigurationError("the kernel takes no filter of system calls")


def program(machine: Machine) -> bytes:
    """Write the filter for the kernel's own little machine: what is listed, threads, and nothing else."""
    return b"".join(
        (
            _instruction(LOAD, MACHINE_AT),
            _instruction(JUMP_EQUAL, machine.audit, if_true=1),
            _instruction(RETURN, KILL),  # numbers of another kind of machine, which the kernel takes as well
            _instruction(LOAD, NUMBER_AT),
            *(_when(number, ALLOW) for number in sorted(machine.allowed)),
            _when(machine.clone3, FAIL | ENOSYS),
            _instruction(JUMP_EQUAL, machine.clone, if_false=3),
            _instruction(LOAD, FIRST_ARGUMENT_AT),
            _instruction(JUMP_SET, CLONE_THREAD, if_false=1),
            _instruction(RETURN, ALLOW),
            _instruction(RETURN, FAIL | EPERM),
        )
    )


def _when(number: int, answer: int) -> bytes:
    return _instruction(JUMP_EQUAL, number, if_false=1) + _instruction(RETURN, answer)


def _instruction(code: int, value: int, *, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
