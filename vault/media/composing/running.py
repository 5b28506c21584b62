"""The parent's side of a composition: one child, fed what it asks for, its product given on as it comes."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from types import TracebackType
from typing import Final, Self

from vault.errors import DerivationError
from vault.media.composing.job import Job
from vault.media.composing.talk import FRAME_LIMIT_BYTES, HEAD, Kind, needed
from vault.media.sandbox import Patience, end_child, entry, start_child

GRACE_S: Final = 120.0  # between two words of a child that is last in line on a busy machine
Reads = Callable[[], Awaitable[bytes]]
"""Gives the next block of an input, and nothing at its end."""
_CHILD: Final = entry("vault.media.composing.child")


class Composition:
    """One child. Use it as ``async with``, and iterate over ``pieces`` once.

    ``told`` hears how many per cent are done. What the child says is limited in kind and size; whoever takes
    the pieces limits their sum.
    """

    def __init__(
        self,
        job: Job,
        reads: Sequence[Reads],
        *,
        memory_bytes: int,
        cpu_s: float,
        nice: int,
        told: Callable[[int], None],
    ) -> None:
        self._job = job
        self._reads = reads
        self._arguments = (str(memory_bytes), str(max(1, round(cpu_s))), str(nice))
        self._told = told
        self._patience = Patience(cpu_s, GRACE_S)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        """Start the child."""
        self._process = await start_child(_CHILD, *self._arguments)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the child, whatever it is doing."""
        if self._process is not None:
            await end_child(self._process)

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Yield the product piece by piece; raises DerivationError where the child fails, in words or not.

        What reading an input raises is raised here as it is.
        """
        await self._say(Kind.JOB, self._job.write())
        while True:
            kind, content = await self._hear()
            if kind is Kind.DONE:
                return
            if kind is Kind.MADE:
                yield content
            elif kind is Kind.PROGRESS and len(content) == 1:
                self._told(min(99, content[0]))
            elif kind is Kind.NEED and (wanted := needed(content)) < len(self._reads):
                await self._say(Kind.BLOCK, await self._reads[wanted]())
            else:
                raise DerivationError("the child said what no child of ours says")

    async def _say(self, kind: Kind, content: bytes) -> None:
        if self._process is None or self._process.stdin is None:
            raise DerivationError("the child was not started")
        try:
            self._process.stdin.write(HEAD.pack(kind, len(content)))
            self._process.stdin.write(content)
            async with self._patience.word():
                await self._process.stdin.drain()
        except (OSError, TimeoutError) as cause:
            raise DerivationError("the child does not listen") from cause

    async def _hear(self) -> tuple[Kind, bytes]:
        if self._process is None or self._process.stdout is None:
            raise DerivationError("the child was not started")
        try:
            async with self._patience.word():
                number, length = HEAD.unpack(await self._process.stdout.readexactly(HEAD.size))
                if length > FRAME_LIMIT_BYTES:
                    raise DerivationError("the child said too much at once")
                return Kind(number), await self._process.stdout.readexactly(length)
        except (asyncio.IncompleteReadError, TimeoutError, ValueError, OSError) as cause:
            raise DerivationError(
                "the child ended, or fell silent, before the product was complete"
            ) from cause
