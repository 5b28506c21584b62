"""Legs with real peers: who may join, what is captured, and that every end is final."""

import asyncio

import pytest
from sqlalchemy import select

from tests.vault.calls.studio import HERE, SOUND_ONLY, insisting, open_studio, until
from tests.vault.calls.test_pauses import AwayEngine
from tests.vault.media.workshop import Workshop
from tests.webrtc.publisher import Publisher, PublisherPlan
from vault.calls import last_steps
from vault.calls import legs as legs_module
from vault.db.tables import legs, media
from vault.errors import (
    BusyError,
    ConflictError,
    ConsentMissingError,
    DependencyError,
    ForbiddenError,
    MalformedError,
    NotFoundError,
    OfferRefusedError,
    PreconditionFailedError,
    TooManyLegsError,
)
from vault.model import ConsentChoice, ErasureReason, MediaState, Role, new_id
from vault.settings import LimitSettings
from webrtc.lifecycle import CloseReason


async def media_rows(work: Workshop) -> list[str]:
    """Every recording there is."""
    async with work.database.read() as connection:
        return [row.id for row in await connection.execute(select(media.c.id))]


async def has_objects(work: Workshop) -> bool:
    """Whether anything was stored."""
    return bool(await work.objects())


async def test_a_call_with_consent_is_recorded_and_handed_over(work: Workshop) -> None:
    """From the answer to a file: rows, fragments, end, finisher."""
    call = await work.consented()
    async with open_studio(work) as studio, Publisher(PublisherPlan()) as publisher:
        answered = await studio.live(call, publisher)
        await until(lambda: has_objects(work))
        assert (await studio.rows(call))[0] == "live"
        assert studio.legs.live == 1
        await studio.legs.hang_up(call.id, answered.leg_id, by=work.visitor(call))
        assert await studio.over(call) == "hangup"
        (media_id,) = studio.ended
    assert await work.finish.finish(media_id) is MediaState.READY
    told = [entry.type for entry in await work.ledger.history(call.id)]
    assert told == ["call.ended", "consent.given", "call.opened"]


@pytest.mark.parametrize("case", ["refused", "a button that does not record"])
async def test_without_consent_not_one_frame_is_captured(work: Workshop, case: str) -> None:
    """P11: media flows for two seconds, and there is no row, no key and no object of it."""
    button = await work.button(records=case == "refused")
    choice = ConsentChoice.REFUSED if case == "refused" else ConsentChoice.ACCEPTED
    call = await work.consented(choice, button=button)
    async with open_studio(work) as studio, Publisher(PublisherPlan()) as publisher:
        answered = await studio.live(call, publisher)
        await asyncio.sleep(2)
        leg = studio.stage.floor.legs[answered.leg_id]
        assert leg.capture is None
        assert publisher.audio is not None
        assert publisher.audio.sent > 50
        await studio.legs.hang_up(call.id, answered.leg_id, by=work.visitor(call))
        assert studio.ended == []
    assert await media_rows(work) == []
    assert await work.objects() == []


async def test_only_the_kinds_the_notice_named_are_carried(work: Workshop) -> None:
    """A notice of sound alone, and an offer with a picture: the picture gets port 0 and nothing takes it."""
    call = await work.consented(button=await work.button(media=("audio",)))
    async with open_studio(work) as studio, Publisher(PublisherPlan()) as publisher:
        answered = await studio.join(call, publisher)
        assert "m=video 0 " in answered.sdp
        await publisher.accept(insisting(answered.sdp, publisher.connection.localDescription.sdp))
        await publisher.connected()
        await until(lambda: has_objects(work))
        leg = studio.stage.floor.legs[answered.leg_id]
        assert publisher.video is not None
        assert publisher.video.sent > 10
        assert leg.peer.stats().unrouted > 10
        assert [track.codec for track in leg.peer.stats().tracks] == ["opus"]
        await studio.legs.hang_up(call.id, answered.leg_id, by=work.visitor(call))
        (media_id,) = studio.ended
    assert await work.finish.finish(media_id) is MediaState.READY
    async with Publisher(PublisherPlan(audio=False)) as publisher:
        silent = await work.consented(button=await work.button(media=("audio",)))
        async with open_studio(work) as studio:
            with pytest.raises(OfferRefusedError, match="audio only"):
                await studio.join(silent, publisher)
            assert studio.legs.live == 0


