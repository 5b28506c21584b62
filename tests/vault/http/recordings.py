"""Calls and recordings in a house, laid down as the widget and the recorder leave them."""

import asyncio
import secrets
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, update

from crypto.streaming import seal
from tests.vault.http.house import House
from tests.vault.http.visitors import PAGE
from tests.vault.media.workshop import scene
from tests.webrtc.publisher import PublisherPlan, WhipPublisher
from vault.calls.buttons import Button, NewButton
from vault.calls.calls import OpenCall, OpenedCall
from vault.calls.participants import take_part
from vault.calls.visitors import Visitor
from vault.db import tables
from vault.media.places import (
    FINAL_SEGMENT_BYTES,
    SPOOL_SEGMENT_BYTES,
    part_associated,
    part_key,
    spool_associated,
    spool_key,
)
from vault.media.recordings import LegToRecord
from vault.model import ConsentChoice, Id, MediaState, Part, Role, new_id
from vault.policy import Principal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from vault.media.capture import Begun

BOTH = ("audio", "video")


@dataclass(frozen=True)
class Recorded:
    """A recording and what it hangs from; ``plain`` where the test must know the bytes."""

    id: Id
    call_id: Id
    leg_id: Id
    button_id: Id
    tenant: str
    plain: bytes = b""


async def a_button(
    house: House, tenant: str = "a", *, media: tuple[str, ...] = BOTH, records: bool = True
) -> Button:
    """A button of the tenant on one page."""
    texts = {"fr": "Appeler", "en": "Call"}
    new = NewButton("Help", texts, texts, media, (PAGE,), records=records, retention_days=30)
    return await house.rooms.buttons.create(new, by=house.by(Role.ADMIN, tenant))


async def a_call(
    house: House,
    tenant: str = "a",
    *,
    choice: ConsentChoice | None = ConsentChoice.ACCEPTED,
    reference: str | None = None,
    button: Button | None = None,
) -> OpenedCall:
    """A call whose notice was answered, if it was."""
    button = button or await a_button(house, tenant)
    asked = OpenCall(button.id, PAGE, "en", button.media, Visitor(reference=reference), None)
    call = await house.rooms.calls.open(asked)
    if choice is not None:
        await house.rooms.calls.answer_notice(
            call.id, choice, notice_hash=call.notice.hash, language="en", by=visitor_of(call)
        )
    return call


def visitor_of(call: OpenedCall) -> Principal:
    """The visitor of a call."""
    return Principal(call.id, call.tenant_id, Role.VISITOR, call_id=call.id)


def visitor_headers(house: House, call: OpenedCall) -> dict[str, str]:
    """What the visitor's widget sends."""
    minted = house.rooms.identity.mint_visitor_token(call_id=call.id, tenant_id=call.tenant_id)
    return {"Authorization": f"Bearer {minted.token}", "Origin": PAGE}


async def record(house: House, tenant: str = "a", *, reference: str | None = None) -> Recorded:
    """A finished recording: the spool is real media under a real key, and the finisher did the rest."""
    begun, kept = await _begun(house, tenant, reference)
    for number, plain in enumerate(scene(2)):
        named: dict[str, Any] = {
            "tenant_id": begun.tenant_id,
            "media_id": begun.media_id,
            "number": number,
        }
        sealed = seal(
            begun.key,
            plain,
            associated_data=spool_associated(leg_id=begun.leg_id, **named),
            segment_bytes=SPOOL_SEGMENT_BYTES,
        )
        await house.rooms.store.put(spool_key(**named), sealed)
    await _end(house, kept)
    await finish(house, kept.id)
    return kept


async def record_bytes(house: House, size_bytes: int, tenant: str = "a") -> Recorded:
    """A finished recording of so many random bytes: no picture, but ranges, keys and places are real."""
    begun, kept = await _begun(house, tenant, None)
    await _end(house, kept)
    plain = secrets.token_bytes(size_bytes)
    named: dict[str, Any] = {
        "tenant_id": begun.tenant_id,
        "media_id": begun.media_id,
        "gen": 1,
        "part": Part.MEDIA,
    }
    sealed = seal(
        begun.key, plain, associated_data=part_associated(**named), segment_bytes=FINAL_SEGMENT_BYTES
    )
    stored = await house.rooms.store.put(part_key(**named), sealed)
    digest = stored.sha256 or b""
    await house.rooms.keys.bind_object(
        tenant_id=begun.tenant_id, object_id=kept.id, gen=1, sealed_bytes=len(sealed), sealed_sha256=digest
    )
    async with house.rooms.database.write() as connection:
        await connection.execute(
            insert(tables.parts).values(
                media_id=kept.id,
                gen=1,
                part=Part.MEDIA.value,
                object_key=part_key(**named),
                segment_bytes=FINAL_SEGMENT_BYTES,
                plain_bytes=size_bytes,
                sealed_bytes=len(sealed),
                sealed_sha256=digest,
                content_type="video/webm",
                placement={},
                created_at=house.rooms.clock.now(),
            )
        )
        await connection.execute(
            update(tables.media)
            .where(tables.media.c.id == kept.id)
            .values(state=MediaState.READY.value, size_bytes=size_bytes, content_type="video/webm")
        )
    return Recorded(kept.id, kept.call_id, kept.leg_id, kept.button_id, tenant, plain)


