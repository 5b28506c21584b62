"""Cutting plain bytes into segments, and putting opened segments together again."""

from typing import Final, NoReturn

from crypto.buffers import Filled
from crypto.errors import FinishedStreamError, TamperedStreamError
from crypto.layout import TAG_BYTES, Layout
from crypto.segments import SegmentCipher

__all__ = ["SegmentReader", "SegmentWriter", "Uncopied"]

_SMALLEST_SEGMENT: Final = TAG_BYTES + 1  # a later segment holds at least one plain byte


class Uncopied:
    """A stream state that can be neither pickled nor copied: a copy would repeat its nonces."""

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} is neither pickled nor copied")


class SegmentWriter(Uncopied):
    """Cuts plain bytes into segments and seals them with `cipher`, never one counter twice.

    At most one segment of plain bytes is held back, because whether a segment is the last one is
    known only when more bytes, or none, arrive.
    """

    __slots__ = ("_cipher", "_finished", "_held", "_index", "_segment_bytes")

    def __init__(self, cipher: SegmentCipher, *, segment_bytes: int) -> None:
        Layout(len(cipher.header) + TAG_BYTES, segment_bytes, len(cipher.header))  # refuses an illegal size
        self._cipher = cipher
        self._segment_bytes = segment_bytes
        self._held = bytearray()
        self._index = 0
        self._finished = False

    def update(self, plain: bytes | bytearray | memoryview) -> bytes:
        """The sealed bytes that these plain bytes complete, often none.

        Raises `FinishedStreamError` after `finish` or after an earlier error.
        """
        return self._write(plain, is_last=False)

    def finish(self) -> bytes:
        """The rest of the sealed stream; a stream without it does not open."""
        return self._write(b"", is_last=True)

    def write_all(self, plain: bytes | bytearray | memoryview) -> bytes:
        """`update` and `finish` in one pass over memory."""
        return self._write(plain, is_last=True)

    def _capacity(self, index: int) -> int:
        return self._segment_bytes - TAG_BYTES - (0 if index else len(self._cipher.header))

    def _cut(self, available: int, *, is_last: bool) -> list[int]:
        """The plain sizes of the segments to seal now; what they leave over is held back."""
        sizes: list[int] = []
        while available > (capacity := self._capacity(self._index + len(sizes))):
            sizes.append(capacity)
            available -= capacity
        if is_last:
            sizes.append(available)
        return sizes

    def _write(self, plain: bytes | bytearray | memoryview, *, is_last: bool) -> bytes:
        if self._finished:
            raise FinishedStreamError("this stream is finished")
        self._finished = True  # until this call has succeeded: after an error no counter may be used again
        with memoryview(plain).cast("B") as view:
            sizes = self._cut(len(self._held) + len(view), is_last=is_last)
            sealed = self._seal(view, sizes, is_last=is_last)
        self._finished = is_last
        return sealed

    def _seal(self, view: memoryview, sizes: list[int], *, is_last: bool) -> bytes:
        begins = self._index == 0 and bool(sizes)
        offset = len(self._cipher.header) if begins else 0
        taken = 0
        with Filled(offset + sum(sizes) + TAG_BYTES * len(sizes)) as out:
            out.slice(0, offset)[:] = self._cipher.header[:offset]
            for number, size in enumerate(sizes, start=1):
                plain_stop = taken + size - len(self._held)
                piece: bytes | memoryview = view[taken:plain_stop]
                if self._held:
                    piece = bytes(self._held) + bytes(piece)
                    self._forget()
                stop = offset + size + TAG_BYTES
                last = is_last and number == len(sizes)
                self._cipher.seal_into(self._index, piece, out.slice(offset, stop), is_last=last)
                self._index += 1
                offset, taken = stop, plain_stop
            self._held += view[taken:]
        return out.take()

    def _forget(self) -> None:
        self._held[:] = bytes(len(self._held))
        self._held = bytearray()


class SegmentReader(Uncopied):
    """Opens sealed segments in order; plain bytes leave only after their segment authenticated.

    Starts at segment 0, just after the header. The end of the stream
    is wherever `finish` is called: if the true last segment has not been read, it raises.
    """

    __slots__ = ("_cipher", "_finished", "_held", "_index", "_segment_bytes")

    def __init__(self, cipher: SegmentCipher, *, segment_bytes: int) -> None:
        self._cipher = cipher
        self._segment_bytes = segment_bytes
        self._held = bytearray()
        self._index = 0
        self._finished = False

    def update(self, sealed: bytes | bytearray | memoryview) -> bytes:
        """The plain bytes that these sealed bytes complete, often none.

        Raises `TamperedStreamError` if a segment is not authentic: everything returned before is
        genuine, nothing of this call leaves.
        """
        return self._read(sealed, is_last=False)

    def finish(self) -> bytes:
        """The plain bytes of the last segment; only now is it known that nothing was cut off."""
        return self._read(b"", is_last=True)

    def _size(self, index: int) -> int:
        return self._segment_bytes - (0 if index else len(self._cipher.header))

    def _cut(self, available: int, *, is_last: bool) -> list[int]:
        """The sealed sizes of the segments to open now."""
        sizes: list[int] = []
        while available > (size := self._size(self._index + len(sizes))):
            sizes.append(size)
            available -= size
        if is_last:
            smallest = _SMALLEST_SEGMENT if self._index + len(sizes) else TAG_BYTES
            if available < smallest:
                raise TamperedStreamError("the last segment is cut or empty")
            sizes.append(available)
        return sizes

    def _read(self, sealed: bytes | bytearray | memoryview, *, is_last: bool) -> bytes:
        if self._finished:
            raise FinishedStreamError("this stream is finished")
        self._finished = True  # until this call has succeeded: a stream that failed stays closed
        with memoryview(sealed).cast("B") as view:
            sizes = self._cut(len(self._held) + len(view), is_last=is_last)
            plain = self._open(view, sizes, is_last=is_last)
        self._finished = is_last
        return plain

    def _open(self, view: memoryview, sizes: list[int], *, is_last: bool) -> bytes:
        offset = taken = 0
        with Filled(sum(sizes) - TAG_BYTES * len(sizes)) as out:
            for number, size in enumerate(sizes, start=1):
                sealed_stop = taken + size - len(self._held)
                piece: bytes | memoryview = view[taken:sealed_stop]
                if self._held:
                    piece = bytes(self._held) + bytes(piece)
                    self._held = bytearray()
                stop = offset + size - TAG_BYTES
                last = is_last and number == len(sizes)
                self._cipher.open_into(self._index, piece, out.slice(offset, stop), is_last=last)
                self._index += 1
                offset, taken = stop, sealed_stop
            self._held += view[taken:]
        return out.take()
