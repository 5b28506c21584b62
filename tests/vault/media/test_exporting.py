"""Exports of real media, decoded and held against what went in: who, where and when."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from tests.vault.media.talks import Side, made, talk
from tests.webrtc.studio import grey_at
from vault.model import ExportFormat, LegKind, Part, Role

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.vault.media.workshop import Workshop
    from vault.media.exports import Export

RATE_HZ = 48_000
LATE_S = 0.5  # the agent's first frame came so long after the visitor's
TOLERANCE_S = 0.04
VISITOR = Side(Role.VISITOR, 0.0, 2.0, 440)
AGENT = Side(Role.AGENT, LATE_S, 2.0, 1_000, codec="h264", size=(320, 180))
WHOLE_S = LATE_S + 2.0


async def file_of(work: Workshop, export: Export, folder: Path, part: Part = Part.MEDIA) -> Path:
    """An export as its link gives it."""
    stored = await work.reader.part(export.id, part)
    path = folder / f"export.{export.format.value}"
    path.write_bytes(await work.reader.read(stored))
    return path


def sound(path: Path) -> NDArray[Any]:
    """Decoded samples, a row for each channel, laid down by time stamp."""
    pieces: list[tuple[int, NDArray[Any]]] = []
    with av.open(str(path)) as media:
        for frame in media.decode(audio=0):
            even = (
                frame.to_ndarray().reshape(-1, frame.samples)
                if frame.format.is_planar
                else (frame.to_ndarray().reshape(frame.samples, -1).T)
            )
            scale = 1.0 if even.dtype.kind == "f" else 32_768.0
            assert frame.pts is not None
            assert frame.time_base is not None
            pieces.append((round(float(frame.pts * frame.time_base) * RATE_HZ), even / scale))
    whole = np.zeros((pieces[0][1].shape[0], pieces[-1][0] + pieces[-1][1].shape[1]))
    for at, piece in pieces:
        whole[:, max(at, 0) : at + piece.shape[1]] = piece[:, max(0, -at) :]
    return whole


def strength(samples: NDArray[Any], tone_hz: int, at_s: float, length_s: float = 0.5) -> float:
    """How strong a tone is in a piece of sound, 0 to 1."""
    piece = samples[round(at_s * RATE_HZ) : round((at_s + length_s) * RATE_HZ)]
    wave = np.exp(2j * np.pi * tone_hz * np.arange(len(piece)) / RATE_HZ)
    return float(2 * abs(np.vdot(wave, piece)) / len(piece))


def onset_s(samples: NDArray[Any], tone_hz: int) -> float:
    """When a tone begins, to within 5 ms."""
    step_s = 0.005
    steps = np.arange(0, len(samples) / RATE_HZ - 0.03, step_s)
    return next(float(at) + 0.01 for at in steps if strength(samples, tone_hz, at, 0.02) > 0.05)


def pictures(path: Path) -> list[tuple[float, NDArray[Any]]]:
    """(seconds, luma) of every picture."""
    with av.open(str(path)) as media:
        return [
            (frame.time, frame.to_ndarray(format="yuv420p")[: frame.height, : frame.width])
            for frame in media.decode(video=0)
        ]


def brightening_s(shown: list[tuple[float, NDArray[Any]]], x: int, y: int, to: int) -> float:
    """When the picture at a place first has a brightness."""
    return next(at for at, luma in shown if abs(int(np.median(luma[y : y + 9, x : x + 9])) - to) < 8)


@pytest.mark.parametrize("format_", [ExportFormat.WEBM, ExportFormat.MP4])
async def test_a_film_shows_both_sides_when_they_were_there(
    work: Workshop, tmp_path: Path, format_: ExportFormat
) -> None:
    """Side by side, within 40 ms of each side's own clock; both are heard, and the file can be entered."""
    told = await talk(work, VISITOR, AGENT)
    export = await made(work, told.call, format_)
    path = await file_of(work, export, tmp_path)
    assert export.duration_ms == pytest.approx(1_000 * WHOLE_S, abs=60)
    shown = pictures(path)
    assert shown[0][1].shape == (480, 1280)
    assert shown[-1][0] == pytest.approx(WHOLE_S, abs=0.1)
    for second in (0, 1):  # the studio's picture is another grey each second
        assert brightening_s(shown, 320, 300, grey_at(30 * second)) == pytest.approx(second, abs=TOLERANCE_S)
    left_only = [luma for at, luma in shown if at < LATE_S - 0.1]
    assert all(luma[20:460, 660:1260].max() < 60 for luma in left_only)  # a dark card, nobody there
    seen_s = brightening_s([one for one in shown if one[0] > LATE_S - 0.2], 960, 300, grey_at(0))
    assert seen_s == pytest.approx(LATE_S, abs=TOLERANCE_S)
    heard = sound(path)[0]
    assert strength(heard, 440, 1.2) > 0.1
    assert strength(heard, 1_000, 1.2) > 0.1
    assert onset_s(heard, 1_000) == pytest.approx(LATE_S, abs=TOLERANCE_S)
    with av.open(str(path)) as media:
        media.seek(1_200_000)
        frame = next(media.decode(video=0))
        assert frame.time is not None
        assert frame.time <= 1.2


