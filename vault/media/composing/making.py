"""The child's two loops: a film with its sound, or two channels of sound; yields (ms done, bytes)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import av

from vault.media.composing.coding import FRAMES_PER_S, SOUND, Fragments, Pictures, Sounds
from vault.media.composing.inputs import Opened
from vault.media.composing.job import (
    MP3_BIT_RATE,
    MP3_FRAME_SAMPLES,
    MS_SAMPLES,
    SOUND_RATE_HZ,
    Product,
    mp3_frames,
)
from vault.media.composing.layout import WIDTH
from vault.media.composing.sound import Channel, Line, as_frame, interleaved
from vault.media.composing.stage import Stage

if TYPE_CHECKING:
    from vault.media.composing.job import Job
    from vault.media.composing.talk import Mouth

PCM_SAMPLES: Final = 4_800  # a tenth of a second at a time
KEY_EVERY_S: Final = 4  # where a player may enter
REPEAT_EVERY: Final = FRAMES_PER_S  # a picture that stands still is told once a second


def pieces(job: "Job", mouth: "Mouth") -> Iterator[tuple[int, bytes]]:
    """Make what the job asks for."""
    film = job.product in {Product.VP8, Product.H264}
    inputs = [Opened(one, mouth, number, with_pictures=film) for number, one in enumerate(job.inputs)]
    if job.product is Product.PCM:
        return _pcm(job, inputs)
    if job.product is Product.MP3:
        return _mp3(job, inputs)
    return _Film(job, inputs).pieces()


def _sides(inputs: list[Opened]) -> tuple[Channel, Channel]:
    visitor = [Line(opened) for opened in inputs if opened.told.is_visitor]
    agents = [Line(opened) for opened in inputs if not opened.told.is_visitor]
    return Channel(visitor), Channel(agents)


def _pcm(job: "Job", inputs: list[Opened]) -> Iterator[tuple[int, bytes]]:
    left, right = _sides(inputs)
    for start in range(0, job.samples, PCM_SAMPLES):
        count = min(PCM_SAMPLES, job.samples - start)
        yield start // MS_SAMPLES, interleaved(left.take(start, count), right.take(start, count))


def _mp3(job: "Job", inputs: list[Opened]) -> Iterator[tuple[int, bytes]]:
    left, right = _sides(inputs)
    encoder: Any = av.CodecContext.create("libmp3lame", "w")
    encoder.sample_rate, encoder.layout, encoder.format = SOUND_RATE_HZ, "stereo", "s16p"
    encoder.bit_rate = MP3_BIT_RATE
    encoder.options = {"joint_stereo": "0"}  # two people are no stereo picture: neither may sound through
    wanted = mp3_frames(job.samples)
    for start in range(0, job.samples, MP3_FRAME_SAMPLES):
        sides = (side.take(start, MP3_FRAME_SAMPLES) for side in (left, right))
        packets = encoder.encode(as_frame(start, *sides))
        wanted -= len(packets)
        yield start // MS_SAMPLES, b"".join(map(bytes, packets))
    yield job.duration_ms, b"".join(map(bytes, encoder.encode(None)[:wanted]))


class _Film:
    """One composed picture and one mixed sound, in step."""

    def __init__(self, job: "Job", inputs: list[Opened]) -> None:
        self._job = job
        self._stage = Stage(job, inputs)
        self._everybody = Channel([Line(opened) for opened in inputs])
        self._pictures = Pictures(job.product, WIDTH, self._stage.height)
        self._sounds = Sounds()
        self._fragments = Fragments(SOUND, self._pictures.info)
        self._shown = 0
        self._last = 0

    def pieces(self) -> Iterator[tuple[int, bytes]]:
        """Twenty milliseconds of sound at a time, and the pictures up to there."""
        for start in range(0, self._job.samples, Sounds.SAMPLES):
            while self._shown * SOUND_RATE_HZ <= start * FRAMES_PER_S:
                for made in self._picture():
                    yield start // MS_SAMPLES, made
            for made in self._sound(start):
                yield start // MS_SAMPLES, made
        for coded in self._pictures.rest():
            for made in self._fragments.add(self._pictures.info, coded):
                yield self._job.duration_ms, made
        for made in self._fragments.rest():
            yield self._job.duration_ms, made

    def _picture(self) -> Iterator[bytes]:
        at = self._shown
        self._shown += 1
        frame, changed = self._stage.at(at * 1_000 / FRAMES_PER_S)
        key = at % (KEY_EVERY_S * FRAMES_PER_S) == 0
        if not changed and not key and at - self._last < REPEAT_EVERY:
            return
        self._last = at
        for coded in self._pictures.coded(frame, at, key=key):
            yield from self._fragments.add(self._pictures.info, coded)

    def _sound(self, start: int) -> Iterator[bytes]:
        samples = self._everybody.take(start, Sounds.SAMPLES)
        for coded in self._sounds.coded(as_frame(start, samples)):
            yield from self._fragments.add(SOUND, coded)
