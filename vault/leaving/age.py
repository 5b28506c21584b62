"""The age format (age-encryption.org/v1) as a stream: plain pieces in, sealed pieces out, in bounded memory.

The library reads and writes files in a thread; here both of its files are ends of pipes into the event loop.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING, Any, Final

from pyrage import RecipientError, encrypt_io, x25519

from vault.errors import Fault, InvalidError

if TYPE_CHECKING:
    from concurrent.futures import Future

WAITING_MAX: Final = 8  # sealed pieces that nobody has taken yet


def recipient_of(text: str) -> x25519.Recipient:
    """Read a public key, like ``age1…``; raises InvalidError."""
    try:
        return x25519.Recipient.from_str(text)
    except RecipientError as cause:
        raise InvalidError(
            "this is no age public key",
            [Fault("#/recipient", "not_age", "write what `age-keygen` prints as public key: age1…")],
        ) from cause


async def sealed_for(recipient: str, plain: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """Seal a stream so that only the recipient opens it; raises whatever the plain stream does."""
    pipe = _Pipe(plain)
    sealing = asyncio.create_task(
        asyncio.to_thread(encrypt_io, pipe, pipe, [recipient_of(recipient)]), name="sealing-archive"
    )
    sealing.add_done_callback(lambda _: pipe.end())
    try:
        while (piece := await pipe.taken()) is not None:
            yield piece
        if pipe.error is not None:
            raise pipe.error
        await sealing
    finally:
        pipe.stop()
        await asyncio.gather(sealing, return_exceptions=True)


class _Pipe:
    """What the library's thread reads from and writes to; each call waits for the loop."""

    def __init__(self, plain: AsyncIterator[bytes]) -> None:
        self._plain = plain
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self._sealed: list[bytes] = []
        self._changed = asyncio.Event()
        self._ended = self._stopped = False
        self.error: BaseException | None = None

    # in the library's thread

    def read(self, size: int = -1) -> bytes:
        """Give the next plain bytes, at most so many; nothing at the end."""
        if not self._rest:
            self._rest = self._waited(self._next())
        taken, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return taken

    def write(self, piece: bytes) -> int:
        """Take sealed bytes, when there is room."""
        self._waited(self._add(bytes(piece)))
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""

    def _waited(self, coroutine: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result()

    # on the loop

    async def _next(self) -> bytes:
        if self._stopped:
            raise BrokenPipeError("nobody takes the archive any more")
        try:
            return await anext(self._plain, b"")
        except Exception as error:
            self.error = error
            raise

    async def _add(self, piece: bytes) -> None:
        while len(self._sealed) >= WAITING_MAX and not self._stopped:
            await self._wait()
        if self._stopped:
            raise BrokenPipeError("nobody takes the archive any more")
        self._sealed.append(piece)
        self._changed.set()

    async def taken(self) -> bytes | None:
        """Take the next sealed piece; None at the end."""
        while not self._sealed and not self._ended:
            await self._wait()
        if not self._sealed:
            return None
        self._changed.set()
        return self._sealed.pop(0)

    def end(self) -> None:
        """The thread has ended: no piece comes after those that wait."""
        self._ended = True
        self._changed.set()

    def stop(self) -> None:
        """Nobody takes any more: let the thread come to its end."""
        self._stopped = True
        self._changed.set()

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()
