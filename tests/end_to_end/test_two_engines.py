"""Chromium and Firefox talk through the vault: picture and tone at both ends and in both recordings."""

from pathlib import Path

import pytest

from tests.end_to_end.fake_devices import AGENT, VISITOR, is_what_was_shown
from tests.end_to_end.two_engines import Engine, Stand, Watched, stand
from tests.servers.udp_proxy import Weather

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

TALK_S = 8.0
BAD = Weather(lost=0.05, delay_s=0.02, jitter_s=0.1, reordered=0.05)
ENGINES: list[tuple[Engine, Engine]] = [("chromium", "firefox"), ("firefox", "chromium")]


def is_a_conversation(seen: Watched, *, gap_s: float = 2.5) -> None:
    """A moving picture without long stops, and the other's tone nearly all the time."""
    assert seen.frames_per_s > 4, seen
    assert seen.longest_gap_s < gap_s, seen
    assert seen.sound_s > 0.7 * seen.seconds, seen
    assert seen.in_tune > 0.7, seen


async def holds_both_sides(stand: Stand, seconds: float) -> None:
    """Two recordings, each of its own side from the beginning to the end."""
    kept = await stand.kept()
    assert is_what_was_shown(kept["visitor"], VISITOR), kept
    assert is_what_was_shown(kept["agent"], AGENT), kept
    for seen in kept.values():
        assert seen.duration_s > seconds, kept
        assert seen.samples_s > seconds * 0.9, kept
        assert seen.frames > seconds * 4, kept


@pytest.mark.slow
@pytest.mark.parametrize(("visitor", "agent"), ENGINES)
async def test_two_engines_talk_in_fair_weather(visitor: Engine, agent: Engine, tmp_path: Path) -> None:
    """Nothing between them: both ways, seen, heard and kept."""
    async with stand(tmp_path, visitor=visitor, agent=agent) as talk:
        await talk.call()
        for seen in await talk.watch(TALK_S):
            is_a_conversation(seen)
        await talk.agent_hangs_up()
        await holds_both_sides(talk, TALK_S)