async def test_without_an_answer_to_the_notice_there_is_no_leg(work: Workshop) -> None:
    """The offer is not even looked at."""
    call = await work.call()
    async with open_studio(work) as studio, Publisher(SOUND_ONLY) as publisher:
        with pytest.raises(ConsentMissingError):
            await studio.join(call, publisher)
        assert studio.legs.live == 0


async def test_a_call_carries_one_leg(any_work: Workshop) -> None:
    """Of offers that come at once one is carried; one that was a little earlier is replaced by it.

    The others leave no row and no socket.
    """
    call = await any_work.consented()
    publishers = [Publisher(SOUND_ONLY) for _ in range(3)]
    async with open_studio(any_work) as studio:
        joined = await asyncio.gather(
            *(studio.join(call, publisher) for publisher in publishers), return_exceptions=True
        )
        refused = [answer for answer in joined if isinstance(answer, BaseException)]
        assert all(isinstance(error, ConflictError) for error in refused)
        assert studio.legs.live == 1
        async with any_work.database.read() as connection:
            ends = list((await connection.execute(select(legs.c.end_reason))).scalars())
        assert sorted(ends, key=str) == [None, *["replaced"] * (2 - len(refused))]
    for publisher in publishers:
        await publisher.close()


async def test_a_bad_offer_leaves_the_call_as_it_was(work: Workshop) -> None:
    """The gate's code comes through; the visitor may try again."""
    call = await work.consented()
    async with open_studio(work) as studio, Publisher(SOUND_ONLY) as publisher:
        with pytest.raises(OfferRefusedError) as refused:
            await studio.legs.join(call.id, "v=0\r\n", by=work.visitor(call), address=HERE)
        assert refused.value.reason
        assert (await studio.rows(call))[0] == "open"
        await studio.live(call, publisher)


async def test_an_offer_that_never_connects_ends_at_the_deadline(work: Workshop) -> None:
    """F8: rows are final, nothing was recorded."""
    call = await work.consented()
    async with open_studio(work, setup_deadline_s=0.5) as studio, Publisher(SOUND_ONLY) as publisher:
        await studio.join(call, publisher)
        assert await studio.over(call) == CloseReason.SETUP_TIMEOUT.value
        assert studio.ended == []
    assert await media_rows(work) == []


async def test_a_full_node_says_so_and_takes_the_next_after_an_end(work: Workshop) -> None:
    """Counted before the first wait, so that a rush cannot pass the limit."""
    calls = [await work.consented() for _ in range(3)]
    async with (
        open_studio(work, max_legs=2) as studio,
        Publisher(SOUND_ONLY) as one,
        Publisher(SOUND_ONLY) as other,
    ):
        answered = await studio.live(calls[0], one)
        with pytest.raises(BusyError):
            await studio.join(calls[1], other)
        await studio.legs.hang_up(calls[0].id, answered.leg_id, by=work.visitor(calls[0]))
        await studio.live(calls[1], other)
        studio.legs.drain()
        async with Publisher(SOUND_ONLY) as late:
            with pytest.raises(BusyError):
                await studio.join(calls[2], late)


async def test_one_button_cannot_fill_the_house(work: Workshop) -> None:
    """A button has its own share of the legs; another button's visitors still get through."""
    crowded, quiet = await work.button(), await work.button()
    calls = [await work.consented(button=button) for button in (crowded, crowded, quiet)]
    async with (
        open_studio(work, limits=LimitSettings(legs_per_button=2)) as studio,
        Publisher(SOUND_ONLY) as one,
        Publisher(SOUND_ONLY) as other,
        Publisher(SOUND_ONLY) as third,
    ):
        answered = await studio.live(calls[0], one)
        with pytest.raises(BusyError) as busy:
            await studio.join(calls[1], other)
        assert busy.value.retry_after_s
        await studio.live(calls[2], third)
        await studio.legs.hang_up(calls[0].id, answered.leg_id, by=work.visitor(calls[0]))
        await studio.live(calls[1], other)


async def test_one_tenant_cannot_fill_the_house(work: Workshop) -> None:
    """However many buttons a tenant has, all its legs count together."""
    calls = [await work.consented(button=await work.button()) for _ in range(2)]
    async with (
        open_studio(work, limits=LimitSettings(legs_per_tenant=2)) as studio,
        Publisher(SOUND_ONLY) as one,
        Publisher(SOUND_ONLY) as other,
    ):
        await studio.join(calls[0], one)
        with pytest.raises(BusyError):
            await studio.join(calls[1], other)


