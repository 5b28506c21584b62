"""The child that decodes: standard input in, one JSON document out, and nothing else (vault.media.derive).

Limits are set before the decoder is imported. What it decodes is one key frame for the poster and the sound
for the peaks; the containers it accepts are the two that the vault itself writes.
"""

import base64
import contextlib
import importlib
import io
import json
import math
import sys
from array import array
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from vault.media.confine import close_the_door, confine

if TYPE_CHECKING:
    import av.container

PEAKS_PER_S: Final = 20  # a pixel of the player per 50 ms at most zoom
POSTER_PIXELS: Final = 640  # the longer side
# What PyAV and Pillow import when first needed: it must be there before the last file is opened.
IMPORTED_LATE: Final = (
    "av.subtitles.stream",
    "PIL.BmpImagePlugin",
    "PIL.GifImagePlugin",
    "PIL.JpegImagePlugin",
    "PIL.PngImagePlugin",
    "PIL.PpmImagePlugin",
    "PIL.WebPImagePlugin",
)
FORMATS: Final = {"video/webm": "matroska", "audio/webm": "matroska", "video/mp4": "mp4", "audio/mp4": "mp4"}


def main() -> None:
    """Limit, import, decode, answer; any failure is an exit code other than 0."""
    media_type, memory_bytes, cpu_s = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    confine(memory_bytes, cpu_s)
    import av  # noqa: PLC0415  # only inside the limits

    for late in IMPORTED_LATE:
        importlib.import_module(late)
    close_the_door()
    with av.open(sys.stdin.buffer, mode="r", format=FORMATS[media_type]) as container:
        poster, peaks = _decode(container)
    answer = {
        "poster": base64.b64encode(poster).decode() if poster is not None else None,
        "peaks": peaks,
        "peaks_per_s": PEAKS_PER_S,
    }
    sys.stdout.write(json.dumps(answer, separators=(",", ":")))


def _decode(container: "av.container.InputContainer") -> tuple[bytes | None, list[int] | None]:
    video = next(iter(container.streams.video), None)
    audio = next(iter(container.streams.audio), None)
    peaks = _Peaks() if audio is not None else None
    poster: bytes | None = None
    for packet in container.demux():
        with contextlib.suppress(_decode_error()):  # one broken frame costs itself
            if packet.stream is audio and peaks is not None:
                for frame in packet.decode():
                    peaks.add(frame)
            elif packet.stream is video and poster is None and packet.is_keyframe:
                poster = next((_poster(frame) for frame in _first(packet)), None)
    return poster, peaks.done() if peaks is not None else None


def _first(packet: Any) -> list[Any]:
    """Decode one key frame; some decoders give it only when asked to flush."""
    return list(packet.decode() or packet.stream.codec_context.decode(None))


def _decode_error() -> type[Exception]:
    import av  # noqa: PLC0415  # as above

    return av.FFmpegError


def _poster(frame: Any) -> bytes:
    scale = min(1.0, POSTER_PIXELS / max(frame.width, frame.height))
    image = frame.to_image(
        width=max(2, round(frame.width * scale)), height=max(2, round(frame.height * scale))
    )
    out: BinaryIO = io.BytesIO()
    image.save(out, "WEBP", quality=70)
    out.seek(0)
    return out.read()


class _Peaks:
    """The loudest sample of each twentieth of a second, on a scale of 0 to 255, placed by timestamp."""

    def __init__(self) -> None:
        self._loudest = array("f")

    def add(self, frame: Any) -> None:
        """Fold one decoded frame (32-bit float samples, planar or packed) into its slots."""
        start_s = float(frame.pts * frame.time_base) if frame.pts is not None else 0.0
        channels = 1 if frame.format.is_planar else len(frame.layout.channels)
        for plane in frame.planes:
            samples = array("f")
            samples.frombytes(bytes(plane)[: frame.samples * channels * samples.itemsize])
            self._fold(samples, start_s, frame.sample_rate * channels)

    def _fold(self, samples: "array[float]", start_s: float, per_second: int) -> None:
        done = 0
        while done < len(samples):
            slot = max(0, math.floor((start_s + done / per_second) * PEAKS_PER_S + 1e-6))
            slot_end = math.ceil(((slot + 1) / PEAKS_PER_S - start_s) * per_second - 1e-6)
            piece = samples[done : max(done + 1, slot_end)]
            if slot >= len(self._loudest):
                self._loudest.extend([0.0] * (slot + 1 - len(self._loudest)))
            self._loudest[slot] = max(self._loudest[slot], *piece, -min(piece))
            done += len(piece)

    def done(self) -> list[int]:
        """Return the peaks."""
        return [min(255, round(value * 255)) for value in self._loudest]


if __name__ == "__main__":
    main()
