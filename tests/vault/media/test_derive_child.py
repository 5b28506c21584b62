"""The child's own limits, shown by code that tries what a taken-over decoder would try."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.webrtc.studio import Scene, audio, file_of

ROOT = Path(__file__).parents[3]
CONFINED = """
import sys
from vault.media import confine, derive_child as child
import av, importlib
for name in child.IMPORTED_LATE: importlib.import_module(name)
confine.confine(512 * 1024 * 1024, 2)
confine.close_the_door()
"""

ATTEMPTS = {
    "read a file": "open('/etc/hostname').read()",
    "read a file in place of its output": "import os; os.close(2); open('/etc/hostname').read()",
    "open a socket in place of its output": "import os, socket; os.close(2); socket.socket()",
    "remove a file": "import os; os.unlink({victim!r})",
    "empty a file": "import os; os.truncate({victim!r}, 0)",
    "move a file": "import os; os.rename({victim!r}, {folder!r} + '/loot')",
    "make a folder": "import os; os.mkdir({folder!r} + '/loot')",
    "let others read a file": "import os; os.chmod({victim!r}, 0o666)",
    "tell whether a file exists": "import os; os.stat({victim!r})",
    "make a process": "import os; os.fork() or os._exit(0)",
    "become another program": "import os; os.execv('/bin/true', ['true'])",
    "send the server a signal": "import os; os.kill({server}, 0)",
    "look into the server's memory": "import ctypes; libc = ctypes.CDLL(None, use_errno=True)\n"
    "    if libc.ptrace(0x4206, {server}, 0, 0): raise PermissionError",
    "make a file": "open({folder!r} + '/loot', 'w').write('x')",
    "make an empty file": "import os; os.open({folder!r} + '/loot', os.O_CREAT | os.O_WRONLY)",
    "open a TCP socket": "import socket; socket.create_connection(('127.0.0.1', 9), 1)",
    "open a UDP socket": "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "open a local socket": "import socket; socket.socket(socket.AF_UNIX)",
    "open a pipe": "import os; os.pipe()",
    "double its output": "import os; os.dup(1)",
    "map a shared file": "import os; os.memfd_create('x')",
    "start a program with a pipe": "import subprocess; subprocess.run(['true'], capture_output=True)",
    "list a folder": "import os; os.listdir('/')",
    "take much memory": "x = bytearray(1024 * 1024 * 1024)",
    "raise its own limit": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))",
    "limit the server": "import resource; resource.prlimit({server}, resource.RLIMIT_NOFILE, (0, 0))",
}

REFUSED = "(OSError, MemoryError, ValueError)"  # setrlimit turns the kernel's answer into a ValueError


def run(program: str, plain: bytes = b"", timeout_s: float = 30) -> subprocess.CompletedProcess[bytes]:
    """Run a program in a child of its own."""
    return subprocess.run(
        [sys.executable, "-c", program],
        input=plain,
        capture_output=True,
        cwd=ROOT,
        timeout=timeout_s,
        check=False,
    )


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS.keys())
def test_a_taken_over_decoder_gets_nothing(tmp_path: Path, attempt: str) -> None:
    """P13: no file, no socket, no pipe, no process, no further memory; each attempt ends in an error."""
    box, victim = tmp_path / "box", tmp_path / "victim"
    box.mkdir()
    victim.write_text("sealed")
    victim.chmod(0o600)
    code = attempt.format(folder=str(box), victim=str(victim), server=os.getpid())
    done = run(f"{CONFINED}\ntry:\n    {code}\nexcept {REFUSED}:\n    sys.exit(42)\nsys.exit(0)\n")
    assert done.returncode == 42, done.stderr[-500:]
    assert list(box.iterdir()) == []
    assert (victim.read_text(), victim.stat().st_mode & 0o777) == ("sealed", 0o600)


def test_a_thread_is_no_process() -> None:
    """The counterpart: what decoders need is left to them."""
    begun = "import threading; t = threading.Thread(target=sys.exit); t.start(); t.join(); sys.exit(42)"
    assert run(f"{CONFINED}\n{begun}\n").returncode == 42


@pytest.mark.parametrize("machine", ["riscv64", "armv7l"])
def test_a_machine_without_a_filter_decodes_nothing(machine: str) -> None:
    """Deny by default: the child ends before it reads a byte, and the program can say why."""
    elsewhere = (
        f"import os; named = os.uname; os.uname = lambda: os.uname_result(('', '', '', '', {machine!r}))"
    )
    asked = "from vault.media import calls_filter; assert not calls_filter.is_possible()"
    done = run(f"{elsewhere}\n{asked}\n{CONFINED}\nsys.exit(42)\n")
    assert done.returncode == 1
    assert b"ConfigurationError" in done.stderr


def test_an_endless_computation_is_ended_by_the_kernel() -> None:
    """RLIMIT_CPU: two seconds of processor time, then a signal."""
    done = run(f"{CONFINED}\nwhile True: pass\n")
    assert done.returncode < 0


def test_nobody_else_may_look_into_its_memory() -> None:
    """Not dumpable: neither a core file nor another process of the same user."""
    limited = CONFINED.replace("confine.close_the_door()", "")  # behind it one cannot even ask
    done = run(f"{limited}\nimport ctypes\nsys.exit(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))\n")
    assert done.returncode == 0


@pytest.mark.parametrize("media_type", ["text/html", "video/x-matroska", ""])
def test_another_type_is_refused_before_anything_is_read(media_type: str) -> None:
    """Two containers, both of our own writing."""
    program = (
        f"import sys; sys.argv = ['child', {media_type!r}, '536870912', '5']; "
        "from vault.media.derive_child import main; main()"
    )
    assert run(program).returncode != 0


def test_sound_alone_has_peaks_and_no_poster() -> None:
    """One JSON document on standard output, nothing on standard error."""
    plain = file_of(Scene().add(audio(2)).fragments())
    program = (
        "import sys; sys.argv = ['child', 'audio/webm', '536870912', '5']; "
        "from vault.media.derive_child import main; main()"
    )
    done = run(program, plain)
    assert done.returncode == 0
    assert done.stdout.startswith(b'{"poster":null,"peaks":[')
    assert done.stderr == b""
