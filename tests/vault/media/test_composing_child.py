"""The composing child's own limits, and what hostile inputs make of it."""

import io
import struct

import pytest

from tests.vault.media.test_derive_child import ATTEMPTS, REFUSED, run
from tests.webrtc.studio import Scene, audio, file_of, video
from vault.errors import DerivationError
from vault.media.composing.job import Input, Job, Product, mp3_frames
from vault.media.composing.running import Composition, Reads

CONFINED = """
import sys, importlib
from vault.media import confine
from vault.media.composing import child
confine.confine(1024 * 1024 * 1024, 2)
for name in child.IMPORTED_LATE: importlib.import_module(name)
confine.close_the_door()
"""
CHOSEN = ("read a file", "open a TCP socket", "open a pipe", "make a process", "take much memory")


@pytest.mark.parametrize("attempt", CHOSEN)
def test_a_taken_over_decoder_gets_nothing(attempt: str) -> None:
    """P13: as the child for posters; these stand for all its limits, which are the same code."""
    code = ATTEMPTS[attempt]
    done = run(f"{CONFINED}\ntry:\n    {code}\nexcept {REFUSED}:\n    sys.exit(42)\nsys.exit(0)\n")
    assert done.returncode == 42, done.stderr[-500:]


async def composed(content: bytes, product: Product = Product.PCM) -> bytes:
    """A second of a call with one side, of this content."""
    job = Job(product, 1_000, (Input("video/webm", 0, 1_000, is_visitor=True, seat=0),))
    file = io.BytesIO(content)

    async def read() -> bytes:
        return file.read(65_536)

    limits = {"memory_bytes": 1 << 30, "cpu_s": 30, "nice": 0}
    async with Composition(job, [read], told=lambda _: None, **limits) as child:
        return b"".join([piece async for piece in child.pieces()])


FILM = file_of(Scene().add(video(1), audio(1)).fragments())
HOSTILE = {
    "nothing": b"",
    "zeros": bytes(100_000),
    "a playlist": b"#EXTM3U\n#EXTINF:1\nfile:///etc/passwd\n",
    "cut in the middle": FILM[: len(FILM) // 2],
    "broken in the middle": FILM[:5_000] + bytes(3_000) + FILM[8_000:],
    "sizes that lie": FILM.replace(struct.pack(">B", 0xA3), struct.pack(">B", 0xA0)),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
async def test_what_cannot_be_read_is_silence(content: bytes) -> None:
    """F14: the product has its whole length all the same, or the child says that it failed; nothing hangs."""
    try:
        made = await composed(content)
    except DerivationError:
        return
    assert len(made) == 48_000 * 4


async def test_a_call_of_hundreds_of_recordings_is_composed() -> None:
    """Each is asked for by its number, the last one too; here it is the only one that is heard."""
    silent = [io.BytesIO() for _ in range(299)]
    files = [*silent, io.BytesIO(FILM)]
    seats = tuple(Input("video/webm", 0, 1_000, is_visitor=not at, seat=0) for at in range(len(files)))

    def reading(file: io.BytesIO) -> Reads:
        async def read() -> bytes:
            return file.read(65_536)

        return read

    job = Job(Product.PCM, 1_000, seats)
    reads = [reading(file) for file in files]
    async with Composition(job, reads, told=lambda _: None, memory_bytes=1 << 30, cpu_s=30, nice=0) as child:
        made = b"".join([piece async for piece in child.pieces()])
    assert max(abs(sample[1]) for sample in struct.iter_unpack("<hh", made)) > 10_000


async def test_a_side_that_is_whole_is_heard() -> None:
    """The counterpart: the same second, unharmed, is no silence."""
    made = await composed(FILM)
    assert len(made) == 48_000 * 4
    assert max(abs(sample[0]) for sample in struct.iter_unpack("<hh", made)) > 10_000


async def test_an_mp3_has_exactly_the_frames_that_its_head_tells() -> None:
    """The head is written before the sound: their number follows from the length."""
    assert len(await composed(FILM, Product.MP3)) == 384 * mp3_frames(48_000)
