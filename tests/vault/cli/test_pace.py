"""The server's loop: which one runs, and what the collector no longer walks."""

import asyncio
import gc
import sys
from collections.abc import Iterator

import pytest

from vault.cli.pace import OLD, YOUNG, quiet_collector, run_in_time


@pytest.fixture
def collector() -> Iterator[None]:
    """The collector, put back as it was."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


async def loop_name(seen: list[str]) -> None:
    """Note whose loop runs."""
    seen.append(type(asyncio.get_running_loop()).__module__)


def test_the_server_runs_on_uvloop_where_it_is_installed() -> None:
    """The extra `speed` needs no setting."""
    pytest.importorskip("uvloop")
    seen: list[str] = []
    run_in_time(loop_name(seen))
    assert seen == ["uvloop"]


def test_the_server_runs_on_the_standard_loop_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but speed depends on uvloop."""
    monkeypatch.setitem(sys.modules, "uvloop", None)
    seen: list[str] = []
    run_in_time(loop_name(seen))
    assert seen[0].startswith("asyncio")


@pytest.mark.usefixtures("collector")
def test_what_the_start_made_is_out_of_the_collectors_sight() -> None:
    """A full collection walks what calls made, not the program."""
    quiet_collector()
    assert gc.get_freeze_count() > 1_000
    assert len(gc.get_objects()) < 1_000
    assert gc.get_threshold()[0] == YOUNG
    assert gc.get_threshold()[2] == OLD