@pytest.mark.parametrize("format_", [ExportFormat.WAV, ExportFormat.MP3])
async def test_the_visitor_is_left_and_the_agents_are_right(
    work: Workshop, tmp_path: Path, format_: ExportFormat
) -> None:
    """Channels that do not touch, on the call's clock; two agents are mixed; the head tells the length."""
    second = Side(Role.AGENT, 1.0, 1.0, 1_600, codec="none")
    told = await talk(work, VISITOR, AGENT, second)
    export = await made(work, told.call, format_)
    path = await file_of(work, export, tmp_path)
    left, right = sound(path)
    assert len(left) / RATE_HZ == pytest.approx(WHOLE_S, abs=0.06)
    assert onset_s(left, 440) == pytest.approx(0.0, abs=TOLERANCE_S)
    assert onset_s(right, 1_000) == pytest.approx(LATE_S, abs=TOLERANCE_S)
    assert onset_s(right, 1_600) == pytest.approx(1.0, abs=TOLERANCE_S)
    assert strength(right, 1_000, 1.2) > 0.1
    for channel, strangers in ((left, (1_000, 1_600)), (right, (440,))):
        assert all(strength(channel, hz, 1.2) < 0.005 for hz in strangers)
    with av.open(str(path)) as media:
        stream = media.streams.audio[0]
        assert (stream.rate, stream.channels) == (RATE_HZ, 2)
        assert media.duration is not None
        assert media.duration / 1e6 == pytest.approx(WHOLE_S, abs=0.06)


async def test_a_shared_screen_has_the_large_place_while_it_is_shared(work: Workshop, tmp_path: Path) -> None:
    """Before and after it the people have the picture; one person without a camera is a card."""
    screen = Side(Role.AGENT, 1.0, 1.0, 0, kind=LegKind.SCREEN, size=(640, 480))
    told = await talk(work, Side(Role.VISITOR, 0.0, 3.0, 440, codec="none"), screen)
    export = await made(work, told.call, ExportFormat.WEBM)
    shown = pictures(await file_of(work, export, tmp_path))
    large = {round(at, 2): int(np.median(luma[300:420, 300:600])) for at, luma in shown}
    during = [luma for at, luma in large.items() if 1.1 < at < 1.9]
    outside = [luma for at, luma in large.items() if at < 0.9 or at > 2.1]
    assert min(during) > max(outside) >= 16
    assert abs(min(during) - grey_at(0)) < 8


async def test_what_is_kept_beside_it_says_of_what_it_is_made(work: Workshop) -> None:
    """A manifest with offsets, a poster and peaks of a film, and a ledger entry with the digest."""
    told = await talk(work, VISITOR, AGENT)
    export = await made(work, told.call, ExportFormat.MP4)
    item = await work.library.get(export.id, by=work.by())
    assert item.parts == (Part.MANIFEST, Part.MEDIA, Part.THUMB, Part.WAVE)
    assert (item.leg_id, item.leg_role, item.content_type) == (None, None, "video/mp4")
    manifest = json.loads(await work.reader.read(await work.reader.part(export.id, Part.MANIFEST)))
    assert [one["recording"] for one in manifest["sources"]] == [side.media_id for side in told.sides]
    assert [one["offset_ms"] for one in manifest["sources"]] == pytest.approx([0, 500], abs=5)
    entries = {entry.type: entry for entry in await work.ledger.history(export.id)}
    assert set(entries) == {"export.begun", "export.ready"}
    key = (await work.keys.records(object_id=export.id))[0]
    assert key.sealed_sha256 is not None
    assert entries["export.ready"].facts["ct_sha256"] == key.sealed_sha256.hex()
    assert [stored for stored in await work.objects() if stored.startswith("spool")] == []
