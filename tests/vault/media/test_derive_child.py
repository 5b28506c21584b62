"""The child's own limits, shown by code that tries what a taken-over decoder would try."""

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
    "raise its own limit": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024)) "
    "if __import__('os').geteuid() else (_ for _ in ()).throw(PermissionError)",
}


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
    """P13: no file, no socket, no pipe, no further memory; each attempt ends in an error."""
    code = attempt.format(folder=str(tmp_path))
    done = run(
        f"{CONFINED}\ntry:\n    {code}\nexcept (OSError, MemoryError):\n    sys.exit(42)\nsys.exit(0)\n"
    )
    assert done.returncode == 42, done.stderr[-500:]
    assert list(tmp_path.iterdir()) == []


def test_an_endless_computation_is_ended_by_the_kernel() -> None:
    """RLIMIT_CPU: two seconds of processor time, then a signal."""
    done = run(f"{CONFINED}\nwhile True: pass\n")
    assert done.returncode < 0


def test_nobody_else_may_look_into_its_memory() -> None:
    """Not dumpable: neither a core file nor another process of the same user."""
    done = run(f"{CONFINED}\nimport ctypes\nsys.exit(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))\n")
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
