"""P11 by ear and by eye: what was said and shown in a closed window is not in what is played.

While a window is closed the publisher sends coded tones, another one each tenth of a second, and pictures
with numbers of their own. The finished file is decoded: neither may be in it, and both must be where they
were sent with the window open. So it is for the visitor, the agent and a shared screen that has sound.
"""

from __future__ import annotations

import asyncio
import fractions
import functools
import io
import math
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from tests.vault.calls.studio import Studio, open_studio, until
from tests.webrtc.media import (
    AUDIO_CLOCK_HZ,
    OPUS_FRAME_SAMPLES,
    TONE_HZ,
    VIDEO_CLOCK_HZ,
    Clip,
    audio_clip,
    picture,
    read_number,
)
from tests.webrtc.publisher import Publisher, PublisherPlan
from vault.model import LegKind, MediaState, Role

if TYPE_CHECKING:
    from tests.vault.media.workshop import Workshop
    from vault.calls.calls import OpenedCall
    from vault.media.capture import Capture
    from vault.model import Id

CODES_HZ = tuple(range(1_500, 4_500, 300))  # one after the other, a tenth of a second each
CODE_S = 0.1
FIRST_MARK = 40_000  # the numbers of the pictures that belong to closed windows
PLAN = PublisherPlan(fps=15, keyframe_every=15, width=160, height=96)
SLACK_S = 0.2  # of the promise
WINDOWS = 3
LOUD = 0.02  # of the tone that is meant to be heard


