"""What child and parent say to each other: the child asks for input when it needs it, so nobody waits twice.

Everything is a frame: one byte of kind, four of length, the bytes. The parent sends the job, then one frame
for each request, empty at an input's end. The child never reads without having asked, and the parent never
writes unasked: with one conversation there is nothing to dead-lock, and a block is all that waits.
"""

import struct
from enum import IntEnum
from typing import BinaryIO, Final

HEAD: Final = struct.Struct(">BI")
NUMBER: Final = struct.Struct(">H")  # of an input: a long call has some hundred recordings
NO_INPUT: Final = 1 << 16
FRAME_LIMIT_BYTES: Final = 9 * 1024 * 1024  # a fragment of the largest size and its head
BLOCK_BYTES: Final = 512 * 1024  # of one answer: some seconds of media


class Kind(IntEnum):
    """What a frame is."""

    NEED = 1  # child: the next block of input number (two bytes) is wanted
    BLOCK = 2  # parent: here it is; empty at the end
    JOB = 3  # parent: what is to be made
    MADE = 4  # child: the next piece of the product
    PROGRESS = 5  # child: done so many per cent (one byte)
    DONE = 6  # child: that was all


def needed(content: bytes) -> int:
    """Tell which input a child asks for; of what is no number, one there is not."""
    return int(NUMBER.unpack(content)[0]) if len(content) == NUMBER.size else NO_INPUT


class Mouth:
    """The child's side."""

    def __init__(self, reads: BinaryIO, writes: BinaryIO) -> None:
        self._reads = reads
        self._writes = writes

    def say(self, kind: Kind, content: bytes = b"") -> None:
        """Send a frame."""
        self._writes.write(HEAD.pack(kind, len(content)))
        self._writes.write(content)
        self._writes.flush()

    def hear(self, wanted: Kind) -> bytes:
        """Take the next frame, which must be of this kind; raises EOFError where the parent went away."""
        kind, length = HEAD.unpack(self._exactly(HEAD.size))
        if kind != wanted or length > FRAME_LIMIT_BYTES:
            raise EOFError("the parent said something else")
        return self._exactly(length)

    def need(self, number: int) -> bytes:
        """Ask for the next block of an input."""
        self.say(Kind.NEED, NUMBER.pack(number))
        return self.hear(Kind.BLOCK)

    def _exactly(self, length: int) -> bytes:
        content = self._reads.read(length)
        if len(content) != length:
            raise EOFError("the parent went away")
        return content
