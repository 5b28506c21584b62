"""A real Ceph behind a proxy with every fault: what was acknowledged is there, whole, and nothing else is."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from mypy_boto3_s3 import S3Client

from storage.errors import AbsentError, RefusedError, UnavailableError
from storage.resilient import ResilienceLimits, ResilientStore
from storage.retrying import Patience
from storage.s3 import S3Store
from storage.store import ObjectKey
from tests.storage.conftest import Service
from tests.storage.contract import KEY, SMALL, in_pieces, some_bytes
from tests.storage.lossy_proxy import Fault, Proxy, Request, lossy_proxy

pytestmark = pytest.mark.ceph
Bucket = Callable[..., str]
MIB = 1024 * 1024
LARGE = some_bytes(11 * MIB)  # three parts
LEAVES_OPEN = (Fault.LOSE_ANSWER, Fault.RESET, Fault.ERROR_AFTER, Fault.RESET_INSIDE, Fault.TRUNCATE)
HEALS = (*LEAVES_OPEN, Fault.SLOW_DOWN, Fault.SLOW, Fault.NONE)
QUICK = ResilienceLimits(patience=Patience(attempts=4, first_wait_s=0.01, longest_wait_s=0.05))
SEED = 20_261_129


class Reached:
    """A bucket with versions, reached through the proxy and, for the truth, directly."""

    def __init__(self, store: S3Store, direct: S3Store, proxy: Proxy, admin: S3Client) -> None:
        self._admin = admin
        self.store = store
        self.direct = direct
        self.proxy = proxy
        self.patient = ResilientStore(store, QUICK)

    def bytes_in_uploads(self) -> int:
        """How much lies in uploads that nobody finished."""
        bucket = self.store.settings.bucket
        found = 0
        for one in self._admin.list_multipart_uploads(Bucket=bucket).get("Uploads", ()):
            parts = self._admin.list_parts(Bucket=bucket, Key=one["Key"], UploadId=one["UploadId"])
            found += sum(part["Size"] for part in parts.get("Parts", ()))
        return found


@pytest.fixture
async def reached(ceph_http: Service, make_bucket: Bucket) -> AsyncIterator[Reached]:
    """An empty bucket."""
    bucket = make_bucket(ceph_http, is_versioned=True)
    async with lossy_proxy(urlsplit(ceph_http.settings.endpoint or "").port or 0) as proxy:
        own = replace(ceph_http.settings, bucket=bucket, read_timeout_s=5.0)
        store = await S3Store.create(replace(own, endpoint=proxy.endpoint), ceph_http.credentials)
        direct = await S3Store.create(own, ceph_http.credentials)
        yield Reached(store, direct, proxy, ceph_http.admin)
        await store.aclose()
        await direct.aclose()


def writes(request: Request) -> bool:
    """Tell whether a request changes something."""
    return request.method in {"PUT", "POST", "DELETE"}


def reads(request: Request) -> bool:
    """Tell whether a request asks for an object's bytes."""
    return request.method == "GET" and "?" not in request.target


@pytest.mark.parametrize(
    ("fault", "whole"),
    [*((fault, SMALL) for fault in LEAVES_OPEN), (Fault.ERROR_AFTER, LARGE), (Fault.RESET_INSIDE, LARGE)],
    ids=lambda given: given.name if isinstance(given, Fault) else f"{len(given)} bytes",
)
async def test_a_put_that_goes_wrong_is_whole_or_open_and_putting_again_settles_it(
    reached: Reached, fault: Fault, whole: bytes
) -> None:
    """At each request of the put in turn: a success is there whole; an error leaves nothing half."""
    for number in range(1, 6):
        left = number

        def judge(request: Request) -> Fault:
            nonlocal left
            left -= writes(request)
            return fault if left == 0 and writes(request) else Fault.NONE

        key = ObjectKey(f"put/{number}")
        reached.proxy.judge = judge
        try:
            await reached.store.put(key, in_pieces(whole))
        except UnavailableError:
            await reached.store.put(key, in_pieces(whole))
        assert await reached.direct.read(key, limit_bytes=len(whole)) == whole
        if left > 0:  # the put has no more requests than that
            break
    reached.proxy.judge = lambda _: Fault.NONE
    # An upload whose very beginning was not heard of holds no byte; erasing its key removes it.
    assert reached.bytes_in_uploads() == 0
    for number in range(1, 6):
        await reached.store.erase(ObjectKey(f"put/{number}"))
    assert await reached.direct.remains("") == ()


@pytest.mark.parametrize("fault", LEAVES_OPEN)
async def test_an_erasure_that_goes_wrong_is_asked_again_until_nothing_is_left(
    reached: Reached, fault: Fault
) -> None:
    """Deleting what is gone already is no error, and a lost answer is no success."""
    for body in (b"one", b"two"):
        await reached.store.put(KEY, body)
    reached.proxy.fail_once(fault, lambda request: request.method == "DELETE", times=2)
    await reached.patient.erase(KEY)
    assert reached.proxy.faults() == 2
    assert await reached.direct.remains("") == ()


