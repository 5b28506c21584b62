"""The server is killed in the middle of a call and started again: the call goes on, in its recordings."""

import io
import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import av
import pytest

from tests.end_to_end.campaign import require_nothing_stuck, verify_ledger
from tests.end_to_end.fake_devices import AGENT, VISITOR, decode, is_what_was_shown
from tests.end_to_end.program import running_program
from tests.end_to_end.two_browsers import IN_CONSOLE, IN_WIDGET, Talk, talking

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
BACK_WITHIN_MS = 60_000
START_WITHIN_S = 90.0  # two browsers that code pictures leave little of a small machine


def pictures_in(media: bytes, span: dict[str, Any]) -> int:
    """How many pictures of a file can be decoded in one leg's place."""
    with av.open(io.BytesIO(media), "r") as container:
        times = [frame.time or 0.0 for frame in container.decode(video=0)]
    return sum(span["from_ms"] <= round(time_s * 1000) + 1 <= span["to_ms"] + 1 for time_s in times)


def both_are_back(talk: Talk) -> None:
    """Each page has made its leg anew, by itself, and says so."""
    talk.visitor.wait_for_function(
        "() => document.querySelector('call-button').shadowRoot.querySelector('.trouble')?.hidden",
        timeout=BACK_WITHIN_MS,
    )
    talk.agent.locator(".call-sub [role=status]", has_text="Connected").wait_for(timeout=BACK_WITHIN_MS)
    for page, element in ((talk.visitor, IN_WIDGET), (talk.agent, IN_CONSOLE)):
        page.wait_for_function(f"() => ({element})()?.videoWidth > 0", timeout=BACK_WITHIN_MS)
    talk.both_see_and_hear()


def test_both_pages_come_back_to_the_same_call_after_a_kill(tmp_path: Path) -> None:
    """P1: one recording of each side, whole before and after, the gap declared; nobody pressed anything."""
    folder = tmp_path / "vault"
    with ExitStack() as stack:
        program = stack.enter_context(running_program(folder, timeout_s=START_WITHIN_S))
        talk = stack.enter_context(talking(program, tmp_path))
        talk.agent_is_there()
        talk.visitor_calls()
        talk.agent_takes()
        talk.both_see_and_hear()
        talk.visitor.wait_for_timeout(1500)
        os.kill(program.process.pid, signal.SIGKILL)
        program.process.wait(20)
        lost = talk.visitor.locator("call-button .trouble")
        lost.filter(has_text="connection").wait_for(timeout=BACK_WITHIN_MS)
        port = int(program.base.rsplit(":", 1)[1])
        stack.enter_context(running_program(folder, port=port, timeout_s=START_WITHIN_S))
        both_are_back(talk)
        talk.visitor.wait_for_timeout(2500)
        talk.agent_hangs_up()
        items = talk.recordings(2)
        assert len({item["call_id"] for item in items}) == 1
        looks = []
        for item in items:
            made = talk.api("POST", f"/v1/media/{item['id']}/links", {"purpose": "quality"}).json()["urls"]
            media, manifest = talk.api("GET", made["media"]).body(), talk.api("GET", made["manifest"]).json()
            assert "restart" in {gap["cause"] for gap in manifest["gaps"]}
            assert manifest["recovered"] is False
            before, after = manifest["carried_by"]
            assert before["to_ms"] < after["from_ms"]
            assert pictures_in(media, before) > 10
            assert pictures_in(media, after) > 10
            looks.append(decode(media))
        assert sum(is_what_was_shown(seen, VISITOR) for seen in looks) == 1, looks
        assert sum(is_what_was_shown(seen, AGENT) for seen in looks) == 1, looks
    require_nothing_stuck(folder)
    verify_ledger(folder)
