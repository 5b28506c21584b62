"""The port every store implements, and the contract in words.

A store keeps opaque objects by key. It never looks into them and knows no keys, tenants or media.

* **Keys.** An `ObjectKey` is 1 to 200 characters of ``a-z 0-9 / _ . -``, made of names between slashes
  that begin with none of ``. _ -``. So a key is the same text in a
  URL, on a case-blind disk and in a log. A *prefix* is empty or ends with ``/``: ``legs/1/`` never means
  ``legs/10/`` as well.
* **Put is all or nothing.** Nobody sees half an object. When `put` returns, the object is durable (on disk
  and in its directory, or acknowledged by the service), and ``sha256`` is of the bytes handed over, computed
  while they passed. When the body raises, the caller is cancelled or the store says no, nothing stays, not
  even an unfinished upload. Only `UnavailableError` leaves it open: `put` again, or `erase`, settles it.
  A cancelled put over an old object may leave no object at all; the vault writes each key once.
* **if_absent** refuses a key that is taken, with `ExistsError`. Among writers at the same instant it is a
  lock only where the engine makes it one (files, memory, most S3; not Ceph 16 with versions), so uniqueness
  itself belongs into a database.
* **Reading** sees one object from first byte to last. One that is erased meanwhile ends the reading with
  `AbsentError`, one that is replaced with `ChangedError`; bytes already under way may still arrive. A slow
  reader holds no connection of the store.
* **Ranges** are half open, ``start <= byte < stop``. A stop behind the end means the end; a start at or
  behind the end is `OutOfRangeError`. An empty object can only be read whole.
* **Erase** deletes every version, delete marker and unfinished upload of one key, and may be repeated:
  erasing what is absent is success with zeros. `remains` is the proof: it looks for all of these and
  returns what it still found. Erase never overwrites; that the bytes are ciphertext whose key is gone is
  the vault's promise, not the store's.
* **list** gives current objects in the order of their keys. What changes meanwhile may or may not show.
* **Cancellation** is safe everywhere. A cancelled `put` first waits for requests under way to end, so that
  nothing can appear after it; that wait is bounded by the store's own time limits.
* **Concurrency.** Any number of tasks of one event loop may use a store. Work that blocks runs in the
  store's own bounded pool of threads, never on the loop.
* **Errors** are those of `storage.errors`; messages carry keys and error codes, never credentials or bytes.
* **aclose** ends the pool and may be called twice; every other call after it is `RefusedError`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol, Self

from storage.errors import BadKeyError, OutOfRangeError, TooLargeError
from storage.pool import uninterrupted

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

KEY_MAX_CHARS: Final = 200  # a name on a file system ends at 255 bytes: a whole key and a ticket fit in one
_KEY: Final = re.compile(r"[a-z0-9][a-z0-9_.-]*(?:/[a-z0-9][a-z0-9_.-]*)*", re.ASCII)


class ObjectKey(str):
    """A checked key; a plain `str` otherwise. Raises `BadKeyError` for any other text."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Check the text."""
        if len(text) > KEY_MAX_CHARS or not _KEY.fullmatch(text) or ".." in text:
            raise BadKeyError(f"no object key: {text[:80]!r}")
        return super().__new__(cls, text)