@pytest.mark.parametrize("fault", [Fault.TRUNCATE, Fault.ERROR_AFTER, Fault.RESET, Fault.SLOW])
async def test_a_reading_is_whole_or_an_error(reached: Reached, fault: Fault) -> None:
    """A truncated answer is never taken for the end; with patience every one of these is overcome."""
    await reached.direct.put(KEY, LARGE)
    reached.proxy.fail_once(fault, reads, times=2)
    assert await reached.patient.read(KEY, limit_bytes=len(LARGE)) == LARGE
    assert reached.proxy.faults() == 2
    reached.proxy.fail_once(fault, reads)
    try:
        assert await reached.store.read(KEY, limit_bytes=len(LARGE)) == LARGE
    except UnavailableError:
        assert fault is not Fault.SLOW


@pytest.mark.parametrize("fault", [Fault.REDIRECT, Fault.BAD_KEY])
async def test_what_time_does_not_heal_is_a_refusal_with_its_code_and_costs_few_requests(
    reached: Reached, fault: Fault
) -> None:
    """Another region, a key that was taken away: nothing is sent elsewhere, nothing is tried for ever."""
    await reached.direct.put(KEY, SMALL)
    reached.proxy.judge = lambda _: fault
    for call in (
        lambda: reached.patient.put(ObjectKey("new"), SMALL),
        lambda: reached.patient.put(ObjectKey("new"), in_pieces(LARGE)),
        lambda: reached.patient.read(KEY, limit_bytes=100),
        lambda: reached.patient.erase(KEY),
    ):
        before, started_s = len(reached.proxy.seen), time.perf_counter()
        with pytest.raises(RefusedError) as told:
            await call()
        assert len(reached.proxy.seen) - before <= 8, "a refusal is no reason to insist"
        assert time.perf_counter() - started_s < 10
        assert "secret" not in str(told.value).lower()
    reached.proxy.judge = lambda _: Fault.NONE
    assert await reached.store.read(KEY, limit_bytes=100) == SMALL
    assert await reached.direct.remains("") == (f"version {KEY}",)


async def test_retries_are_bounded_where_nothing_heals(reached: Reached) -> None:
    """A service that says 503 for ever is left alone soon."""
    reached.proxy.judge = lambda _: Fault.SLOW_DOWN
    with pytest.raises(UnavailableError):
        await reached.patient.put(KEY, SMALL)
    assert len(reached.proxy.seen) <= 3 * QUICK.patience.attempts


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_a_campaign_of_faults_against_a_dictionary(
    reached: Reached, rounds: Callable[[int, int], int]
) -> None:
    """Puts, erasures and readings of small and large objects, each request wrong with one chance in four."""
    chance, model = random.Random(SEED), dict[ObjectKey, set[bytes]]()
    faults = random.Random(SEED + 1)

    def judge(_request: Request) -> Fault:
        return faults.choice(HEALS) if faults.random() < 0.25 else Fault.NONE

    reached.proxy.judge = judge
    asked = rounds(30, 1_000)
    for number in range(asked):
        key = ObjectKey(f"campaign/{chance.randrange(6)}")
        before = model.get(key, {b""})
        match chance.choice(["put", "put", "erase", "read"]):
            case "put":
                whole = some_bytes(6 * MIB if chance.random() < 0.2 else 5_000, seed=number + 1)
                model[key] = await outcome(reached.patient.put(key, in_pieces(whole)), {whole}, before)
            case "erase":
                model[key] = await outcome(reached.patient.erase(key), {b""}, before)
            case "read":
                got = await tried(reached.patient.read(key, limit_bytes=8 * MIB))
                assert got is None or got in before, (SEED, number)
    reached.proxy.judge = lambda _: Fault.NONE
    for key, possible in model.items():
        try:
            found = await reached.direct.read(key, limit_bytes=8 * MIB)
        except AbsentError:
            found = b""
        assert found in possible, (SEED, key)
        await reached.patient.erase(key)
    assert await reached.direct.remains("") == ()
    assert reached.proxy.faults() > asked / 4


async def outcome(call: object, after: set[bytes], before: set[bytes]) -> set[bytes]:
    """Say what there may be now: what was acknowledged, or where it was left open, that or what was."""
    assert asyncio.iscoroutine(call)
    try:
        await call
    except UnavailableError:
        return before | after
    return after


async def tried(call: object) -> bytes | None:
    """Give what was read; nothing where it was absent (then as empty) or the store did not answer."""
    assert asyncio.iscoroutine(call)
    try:
        got: bytes = await call
    except AbsentError:
        return b""
    except UnavailableError:
        return None
    return got
