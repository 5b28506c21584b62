"""Where the bytes of a sealed stream are: pure arithmetic, no key needed.

A stream is a header and segments of one fixed size; only the last may be shorter. Segment 0 is
shorter by the header, so that segment i begins at offset i * segment size for every i >= 1
(Tink, AES-GCM-HKDF streaming wire format).
"""

from dataclasses import dataclass
from typing import Final, Self

from crypto.errors import ParameterError, RangeError, TamperedStreamError

__all__ = ["DEFAULT_SEGMENT_BYTES", "HEADER_BYTES", "MAX_SEGMENTS", "TAG_BYTES", "Layout"]

TAG_BYTES: Final = 16  # AES-GCM's full tag
HEADER_BYTES: Final = 40  # 1 length byte, 32 of salt, 7 of nonce prefix
DEFAULT_SEGMENT_BYTES: Final = 65_536  # larger: a seek opens too much; smaller: tags and calls eat time
MAX_SEGMENTS: Final = (1 << 32) - 1  # the counter has 32 bits, and Tink for Go refuses its last value
_SEGMENT_LIMIT_BYTES: Final = 1 << 31  # Tink keys hold the size in a signed 32-bit number


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of a sealed stream of `sealed_bytes` bytes cut into `segment_bytes` bytes each.

    Raises `TamperedStreamError` for a length no stream can have and `ParameterError` for an illegal
    segment size. A length read from a store is only a claim: trust it after it was authenticated,
    by an unwrapped key record or by opening the last segment.
    """

    sealed_bytes: int
    segment_bytes: int = DEFAULT_SEGMENT_BYTES
    header_bytes: int = HEADER_BYTES

    def __post_init__(self) -> None:
        smallest_bytes = self.header_bytes + TAG_BYTES + 1  # one plain byte must fit into segment 0
        if not smallest_bytes <= self.segment_bytes < _SEGMENT_LIMIT_BYTES:
            raise ParameterError(
                f"a segment has {smallest_bytes} to 2^31 - 1 bytes, not {self.segment_bytes}"
            )
        if self.sealed_bytes < self.header_bytes + TAG_BYTES or self.segments > MAX_SEGMENTS:
            raise TamperedStreamError(f"no sealed stream has {self.sealed_bytes} bytes")
        # An empty last segment is never written unless the whole message is empty, and never read.
        if self.segments > 1 and 1 <= self.sealed_bytes % self.segment_bytes <= TAG_BYTES:
            raise TamperedStreamError("the last segment is cut or empty")

    @classmethod
    def for_plain(
        cls,
        plain_bytes: int,
        segment_bytes: int = DEFAULT_SEGMENT_BYTES,
        header_bytes: int = HEADER_BYTES,
    ) -> Self:
        """The layout that `plain_bytes` plain bytes take once sealed."""
        plain_segment_bytes = max(
            segment_bytes - TAG_BYTES, 1
        )  # an illegal size is refused by the constructor
        segments = -(-(plain_bytes + header_bytes) // plain_segment_bytes)
        return cls(plain_bytes + header_bytes + TAG_BYTES * segments, segment_bytes, header_bytes)

    @property
    def segments(self) -> int:
        """How many segments the stream has, at least one."""
        return -(-self.sealed_bytes // self.segment_bytes)

    @property
    def plain_bytes(self) -> int:
        """How many plain bytes the stream holds."""
        return self.sealed_bytes - self.header_bytes - TAG_BYTES * self.segments

    def segment_of(self, plain_offset: int) -> int:
        """The segment that holds this plain byte."""
        return (plain_offset + self.header_bytes) // (self.segment_bytes - TAG_BYTES)

    def plain_start(self, segment: int) -> int:
        """The offset of a segment's first plain byte."""
        return max(0, segment * (self.segment_bytes - TAG_BYTES) - self.header_bytes)

    def sealed_start(self, segment: int) -> int:
        """The offset of a segment's first sealed byte; the header stands before segment 0."""
        return segment * self.segment_bytes if segment else self.header_bytes

    def sealed_stop(self, segment: int) -> int:
        """The offset just after a segment's last sealed byte."""
        return min((segment + 1) * self.segment_bytes, self.sealed_bytes)

    def sealed_range(self, start: int, stop: int) -> tuple[int, int, int]:
        """What to fetch for the plain bytes [start, stop): (first segment, sealed start, sealed stop).

        Offsets are half-open, in bytes. Raises `RangeError` for an empty range or one that leaves
        the stream.
        """
        if not 0 <= start < stop <= self.plain_bytes:
            raise RangeError(f"no plain bytes {start} to {stop} in a stream of {self.plain_bytes}")
        first = self.segment_of(start)
        return first, self.sealed_start(first), self.sealed_stop(self.segment_of(stop - 1))
