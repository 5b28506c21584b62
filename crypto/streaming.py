"""Sealing and opening whole streams and ranges of them (FORMAT.md, Sealed streams).

`Sealer` and `Opener` work piece by piece with one segment of memory, `seal` and `open_sealed` at
once, `RangeOpener` anywhere inside a stream whose length is known. All of them are plain
computation; one that works on megabytes belongs in a thread.
"""

from crypto.buffers import Filled
from crypto.errors import ParameterError, TamperedStreamError
from crypto.identifiers import checked_counter, checked_part, checked_uuid
from crypto.keys import DataKey
from crypto.layout import DEFAULT_SEGMENT_BYTES, HEADER_BYTES, TAG_BYTES, Layout
from crypto.segments import VAULT_SUITE, SegmentCipher
from crypto.splitting import SegmentReader, SegmentWriter, Uncopied

__all__ = [
    "DEFAULT_SEGMENT_BYTES",
    "HEADER_BYTES",
    "Layout",
    "Opener",
    "RangeOpener",
    "Sealer",
    "media_associated_data",
    "open_sealed",
    "seal",
]


def media_associated_data(*, tenant: str, object_id: str, part: str, gen: int, segment_bytes: int) -> bytes:
    """The associated data of one part of one media object (FORMAT.md, Associated data).

    A sealed part moved to another tenant, object, part or generation, or read with another segment
    size, does not open. Raises `ParameterError` if a value is not in its canonical form.
    """
    lines = (
        "vault-media/1",
        f"tenant={checked_uuid(tenant, name='tenant')}",
        f"object={checked_uuid(object_id, name='object')}",
        f"part={checked_part(part)}",
        f"gen={checked_counter(gen, name='gen', bits=32)}",
        f"seg={checked_counter(segment_bytes, name='segment_bytes', bits=31)}",
    )
    return "".join(line + "\n" for line in lines).encode("ascii")


class Sealer(SegmentWriter):
    """Seals one stream of unknown length under `key`, with a fresh random header.

    `segment_bytes` is not written into the stream: put it into the associated data
    (`media_associated_data` does) and keep it with the object.
    """

    __slots__ = ()

    def __init__(
        self, key: DataKey, *, associated_data: bytes, segment_bytes: int = DEFAULT_SEGMENT_BYTES
    ) -> None:
        cipher = SegmentCipher(key.reveal(), VAULT_SUITE.new_header(), associated_data=associated_data)
        super().__init__(cipher, segment_bytes=segment_bytes)


def seal(
    key: DataKey,
    plain: bytes | bytearray | memoryview,
    *,
    associated_data: bytes,
    segment_bytes: int = DEFAULT_SEGMENT_BYTES,
) -> bytes:
    """The whole sealed stream of `plain`; twice the same plain gives two unlike streams.

    Meant for fragments and other small things: beyond some megabytes the fresh memory for the result
    costs as much as the cipher, and a `Sealer` fed in pieces is faster.
    """
    return Sealer(key, associated_data=associated_data, segment_bytes=segment_bytes).write_all(plain)


class Opener(Uncopied):
    """Opens one sealed stream from its first byte to its last, piece by piece.

    `update` raises `TamperedStreamError` at the first segment that is not authentic, `finish` when
    the stream was cut. What `update` has returned before is genuine, but only `finish` says that
    it is all.
    """

    __slots__ = ("_associated_data", "_header", "_key", "_reader", "_segment_bytes")

    def __init__(
        self, key: DataKey, *, associated_data: bytes, segment_bytes: int = DEFAULT_SEGMENT_BYTES
    ) -> None:
        Layout(HEADER_BYTES + TAG_BYTES, segment_bytes)  # refuses an illegal segment size
        self._key = key
        self._associated_data = associated_data
        self._segment_bytes = segment_bytes
        self._header = b""
        self._reader: SegmentReader | None = None

    def update(self, sealed: bytes | bytearray | memoryview) -> bytes:
        """The plain bytes that these sealed bytes complete, often none."""
        if self._reader is not None:
            return self._reader.update(sealed)
        with memoryview(sealed).cast("B") as view:
            missing = HEADER_BYTES - len(self._header)
            self._header += bytes(view[:missing])
            if len(self._header) < HEADER_BYTES:
                return b""
            cipher = SegmentCipher(self._key.reveal(), self._header, associated_data=self._associated_data)
            self._reader = SegmentReader(cipher, segment_bytes=self._segment_bytes)
            return self._reader.update(view[missing:])

    def finish(self) -> bytes:
        """The last plain bytes; raises `TamperedStreamError` if the stream was cut anywhere."""
        if self._reader is None:
            raise TamperedStreamError("the stream ends inside its header")
        return self._reader.finish()


