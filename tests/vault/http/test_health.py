"""Health and metrics: what probes and scrapers see."""

import asyncio
from pathlib import Path

import aiohttp

from tests.vault.http.house import VERSION, House, open_house
from vault.clock import SystemClock
from vault.errors import DependencyError
from vault.http.server import serving_metrics
from vault.insight.metrics import Metrics
from vault.settings import ServerSettings


async def _away() -> None:
    raise DependencyError("away")


async def _hangs() -> None:
    await asyncio.sleep(3_600)


async def test_a_living_process_says_so(house: House) -> None:
    """/livez and its other name; no checks are run."""
    for path in ("/livez", "/healthz"):
        status, body, _ = await house.ask("GET", path)
        assert (status, body["status"], body["version"]) == (200, "ok", VERSION)


async def test_ready_lists_its_checks_only_when_asked(house: House) -> None:
    """`?verbose` names each check; nothing secret is among them."""
    assert (await house.ask("GET", "/readyz"))[1]["checks"] is None
    assert (await house.ask("GET", "/readyz?verbose"))[1]["checks"] == {"database": "ok"}


async def test_what_does_not_answer_makes_it_unready(tmp_path: Path) -> None:
    """503 and which check failed, not why."""
    async with open_house(tmp_path, checks={"store": _away}) as house:
        status, body, _ = await house.ask("GET", "/readyz?verbose=true")
        assert (status, body["status"], body["checks"]) == (503, "fail", {"store": "fail"})
        assert (await house.ask("GET", "/livez"))[0] == 200


async def test_a_draining_process_is_not_ready(house: House) -> None:
    """After SIGTERM the balancer sends no new work here."""
    house.services.health.draining = True
    assert (await house.ask("GET", "/readyz"))[0] == 503


async def test_too_few_copies_of_the_key_store_are_told_and_work_goes_on(house: House) -> None:
    """An epoch's end waits for them: an operator is told where probes and scrapers look."""
    before = (await house.ask("GET", "/readyz"))[1]["key_copies"]
    turn = house.rooms.turn
    await turn.begin()
    await turn.carry()
    status, body, _ = await house.ask("GET", "/readyz?verbose=true")
    assert (before, status, body["key_copies"]) == ("enough", 200, "lacking")
    told, _ = house.services.metrics.exposition("text/plain")
    assert b"callvault_key_copies_lacking 2.0" in told


async def test_metrics_have_a_listener_of_their_own_and_no_identifiers(house: House) -> None:
    """Routes are templates; ids and addresses are in no label."""
    person = next(iter(house.people.values()))
    await house.ask("GET", f"/v1/people/{person.id}")
    await house.ask("GET", "/nowhere/at/all")
    await house.ask("GET", "/v1/me", headers={"Authorization": "Bearer a.b.c"})
    assert (await house.ask("GET", "/metrics"))[0] == 404
    metrics = house.services.metrics
    settings = ServerSettings(metrics_port=0)
    async with (
        serving_metrics(metrics, settings) as port,
        aiohttp.ClientSession() as client,
        client.get(f"http://127.0.0.1:{port}/metrics") as response,
    ):
        text = await response.text()
    assert 'route="/v1/people/{person_id}",status="401"' in text
    assert 'route="(none)",status="404"' in text
    assert 'callvault_auth_failures_total{reason="malformed"} 1.0' in text
    assert "callvault_build_info{" in text
    assert "per_" not in text


async def test_the_lag_of_the_event_loop_is_measured() -> None:
    """A blocked loop shows in the histogram: the number that predicts broken audio."""
    metrics = Metrics(version=VERSION, clock=SystemClock())
    watching = asyncio.create_task(metrics.measure_lag(), name="lag")
    await asyncio.sleep(0.05)
    import time

    time.sleep(0.3)  # noqa: ASYNC251  # blocking is the point
    await asyncio.sleep(0.15)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    lines = metrics.exposition("")[0].decode().splitlines()
    total = next(line for line in lines if line.startswith("callvault_event_loop_lag_seconds_sum"))
    assert 0.1 < float(total.split()[1]) < 2