async def test_one_address_cannot_fill_the_house(work: Workshop) -> None:
    """It is told that it is the one that has too many; another address still gets through."""
    calls = [await work.consented() for _ in range(3)]
    async with (
        open_studio(work, limits=LimitSettings(legs_per_address=1)) as studio,
        Publisher(SOUND_ONLY) as one,
        Publisher(SOUND_ONLY) as other,
    ):
        joins = [studio.join(call, publisher) for call, publisher in zip(calls, (one, other), strict=False)]
        rushed = await asyncio.gather(*joins, return_exceptions=True)
        (refused,) = [answer for answer in rushed if isinstance(answer, BaseException)]
        assert isinstance(refused, TooManyLegsError)
        assert refused.retry_after_s
        async with Publisher(SOUND_ONLY) as elsewhere:
            await studio.join(calls[2], elsewhere, "192.0.2.7")


async def test_a_recording_that_is_full_says_so_and_the_call_goes_on(work: Workshop) -> None:
    """Nobody can fill the store with one leg; the manifest tells why the recording is shorter."""
    call = await work.consented()
    async with open_studio(work, max_bytes=20_000) as studio, Publisher(SOUND_ONLY) as publisher:
        answered = await studio.live(call, publisher)
        capture = studio.stage.floor.legs[answered.leg_id].capture
        assert capture is not None
        await asyncio.wait_for(capture.done(), 15)
        assert (await studio.rows(call))[0] == "live"
        assert capture.begun is not None
        await studio.legs.hang_up(call.id, answered.leg_id, by=work.visitor(call))
        assert await studio.over(call) == "hangup"
        (media_id,) = studio.ended
    assert await work.finish.finish(media_id) is MediaState.READY
    assert (await work.manifest(capture.begun))["end_reason"] == "size_limit"


async def test_a_call_ends_after_its_longest_time(work: Workshop) -> None:
    """And the recording is handed over like any other."""
    call = await work.consented()
    async with open_studio(work, max_call_s=1.5) as studio, Publisher(SOUND_ONLY) as publisher:
        await studio.live(call, publisher)
        assert await studio.over(call) == CloseReason.HANGUP.value
        assert len(studio.ended) == 1


@pytest.mark.parametrize("how", ["peer_left", "silent"])
async def test_however_a_leg_ends_its_rows_and_recording_are_final(work: Workshop, how: str) -> None:
    """Item 3: every end finalises; a vanished browser too."""
    call = await work.consented()
    async with (
        open_studio(work, stalled_after_s=0.5, dead_after_s=1.0) as studio,
        Publisher(SOUND_ONLY) as publisher,
    ):
        await studio.live(call, publisher)
        await until(lambda: has_objects(work))
        if how == "peer_left":
            await publisher.close()
        else:
            await publisher.vanish()
        reason = await studio.over(call)
        assert reason == how or (how == "silent" and reason == CloseReason.CONSENT_LOST.value)
        (media_id,) = studio.ended
    item = await work.library.get(media_id, by=work.by())
    assert item.state is MediaState.FINISHING


@pytest.mark.parametrize("broken", ["leg_connected", "end", "capture"])
async def test_a_step_that_fails_once_costs_no_row(work: Workshop, broken: str) -> None:
    """A database that hiccups at the wrong moment, or a recorder with a defect: the leg still ends."""
    call = await work.consented()
    async with open_studio(work) as studio, Publisher(SOUND_ONLY) as publisher:
        failed = 0

        def fail_once(room: object, name: str) -> None:
            original = getattr(room, name)

            async def failing(*arguments: object, **named: object) -> object:
                nonlocal failed
                failed += 1
                if failed == 1:
                    raise DependencyError("away")
                return await original(*arguments, **named)

            setattr(room, name, failing)

        if broken != "capture":
            fail_once(work.calls if broken == "leg_connected" else work.recordings, broken)
        answered = await studio.live(call, publisher)
        await until(lambda: has_objects(work))
        if broken == "capture":
            capture = studio.stage.floor.legs[answered.leg_id].capture
            assert capture is not None
            capture._put = None  # type: ignore[assignment,method-assign]
        await studio.legs.hang_up(call.id, answered.leg_id, by=work.visitor(call))
        assert await studio.over(call) == "hangup"
        assert len(studio.ended) == 1
        assert failed == 0 if broken == "capture" else failed >= 1


