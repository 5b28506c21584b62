"""Two people in one call: each sees and hears the other, both are recorded, and every end is an end."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from tests.end_to_end.sides import heard_and_seen
from tests.servers.ports import free_port
from tests.vault.calls.studio import HERE, SOUND_ONLY, Studio, open_studio
from tests.webrtc.legs import eventually
from tests.webrtc.media import video_clip
from tests.webrtc.publisher import Publisher, PublisherPlan
from tests.webrtc.spectator import Spectator
from vault.db.tables import legs, media
from vault.errors import (
    BusyError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    OfferRefusedError,
    PreconditionFailedError,
    TooManyLegsError,
)
from vault.model import ConsentChoice, LegKind, MediaState, Role, new_id
from vault.settings import LimitSettings
from webrtc.forward import Forwarder
from webrtc.frames import Codec, MediaKind
from webrtc.keyframes import starts_keyframe
from webrtc.udpsocket import REST_S, TALK_REST_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.vault.media.workshop import Workshop
    from vault.calls.calls import OpenedCall
    from vault.model import Id
    from vault.policy import Principal
    from webrtc.frames import TrackInfo
    from webrtc.rtp import RtpPacket

VISITOR = PublisherPlan(tone_hz=440)
AGENT = PublisherPlan(width=160, height=96, fps=15, bit_rate=150_000, tone_hz=660)
COLLEAGUE = PublisherPlan(width=192, height=108, fps=15, bit_rate=150_000, tone_hz=880)
THREE = (replace(VISITOR, fps=15, bit_rate=150_000), AGENT, COLLEAGUE)
ONE_KEYFRAME = 3_000  # pictures: more than are sent


class Talk:
    """A call with both legs live."""

    def __init__(self, studio: Studio, call: OpenedCall, agent: Principal) -> None:
        self.studio = studio
        self.call = call
        self.agent = agent
        self.visitor = studio.work.visitor(call)
        self.publishers: dict[str, Publisher] = {}
        self.legs: dict[str, Id] = {}

    async def joins(self, who: str, plan: PublisherPlan, stack: AsyncExitStack) -> None:
        """Publish the leg of one of both."""
        publisher = await stack.enter_async_context(Publisher(plan))
        by = self.agent if who == "agent" else self.visitor
        self.publishers[who] = publisher
        self.legs[who] = (await self.studio.live(self.call, publisher, by=by)).leg_id

    async def hangs_up(self, who: str) -> None:
        """End the leg of one of both."""
        by = self.agent if who == "agent" else self.visitor
        await self.studio.legs.hang_up(self.call.id, self.legs[who], by=by)


async def talking(
    studio: Studio,
    stack: AsyncExitStack,
    choice: ConsentChoice = ConsentChoice.ACCEPTED,
    *,
    plans: tuple[PublisherPlan, PublisherPlan] = (SOUND_ONLY, SOUND_ONLY),
) -> Talk:
    """A visitor and an agent, both live."""
    call = await studio.work.consented(choice)
    talk = Talk(studio, call, await studio.agent(call))
    await talk.joins("visitor", plans[0], stack)
    await talk.joins("agent", plans[1], stack)
    return talk


async def recordings(work: Workshop, call: OpenedCall) -> list[Id]:
    """The recordings of a call."""
    async with work.database.read() as connection:
        return [
            row.id for row in await connection.execute(select(media.c.id).where(media.c.call_id == call.id))
        ]


async def test_each_sees_and_hears_the_other_and_both_are_recorded(work: Workshop) -> None:
    """Items 3 and 4: the very picture and tone of the other side, and one recording for each leg."""
    async with open_studio(work) as studio, AsyncExitStack() as stack:
        talk = await talking(studio, stack, plans=(VISITOR, AGENT))
        shown = studio.watching(talk.call, talk.legs["visitor"], talk.agent)
        seen = studio.watching(talk.call, talk.legs["agent"], talk.visitor)
        feed, at_agent = await stack.enter_async_context(shown)
        _, at_visitor = await stack.enter_async_context(seen)
        for spectator, size, tone_hz in ((at_agent, (320, 180), 440), (at_visitor, (160, 96), 660)):
            await spectator.has(video=21, audio=61)
            frame = spectator.frames["video"][-1][1]
            assert (frame.width, frame.height) == size
            assert abs(spectator.tone_hz() - tone_hz) < 5
            last = spectator.numbers[-10:]
            assert all(after == before + 1 for before, after in itertools.pairwise(last) if after)
        quality = studio.feeds.quality(feed.feed_id)
        assert quality is not None
        assert quality.packets > 50
        await talk.hangs_up("visitor")
        assert await studio.over(talk.call) == "hangup"
        assert sorted(studio.ended) == sorted(await recordings(work, talk.call))
    assert len(studio.ended) == 2
    for media_id in studio.ended:
        assert await work.finish.finish(media_id) is MediaState.READY


async def test_of_three_each_sees_and_hears_the_right_ones_and_three_are_recorded(work: Workshop) -> None:
    """Six feeds, told apart by size and tone when decoded; so are the three files in the end."""
    async with open_studio(work) as studio, AsyncExitStack() as stack:
        call = await work.consented()
        people = [work.visitor(call), await studio.agent(call), await studio.agent(call, name="Ben")]
        plans = dict(zip((who.id for who in people), THREE, strict=True))
        shown: dict[str, Id] = {}
        for who in people:
            publisher = await stack.enter_async_context(Publisher(plans[who.id]))
            shown[who.id] = (await studio.live(call, publisher, by=who)).leg_id
        watching = [
            (plans[of.id], await stack.enter_async_context(studio.watching(call, shown[of.id], who)))
            for who, of in itertools.permutations(people, 2)
        ]
        assert studio.feeds.live == 6
        for plan, (_, spectator) in watching:
            await spectator.has(video=10, audio=61)
            frame = spectator.frames["video"][-1][1]
            assert (frame.width, frame.height) == (plan.width, plan.height)
            assert abs(spectator.tone_hz() - plan.tone_hz) < 5
        captures = {who.id: studio.stage.floor.legs[shown[who.id]].capture for who in people}
        await studio.legs.hang_up(call.id, shown[people[0].id], by=people[0])
        assert await studio.over(call) == "hangup"
    assert sorted(studio.ended) == sorted(await recordings(work, call))
    assert len(studio.ended) == 3
    for who_id, capture in captures.items():
        assert capture is not None
        assert capture.begun is not None
        assert await work.finish.finish(capture.begun.media_id) is MediaState.READY
        size, tone_hz, pictures = heard_and_seen(await work.plain(capture.begun))
        assert (size, pictures > 10) == ((plans[who_id].width, plans[who_id].height), True)
        assert abs(tone_hz - plans[who_id].tone_hz) < 5


@pytest.mark.parametrize("case", ["refused", "a button that does not record"])
async def test_without_consent_they_talk_and_nothing_is_captured(work: Workshop, case: str) -> None:
    """P11 for both sides: who said no is seen and heard, and no frame of either is kept."""
    button = await work.button(records=case == "refused")
    choice = ConsentChoice.REFUSED if case == "refused" else ConsentChoice.ACCEPTED
    call = await work.consented(choice, button=button)
    async with open_studio(work) as studio, AsyncExitStack() as stack:
        talk = Talk(studio, call, await studio.agent(call))
        await talk.joins("visitor", SOUND_ONLY, stack)
        await talk.joins("agent", SOUND_ONLY, stack)
        for leg, by in (("visitor", talk.agent), ("agent", talk.visitor)):
            watching = studio.watching(call, talk.legs[leg], by, kinds=("audio",))
            _, spectator = await stack.enter_async_context(watching)
            await spectator.has(audio=61)
        await talk.hangs_up("visitor")
        assert await studio.over(call) == "hangup"
        assert studio.ended == []
    assert await recordings(work, call) == []
    assert await work.objects() == []


async def test_the_visitors_end_is_everybodys_end(work: Workshop) -> None:
    """The agent's leg and every feed end with it; the rows say why, and the people are told in order."""
    async with open_studio(work) as studio, AsyncExitStack() as stack:
        talk = await talking(studio, stack)
        await stack.enter_async_context(
            studio.watching(talk.call, talk.legs["visitor"], talk.agent, kinds=("audio",))
        )
        assert studio.feeds.live == 1
        await talk.hangs_up("visitor")
        assert await studio.over(talk.call) == "hangup"
        assert studio.feeds.live == 0
        async with work.database.read() as connection:
            rows = await connection.execute(select(legs.c.id, legs.c.end_reason))
            ends = {row.id: row.end_reason for row in rows}
        assert ends == {talk.legs["visitor"]: "hangup", talk.legs["agent"]: "call_ended"}
    types = ("call.leg_joined", "call.leg_ended", "call.ended")
    told = [each.type for each in studio.told if each.to == talk.agent.id and each.type in types]
    assert told.index("call.leg_ended") < told.index("call.ended")
    assert studio.heard(talk.agent.id, "call.ended") == [{"call_id": talk.call.id, "reason": "hangup"}]
    assert [each.type for each in studio.told if not each.to] == ["rings", "rings_no_more"]


