"""The server is killed in the middle of a call and started again: the call goes on, in its recordings."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.end_to_end.campaign import require_nothing_stuck, verify_ledger
from tests.end_to_end.fake_devices import is_what_was_shown
from tests.end_to_end.program import running_program
from tests.end_to_end.two_engines import Stand, stand

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
BACK_WITHIN_S = 55.0
START_WITHIN_S = 90.0  # two browsers that code pictures leave little of a small machine
TROUBLE = "document.querySelector('call-button').shadowRoot.querySelector('.trouble:not(.stopping)')"
SAID = "document.querySelector('.call-sub [role=status]')?.textContent"


async def both_are_back(talk: Stand) -> None:
    """Each page has made its leg anew, by itself, and says so."""
    await talk.visitor.page.wait(f"{TROUBLE}?.hidden", timeout_s=BACK_WITHIN_S)
    await talk.agent.page.wait(f"/connected/i.test({SAID} ?? '')", timeout_s=BACK_WITHIN_S)
    for person in (talk.visitor, talk.agent):
        await person.page.wait(f"({person.element})()?.videoWidth > 0", timeout_s=BACK_WITHIN_S)
    await talk.both_perceive()


async def test_both_pages_come_back_to_the_same_call_after_a_kill(tmp_path: Path) -> None:
    """P1: one recording of each side, whole before and after, the gap declared; nobody pressed anything."""
    with ExitStack() as again:
        async with stand(tmp_path, visitor="chromium", agent="firefox") as talk:
            await talk.call()
            await talk.watch(1.5)
            program = talk.program
            os.kill(program.process.pid, signal.SIGKILL)
            program.process.wait(20)
            await talk.visitor.page.wait(
                f"!{TROUBLE}.hidden && /connection/i.test({TROUBLE}.textContent)", timeout_s=BACK_WITHIN_S
            )
            port = int(program.base.rsplit(":", 1)[1])
            settings = talk.network.settings
            again.enter_context(
                running_program(program.folder, port=port, settings=settings, timeout_s=START_WITHIN_S)
            )
            await both_are_back(talk)
            await talk.watch(2.5)
            await talk.agent_hangs_up()
            items = await talk.recordings()
            assert len(items) == 2, items
            assert len({item["call_id"] for item in items}) == 1, items
            for kept in await talk.kept():
                assert is_what_was_shown(kept.seen, kept.look), kept
                assert "restart" in {gap["cause"] for gap in kept.manifest["gaps"]}
                assert kept.manifest["recovered"] is False
                before, after = kept.manifest["carried_by"]
                assert before["to_ms"] < after["from_ms"]
                for span in (before, after):
                    assert kept.pictures(span["from_ms"], span["to_ms"]) > 10
    require_nothing_stuck(tmp_path / "vault")
    verify_ledger(tmp_path / "vault")
