"""Poster and peaks come from a child that can be hostile, slow, greedy or dead, and harms nothing."""

import asyncio
import io
import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.webrtc.studio import Scene, audio, file_of, grey_at, video
from vault.errors import DerivationError
from vault.media import derive
from vault.media.derive import Derivation, Derived

MEMORY = 512 * 1024 * 1024


async def derived(
    plain: bytes, media_type: str = "video/webm", *, block: int = 65_536, memory_bytes: int = MEMORY
) -> Derived:
    """Feed a file in blocks and take the answer."""
    async with Derivation(media_type, memory_bytes=memory_bytes, cpu_s=10) as child:
        for at in range(0, len(plain), block):
            await child.feed(plain[at : at + block])
        return await child.result()


def film(seconds: float = 3) -> bytes:
    """A picture and a tone of half the greatest loudness."""
    return file_of(Scene().add(video(seconds), audio(seconds)).fragments())


async def test_the_poster_is_the_first_picture_and_the_peaks_are_the_tone() -> None:
    """Compared with what was encoded: the grey of second 0, a sine of amplitude 0.5 at 20 peaks a second."""
    made = await derived(film())
    assert made.poster_webp is not None
    poster = Image.open(io.BytesIO(made.poster_webp)).convert("L")
    assert poster.size == (160, 120)
    middle = poster.tobytes()[90 * 160 + 80]
    studio_black, scale = 16, 255 / 219  # the encoded grey is limited range (ITU-T H.273)
    assert middle == pytest.approx((grey_at(0) - studio_black) * scale, abs=8)
    assert made.peaks is not None
    assert made.peaks_per_s == 20
    assert len(made.peaks) == pytest.approx(60, abs=2)
    assert all(abs(peak - 128) < 16 for peak in made.peaks[2:-2])


async def test_a_large_answer_arrives_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a pipe holds: a call of hours has peaks and a poster too."""
    program = (
        "import json, sys; sys.stdin.buffer.read(); "
        "json.dump({'poster': None, 'peaks': [200] * 300_000, 'peaks_per_s': 20}, sys.stdout)"
    )
    monkeypatch.setattr(derive, "_CHILD", program)
    made = await derived(b"")
    assert made.peaks is not None
    assert len(made.peaks) == 300_000


CHILDREN = {
    "dies at once": "raise SystemExit(3)",
    "is killed": "import os; os.kill(os.getpid(), 9)",
    "answers nonsense": "print('hello')",
    "answers half": "print('{\"poster\": null')",
    "answers another shape": "print('[1, 2]')",
    "answers letters for peaks": 'print(\'{"poster": null, "peaks": ["a"], "peaks_per_s": 20}\')',
    "answers for ever": "\nwhile True: print('x' * 65536)",
    "reads and never answers": "import sys, time; sys.stdin.buffer.read(); time.sleep(600)",
    "neither reads nor dies": "import time; time.sleep(600)",
}


@pytest.mark.parametrize("program", CHILDREN.values(), ids=CHILDREN.keys())
async def test_a_child_that_misbehaves_costs_poster_and_peaks_only(
    monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    """A clear error within the time limit, and no child left over."""
    monkeypatch.setattr(derive, "_CHILD", program)
    monkeypatch.setattr(derive, "GRACE_S", 0.5)
    async with asyncio.timeout(10):
        with pytest.raises(DerivationError):
            await derived(bytes(4 * 1024 * 1024))


HOSTILE = {
    "nothing": b"",
    "zeros": bytes(100_000),
    "a web page": b"<html><script>alert(1)</script>",
    "a playlist": b"#EXTM3U\n#EXTINF:1\nfile:///etc/passwd\n",
    "a list of files": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "a head without a body": film(1)[:500],
}


@pytest.mark.parametrize("media_type", ["video/webm", "video/mp4"])
@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
async def test_garbage_gives_no_poster_and_an_error_or_nothing(media_type: str, content: bytes) -> None:
    """F14: the container is not guessed from the content, nothing is fetched, the parent goes on."""
    try:
        made = await derived(content, media_type)
    except DerivationError:
        return
    assert made.poster_webp is None


async def test_noise_in_the_middle_costs_frames_not_the_parent() -> None:
    """Bytes of a stranger's picture, changed at random places."""
    plain = bytearray(film())
    for at in range(3_000, len(plain), 211):
        plain[at] ^= 0x5A
    try:
        made = await derived(bytes(plain))
    except DerivationError:
        return
    assert made.peaks_per_s == 20


async def test_too_little_memory_ends_the_child_and_nothing_else() -> None:
    """The limit is the child's: the parent gets an error."""
    with pytest.raises(DerivationError):
        await derived(film(), memory_bytes=40 * 1024 * 1024)


async def test_a_cancelled_parent_leaves_no_child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An erasure stops a finishing recording: the process is gone when the block is left."""
    note = tmp_path / "pid"
    monkeypatch.setattr(
        derive,
        "_CHILD",
        f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(600)",
    )

    async def deriving() -> None:
        async with Derivation("video/webm", memory_bytes=MEMORY, cpu_s=5):
            await asyncio.sleep(600)

    task = asyncio.create_task(deriving(), name="deriving")
    async with asyncio.timeout(20):
        while not (note.exists() and note.read_text()):  # noqa: ASYNC110  # another process writes it
            await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


async def test_a_derivation_that_was_not_entered_says_so() -> None:
    """Used the wrong way it is an error, not a hang."""
    child = Derivation("video/webm", memory_bytes=1, cpu_s=1)
    await child.feed(b"x")
    with pytest.raises(DerivationError):
        await child.result()


def test_the_child_is_this_interpreter() -> None:
    """No program of the operating system is searched for."""
    assert Path(sys.executable).is_absolute()