async def test_the_agents_end_is_told_and_the_visitors_leg_goes_on(work: Workshop) -> None:
    """Who is left decides: the visitor is told; what the agent watched ends with the agent."""
    async with open_studio(work) as studio, AsyncExitStack() as stack:
        talk = await talking(studio, stack)
        await eventually(lambda: len(studio.heard(talk.call.id, "call.leg_joined")) == 2)
        joined = studio.heard(talk.call.id, "call.leg_joined")
        assert [(each["role"], each["kind"], each["name"]) for each in joined] == [
            ("visitor", "camera", ""),
            ("agent", "camera", "Ada"),
        ]
        await stack.enter_async_context(
            studio.watching(talk.call, talk.legs["visitor"], talk.agent, kinds=("audio",))
        )
        await talk.hangs_up("agent")
        assert studio.feeds.live == 0
        ended = studio.heard(talk.call.id, "call.leg_ended")
        assert ended == [{"call_id": talk.call.id, "leg_id": talk.legs["agent"], "reason": "hangup"}]
        assert (await studio.rows(talk.call))[0] == "live"
        assert studio.heard(talk.call.id, "call.ended") == []


async def test_a_feed_ends_with_the_leg_it_shows(work: Workshop) -> None:
    """Its viewer's connection is closed, and nothing of it is left."""
    async with open_studio(work) as studio, AsyncExitStack() as stack:
        talk = await talking(studio, stack)
        _, spectator = await stack.enter_async_context(
            studio.watching(talk.call, talk.legs["agent"], talk.visitor, kinds=("audio",))
        )
        await eventually(lambda: spectator.frames["audio"])
        await talk.hangs_up("agent")
        await eventually(lambda: not studio.feeds.live)
        await eventually(lambda: spectator.pc.connectionState == "closed")
        assert studio.legs.live == 1


