"""Finishing a sealed stream that was written in place and torn by a crash (FORMAT.md, Torn streams).

The stream has no last segment, so it does not open, and rightly so. The one safe way to end it is to
seal the plaintext of its last complete segment k again, with the last-flag. The nonces (k, 0) and
(k, 1) then protect the same text, so no nonce ever protects two. Not safe: to add an empty last
segment, or to go on writing, for the crash may have spent those nonces on other text.

1. Open segment 0, 1, ... without the last-flag while it is whole and genuine.
2. If what follows is a genuine last segment, the stream was complete: drop only what stands after it.
3. Otherwise drop what follows and seal the last genuine segment again as the last one.

The program itself never needs this: each fragment of a recording is a whole stream of its own, and what
was not stored completely does not exist. It belongs to the format all the same. Whoever writes one long
stream (an export onto a disk, a recorder elsewhere) has no other safe end for a torn one, and the obvious
ones repeat a nonce; so the safe one is here, tested at every byte, before anybody needs it in a hurry.
"""

from dataclasses import dataclass

from crypto.errors import TamperedStreamError, UnrecoverableStreamError
from crypto.keys import DataKey
from crypto.layout import DEFAULT_SEGMENT_BYTES, HEADER_BYTES, TAG_BYTES, Layout
from crypto.segments import SegmentCipher

__all__ = ["Repair", "repair"]


@dataclass(frozen=True, slots=True)
class Repair:
    """How to end a torn stream: keep its first `kept_bytes` bytes and write `last_segment` after them.

    Write the result to a new file and rename it: a crash during the repair then costs nothing.
    `dropped_bytes` sealed bytes of the torn stream are lost.
    """

    kept_bytes: int
    last_segment: bytes
    dropped_bytes: int

    def apply(self, torn: bytes | bytearray | memoryview) -> bytes:
        """The repaired stream as one piece."""
        return bytes(memoryview(torn)[: self.kept_bytes]) + self.last_segment


def repair(
    key: DataKey,
    torn: bytes | bytearray | memoryview,
    *,
    associated_data: bytes,
    segment_bytes: int = DEFAULT_SEGMENT_BYTES,
) -> Repair:
    """How to end the stream of which `torn` is all that was stored; the same answer each time.

    Damage in the middle cannot be told from a tear: everything after the first segment that is not
    genuine is dropped, so compare `dropped_bytes` with what a crash can explain. Raises
    `UnrecoverableStreamError` if not one segment is complete.
    """
    Layout(HEADER_BYTES + TAG_BYTES, segment_bytes)  # refuses an illegal segment size
    with memoryview(torn).cast("B") as view:
        try:
            cipher = SegmentCipher(key.reveal(), bytes(view[:HEADER_BYTES]), associated_data=associated_data)
        except TamperedStreamError as cause:
            raise UnrecoverableStreamError("the stream was torn inside its header") from cause
        return _Torn(cipher, view, segment_bytes).repair()


class _Torn:
    def __init__(self, cipher: SegmentCipher, view: memoryview, segment_bytes: int) -> None:
        self._cipher = cipher
        self._view = view
        self._segment_bytes = segment_bytes

    def repair(self) -> Repair:
        index, plain = 0, b""
        while (opened := self._open(index, is_last=False)) is not None:
            index, plain = index + 1, opened
        start, stop = self._bounds(index)
        ending = self._open(index, is_last=True)
        # An empty segment ends an empty stream only; elsewhere it was not written by us.
        if ending or (ending is not None and index == 0):
            return Repair(
                kept_bytes=start,
                last_segment=bytes(self._view[start:stop]),
                dropped_bytes=len(self._view) - stop,
            )
        if index == 0:
            raise UnrecoverableStreamError("not one segment of the stream is complete")
        last_segment = bytearray(len(plain) + TAG_BYTES)
        self._cipher.seal_into(index - 1, plain, memoryview(last_segment), is_last=True)
        return Repair(
            kept_bytes=self._bounds(index - 1)[0],
            last_segment=bytes(last_segment),
            dropped_bytes=len(self._view) - start,
        )

    def _bounds(self, index: int) -> tuple[int, int]:
        start = index * self._segment_bytes if index else HEADER_BYTES
        return start, min((index + 1) * self._segment_bytes, len(self._view))

    def _open(self, index: int, *, is_last: bool) -> bytes | None:
        """The plain bytes of a segment, or None if it is not there, not whole or not genuine."""
        start, stop = self._bounds(index)
        whole = stop == (index + 1) * self._segment_bytes
        if stop - start < TAG_BYTES or not (whole or is_last):
            return None
        plain = bytearray(stop - start - TAG_BYTES)
        try:
            self._cipher.open_into(index, self._view[start:stop], memoryview(plain), is_last=is_last)
        except TamperedStreamError:
            return None
        return bytes(plain)
