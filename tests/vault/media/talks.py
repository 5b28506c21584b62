"""A recorded call of several sides: each begins when a test says, with a tone and a picture of its own."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import insert, update

from tests.webrtc.media import OPUS_FRAME_SAMPLES, audio_clip
from tests.webrtc.studio import ATTACHED_S, AUDIO, H264, VP8, Scene, Sent, video
from vault.db import tables
from vault.media.recordings import LegToRecord
from vault.model import ExportFormat, ExportState, Id, LegKind, LegState, Role, new_id
from webrtc.frames import EncodedFrame

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from tests.vault.media.workshop import Workshop
    from vault.calls.calls import OpenedCall
    from vault.media.capture import Begun
    from vault.media.exports import Export

ARRIVES_S = 0.03  # the studio's pictures are that long under way: sound here as well, so both begin together


@dataclass(frozen=True)
class Side:
    """What one side of a call sends, and when it begins."""

    role: Role
    at_s: float
    seconds: float
    tone_hz: int
    codec: str = "vp8"
    kind: LegKind = LegKind.CAMERA
    size: tuple[int, int] = (320, 240)
    lost: tuple[int, ...] = ()  # fragments that the store never got


@dataclass(frozen=True)
class Talk:
    """A call that is over; its recordings in the order of the sides."""

    call: OpenedCall
    sides: tuple[Begun, ...]


@cache
def plains(side: Side) -> tuple[bytes, ...]:
    """The side's fragments."""
    scene = Scene()
    if side.codec != "none":
        info = H264 if side.codec == "h264" else VP8
        scene.add(video(side.seconds, info=info, size=side.size, delay_s=ARRIVES_S))
    if side.tone_hz:
        clip = audio_clip(seconds=round(side.seconds), tone_hz=side.tone_hz)
        scene.add([_sound(payload, at) for at, payload in enumerate(clip.frames[: round(side.seconds * 50)])])
    return tuple(scene.plain_fragments())


def _sound(payload: bytes, at: int) -> Sent:
    arrival_s = ATTACHED_S + at * 0.02 + ARRIVES_S
    stamp = at * OPUS_FRAME_SAMPLES
    return Sent(AUDIO, EncodedFrame(AUDIO.kind, AUDIO.codec, stamp, arrival_s, payload, is_keyframe=True))


async def talk(work: Workshop, *sides: Side) -> Talk:
    """A call of these sides, all of them finished."""
    call = await work.consented()
    zero = work.clock.now().replace(microsecond=0)
    begun = [await _recorded(work, call, side, zero + timedelta(seconds=side.at_s)) for side in sides]
    return Talk(call, tuple(begun))


async def _recorded(work: Workshop, call: OpenedCall, side: Side, began: datetime) -> Begun:
    view = await work.calls.ready_for_leg(call.id, by=work.visitor(call))
    leg_id = new_id("leg")
    ended = began + timedelta(seconds=side.seconds)
    await _leg(work, call, leg_id, side, (began, ended))
    leg = LegToRecord(view.tenant_id, view.id, leg_id, view.button_id, view.retention_days)
    begun = await work.recordings.begin(leg, age_s=0.0)
    for number, plain in enumerate(plains(side)):
        if number not in side.lost:
            await work.put_fragment(begun, number, plain)
    await work.recordings.end(begun.media_id, reason="hangup")
    async with work.database.write() as connection:
        await connection.execute(
            update(tables.media).where(tables.media.c.id == begun.media_id).values(started_at=began)
        )
    await work.finish.finish(begun.media_id)
    return begun


async def _leg(
    work: Workshop, call: OpenedCall, leg_id: Id, side: Side, times: tuple[datetime, datetime]
) -> None:
    person = None
    if side.role is not Role.VISITOR:
        added = await work.people.add(
            tenant_id=work.tenant_id, role=side.role, profile={"name": "Ada"}, by=None
        )
        person = added.id
    async with work.database.write() as connection:
        await connection.execute(
            insert(tables.legs).values(
                id=leg_id,
                tenant_id=call.tenant_id,
                call_id=call.id,
                role=side.role.value,
                person_id=person,
                kind=side.kind.value,
                state=LegState.ENDED.value,
                created_at=times[0],
                connected_at=times[0],
                ended_at=times[1],
                end_reason="hangup",
            )
        )


@asynccontextmanager
async def exporter_at_work(work: Workshop) -> AsyncIterator[None]:
    """The job that makes exports, while the block runs."""
    task = asyncio.create_task(work.whole_calls.exporter.run(), name="exporter")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def asked(work: Workshop, call: OpenedCall, format_: ExportFormat) -> Export:
    """Ask for an export as a supervisor."""
    return await work.whole_calls.exports.ask(call.id, format_, by=work.by(Role.SUPERVISOR))


async def made(work: Workshop, call: OpenedCall, format_: ExportFormat) -> Export:
    """An export that is ready."""
    export = await asked(work, call, format_)
    async with exporter_at_work(work):
        work.whole_calls.exporter.enqueue(export.id)
        async with asyncio.timeout(120):
            await work.whole_calls.exporter.drained()
    done = await work.whole_calls.exports.get(export.id, by=work.by())
    assert done.state is ExportState.READY, done.failure
    return done