def open_sealed(
    key: DataKey,
    sealed: bytes | bytearray | memoryview,
    *,
    associated_data: bytes,
    segment_bytes: int = DEFAULT_SEGMENT_BYTES,
) -> bytes:
    """The plain bytes of a whole sealed stream; `TamperedStreamError` unless every byte is genuine."""
    layout = Layout(len(sealed), segment_bytes)
    with memoryview(sealed).cast("B") as view:
        opener = RangeOpener(key, bytes(view[:HEADER_BYTES]), associated_data=associated_data, layout=layout)
        return opener.open_segments(0, view[HEADER_BYTES:])


class RangeOpener:
    """Opens any run of segments of one stored stream (a seek), given its header and its layout.

    `layout.sealed_bytes` must be the authenticated length, from the unwrapped key record or from a
    store that was checked against it. One opener may serve many readers and threads.
    """

    __slots__ = ("_cipher", "layout")

    def __init__(self, key: DataKey, header: bytes, *, associated_data: bytes, layout: Layout) -> None:
        self._cipher = SegmentCipher(key.reveal(), header, associated_data=associated_data)
        self.layout = layout

    def open_segments(self, first_segment: int, sealed: bytes | bytearray | memoryview) -> bytes:
        """The plain bytes of the whole segments that `sealed` is made of, the first of which is named.

        Raises `TamperedStreamError` if the bytes do not end with a segment or are not authentic.
        """
        size_bytes = self._plain_size(first_segment, len(sealed))
        with memoryview(sealed).cast("B") as view, Filled(size_bytes) as out:
            self.open_segments_into(first_segment, view, out.slice(0, size_bytes))
        return out.take()

    def open_segments_into(self, first_segment: int, sealed: memoryview, out: memoryview) -> int:
        """`open_segments` into the beginning of `out`; returns how many plain bytes there are.

        For a reader that uses its memory again: the page faults of fresh memory cost more than the cipher.
        Raises `ParameterError` if `out` is too short; after any error no plain byte of this call is in it.
        """
        if len(out) < self._plain_size(first_segment, len(sealed)):
            raise ParameterError("the plain bytes need more room")
        index, taken, filled = first_segment, 0, 0
        shift = self.layout.sealed_start(first_segment)
        try:
            while taken < len(sealed):
                stop = self.layout.sealed_stop(index) - shift
                plain_stop = filled + stop - taken - TAG_BYTES
                is_last = index == self.layout.segments - 1
                self._cipher.open_into(index, sealed[taken:stop], out[filled:plain_stop], is_last=is_last)
                index, taken, filled = index + 1, stop, plain_stop
        except BaseException:
            out[:filled] = bytes(filled)
            raise
        return filled

    def open_range(self, start: int, stop: int, sealed: bytes | bytearray | memoryview) -> bytes:
        """The plain bytes [start, stop), given the sealed bytes that `layout.sealed_range` names.

        Raises `RangeError` for a range outside the stream, `TamperedStreamError` if `sealed` is not
        exactly that run of segments.
        """
        first, sealed_start, sealed_stop = self.layout.sealed_range(start, stop)
        if len(sealed) != sealed_stop - sealed_start:
            raise TamperedStreamError("the sealed bytes are not the segments asked for")
        skipped = self.layout.plain_start(first)
        return self.open_segments(first, sealed)[start - skipped : stop - skipped]

    def _plain_size(self, first_segment: int, sealed_bytes: int) -> int:
        """How many plain bytes a run of whole segments holds; `TamperedStreamError` if it is none."""
        layout = self.layout
        stop = layout.sealed_start(first_segment) + sealed_bytes
        last = (stop - 1) // layout.segment_bytes
        if sealed_bytes <= 0 or not 0 <= first_segment <= last or stop != layout.sealed_stop(last):
            raise TamperedStreamError("the sealed bytes are not whole segments of this stream")
        return sealed_bytes - TAG_BYTES * (last - first_segment + 1)
