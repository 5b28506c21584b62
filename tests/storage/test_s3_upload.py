"""Puts that go wrong on the way: a real Ceph behind a proxy that loses answers and connections."""

import asyncio
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import psutil
import pytest

from storage.errors import UnavailableError
from storage.resilient import ResilienceLimits, ResilientStore
from storage.retrying import Patience
from storage.s3 import S3Store
from storage.s3_upload import in_parts
from storage.store import ObjectKey
from tests.servers.ceph import Ceph
from tests.servers.ports import free_port
from tests.storage.conftest import Service
from tests.storage.contract import KEY, SMALL, in_pieces, some_bytes
from tests.storage.lossy_proxy import Fault, Proxy, Request, lossy_proxy

pytestmark = pytest.mark.ceph
Bucket = Callable[..., str]
MIB = 1024 * 1024


@pytest.fixture
async def proxy(ceph_http: Service) -> AsyncIterator[Proxy]:
    """A proxy before Ceph, faultless until told otherwise."""
    async with lossy_proxy(urlsplit(ceph_http.settings.endpoint or "").port or 0) as running:
        yield running


@pytest.fixture
async def store(proxy: Proxy, ceph_http: Service, make_bucket: Bucket) -> AsyncIterator[S3Store]:
    """A store that reaches its versioned bucket through the proxy: each put that happened leaves a trace."""
    bucket = make_bucket(ceph_http, is_versioned=True)
    settings = replace(ceph_http.settings, bucket=bucket, endpoint=proxy.endpoint, read_timeout_s=2.0)
    store = await S3Store.create(settings, ceph_http.credentials)
    yield store
    await store.aclose()


def puts(request: Request) -> bool:
    """Tell whether the request stores an object in one go."""
    return request.method == "PUT" and "uploadId" not in request.target


def sends_a_part(request: Request) -> bool:
    """Tell whether the request stores a part."""
    return request.method == "PUT" and "partNumber" in request.target


def completes(request: Request) -> bool:
    """Tell whether the request completes an upload."""
    return request.method == "POST" and "uploadId" in request.target


async def test_a_lost_answer_to_a_put_is_found_out(store: S3Store, proxy: Proxy) -> None:
    """The service stored it and the answer was lost: the put asks, knows its own object, and succeeds."""
    proxy.fail_once(Fault.LOSE_ANSWER, puts)
    stored = await store.put(KEY, SMALL)
    assert proxy.faults() == 1
    assert stored.etag == (await store.head(KEY)).etag
    assert await store.remains(KEY) == (f"version {KEY}",)


async def test_another_ones_object_is_not_taken_for_the_own(store: S3Store, proxy: Proxy) -> None:
    """When the put did not happen, an equal object of before does not count."""
    await store.put(KEY, SMALL)
    proxy.fail_once(Fault.RESET, puts)
    with pytest.raises(UnavailableError):
        await store.put(KEY, SMALL)


async def test_a_lost_answer_to_a_completion_is_found_out(store: S3Store, proxy: Proxy) -> None:
    """The upload was completed and the answer was lost: no second upload, one object."""
    proxy.fail_once(Fault.LOSE_ANSWER, completes)
    whole = some_bytes(11 * MIB)
    stored = await store.put(KEY, in_pieces(whole))
    assert proxy.faults() == 1
    assert stored.size_bytes == len(whole)
    assert await store.remains("") == (f"version {KEY}",)


async def test_a_completion_that_did_not_happen_leaves_nothing(store: S3Store, proxy: Proxy) -> None:
    """The request to complete was lost: the parts are removed and the caller told to try again."""
    proxy.fail_once(Fault.RESET, completes)
    with pytest.raises(UnavailableError):
        await store.put(KEY, in_pieces(some_bytes(11 * MIB)))
    assert await store.remains("") == ()


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.LOSE_ANSWER, Fault.SLOW_DOWN, Fault.SILENCE])
async def test_a_part_that_goes_wrong_is_sent_again(store: S3Store, proxy: Proxy, fault: Fault) -> None:
    """One lost part does not cost the whole stream, which could not be wound back."""
    proxy.fail_once(fault, sends_a_part, times=2)
    whole = some_bytes(16 * MIB)
    await store.put(KEY, in_pieces(whole))
    assert proxy.faults() == 2
    assert await store.read(KEY, limit_bytes=len(whole)) == whole


async def test_a_reading_goes_on_after_a_lost_answer(store: S3Store, proxy: Proxy) -> None:
    """With patience around it, a reading that breaks off is resumed at the same byte."""
    whole = some_bytes(14 * MIB)
    await store.put(KEY, whole)
    patient = ResilientStore(store, ResilienceLimits(patience=Patience(first_wait_s=0.01)))
    got = b""
    async with patient.open(KEY, None) as reading:
        async for some in reading:
            got += some
            proxy.fail_once(Fault.RESET, lambda request: request.method == "GET")
    assert got == whole
    assert proxy.faults() >= 3