@functools.cache
def coded_tones() -> Clip:
    """A second of sound whose tone changes each tenth of it."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.format, encoder.layout = AUDIO_CLOCK_HZ, "s16", "stereo"
    encoder.time_base, encoder.bit_rate = fractions.Fraction(1, AUDIO_CLOCK_HZ), 32_000
    packets = []
    for number in range(len(CODES_HZ) * round(CODE_S * AUDIO_CLOCK_HZ) // OPUS_FRAME_SAMPLES):
        at = np.arange(number * OPUS_FRAME_SAMPLES, (number + 1) * OPUS_FRAME_SAMPLES)
        tone_hz = CODES_HZ[int(at[0] / AUDIO_CLOCK_HZ / CODE_S)]
        tone = (8000 * np.sin(2 * math.pi * tone_hz * at / AUDIO_CLOCK_HZ)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(tone, 2)[None, :], format="s16", layout="stereo")
        frame.sample_rate, frame.pts = AUDIO_CLOCK_HZ, number * OPUS_FRAME_SAMPLES
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    frames = tuple(bytes(packet) for packet in packets)
    return Clip("audio", "opus", AUDIO_CLOCK_HZ, OPUS_FRAME_SAMPLES, frames, (True,) * len(frames))


@functools.cache
def marked_pictures() -> Clip:
    """Pictures that say that they were shown in a closed window."""
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = PLAN.width, PLAN.height, "yuv420p"
    encoder.framerate, encoder.time_base = fractions.Fraction(PLAN.fps), fractions.Fraction(1, PLAN.fps)
    encoder.bit_rate, encoder.gop_size = PLAN.bit_rate, 1
    encoder.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
    packets = []
    for number in range(PLAN.fps):
        frame = picture(FIRST_MARK + number, PLAN.width, PLAN.height)
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    frames = tuple(bytes(packet) for packet in packets)
    return Clip("video", "vp8", VIDEO_CLOCK_HZ, VIDEO_CLOCK_HZ // PLAN.fps, frames, (True,) * len(frames))


def mark(publisher: Publisher) -> None:
    """Say and show what belongs to a closed window, from now on."""
    assert publisher.audio is not None
    assert publisher.video is not None
    publisher.audio.show(coded_tones(), None)
    publisher.video.show(marked_pictures(), None)


def unmark(publisher: Publisher) -> None:
    """Say and show what may be kept."""
    assert publisher.audio is not None
    assert publisher.video is not None
    publisher.audio.show(audio_clip(), None)
    publisher.video.show(PLAN.video_media(), None)


def heard(media: bytes) -> set[int]:
    """The tones of a file that are at least a fiftieth as loud as the loudest."""
    rate_hz, step = AUDIO_CLOCK_HZ, AUDIO_CLOCK_HZ // 20
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate_hz)
    with av.open(io.BytesIO(media), "r") as container:
        parts = [
            whole.to_ndarray().reshape(-1)
            for frame in container.decode(audio=0)
            for whole in resampler.resample(frame)
        ]
    samples = np.concatenate(parts).astype(np.float64)
    found: dict[int, float] = {}
    for start in range(0, len(samples) - step, step // 2):
        spectrum = np.abs(np.fft.rfft(samples[start : start + step] * np.hanning(step)))
        for tone_hz in (TONE_HZ, *CODES_HZ):
            place = round(tone_hz * step / rate_hz)
            found[tone_hz] = max(found.get(tone_hz, 0.0), float(spectrum[place]))
    return {tone_hz for tone_hz, loud in found.items() if loud > LOUD * max(found.values())}


def seen(media: bytes) -> set[int]:
    """The numbers of the pictures of a file."""
    with av.open(io.BytesIO(media), "r") as container:
        return {read_number(frame) for frame in container.decode(video=0)}


class Side:
    """One who sends in the call, and what is captured of it."""

    def __init__(self, leg_id: Id, publisher: Publisher, capture: Capture) -> None:
        self.leg_id = leg_id
        self.publisher = publisher
        self.capture = capture

    @classmethod
    async def of(cls, studio: Studio, call: OpenedCall, publisher: Publisher, **more: Any) -> Side:
        """Join; returns when it is being recorded."""
        leg_id = (await studio.live(call, publisher, **more)).leg_id
        capture = studio.stage.floor.legs[leg_id].capture
        assert capture is not None

        async def has_begun() -> bool:
            return capture.begun is not None

        await until(has_begun)
        return cls(leg_id, publisher, capture)


async def windows(studio: Studio, call: OpenedCall, sides: list[Side]) -> None:
    """Pause and resume; everybody sends marks while nothing may be captured."""
    by = studio.work.by(Role.SERVICE)
    for number in range(WINDOWS):
        await asyncio.sleep(0.6)
        pause = await studio.pauses.begin(call.id, by=by)
        await asyncio.sleep(SLACK_S)
        for side in sides:
            mark(side.publisher)
        await asyncio.sleep(0.4 + 0.3 * number)
        for side in sides:
            unmark(side.publisher)
        await studio.pauses.resume(call.id, pause.id, by=by)


async def talk(work: Workshop, *, marked_in_the_open: bool) -> list[bytes]:
    """A call with closed windows full of marks: what is played of visitor, agent and shared screen."""
    call = await work.consented()
    async with open_studio(work) as studio, AsyncExitStack() as stack:
        ada = await studio.agent(call)
        who: list[dict[str, Any]] = [{}, {"by": ada}, {"by": ada, "kind": LegKind.SCREEN}]
        sides = [
            await Side.of(studio, call, await stack.enter_async_context(Publisher(PLAN)), **each)
            for each in who
        ]
        await windows(studio, call, sides)
        await asyncio.sleep(1.2)
        if marked_in_the_open:
            for side in sides:
                mark(side.publisher)
            await asyncio.sleep(1.0)
        await studio.legs.hang_up(call.id, sides[0].leg_id, by=work.visitor(call))
        await studio.over(call)
    begun = [side.capture.begun for side in sides]
    assert [each is not None and await work.finish.finish(each.media_id) for each in begun] == (
        [MediaState.READY] * len(who)
    )
    return [await work.plain(each) for each in begun if each is not None]


async def test_what_is_said_and_shown_in_a_closed_window_is_not_played(work: Workshop) -> None:
    """Of nobody: neither a coded tone nor a marked picture; what was said outside is all there."""
    for media in await asyncio.wait_for(talk(work, marked_in_the_open=False), 60):
        assert heard(media) == {TONE_HZ}
        assert {number for number in seen(media) if number >= FIRST_MARK} == set()
        assert len(seen(media)) > PLAN.fps


async def test_the_same_marks_are_found_where_the_window_was_open(work: Workshop) -> None:
    """The ear and the eye of the test above are no deaf and blind ones."""
    for media in await asyncio.wait_for(talk(work, marked_in_the_open=True), 60):
        assert len(heard(media)) > len(CODES_HZ) // 2
        assert len({number for number in seen(media) if number >= FIRST_MARK}) > PLAN.fps // 2
