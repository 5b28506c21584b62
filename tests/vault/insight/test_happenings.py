"""Counters: what happened is counted once it is durable, under a few words of our own."""

import re
from pathlib import Path

import pytest

from tests.vault.http.house import settings_in
from tests.vault.media.workshop import Workshop, open_workshop
from vault.app import make_services, open_rooms
from vault.clock import SystemClock
from vault.insight.happenings import Happenings
from vault.insight.metrics import Metrics
from vault.ledger.leaf import Entry, EntryType
from vault.model import ErasureReason, new_id

OPERATIONS = Path(__file__).parents[3] / "docs" / "OPERATIONS.md"


def watching(work: Workshop) -> Metrics:
    """Metrics of a process, as the composition root makes them."""
    metrics = Metrics(version="0", clock=SystemClock())
    work.ledger.watch(Happenings(metrics.registry).count)
    return metrics


def shown(metrics: Metrics) -> dict[str, float]:
    """What a scraper reads of calls, recordings and erasures, name and labels as written."""
    text = metrics.exposition("text/plain")[0].decode()
    lines = re.findall(r"^callvault_((?:call|record|erasure)\S*_total\S*) (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in lines}


async def test_calls_recordings_and_erasures_are_counted(tmp_path: Path) -> None:
    """One that is kept, one that is lost, one of them erased, and the bytes that were stored."""
    async with open_workshop(tmp_path) as work:
        metrics = watching(work)
        begun = await work.ready()
        await work.ready(())
        (record,) = await work.keys.records(object_id=begun.media_id)
        await work.requests.of_media(begun.media_id, ErasureReason.OTHER, by=work.by())
        assert "erasures_completed_total" not in str(shown(metrics))
        assert await work.keeper.turn() == 0
        assert shown(metrics) == {
            "calls_opened_total": 2,
            'calls_ended_total{reason="peer_left"}': 2,
            'recordings_total{outcome="ready"}': 1,
            'recordings_total{outcome="lost"}': 1,
            "recorded_bytes_total": record.sealed_bytes,
            'erasures_completed_total{kind="recording"}': 1,
        }


async def test_what_is_undone_is_not_counted(tmp_path: Path) -> None:
    """An act that fails leaves neither its entry nor a count."""
    async with open_workshop(tmp_path) as work:
        metrics = watching(work)
        opened = Entry(EntryType.CALL_OPENED, work.tenant_id, new_id("call"))

        async def act() -> None:
            async with work.database.write() as connection:
                await work.ledger.append(connection, opened)
                raise RuntimeError("the act failed")

        with pytest.raises(RuntimeError, match="the act failed"):
            await act()
        assert shown(metrics)["calls_opened_total"] == 0
        await work.ledger.record(opened)
        assert shown(metrics)["calls_opened_total"] == 1


async def test_each_metric_is_in_the_operators_table(tmp_path: Path) -> None:
    """What is measured is said, by the name a scraper sees."""
    async with open_rooms(settings_in(tmp_path), development=True) as rooms:
        metrics = Metrics(version="0", clock=SystemClock())
        make_services(rooms, metrics)
        text = metrics.exposition("text/plain")[0].decode()
    names = re.findall(r"^# TYPE (callvault_\w+) ", text, re.MULTILINE)
    table = OPERATIONS.read_text(encoding="utf-8")
    assert "callvault_legs_live" in names
    assert [name for name in names if not name.endswith("_created") and f"`{name}`" not in table] == []
