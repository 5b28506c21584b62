"""Chromium and Firefox talk through the vault: picture and tone at both ends and in both recordings.

In fair weather, through loss, jitter and reordering, through a relay alone, after the network was gone, and
after a NAT forgot.
"""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.fake_devices import is_what_was_shown
from tests.end_to_end.two_engines import FRONT, LOOPBACK, Engine, Kept, Stand, Watched, stand
from tests.servers.coturn import coturn_server
from tests.servers.udp_proxy import CLEAR, Weather

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

TALK_S = 8.0
AGAIN_S = 5.0
SOME_S = 2.0
SETTLED_S = 60.0
BAD = Weather(lost=0.05, delay_s=0.02, jitter_s=0.1, reordered=0.05)
ENGINES: list[tuple[Engine, Engine]] = [("chromium", "firefox"), ("firefox", "chromium")]
# One way round by day; `make soak` walks the whole matrix.
IS_SOAK = os.environ.get("CALLVAULT_TEST_SOAK") == "1"
# What a busy machine does to a good picture, too; silence, black and a still picture are under it.
LEAST_FRAMES_PER_S = 2.0
LONGEST_STILL_S = 4.0
MOST_UNTOLD = 0.1  # of a recording without sound, beyond its declared gaps: single packets, a late microphone
LEAST_IN_TUNE = 0.6
# Of each kind, what NACK and resending did not repair in time: five of a hundred were lost on the way.
MOST_LOST = {"audio": 0.03, "video": 0.03}


def is_a_conversation(seen: Watched) -> None:
    """A moving picture without long stops, and the other's tone nearly all the time."""
    assert seen.frames_per_s > LEAST_FRAMES_PER_S, seen
    assert seen.longest_gap_s < LONGEST_STILL_S, seen
    assert seen.sound_s > 0.7 * seen.seconds, seen
    assert seen.in_tune > LEAST_IN_TUNE, seen


async def talk_again(stand: Stand) -> None:
    """They talk as before within a minute; until both have their new connections a watch may see one end."""
    until_s = time.monotonic() + SETTLED_S
    while True:
        await stand.both_perceive()
        try:
            for seen in await stand.watch(AGAIN_S):
                is_a_conversation(seen)
        except AssertionError:
            if time.monotonic() > until_s:
                raise
        else:
            return


async def holds_both_sides(stand: Stand, seconds: float) -> None:
    """Each recording is of its own side, from the beginning to the end, and lacks next to nothing."""
    for kept in await stand.kept():
        assert is_what_was_shown(kept.seen, kept.look), kept
        assert kept.seen.duration_s > seconds, kept
        assert kept.seen.samples_s > seconds * 0.9, kept
        assert kept.seen.frames > seconds * LEAST_FRAMES_PER_S, kept
        for kind, most in MOST_LOST.items():
            assert kept.lost_share(kind) < most, kept


async def goes_on(stand: Stand) -> list[Kept]:
    """One recording of each side, with pictures before and after what it lacks, and it says all it lacks."""
    items = await stand.recordings()
    assert len(items) == 2, items
    assert len({item["call_id"] for item in items}) == 1, items
    kept = await stand.kept()
    for each in kept:
        assert is_what_was_shown(each.seen, each.look), each
        assert each.manifest["recovered"] is False
        gaps = each.gaps("audio")
        lacks_s = sum(gap["to_ms"] - gap["from_ms"] for gap in gaps) / 1000
        assert (
            abs(each.seen.duration_s - each.seen.samples_s - lacks_s) < MOST_UNTOLD * each.seen.duration_s
        ), gaps
        away = [gap for gap in gaps if gap["cause"] == "reconnect"]
        before, after = (0, away[0]["from_ms"]), (away[-1]["to_ms"], each.manifest["duration_ms"])
        assert min(each.pictures(*before), each.pictures(*after)) > SOME_S * LEAST_FRAMES_PER_S, (each, away)
    return kept