async def test_a_database_that_is_away_when_a_leg_ends_strands_neither_call_nor_recording(
    work: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than all the quick tries: they end by themselves when it is back."""
    monkeypatch.setattr(last_steps, "PAUSES_S", (0.01, 0.01))
    monkeypatch.setattr(last_steps, "AGAIN_S", 0.2)
    monkeypatch.setattr(legs_module, "FINAL_WITHIN_S", 0.5)
    call = await work.consented()
    async with open_studio(work) as studio, Publisher(SOUND_ONLY) as publisher:
        answered = await studio.live(call, publisher)
        await until(lambda: has_objects(work))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(work.database, "_writer", AwayEngine())
            await studio.legs.hang_up(call.id, answered.leg_id, by=work.visitor(call))
            assert (await studio.rows(call))[0] == "live"
        assert await studio.over(call) == "hangup"
        assert len(studio.ended) == 1


async def test_an_erasure_while_capturing_stops_the_capture_and_not_the_call(work: Workshop) -> None:
    """The call goes on unrecorded; nothing is stored after the objects were deleted."""
    call = await work.consented()
    async with open_studio(work) as studio, Publisher(SOUND_ONLY) as publisher:
        answered = await studio.live(call, publisher)
        await until(lambda: has_objects(work))
        (media_id,) = await media_rows(work)
        work.eraser._stop_capture = studio.legs.stop_capture
        await work.requests.of_media(media_id, ErasureReason.CONSENT_WITHDRAWN, by=work.by())
        assert await work.eraser.carry(media_id)
        assert await work.objects() == []
        await asyncio.sleep(1.5)
        assert (await studio.rows(call))[0] == "live"
        await studio.legs.hang_up(call.id, answered.leg_id, by=work.visitor(call))
        assert await work.objects() == []
        assert studio.ended == []
        assert (await work.library.get(media_id, by=work.by())).state is MediaState.ERASED


async def test_what_is_stored_behind_an_erasures_back_goes_with_the_leg(work: Workshop) -> None:
    """Another program erased and could not stop this capture: its last fragments are deleted at the end."""
    call = await work.consented()
    async with open_studio(work) as studio, Publisher(SOUND_ONLY) as publisher:
        answered = await studio.live(call, publisher)
        await until(lambda: has_objects(work))
        (media_id,) = await media_rows(work)
        other = await work.reborn()
        await other.requests.of_media(media_id, ErasureReason.OTHER, by=work.by())
        assert await other.eraser.carry(media_id)
        await until(lambda: has_objects(work))
        await studio.legs.hang_up(call.id, answered.leg_id, by=work.visitor(call))
        assert await work.objects() == []


async def test_a_foreign_leg_looks_missing(work: Workshop) -> None:
    """P5: another visitor, another tenant's visitor, another call's path and a missing leg: one answer."""
    call, neighbour = await work.consented(), await work.consented()
    async with open_studio(work) as studio, Publisher(SOUND_ONLY) as publisher:
        answered = await studio.live(call, publisher)
        visitor, stranger = work.visitor(call), work.visitor(neighbour)
        for call_id, leg_id, by in (
            (call.id, answered.leg_id, stranger),
            (neighbour.id, answered.leg_id, stranger),
            (call.id, new_id("leg"), visitor),
        ):
            with pytest.raises(NotFoundError):
                await studio.legs.hang_up(call_id, leg_id, by=by)
            with pytest.raises(NotFoundError):
                await studio.legs.trickle(call_id, leg_id, "", if_match="*", by=by)
        with pytest.raises(ForbiddenError):
            await studio.legs.hang_up(call.id, answered.leg_id, by=work.by(Role.SERVICE))
        assert studio.legs.live == 1


async def test_trickling_needs_the_sessions_own_tag(work: Workshop) -> None:
    """RFC 9725, 4.3: another session's fragment is not taken, nonsense is refused as such."""
    call = await work.consented()
    async with open_studio(work) as studio, Publisher(SOUND_ONLY) as publisher:
        answered = await studio.join(call, publisher)
        visitor = work.visitor(call)
        with pytest.raises(PreconditionFailedError):
            await studio.legs.trickle(call.id, answered.leg_id, "", if_match='"other"', by=visitor)
        with pytest.raises((MalformedError, ConflictError)):
            await studio.legs.trickle(
                call.id, answered.leg_id, "a=\0nonsense", if_match=answered.etag, by=visitor
            )
