"""One range of a sealed part, opened block by block into memory that is used again.

Fresh memory for every block costs more than the cipher: the kernel hands it out page by page.
"""

from collections.abc import AsyncGenerator
from typing import Final

from crypto.errors import TamperedStreamError
from crypto.streaming import HEADER_BYTES, RangeOpener
from storage.store import ByteRange, Reading

SEALED_BYTES: Final = 256 << 10  # read at once: stays in a core's cache until it is opened
FIRST_BYTES: Final = 256 << 10  # of the first block, which a player waits for after a seek
BLOCK_BYTES: Final = 1 << 20  # of further ones: smaller, a thread's turn costs too much; larger: memory


class Opening:
    """The plain bytes ``start <= byte < stop`` of a stream; ``sealed`` is what to read for them.

    Memory is taken once: `SEALED_BYTES` and `BLOCK_BYTES` (or one segment each, where segments are larger),
    and never more than the range needs. Raises `crypto.errors.RangeError` for a range outside the stream.
    """

    def __init__(self, opener: RangeOpener, start: int, stop: int) -> None:
        layout = opener.layout
        self._segment, _, sealed_stop = layout.sealed_range(start, stop)
        # From the beginning of segment 0 with its header: so every buffer begins with a segment.
        self.sealed = ByteRange(self._segment * layout.segment_bytes, sealed_stop)
        self._opener = opener
        self._unread_bytes = sealed_stop - self.sealed.start
        self._skip = start - layout.plain_start(self._segment)
        self._wanted = stop - start
        self._buffer = memoryview(bytearray(min(self._whole(SEALED_BYTES), self._unread_bytes)))
        self._plain = memoryview(bytearray(min(self._whole(BLOCK_BYTES), self._unread_bytes)))
        self._plain_bytes = 0

    async def blocks(self, sealed: Reading) -> AsyncGenerator[memoryview]:
        """Give the plain bytes in blocks, each good until the next is asked for.

        Raises `crypto.errors.TamperedStreamError`, and what reading raises.
        """
        size_bytes = self._whole(FIRST_BYTES)
        while self._wanted:
            unread_bytes = max(0, self._unread_bytes - size_bytes)
            self._plain_bytes = 0
            await sealed.pour(size_bytes, self._buffer, self._open)
            if self._unread_bytes != unread_bytes:
                raise TamperedStreamError("the sealed bytes end before the range does")
            block = self._plain[self._skip : min(self._plain_bytes, self._skip + self._wanted)]
            self._skip = 0
            self._wanted -= len(block)
            size_bytes = self._whole(BLOCK_BYTES)
            yield block

    def _whole(self, size_bytes: int) -> int:
        """So many bytes, or a little less, in whole segments; at least one."""
        segment_bytes = self._opener.layout.segment_bytes
        return max(1, size_bytes // segment_bytes) * segment_bytes

    def _open(self, filled: int) -> None:
        begin = 0 if self._segment else HEADER_BYTES
        room = self._plain[self._plain_bytes :]
        self._plain_bytes += self._opener.open_segments_into(self._segment, self._buffer[begin:filled], room)
        self._segment += filled // self._opener.layout.segment_bytes
        self._unread_bytes -= filled
