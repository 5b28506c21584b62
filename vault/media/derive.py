"""Poster and peaks, made by a sandboxed child: the only place that decodes what a stranger sent.

The child (``vault.media.derive_child``) gets the finished file through a pipe and gives JSON back. It has a
limit on memory, CPU time and open files, may create no file, and loses the network where the kernel lets it.
Nothing is ever written to disk. A child that fails costs the recording its poster and peaks, nothing else.
"""

import asyncio
import base64
import json
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from vault.errors import DerivationError
from vault.media.sandbox import Patience, end_child, entry, start_child

OUTPUT_LIMIT_BYTES: Final = 8 * 1024 * 1024  # four hours of peaks and a poster are under 1 MiB
GRACE_S: Final = 20.0  # how long the child may leave a block unread, or take to answer after the last one
POSTER_TYPE: Final = "image/webp"
_CHILD: Final = entry("vault.media.derive_child")


@dataclass(frozen=True, slots=True)
class Derived:
    """What the child made; None where the recording has no picture, or no sound."""

    poster_webp: bytes | None
    peaks: tuple[int, ...] | None
    peaks_per_s: int


class Derivation:
    """One child. Use it as ``async with``; ``feed`` the file in order, then ``result``."""

    def __init__(self, media_type: str, *, memory_bytes: int, cpu_s: float) -> None:
        self._patience = Patience(cpu_s, GRACE_S)
        self._arguments = [media_type, str(memory_bytes), str(max(1, round(cpu_s)))]
        self._process: asyncio.subprocess.Process | None = None
        self._output: asyncio.Task[bytes] | None = None
        self._refused = False

    async def __aenter__(self) -> Self:
        """Start the child with an empty environment and nothing but its three pipes."""
        self._process = await start_child(_CHILD, *self._arguments)
        self._output = asyncio.create_task(self._read_output(), name="derive-output")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the child, whatever it is doing and with whatever it started, and wait for it."""
        process = self._process
        if process is None:
            return
        await end_child(process)
        if self._output is not None:
            self._output.cancel()
            await asyncio.gather(self._output, return_exceptions=True)

    async def feed(self, block: bytes) -> None:
        """Hand over the next bytes; a child that went away is noticed in ``result``, not here."""
        if self._refused or self._process is None or self._process.stdin is None:
            return
        try:
            self._process.stdin.write(block)
            async with self._patience.word():
                await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            self._refused = True
        except TimeoutError:  # neither dead nor reading: its processor time would never run out
            self._refused = True
            self._process.kill()

    async def result(self) -> Derived:
        """Close the pipe and take what the child made; raises DerivationError where it made nothing."""
        if self._process is None or self._process.stdin is None or self._output is None:
            raise DerivationError("the child was not started")
        try:
            self._process.stdin.close()
            async with self._patience.word():
                output = await self._output
                code = await self._process.wait()
        except TimeoutError as cause:
            raise DerivationError("the child did not answer in time") from cause
        if code != 0 or len(output) > OUTPUT_LIMIT_BYTES:
            raise DerivationError("the child failed; the recording has no poster and no peaks")
        return _parsed(output)

    async def _read_output(self) -> bytes:
        if self._process is None or self._process.stdout is None:
            return b""
        output = bytearray()  # a read gives what has come so far, not all there will be
        while some := await self._process.stdout.read(OUTPUT_LIMIT_BYTES + 1 - len(output)):
            output += some
        return bytes(output)


def _parsed(output: bytes) -> Derived:
    try:
        made = json.loads(output)
        poster = base64.b64decode(made["poster"]) if made["poster"] is not None else None
        peaks = tuple(int(peak) for peak in made["peaks"]) if made["peaks"] is not None else None
        return Derived(poster, peaks, int(made["peaks_per_s"]))
    except (ValueError, KeyError, TypeError) as cause:
        raise DerivationError("the child's answer cannot be read") from cause
