"""One door to the two file formats: WebM for VP8, MP4 for H.264, either for sound alone (WebM is taken).

    index = MediaIndex()
    for fragment in first_pass:                index.add(fragment)
    index.finish()
    writer = open_writer(index)
    store(writer.header())
    for fragment in second_pass:               store(writer.body(fragment))
    writer.finish()
    check = open_check(index)
    for chunk in what_was_stored:              check.feed(chunk)
    check.finish()

Each call over one fragment is a fraction of a millisecond of plain computing; `finish` and `open_writer` go
once over all frames (some 2 us each), so they belong in a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from webrtc.frames import Codec
from webrtc.mp4 import Mp4Writer
from webrtc.mp4_check import Mp4Check
from webrtc.webm import WebmWriter
from webrtc.webm_check import WebmCheck

if TYPE_CHECKING:
    from collections.abc import Iterator

    from webrtc.file_check import FileCheck
    from webrtc.fragment_format import Fragment
    from webrtc.media_index import MediaIndex


class ContainerWriter(Protocol):
    """A file written strictly in order, in two passes over the fragments, with bounded memory."""

    @property
    def media_type(self) -> str:
        """For Content-Type: `audio/...` if there is no picture."""

    @property
    def suffix(self) -> str:
        """What a file's name ends in, without the dot."""

    @property
    def size_bytes(self) -> int:
        """The whole file, known before its first byte."""

    def header(self) -> Iterator[bytes]:
        """All that comes before the first frame."""

    def body(self, fragment: Fragment) -> Iterator[bytes]:
        """The bytes this fragment makes possible, in pieces of a frame. Exhaust it before the next call."""

    def finish(self) -> None:
        """Raises `ContainerError` if a frame of the index never came."""


def open_writer(index: MediaIndex) -> ContainerWriter:
    """The writer for a finished index (`MediaIndex.finish` has refused one without frames)."""
    return Mp4Writer(index) if index.video_codec is Codec.H264 else WebmWriter(index)


def open_check(index: MediaIndex) -> FileCheck:
    """The check for what `open_writer` wrote from the same index."""
    return Mp4Check(index) if index.video_codec is Codec.H264 else WebmCheck(index)
