"""Sound inside the child: each input a line of samples on the call's clock, lines added up to a channel."""

import sys
from array import array
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import av

from vault.media.composing.inputs import decoded
from vault.media.composing.job import MS_SAMPLES, SOUND_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault.media.composing.inputs import Opened

SEAM_SAMPLES: Final = 10 * MS_SAMPLES  # what a container's whole milliseconds and a drifting clock may be off
LOUDEST: Final = 32_767
Samples = array  # of "h": 16 bits


class Line:
    """One input's sound as mono samples, asked for in order."""

    def __init__(self, opened: "Opened") -> None:
        self._opened = opened
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=SOUND_RATE_HZ)
        self._pieces: deque[tuple[int, array[int]]] = deque()
        self._end = 0

    def take(self, start: int, count: int) -> "array[int] | None":
        """Give the samples from ``start`` on; None where there is silence only."""
        stop_ms = (start + count) / MS_SAMPLES
        self._opened.until(stop_ms)
        sounds = self._opened.sounds
        while sounds and self._opened.ms(sounds[0]) < stop_ms + 1:
            for frame in decoded(sounds.popleft()):
                self._add(frame)
        return self._cut(start, count)

    def _add(self, frame: Any) -> None:
        begin = round(self._opened.ms(frame) * MS_SAMPLES)
        for even in self._resampler.resample(frame):
            samples = array("h")
            samples.frombytes(bytes(even.planes[0])[: even.samples * samples.itemsize])
            self._join(begin, samples)

    def _join(self, begin: int, samples: "array[int]") -> None:
        """Put samples where they belong; a seam of a few milliseconds is none, what overlaps is left out."""
        apart = begin - self._end
        if self._pieces and abs(apart) <= SEAM_SAMPLES:
            begin = self._end
        elif self._pieces and apart < 0:
            samples, begin = samples[-apart:], self._end
        if samples:
            self._pieces.append((begin, samples))
            self._end = begin + len(samples)

    def _cut(self, start: int, count: int) -> "array[int] | None":
        taken: array[int] | None = None
        stop = start + count
        while self._pieces and self._pieces[0][0] < stop:
            begin, samples = self._pieces[0]
            first, last = max(begin, start), min(begin + len(samples), stop)
            if first < last:
                taken = taken or array("h", bytes(2 * count))
                taken[first - start : last - start] = samples[first - begin : last - begin]
            if begin + len(samples) > stop:
                self._pieces[0] = (stop, samples[stop - begin :])
                break
            self._pieces.popleft()
        return taken


class Channel:
    """Several lines as one."""

    def __init__(self, lines: "Sequence[Line]") -> None:
        self._lines = lines

    def take(self, start: int, count: int) -> "array[int]":
        """Give the sum, cut off at the loudest there is."""
        heard = [some for line in self._lines if (some := line.take(start, count)) is not None]
        if not heard:
            return array("h", bytes(2 * count))
        if len(heard) == 1:
            return heard[0]
        return array("h", [max(-LOUDEST, min(LOUDEST, sum(both))) for both in zip(*heard, strict=True)])


def interleaved(left: "array[int]", right: "array[int]") -> bytes:
    """Two channels as PCM: little-endian, sample by sample."""
    both = array("h", bytes(4 * len(left)))
    both[0::2], both[1::2] = left, right
    if sys.byteorder == "big":
        both.byteswap()
    return both.tobytes()


def as_frame(pts: int, *channels: "array[int]") -> Any:
    """Samples as an encoder takes them: mono, or two planes."""
    layout, kind = ("mono", "s16") if len(channels) == 1 else ("stereo", "s16p")
    frame = av.AudioFrame(format=kind, layout=layout, samples=len(channels[0]))
    frame.sample_rate, frame.pts = SOUND_RATE_HZ, pts
    for plane, samples in zip(frame.planes, channels, strict=True):
        memoryview(plane)[: 2 * len(samples)] = samples.tobytes()
    return frame