def checked_prefix(text: str) -> str:
    """Return the prefix when it is empty or a key and a ``/``; raises `BadKeyError` otherwise."""
    if text:
        if not text.endswith("/"):
            raise BadKeyError(f"a prefix ends with a slash: {text[:80]!r}")
        ObjectKey(text[:-1])
    return text


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes ``start <= byte < stop`` of an object; without a stop, to its end."""

    start: int
    stop: int | None = None

    def __post_init__(self) -> None:
        if self.start < 0 or (self.stop is not None and self.stop <= self.start):
            raise OutOfRangeError(f"no byte range: {self.start} to {self.stop}", size_bytes=0)

    def within(self, size_bytes: int) -> tuple[int, int]:
        """Return start and stop inside an object of this size; raises `OutOfRangeError`."""
        if self.start >= size_bytes:
            raise OutOfRangeError(f"byte {self.start} of {size_bytes}", size_bytes=size_bytes)
        return self.start, size_bytes if self.stop is None else min(self.stop, size_bytes)


def span(byte_range: ByteRange | None, size_bytes: int) -> tuple[int, int]:
    """Return start and stop of a range, or of the whole object; raises `OutOfRangeError`."""
    return (0, size_bytes) if byte_range is None else byte_range.within(size_bytes)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where objects lie, and how that is known.

    `provider` is ``file``, ``memory`` or the host name of an S3 endpoint; `region` is the provider's own
    word; `country` is an ISO 3166-1 code, known at once for ``file`` (the operator declares it) and filled
    in by `storage.residency` for regions. `evidence` says in words where the fact comes from.
    """

    provider: str
    region: str
    country: str | None
    evidence: str


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object as a store knows it.

    `sha256` (32 bytes) is told by `put`; reading it back later would mean reading the object, so `head` and
    `list` leave it None. `etag` changes when the object is replaced and means nothing else. `version` is
    the store's version id where it keeps versions. `placement` is stamped by `storage.residency`.
    """

    key: ObjectKey
    size_bytes: int
    etag: str
    sha256: bytes | None = None
    version: str | None = None
    placement: Placement | None = None


@dataclass(frozen=True, slots=True)
class Erasure:
    """What one `erase` deleted. A version is one stored body, current or not."""

    versions_deleted: int = 0
    markers_deleted: int = 0
    uploads_aborted: int = 0


class Versioning(StrEnum):
    """Whether a store keeps what is replaced or deleted."""

    OFF = "off"
    ON = "on"
    SUSPENDED = "suspended"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something the probe found. A `serious` one breaks a promise of the contract: do not start."""

    code: str
    serious: bool
    message: str


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What a store can do, found by doing it. None means that the store did not let us look."""

    store: str
    versioning: Versioning
    object_lock: bool | None
    public: bool | None
    findings: tuple[Finding, ...] = ()

    @property
    def serious(self) -> tuple[Finding, ...]:
        """The findings that forbid a start."""
        return tuple(finding for finding in self.findings if finding.serious)


class Reading(AsyncIterator[bytes]):
    """An opened object: `stored` tells what it is, iterating gives its bytes in order, never empty ones.

    `pour` is the other way to read on, without fresh memory for each block; both may take turns.
    """

    def __init__(self, stored: StoredObject, blocks: AsyncIterator[bytes]) -> None:
        self.stored = stored
        self._blocks = blocks
        self._rest = memoryview(b"")

    async def __anext__(self) -> bytes:
        """Return the next bytes, at most a few MiB; raises what the contract says of reading."""
        if self._rest:
            rest, self._rest = bytes(self._rest), memoryview(b"")
            return rest
        return await anext(self._blocks)

    async def pour(self, size_bytes: int, buffer: memoryview, each: Callable[[int], None]) -> None:
        """Read so many bytes on, fewer where the object ends, through a buffer that is used again and again.

        ``each`` is told how many bytes stand at the buffer's beginning. It runs in a thread, one call after
        the other, and never after this has returned or raised, cancelled or not. Raises what reading raises,
        and what ``each`` does.
        """
        while size_bytes and (filled := await self._fill(buffer[:size_bytes])):
            await uninterrupted(asyncio.to_thread(each, filled), f"pour-{self.stored.key}")
            size_bytes -= filled

    async def _fill(self, buffer: memoryview) -> int:
        filled = 0
        while filled < len(buffer):
            if not self._rest:
                self._rest = memoryview(await anext(self._blocks, b""))
            some = self._rest[: len(buffer) - filled]
            if not some:
                break
            buffer[filled : filled + len(some)] = some
            self._rest = self._rest[len(some) :]
            filled += len(some)
        return filled


class ObjectStore(Protocol):
    """The port. The module's docstring is the contract; each method adds its errors."""

    async def put(
        self, key: ObjectKey, body: bytes | AsyncIterator[bytes], *, if_absent: bool = False
    ) -> StoredObject:
        """Store an object, durable on return.

        Raises `ExistsError` (only with ``if_absent``), `TooLargeError`, `NoSpaceError`, `RefusedError`,
        `UnavailableError`, and whatever the body itself raises.
        """
        ...

    def open(
        self, key: ObjectKey, byte_range: ByteRange | None = None, *, etag: str | None = None
    ) -> AbstractAsyncContextManager[Reading]:
        """Open an object, or a range of it, for the length of an ``async with`` block.

        With ``etag``, only that very object: another is `ChangedError`. Raises also `AbsentError`,
        `OutOfRangeError`, `RefusedError`, `UnavailableError`.
        """
        ...

    async def read(self, key: ObjectKey, byte_range: ByteRange | None = None, *, limit_bytes: int) -> bytes:
        """Return an object or a range in one piece; `TooLargeError` over the limit, else as `open`."""
        ...

    async def head(self, key: ObjectKey) -> StoredObject:
        """Tell about the current object; raises `AbsentError`, `RefusedError`, `UnavailableError`."""
        ...

    def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Give the current objects under a prefix.

        Raises `BadKeyError`, `RefusedError`, `UnavailableError`.
        """
        ...

    async def erase(self, key: ObjectKey) -> Erasure:
        """Delete all there is of one key; raises `RetainedError`, `RefusedError`, `UnavailableError`."""
        ...

    async def remains(self, where: str) -> tuple[str, ...]:
        """Return what exists of a key, or under a prefix: one line each, kind and key; empty when gone.

        The word after the kind is the key itself, fit for `erase`, of finished and unfinished objects alike.
        Looks at versions, markers and unfinished uploads; of one key also by asking for the object itself,
        for what a listing hides may be served all the same. Lists at most `REMAINS_MAX` lines.
        """
        ...

    def hidden(self, *, older_s: float) -> AsyncIterator[tuple[ObjectKey, ...]]:
        """Give what `list` does not show and nobody is at work on, a page at a time, most of them empty.

        Versions behind the current one, delete markers, and unfinished objects begun longer ago than that:
        the key of each, once for each. Raises `RefusedError`, `UnavailableError`.
        """
        ...

    async def placement(self) -> Placement:
        """Ask where the store lies, now; raises `MisplacedError` where answers contradict each other."""
        ...

    async def probe(self) -> ProbeReport:
        """Try at start-up what the contract needs, with a small object that is erased again."""
        ...

    async def aclose(self) -> None:
        """Wait for what is under way and give back threads and connections."""
        ...


REMAINS_MAX: Final = 1_000  # enough to see how bad it is; a whole bucket in memory helps nobody


async def collect(opened: AbstractAsyncContextManager[Reading], limit_bytes: int) -> bytes:
    """Return all bytes of an opened object; raises `TooLargeError` before more than the limit is held."""
    whole = bytearray()
    async with opened as reading:
        async for some in reading:
            if len(whole) + len(some) > limit_bytes:
                raise TooLargeError(f"{reading.stored.key} is over {limit_bytes} bytes")
            whole += some
    return bytes(whole)
