"""The child that composes: it asks for the recordings block by block and gives the product back in pieces.

Like the child for posters (``vault.media.derive_child``) it has three pipes and nothing else. What it gives
back is not believed: the parent seals it, and reads it again with the parsers it has for strangers' bytes.
"""

import importlib
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from vault.media.confine import close_the_door, confine

if TYPE_CHECKING:
    from vault.media.composing.job import Job
    from vault.media.composing.talk import Mouth

IMPORTED_LATE: Final = ("av.subtitles.stream", "PIL.ImageFile", "vault.media.composing.making")


def main() -> None:
    """Limit, import, compose; any failure is an exit code other than 0."""
    memory_bytes, cpu_s, nice = (int(argument) for argument in sys.argv[1:4])
    os.nice(nice)  # a running call is served first, always
    confine(memory_bytes, cpu_s)
    from vault.media.composing.job import Job  # noqa: PLC0415  # only inside the limits
    from vault.media.composing.talk import Kind, Mouth  # noqa: PLC0415  # as above

    making: Any = [importlib.import_module(late) for late in IMPORTED_LATE][-1]
    close_the_door()
    mouth = Mouth(sys.stdin.buffer, sys.stdout.buffer)
    job = Job.read(mouth.hear(Kind.JOB))
    told = -1
    for done_ms, piece in _pieces(making, job, mouth):
        if piece:
            mouth.say(Kind.MADE, piece)
        percent = min(99, done_ms * 100 // max(1, job.duration_ms))
        if percent > told:
            told = percent
            mouth.say(Kind.PROGRESS, bytes((percent,)))
    mouth.say(Kind.DONE)


def _pieces(making: Any, job: "Job", mouth: "Mouth") -> Iterator[tuple[int, bytes]]:
    pieces: Iterator[tuple[int, bytes]] = making.pieces(job, mouth)
    return pieces


if __name__ == "__main__":
    main()
