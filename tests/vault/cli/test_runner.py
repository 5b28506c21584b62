"""The program as a process: one per key ring, ended by signals."""

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vault.cli.exits import CommandError, Exit
from vault.cli.keyfiles import make_key_files
from vault.cli.runner import run, single_server
from vault.settings import Settings
from vault.settings.sources import load_settings

if TYPE_CHECKING:
    from vault.app import App


@pytest.fixture
async def settings(config: Path) -> Settings:
    """Settings with keys."""
    found = load_settings(environ={}, file=config).settings
    await make_key_files(found)
    return found


def test_one_key_ring_has_one_server(tmp_path: Path) -> None:
    """The second is refused while the first holds the lock, and admitted afterwards."""
    ring = tmp_path / "keys" / "root.key"
    with single_server(ring):
        with pytest.raises(CommandError, match="another callvault") as refused, single_server(ring):
            pass
        assert refused.value.code is Exit.REFUSED
    with single_server(ring):
        pass


def test_a_lock_left_by_a_killed_server_is_no_obstacle(tmp_path: Path) -> None:
    """The kernel drops it with the process; the file alone means nothing."""
    ring = tmp_path / "root.key"
    (tmp_path / "root.key.lock").write_text("")
    with single_server(ring):
        pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_before_it_ends(settings: Settings, number: signal.Signals) -> None:
    """/readyz turns away new work first, then the program closes what it opened."""
    seen: list[App] = []

    async def ready(app: "App") -> None:
        seen.append(app)
        os.kill(os.getpid(), number)

    await run(settings, development=False, when_ready=ready)
    assert seen[0].services.health.draining is True


async def test_a_second_signal_cuts_the_drain_short(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever presses Ctrl-C twice means it."""
    loop = asyncio.get_running_loop()

    async def ready(app: "App") -> None:
        async def long_drain() -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(60)

        monkeypatch.setattr(type(app), "drain", lambda _self: long_drain())
        os.kill(os.getpid(), signal.SIGTERM)

    before_s = loop.time()
    await run(settings, development=False, when_ready=ready)
    assert loop.time() - before_s < 30