async def test_a_call_has_one_picture_codec(work: Workshop) -> None:
    """The first leg decides: another that offers both gets the same, one that lacks it speaks and listens."""
    async with open_studio(work) as studio, AsyncExitStack() as stack:
        talk = await talking(studio, stack, plans=(replace(VISITOR, video="h264"), AGENT_OF_BOTH))
        floor = studio.stage.floor
        assert floor.picture_of(talk.call.id) is Codec.H264
        late = await studio.agent(talk.call, name="Bo")
        other = await stack.enter_async_context(Publisher(AGENT))
        answered = await studio.join(talk.call, other, by=late)
        assert "m=video 0 " in answered.sdp
        assert floor.legs[answered.leg_id].peer.codecs == {MediaKind.AUDIO: Codec.OPUS}


AGENT_OF_BOTH = replace(AGENT, video="h264")


async def test_a_screen_is_a_leg_of_its_own(work: Workshop) -> None:
    """A second video beside the camera, recorded apart; a second screen of the same person is refused."""
    async with open_studio(work) as studio, AsyncExitStack() as stack:
        talk = await talking(studio, stack)
        screens = [await stack.enter_async_context(Publisher(replace(AGENT, audio=False))) for _ in range(2)]
        shared = await studio.live(talk.call, screens[0], by=talk.agent, kind=LegKind.SCREEN)
        with pytest.raises(ConflictError):
            await studio.join(talk.call, screens[1], by=talk.agent, kind=LegKind.SCREEN)
        kinds = {each.id: each.kind for each in await studio.legs.of_call(talk.call.id, by=talk.visitor)}
        assert kinds[shared.leg_id] is LegKind.SCREEN
        assert len(kinds) == 3
        _, spectator = await stack.enter_async_context(
            studio.watching(talk.call, shared.leg_id, talk.visitor, kinds=("video",))
        )
        await eventually(lambda: len(spectator.frames["video"]) > 5)
        await studio.legs.hang_up(talk.call.id, shared.leg_id, by=talk.agent)
        assert studio.legs.live == 2
        assert len(studio.ended) == 1


