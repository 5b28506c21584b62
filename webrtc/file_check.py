"""Reading a written file back: what every container's check shares.

A check is fed the file's bytes as they come from the store, in chunks of any size, and holds little more than
one of them (and an MP4's index). It trusts nothing of the writer: it reads the structure anew and compares it
with the index.
"""

from __future__ import annotations

import hashlib
import struct
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from webrtc.media_index import ContainerError, IndexedTrack, MediaIndex

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import TypeAlias

    Steps: TypeAlias = "Generator[int, bytes, None]"

STEP_BYTES: Final = 64 * 1024  # most a parser asks for at once while it goes through media


class FileMismatchError(ContainerError):
    """The file read back is not the one the index describes: keep the spool, write the file again."""


def require(what: str, *, ok: bool) -> None:
    """Raise `FileMismatchError` unless the thing that was read is as it must be."""
    if not ok:
        raise FileMismatchError(f"the file read back is wrong: {what}")


class TrackCheck:
    """One track's frames as they are found, against the index."""

    def __init__(self, track: IndexedTrack) -> None:
        self.track = track
        self.found = 0
        self.digest = hashlib.sha256()

    def frame(self, size: int, *, is_key: bool) -> int:
        """Take the next frame of the track: its place in the index."""
        at = self.found
        require("a frame too many", ok=at < len(self.track))
        require("a frame's size", ok=size == self.track.sizes[at])
        require("a frame's keyframe mark", ok=is_key == self.track.is_key(at))
        self.found = at + 1
        return at

    def finish(self) -> None:
        """All frames were there, with the bytes of pass 1."""
        require("frames are missing", ok=self.found == len(self.track))
        require("the bytes of a track", ok=self.digest.digest() == self.track.digest.digest())


class FileCheck(ABC):
    """A structural read-back: `feed` every chunk, then `finish`. Both raise `FileMismatchError`.

    `steps` is the parser: a generator that yields how many bytes it needs next and gets exactly so many; when
    the file ends it is closed, and `ended` judges what it found.
    """

    def __init__(self, index: MediaIndex) -> None:
        self.tracks = [TrackCheck(track) for track in index.tracks]
        self.position = 0  # bytes the parser has taken
        self._pending = bytearray()
        self._steps = self.steps()
        self._wanted: int | None = next(self._steps)

    @abstractmethod
    def steps(self) -> Steps:
        """The parser of one container."""

    def ended(self) -> None:
        """What must hold at the end of the file."""
        for track in self.tracks:
            track.finish()

    def feed(self, plain: bytes) -> None:
        """Take the next chunk of the file."""
        self._pending += plain
        at = 0
        while self._wanted is not None and len(self._pending) - at >= self._wanted:
            piece = bytes(self._pending[at : at + self._wanted])
            at += self._wanted
            self.position += self._wanted
            try:
                self._wanted = self._steps.send(piece)
            except StopIteration:
                self._wanted = None
            except (KeyError, IndexError, ValueError, struct.error) as cause:
                raise FileMismatchError("the file read back is wrong: its structure") from cause
        del self._pending[:at]
        require("bytes follow its end", ok=self._wanted is not None or not self._pending)

    def finish(self) -> None:
        """The file is complete; it is the one the index describes."""
        require("it is cut short", ok=self._wanted is None and not self._pending)
        self.ended()


def pieces(length: int) -> Generator[int, None, None]:
    """Cut a long run of bytes into steps."""
    while length > 0:
        yield min(length, STEP_BYTES)
        length -= STEP_BYTES
