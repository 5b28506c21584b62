"""A tape archive (POSIX.1-2001, pax) as a stream: nothing of it is ever a file here."""

import tarfile
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

BLOCK_BYTES: Final = 512
END: Final = bytes(2 * BLOCK_BYTES)


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive; ``content`` gives exactly ``size_bytes``."""

    name: str
    size_bytes: int
    modified_at: datetime
    content: AsyncIterator[bytes]


def member(name: str, content: bytes, modified_at: datetime) -> Member:
    """Make a file of what is at hand."""
    return Member(name, len(content), modified_at, _whole(content))


async def _whole(content: bytes) -> AsyncGenerator[bytes]:
    yield content


async def archive_of(members: AsyncIterator[Member]) -> AsyncGenerator[bytes]:
    """Write an archive; ValueError where a file is longer or shorter than it said."""
    async for each in members:
        head = tarfile.TarInfo(each.name)
        head.size, head.mode, head.mtime = each.size_bytes, 0o600, int(each.modified_at.timestamp())
        yield head.tobuf(tarfile.PAX_FORMAT)
        left = each.size_bytes
        async for piece in each.content:
            left -= len(piece)
            yield bytes(piece)
        if left:
            raise ValueError("a file of the archive has another size than was said")
        if rest := each.size_bytes % BLOCK_BYTES:
            yield bytes(BLOCK_BYTES - rest)
    yield END
