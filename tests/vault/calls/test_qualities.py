"""The lines of a running call: the agents hear of a bad one, and each leg's numbers stay at its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sqlalchemy import select

from tests.vault.calls.studio import SOUND_ONLY, Ear, open_studio, until
from tests.webrtc.legs import eventually
from tests.webrtc.publisher import Publisher, PublisherPlan
from vault.calls.qualities import QUALITY, Qualities
from vault.clock import SystemClock
from vault.db.tables import leg_quality
from vault.model import Role
from webrtc.frames import Codec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.vault.media.workshop import Workshop
    from vault.calls.quality import Sample

PLAN = PublisherPlan(tone_hz=440)


def losing(share: float) -> Callable[[bytes], list[bytes]]:
    """Lose every so-manieth packet, also when it is sent again."""
    count = 0

    def transform(datagram: bytes) -> list[bytes]:
        nonlocal count
        count += 1
        return [] if count % round(1 / share) == 0 else [datagram]

    return transform


def without_pictures(publisher: Publisher) -> Callable[[bytes], list[bytes]]:
    """A path on which every packet of the picture is lost, and the sound passes."""
    (sound,) = [sender for sender in publisher.connection.getSenders() if sender.kind == "audio"]
    source = sound._ssrc.to_bytes(4, "big")
    return lambda datagram: [datagram] if datagram[8:12] == source else []


async def spaced(look: Callable[[], Awaitable[bool]]) -> bool:
    """Look half a second later: a sample needs packets."""
    await asyncio.sleep(0.5)
    return await look()


async def test_the_agent_hears_of_a_bad_line_and_its_numbers_are_kept(work: Workshop) -> None:
    """A third of the visitor's packets is lost: the agent is told, the visitor not, and it is kept."""
    call = await work.consented()
    async with open_studio(work) as studio, Publisher(PLAN) as one, Publisher(SOUND_ONLY) as other:
        watcher = Qualities(studio.stage.floor, work.database, Ear(studio.told), SystemClock(), work.calls)
        samples: list[Sample] = []
        watcher.watch(samples.append)
        agent = await studio.agent(call)
        leg = await studio.live(call, one)
        await studio.live(call, other, by=agent)
        one.filter_media(losing(1 / 3))

        async def told() -> bool:
            await watcher.turn()
            return bool(studio.heard(agent.id, QUALITY))

        await until(lambda: spaced(told), timeout_s=30.0)
        (said, *_) = studio.heard(agent.id, QUALITY)
        assert (said["leg_id"], said["role"], said["mine"]) == (leg.leg_id, Role.VISITOR.value, False)
        assert "sound_sent" in str(said["troubles"])
        assert studio.heard(call.id, QUALITY) == []
        assert max(sample.missed for sample in samples) > 0.1
        await studio.legs.hang_up(call.id, leg.leg_id, by=work.visitor(call))
        await eventually(lambda: not studio.legs.live)
        await watcher.turn()
        kept = {found.leg_id: found for found in await watcher.of_call(call.id, by=work.by())}
    assert kept[leg.leg_id].role is Role.VISITOR
    assert kept[leg.leg_id].numbers["worst_missed_permille"] > 100
    assert kept[leg.leg_id].numbers["samples"] > 0
    async with work.database.read() as connection:
        assert len((await connection.execute(select(leg_quality.c.leg_id))).all()) == len(kept)


async def test_a_picture_that_is_sent_and_does_not_come_stands_still(work: Workshop) -> None:
    """No packet of it comes, so none is missed: its sender's reports tell. A camera may be off."""
    call = await work.consented()
    async with open_studio(work) as studio, Publisher(PLAN) as one:
        watcher = Qualities(studio.stage.floor, work.database, Ear(studio.told), SystemClock(), work.calls)
        samples: list[Sample] = []
        watcher.watch(samples.append)
        leg = await studio.live(call, one)
        stats = studio.stage.floor.legs[leg.leg_id].peer.stats

        async def moves() -> bool:
            return any(track.frames for track in stats().tracks if track.codec != Codec.OPUS.value)

        async def stands_still() -> bool:
            await watcher.turn()
            return sum(sample.still_s for sample in samples) > 1.0

        async def is_off() -> bool:
            await watcher.turn()
            return len(samples) > 6 and not any(sample.still_s for sample in samples[-6:])

        await until(moves)
        one.filter_media(without_pictures(one))
        await until(lambda: spaced(stands_still), timeout_s=30.0)
        assert max(sample.missed for sample in samples) < 0.1
        assert one.video is not None
        one.video.paused = True
        await until(lambda: spaced(is_off), timeout_s=30.0)