@contextmanager
def forwarded() -> Iterator[list[tuple[bool, bool]]]:
    """Of each packet of a picture that a viewer is sent: does it begin a keyframe, and end a picture."""
    found: list[tuple[bool, bool]] = []
    send = Forwarder.packet

    def noting(to: Forwarder, info: TrackInfo, packet: RtpPacket, now_s: float) -> None:
        before = to.counts.packets
        send(to, info, packet, now_s)
        if info.kind is MediaKind.VIDEO and to.counts.packets > before:
            found.append((starts_keyframe(info.codec, packet.payload), bool(packet.marker)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Forwarder, "packet", noting)
        yield found


async def test_a_late_viewer_sees_a_picture_within_a_second(work: Workshop) -> None:
    """The sender shows a keyframe only when asked, and so the first picture seen is the one asked for.

    The second is one of the sender's pictures: whoever is late sees less than a second's worth of them pass.
    """
    plan = replace(AGENT, keyframe_every=ONE_KEYFRAME)
    clip = video_clip("vp8", width=160, height=96, fps=15, seconds=40, keyframe_every=ONE_KEYFRAME)
    async with open_studio(work) as studio, AsyncExitStack() as stack:
        talk = await talking(studio, stack, plans=(plan, SOUND_ONLY))
        publisher = talk.publishers["visitor"]
        track = publisher.video
        assert track is not None
        publisher.answer_keyframe_requests(clip)
        begun = track.sent
        await eventually(lambda: track.sent > begun + 20)
        asked = publisher.keyframe_requests
        watching = studio.watching(talk.call, talk.legs["visitor"], talk.agent)
        with forwarded() as sent:
            _, spectator = await stack.enter_async_context(watching)
            await spectator.has(video=5)
        assert publisher.keyframe_requests > asked
        pictures = [ends for _, ends in sent]
        first = next(number for number, (is_key, _) in enumerate(sent) if is_key)
        assert sum(pictures[:first]) < plan.fps
        assert spectator.numbers[0] == 0  # whole, or what follows could not be decoded to its number
        assert all(after in {0, before + 1} for before, after in itertools.pairwise(spectator.numbers))
        assert sum(is_key for is_key, _ in sent) <= publisher.keyframe_requests - asked


async def test_who_is_not_in_the_call_finds_nothing(work: Workshop) -> None:
    """P5: another call's visitor, a colleague who did not take it, another tenant: as a missing call."""
    async with open_studio(work) as studio, AsyncExitStack() as stack:
        talk = await talking(studio, stack)
        neighbour = work.visitor(await work.consented())
        colleague = await studio.agent(name="Eve")
        spectator = await stack.enter_async_context(Spectator(("audio",)))
        offer = await spectator.offer()
        shown, _ = await stack.enter_async_context(
            studio.watching(talk.call, talk.legs["visitor"], talk.agent, kinds=("audio",))
        )
        path = (talk.call.id, talk.legs["visitor"], shown.feed_id)
        for by in (neighbour, colleague, replace(colleague, tenant_id=new_id("ten"))):
            with pytest.raises(NotFoundError):
                await studio.feeds.open(*path[:2], offer, by=by, address=HERE)
            with pytest.raises(NotFoundError):
                await studio.legs.of_call(talk.call.id, by=by)
            with pytest.raises(NotFoundError):
                await studio.feeds.trickle(*path, "", if_match="*", by=by)
            with pytest.raises(NotFoundError):
                await studio.feeds.close(*path, by=by)
            with pytest.raises(NotFoundError):
                await studio.legs.hang_up(*path[:2], by=by)
        with pytest.raises(NotFoundError):  # nor may one of the call end another's feed, or leg
            await studio.feeds.close(*path, by=talk.visitor)
        with pytest.raises(NotFoundError):
            await studio.legs.hang_up(talk.call.id, talk.legs["agent"], by=talk.visitor)
        with pytest.raises(NotFoundError):
            await studio.feeds.open(talk.call.id, new_id("leg"), offer, by=talk.agent, address=HERE)
        with pytest.raises(ConflictError):
            await studio.feeds.open(*path[:2], offer, by=talk.visitor, address=HERE)
        with pytest.raises(ForbiddenError):
            await studio.feeds.close(*path, by=replace(colleague, role=Role.AUDITOR))
        assert (studio.legs.live, studio.feeds.live) == (2, 1)


async def test_the_people_of_a_call_see_its_legs(work: Workshop) -> None:
    """Who they are, what they carry, and which one is one's own."""
    async with open_studio(work) as studio, AsyncExitStack() as stack:
        talk = await talking(studio, stack)
        for by, mine in ((talk.visitor, "visitor"), (talk.agent, "agent")):
            found = {leg.id: leg for leg in await studio.legs.of_call(talk.call.id, by=by)}
            assert {leg.id for leg in found.values() if leg.mine} == {talk.legs[mine]}
            assert found[talk.legs["agent"]].name == "Ada"
            assert {leg.state for leg in found.values()} == {"live"}
        await talk.hangs_up("visitor")
        await studio.over(talk.call)
        assert await studio.legs.of_call(talk.call.id, by=talk.visitor) == []
        with pytest.raises(NotFoundError):
            await studio.legs.of_call(talk.call.id, by=talk.agent)


@pytest.mark.parametrize(
    ("limits", "media", "error"),
    [
        ({"feeds_per_leg": 1}, {}, BusyError),
        ({"feeds_per_call": 1}, {}, BusyError),
        ({"feeds_per_address": 1}, {}, TooManyLegsError),
        ({}, {"max_feeds": 1}, BusyError),
    ],
)
async def test_feeds_have_their_limits(
    work: Workshop, limits: dict[str, int], media: dict[str, int], error: type[Exception]
) -> None:
    """Of a rush one passes; the place is free again when it ends."""
    async with (
        open_studio(work, limits=LimitSettings(**limits), **media) as studio,
        AsyncExitStack() as stack,
    ):
        talk = await talking(studio, stack)
        spectators = [await stack.enter_async_context(Spectator(("audio",))) for _ in range(3)]
        offers = [await each.offer() for each in spectators]
        path = (talk.call.id, talk.legs["visitor"])
        rushed = await asyncio.gather(
            *(studio.feeds.open(*path, offer, by=talk.agent, address=HERE) for offer in offers[:2]),
            return_exceptions=True,
        )
        (refused,) = [each for each in rushed if isinstance(each, BaseException)]
        (shown,) = [each for each in rushed if not isinstance(each, BaseException)]
        assert isinstance(refused, error)
        await studio.feeds.close(*path, shown.feed_id, by=talk.agent)
        await studio.feeds.open(*path, offers[2], by=talk.agent, address=HERE)


async def test_a_call_has_its_fill_of_legs(work: Workshop) -> None:
    """However many people take it."""
    async with open_studio(work, limits=LimitSettings(legs_per_call=2)) as studio, AsyncExitStack() as stack:
        talk = await talking(studio, stack)
        late = await studio.agent(talk.call, name="Bo")
        with pytest.raises(BusyError):
            await studio.join(talk.call, await stack.enter_async_context(Publisher(SOUND_ONLY)), by=late)


async def test_a_refused_offer_leaves_no_feed(work: Workshop) -> None:
    """F7: the gate's code comes through; nothing is bound."""
    async with open_studio(work) as studio, AsyncExitStack() as stack:
        talk = await talking(studio, stack)
        path = (talk.call.id, talk.legs["visitor"])
        sends = (await talk.publishers["visitor"].offer()).replace("a=sendrecv", "a=sendonly")
        for offer in ("", "v=0\r\n", sends):
            with pytest.raises(OfferRefusedError):
                await studio.feeds.open(*path, offer, by=talk.agent, address=HERE)
        assert studio.feeds.live == 0


async def test_a_feed_that_never_connects_ends_at_the_deadline(work: Workshop) -> None:
    """F8: whoever takes the answer and says nothing holds no place."""
    async with open_studio(work, setup_deadline_s=0.5) as studio, AsyncExitStack() as stack:
        talk = await talking(studio, stack)
        spectator = await stack.enter_async_context(Spectator(("audio",)))
        offer = await spectator.offer()
        await studio.feeds.open(talk.call.id, talk.legs["visitor"], offer, by=talk.agent, address=HERE)
        assert studio.feeds.live == 1
        await eventually(lambda: not studio.feeds.live)
        assert studio.legs.live == 2


async def test_trickling_to_a_feed_needs_its_own_tag(work: Workshop) -> None:
    """RFC 9725, 4.3.1, for a feed."""
    async with open_studio(work) as studio, AsyncExitStack() as stack:
        talk = await talking(studio, stack)
        shown, _ = await stack.enter_async_context(
            studio.watching(talk.call, talk.legs["visitor"], talk.agent, kinds=("audio",))
        )
        path = (talk.call.id, talk.legs["visitor"], shown.feed_id)
        done = "a=mid:0\r\na=end-of-candidates\r\n"
        await studio.feeds.trickle(*path, done, if_match=shown.etag, by=talk.agent)
        with pytest.raises(PreconditionFailedError):
            await studio.feeds.trickle(*path, done, if_match="other", by=talk.agent)


async def test_many_on_one_port_are_read_sooner_while_somebody_watches(work: Workshop) -> None:
    """Legs and feeds share the port; the rest between two reads is short as long as there is a feed."""
    port = free_port()
    async with open_studio(work, port_first=port, port_last=port) as studio, AsyncExitStack() as stack:
        mux = studio.stage.connections.mux
        assert mux is not None
        talk = await talking(studio, stack)
        (at,) = mux._ports
        assert at.socket.rest_s == REST_S
        shown, spectator = await stack.enter_async_context(
            studio.watching(talk.call, talk.legs["visitor"], talk.agent, kinds=("audio",))
        )
        await eventually(lambda: len(spectator.frames["audio"]) > 20)
        assert at.socket.rest_s == TALK_REST_S
        await studio.feeds.close(talk.call.id, talk.legs["visitor"], shown.feed_id, by=talk.agent)
        assert at.socket.rest_s == REST_S


async def test_the_end_of_the_process_ends_every_feed(work: Workshop) -> None:
    """Nothing hangs; the call waits for whoever was in it, at the next start."""
    async with open_studio(work) as studio, AsyncExitStack() as stack:
        talk = await talking(studio, stack)
        await stack.enter_async_context(
            studio.watching(talk.call, talk.legs["visitor"], talk.agent, kinds=("audio",))
        )
        await studio.legs.aclose()
        assert (studio.legs.live, studio.feeds.live) == (0, 0)
        assert (await studio.rows(talk.call))[0] == "live"
        async with work.database.read() as connection:
            assert set((await connection.execute(select(legs.c.state))).scalars()) == {"ended"}