async def test_a_new_key_survives_a_lost_answer(store: S3Store, proxy: Proxy) -> None:
    """A put with if_absent whose answers are lost does not mistake its own object for another one's."""
    patient = ResilientStore(store, ResilienceLimits(patience=Patience(first_wait_s=0.01)))
    proxy.fail_once(Fault.LOSE_ANSWER, lambda request: puts(request) or request.method == "HEAD", times=3)
    stored = await patient.put(KEY, SMALL, if_absent=True)
    assert (stored.size_bytes, stored.sha256 is not None) == (len(SMALL), True)
    assert await store.remains("") == (f"version {KEY}",)


@pytest.mark.parametrize("endpoint_is", ["closed", "silent"])
async def test_a_dead_endpoint_is_unavailable_in_time(
    ceph_http: Service, endpoint_is: str, tmp_path: Path
) -> None:
    """A closed port and one that never answers are UnavailableError within the settings' limits."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1] if endpoint_is == "silent" else free_port()
        settings = replace(
            ceph_http.settings,
            bucket="nobody-there",
            endpoint=f"http://127.0.0.1:{port}",
            connect_timeout_s=0.5,
            read_timeout_s=0.5,
        )
        store = await S3Store.create(settings, ceph_http.credentials)
        for call in (store.head(KEY), store.erase(KEY), store.placement(), store.probe()):
            started_s = time.perf_counter()
            with pytest.raises(UnavailableError):
                await call
            assert time.perf_counter() - started_s < 3
        with pytest.raises(UnavailableError):
            await store.put(KEY, SMALL)
        await store.aclose()


async def test_a_stopped_gateway_comes_back(ceph: Ceph, ceph_http: Service, make_bucket: Bucket) -> None:
    """P3: a gateway that stands still for seconds is waited for; what was acknowledged is there."""
    settings = replace(ceph_http.settings, bucket=make_bucket(ceph_http), read_timeout_s=1.0)
    patient = ResilientStore(await S3Store.create(settings, ceph_http.credentials))
    os.kill(ceph.gateway_pid, signal.SIGSTOP)
    try:
        putting = [
            asyncio.create_task(patient.put(ObjectKey(f"late/{n}"), SMALL), name=f"late-{n}")
            for n in range(4)
        ]
        await asyncio.sleep(2.5)
    finally:
        os.kill(ceph.gateway_pid, signal.SIGCONT)
    ended = await asyncio.gather(*putting, return_exceptions=True)
    for n, one in enumerate(ended):
        if not isinstance(one, BaseException):
            assert await patient.read(ObjectKey(f"late/{n}"), limit_bytes=100) == SMALL
    assert any(not isinstance(one, BaseException) for one in ended), ended
    await patient.aclose()


class PeakMemory:
    """Watches this process' resident memory in a thread, every few milliseconds."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak-memory")
        self.before_bytes = self._process.memory_info().rss
        self.peak_bytes = self.before_bytes

    def _watch(self) -> None:
        while not self._stop.wait(0.005):
            self.peak_bytes = max(self.peak_bytes, self._process.memory_info().rss)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    @property
    def grown_mib(self) -> float:
        """How much memory grew at most."""
        return (self.peak_bytes - self.before_bytes) / MIB


@pytest.mark.slow
@pytest.mark.timeout(1_800)
async def test_a_stream_of_any_length_needs_a_few_parts_of_memory(
    ceph_http: Service, make_bucket: Bucket, rounds: Callable[[int, int], int]
) -> None:
    """Memory of a put is bounded by its parts in flight, of a reading by one range; not by the object.

    A quarter of a GiB, 5 GiB under `make soak`: the limits are the same.
    """
    blocks = rounds(1024, 20_480)
    size_bytes = blocks * 256 * 1024
    settings = replace(ceph_http.settings, bucket=make_bucket(ceph_http), part_bytes=8 * MIB)
    store = await S3Store.create(settings, ceph_http.credentials)
    block = some_bytes(256 * 1024)

    async def stream() -> AsyncIterator[bytes]:
        for _ in range(blocks):
            yield block

    with PeakMemory() as putting:
        assert (await store.put(KEY, stream())).size_bytes == size_bytes
    with PeakMemory() as reading:
        got_bytes = 0
        async with store.open(KEY) as body:
            async for some in body:
                got_bytes += len(some)
    assert got_bytes == size_bytes
    await store.erase(KEY)
    await store.aclose()
    sys.stdout.write(f"put grew by {putting.grown_mib:.0f} MiB, read by {reading.grown_mib:.0f} MiB\n")
    # (4 + 2) parts of 8 MiB, and as much again for the request's own copies.
    assert putting.grown_mib < 110, f"put grew by {putting.grown_mib:.0f} MiB"
    assert reading.grown_mib < 40, f"read grew by {reading.grown_mib:.0f} MiB"


@pytest.mark.parametrize("size_bytes", [0, 1, 9, 10, 11, 20, 25])
async def test_parts_are_full_but_the_last(size_bytes: int) -> None:
    """A body is cut in parts of one size whatever pieces it comes in; an empty one has none."""
    whole = some_bytes(size_bytes)
    for body in (whole, in_pieces(whole, 3), in_pieces(whole, 64)):
        parts = [part async for part in in_parts(body, 10)]
        assert b"".join(parts) == whole
        assert all(len(part) == 10 for part in parts[:-1])
        assert all(parts)