async def finish(house: House, media_id: Id) -> None:
    """Let the house's finisher work until a recording that has ended is finished."""
    async with running(house.rooms.finisher.run(), "finisher"):
        house.rooms.finisher.enqueue(media_id)
        async with asyncio.timeout(30):
            await house.rooms.finisher.drained()


async def erase_now(house: House) -> None:
    """Carry every pending erasure to its end, as the keeper does."""
    for _ in range(20):
        if await house.rooms.keeper.turn() == 0:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("an erasure does not come to its end")


async def list_down(
    house: House, moments: "Sequence[datetime]", tenant: str = "a", *, state: MediaState = MediaState.READY
) -> list[Id]:
    """Rows of one call's recordings, created at these moments, for tests of lists: no bytes, no keys."""
    begun, kept = await _begun(house, tenant, None)
    await _end(house, kept)
    ids = [new_id("rec") for _ in moments]
    row = {
        "tenant_id": begun.tenant_id,
        "kind": "recording",
        "call_id": kept.call_id,
        "leg_id": kept.leg_id,
        "button_id": kept.button_id,
        "gen": 1,
        "state": state.value,
        "codecs": [],
        "recovered": False,
        "retain_until": house.rooms.clock.now() + timedelta(days=30),
    }
    rows = [row | {"id": media_id, "created_at": at} for media_id, at in zip(ids, moments, strict=True)]
    media, came_by = tables.media, tables.recording_legs
    async with house.rooms.database.write() as connection:
        await connection.execute(came_by.delete().where(came_by.c.media_id == kept.id))
        await connection.execute(media.delete().where(media.c.id == kept.id))
        await connection.execute(insert(media), rows)
    return ids


@asynccontextmanager
async def publishing(house: House, call: OpenedCall, plan: PublisherPlan) -> "AsyncIterator[WhipPublisher]":
    """A visitor who talks: a WHIP client that is connected."""
    token = visitor_headers(house, call)["Authorization"].removeprefix("Bearer ")
    url = f"{house.url}/v1/calls/{call.id}/legs"
    async with WhipPublisher(plan, house.client, url, token) as publisher:
        await publisher.publish()
        yield publisher


@asynccontextmanager
async def answering(
    house: House, call: OpenedCall, role: Role = Role.AGENT, tenant: str = "a"
) -> "AsyncIterator[WhipPublisher]":
    """The tenant's person of that role, who took the call, as when it rang, and talks."""
    async with house.services.database.write() as connection:
        now, who = house.services.clock.now(), house.people[tenant, role]
        await take_part(connection, tenant_id=call.tenant_id, call_id=call.id, person_id=who.id, at=now)
    url, token = f"{house.url}/v1/calls/{call.id}/legs", house.token(role, tenant)
    async with WhipPublisher(PublisherPlan(video=None), house.client, url, token) as publisher:
        await publisher.publish()
        yield publisher


@asynccontextmanager
async def running(job: Any, name: str) -> "AsyncIterator[None]":
    """Run a job of the house while the block runs."""
    task = asyncio.create_task(job, name=name)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _begun(house: House, tenant: str, reference: str | None) -> "tuple[Begun, Recorded]":
    rooms = house.rooms
    call = await a_call(house, tenant, reference=reference)
    visitor, leg_id = visitor_of(call), new_id("leg")
    view = await rooms.calls.ready_for_leg(call.id, by=visitor)
    await rooms.calls.leg_joined(view, leg_id, visitor)
    await rooms.calls.leg_connected(call.id, leg_id)
    leg = LegToRecord(view.tenant_id, view.id, leg_id, view.button_id, view.retention_days)
    begun = await rooms.recordings.begin(leg, age_s=1.0)
    return begun, Recorded(begun.media_id, call.id, leg_id, view.button_id, tenant)


async def _end(house: House, kept: Recorded) -> None:
    await house.rooms.recordings.end(kept.id, reason="hangup")
    await house.rooms.calls.leg_ended(kept.call_id, kept.leg_id, reason="hangup")
