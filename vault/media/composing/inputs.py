"""One input inside the child: its packets in the order of the file, fetched when they are needed."""

from collections import deque
from typing import TYPE_CHECKING, Any, Final

import av

from vault.media.composing.job import Input

if TYPE_CHECKING:
    from vault.media.composing.talk import Mouth

FORMATS: Final = {"video/webm": "matroska", "audio/webm": "matroska", "video/mp4": "mp4", "audio/mp4": "mp4"}
AHEAD_MS: Final = 1_000  # an MP4 holds half a second of one track before it turns to the other
EARLY_MS: Final = 2_000  # an input is opened so long before its first frame is due
MAX_PIXELS: Final = 4096 * 2304  # a keyframe may claim 16383 x 16383, and a decoder would believe it


class _Pipe:
    """A file of which only the next bytes can be had, as PyAV reads one."""

    def __init__(self, mouth: "Mouth", number: int) -> None:
        self._mouth = mouth
        self._number = number
        self._held = b""
        self._ended = False

    def read(self, size: int) -> bytes:
        """Give at most so many bytes; none at the end."""
        if not self._held and not self._ended:
            self._held = self._mouth.need(self._number)
            self._ended = not self._held
        some, self._held = self._held[:size], self._held[size:]
        return some


class Opened:
    """An input from its first packet to its last; times in ms on the call's clock."""

    def __init__(self, told: Input, mouth: "Mouth", number: int, *, with_pictures: bool) -> None:
        self.told = told
        self.pictures: deque[Any] = deque()
        self.sounds: deque[Any] = deque()
        self._pipe = _Pipe(mouth, number)
        self._with_pictures = with_pictures
        self._packets: Any = None
        self._seen_ms = float("-inf")
        self._video: Any = None
        self._audio: Any = None

    def until(self, at_ms: float) -> None:
        """Fetch every packet up to this moment."""
        if self._packets is None and at_ms >= self.told.offset_ms - EARLY_MS:
            self._open()
        while self._packets and self._seen_ms < at_ms + AHEAD_MS:
            try:
                packet = next(self._packets)
            except (StopIteration, av.FFmpegError):
                self._packets = ()  # what is broken ends here: what came before it is kept
                return
            self._sort(packet)

    def ms(self, thing: Any) -> float:
        """Place a packet or a frame on the call's clock."""
        return float(thing.pts * thing.time_base) * 1_000 + self.told.offset_ms

    def _open(self) -> None:
        try:
            container = av.open(self._pipe, mode="r", format=FORMATS[self.told.media_type])
        except av.FFmpegError:
            self._packets = ()
            return
        self._video = next(iter(container.streams.video), None)
        self._audio = next(iter(container.streams.audio), None)
        for stream in (self._video, self._audio):
            if stream is not None:
                stream.codec_context.thread_count = 1
        if self._video is not None:
            self._video.codec_context.options = {"max_pixels": str(MAX_PIXELS), "flags": "+low_delay"}
        self._packets = container.demux()

    def _sort(self, packet: Any) -> None:
        if packet.pts is None or packet.size == 0:
            return
        self._seen_ms = max(self._seen_ms, self.ms(packet))
        if packet.stream is self._video and self._with_pictures:
            self.pictures.append(packet)
        elif packet.stream is self._audio:
            self.sounds.append(packet)


def decoded(packet: Any) -> list[Any]:
    """Decode a packet; a broken one costs itself."""
    try:
        return [frame for frame in packet.decode() if frame.pts is not None]
    except av.FFmpegError:
        return []
