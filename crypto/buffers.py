"""An output buffer that is filled in place and leaves as `bytes` without a copy."""

import io
from types import TracebackType
from typing import Self

__all__ = ["Filled"]


class Filled:
    """`size_bytes` zero bytes to fill through slices, handed out as one `bytes` by `take`.

    `BytesIO` gives a writable view of the very object that `getvalue` returns afterwards, so sealing
    a segment costs one pass over memory, where joining pieces costs two and more page faults
    (benchmarks/seal.py). Leaving the block because of an error fills everything with zeros: plain
    bytes of a message that turned out to be altered do not linger.
    """

    __slots__ = ("_buffer", "_view")

    def __init__(self, size_bytes: int) -> None:
        self._buffer = io.BytesIO(bytes(size_bytes))
        self._view = self._buffer.getbuffer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is not None:
            self._view[:] = bytes(len(self._view))
        self._view.release()

    def slice(self, start: int, stop: int) -> memoryview:
        """A writable view of the bytes [start, stop)."""
        return self._view[start:stop]

    def take(self) -> bytes:
        """The filled bytes; call it once, after the block."""
        return self._buffer.getvalue()
