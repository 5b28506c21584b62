"""Sealed upload and download of one object against plain boto3, on the same Ceph in the same run.

Ours seals, signs, sends in parts and makes the read-back digest on the way; downloads open every segment.
boto3's is its own transfer manager with its defaults, of the same bytes in the clear. Rounds are interleaved,
so that a slow moment of the machine falls on both. The object has 256 MiB unless CALLVAULT_TEST_BENCH_MIB
says otherwise: 5120 for 5 GiB, with CALLVAULT_TEST_SOAK=1, so that the store keeps it on the disk, and in one
round, since it keeps what was overwritten for a while.
"""

import asyncio
import io
import os
import statistics
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Final

import boto3
from botocore.config import Config

from benchmarks.machine import load, own_memory_bytes
from crypto.keys import DataKey
from crypto.streaming import Opener, Sealer
from storage.s3 import S3Store
from storage.s3_client import S3Credentials, S3Settings
from storage.store import ObjectKey
from tests.servers.ceph import Ceph, ceph_server

MIB: Final = 1 << 20
SIZE_MIB: Final = int(os.environ.get("CALLVAULT_TEST_BENCH_MIB", "256"))
BLOCK_BYTES: Final = MIB  # what the finisher hands over at a time
SEGMENT_BYTES: Final = 64 * 1024
ROUNDS: Final = max(1, min(5, 1280 // SIZE_MIB))
GOAL: Final = 0.8
MEMORY_GOAL_MIB: Final = 96.0  # parts in flight, twice over; not the object
BUCKET: Final = "measured"
KEY: Final = ObjectKey("media/measured")
AAD: Final = b"benchmark\n"


class Plain:
    """A file of so many equal blocks, read without a disk: what boto3 uploads, and throws away again."""

    def __init__(self, size_bytes: int) -> None:
        self._block = os.urandom(BLOCK_BYTES)
        self._left = size_bytes

    def read(self, size_bytes: int = -1) -> bytes:
        """Give the next bytes, all that are asked for: fewer would be the end."""
        some = min(self._left, size_bytes if size_bytes >= 0 else self._left)
        self._left -= some
        return (self._block * (some // BLOCK_BYTES + 1))[:some]


class Nowhere(io.RawIOBase):
    """Where a download goes."""

    def writable(self) -> bool:
        """Take anything."""
        return True

    def write(self, some: object) -> int:
        """Throw it away."""
        return len(some)  # type: ignore[arg-type]


class Measured:
    """Both ways to the same bucket."""

    def __init__(self, ceph: Ceph, store: S3Store) -> None:
        self._store = store
        self._key = DataKey.generate()
        self._block = os.urandom(BLOCK_BYTES)
        options = Config(request_checksum_calculation="when_required", s3={"addressing_style": "path"})
        self.plain = boto3.session.Session().client(
            "s3",
            endpoint_url=ceph.http,
            region_name=ceph.region,
            aws_access_key_id=ceph.access_key,
            aws_secret_access_key=ceph.secret_key,
            config=options,
        )

    async def _sealed(self) -> AsyncIterator[bytes]:
        sealer = Sealer(self._key, associated_data=AAD, segment_bytes=SEGMENT_BYTES)
        for _ in range(SIZE_MIB):
            yield await asyncio.to_thread(sealer.update, self._block)
        yield sealer.finish()

    async def upload(self) -> None:
        """Seal and put."""
        await self._store.put(KEY, self._sealed())

    async def download(self) -> None:
        """Read and open."""
        opener = Opener(self._key, associated_data=AAD, segment_bytes=SEGMENT_BYTES)
        async with self._store.open(KEY) as reading:
            async for block in reading:
                await asyncio.to_thread(opener.update, block)
        opener.finish()

    async def plain_upload(self) -> None:
        """Put the same bytes as boto3 does."""
        body = Plain(SIZE_MIB * MIB)
        await asyncio.to_thread(self.plain.upload_fileobj, body, BUCKET, "plain")  # type: ignore[arg-type]

    async def plain_download(self) -> None:
        """Get them as boto3 does."""
        await asyncio.to_thread(self.plain.download_fileobj, BUCKET, "plain", Nowhere())  # type: ignore[arg-type]


class Peak:
    """The most private memory of this process while something ran."""

    def __init__(self) -> None:
        self.before_bytes = self.most_bytes = own_memory_bytes(os.getpid())
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak")
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            self.most_bytes = max(self.most_bytes, own_memory_bytes(os.getpid()))

    def grown_mib(self) -> float:
        """End, and tell how much it grew."""
        self._over.set()
        self._thread.join()
        return (self.most_bytes - self.before_bytes) / MIB


async def _speed(work: Callable[[], Awaitable[None]]) -> float:
    begin_s = time.perf_counter()
    await work()
    return SIZE_MIB / (time.perf_counter() - begin_s)


async def _rounds(measured: Measured) -> dict[str, list[float]]:
    ways = {
        "upload": measured.upload,
        "plain upload": measured.plain_upload,
        "download": measured.download,
        "plain download": measured.plain_download,
    }
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, work in ways.items():
            speeds[name].append(await _speed(work))
    return speeds


async def _measure(ceph: Ceph) -> tuple[dict[str, list[float]], float]:
    settings = S3Settings(BUCKET, ceph.region, ceph.http)
    store = await S3Store.create(settings, S3Credentials(ceph.access_key, ceph.secret_key))
    try:
        measured = Measured(ceph, store)
        measured.plain.create_bucket(
            Bucket=BUCKET,
            CreateBucketConfiguration={"LocationConstraint": ceph.region},  # type: ignore[typeddict-item]
        )
        peak = Peak()
        await measured.upload()
        await measured.download()
        grown_mib = peak.grown_mib()
        return await _rounds(measured), grown_mib
    finally:
        await store.aclose()


def run() -> Iterator[dict[str, object]]:
    """Both directions: the median over the rounds of their ratio to plain boto3; then memory."""
    with ceph_server() as ceph:
        speeds, grown_mib = asyncio.run(_measure(ceph))
    for name in ("upload", "download"):
        pairs = zip(speeds[name], speeds[f"plain {name}"], strict=True)
        ratio = statistics.median(ours / plain for ours, plain in pairs)
        ours, plain = statistics.median(speeds[name]), statistics.median(speeds[f"plain {name}"])
        yield {
            "name": f"sealed {name} of {SIZE_MIB} MiB",
            "value": round(ratio, 2),
            "unit": "ratio",
            "against": f"boto3 {name} ({plain:.0f} MiB/s; ours {ours:.0f} MiB/s; {load()})",
            "goal": GOAL,
            "met": ratio >= GOAL,
        }
    yield {
        "name": f"memory for a sealed object of {SIZE_MIB} MiB, up and down",
        "value": round(grown_mib, 1),
        "unit": "MiB",
        "against": "the same process before",
        "goal": MEMORY_GOAL_MIB,
        "met": grown_mib <= MEMORY_GOAL_MIB,
    }