async def talks(stand: Stand) -> None:
    """Call, talk, hang up; judge both ends and both recordings."""
    await stand.call()
    for seen in await stand.watch(TALK_S):
        is_a_conversation(seen)
    await stand.agent_hangs_up()
    await holds_both_sides(stand, TALK_S)


@pytest.mark.slow
@pytest.mark.parametrize(("visitor", "agent"), ENGINES[1 - IS_SOAK :])
async def test_two_engines_talk_through_loss_jitter_and_reordering(
    visitor: Engine, agent: Engine, tmp_path: Path
) -> None:
    """Five of a hundred lost, 100 ms of jitter, five of a hundred out of order, on each of the four ways."""
    async with stand(tmp_path, visitor=visitor, agent=agent, weather=BAD) as talk:
        await talks(talk)
        assert talk.network.proxy is not None
        assert talk.network.proxy.counts["lost"] > 50
        assert talk.network.proxy.counts["reordered"] > 50


@pytest.mark.slow
@pytest.mark.parametrize(
    ("visitor", "agent", "transport"), [(*ENGINES[0], "tcp"), (*ENGINES[1], "udp")][: 1 + IS_SOAK]
)
async def test_two_engines_talk_through_a_relay_alone(
    visitor: Engine, agent: Engine, transport: str, tmp_path: Path
) -> None:
    """Every connection of both goes through coturn, as behind a firewall that lets no UDP out."""
    with coturn_server(tmp_path / "turn", address=FRONT) as coturn:
        settings = {
            "MEDIA__ADDRESSES": FRONT,
            "MEDIA__TURN_URLS": coturn.url(transport),
            "MEDIA__TURN_SECRET": coturn.secret,
            "MEDIA__TURN_ONLY": "true",
        }
        async with stand(tmp_path, visitor=visitor, agent=agent, settings=settings) as talk:
            await talk.call()
            ways = [*await talk.visitor.ways(), *await talk.agent.ways()]
            assert len(ways) == 4, ways
            assert {way["local"] for way in ways} == {"relay"}, ways
            assert {way["relay"] for way in ways} == {transport}, ways
            for seen in await talk.watch(TALK_S):
                is_a_conversation(seen)
            await talk.agent_hangs_up()
            await holds_both_sides(talk, TALK_S)


@pytest.mark.slow
@pytest.mark.parametrize(("visitor", "agent"), ENGINES[: 1 + IS_SOAK])
async def test_two_engines_find_each_other_again_after_an_outage(
    visitor: Engine, agent: Engine, tmp_path: Path, rounds: Callable[[int, int], int]
) -> None:
    """No network for longer than a leg is kept: the same call and recordings go on, by new legs.

    Then a NAT forgets, and everybody comes from another port: they go on by the same legs.
    """
    outage_s = rounds(10, 30)
    settings = {"MEDIA__DEAD_AFTER_S": str(outage_s / 2)}
    async with stand(tmp_path, visitor=visitor, agent=agent, weather=CLEAR, settings=settings) as talk:
        await talk.call()
        await asyncio.sleep(SOME_S)
        with talk.network.outage():
            await asyncio.sleep(outage_s)
        await talk_again(talk)
        assert talk.network.proxy is not None
        talk.network.proxy.move(LOOPBACK)
        moved_s = time.monotonic()
        await talk_again(talk)
        since_s = time.monotonic() - moved_s
        await talk.agent_hangs_up()
        for kept in await goes_on(talk):
            assert len(kept.manifest["carried_by"]) > 1, kept
            gaps = [gap for gap in kept.gaps("audio") if gap["cause"] == "reconnect"]
            longest_ms = max(gap["to_ms"] - gap["from_ms"] for gap in gaps)
            assert outage_s - 0.5 < longest_ms / 1000 < outage_s + SETTLED_S, gaps
            last = kept.manifest["carried_by"][-1]
            assert (last["to_ms"] - last["from_ms"]) / 1000 > since_s, (last, since_s)
