"""A finished recording, laid down as a call leaves it: rows, a bound data key, a sealed object."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import insert

from crypto.streaming import seal
from storage.store import StoredObject
from vault.app import Rooms, open_rooms
from vault.calls.buttons import NewButton
from vault.cli.rooms import operator_of, tenant_of
from vault.db import tables
from vault.media.places import FINAL_SEGMENT_BYTES, part_associated, part_key
from vault.model import CallState, Id, LegState, MediaState, Part, new_id
from vault.settings.sources import load_settings

CANARY = b"canary-of-a-recorded-call"
BUTTON = NewButton(
    name="Shop",
    label={"fr": "x", "en": "x"},
    purpose={"fr": "x", "en": "x"},
    media=("audio",),
    allowed_origins=("https://shop.example",),
    records=True,
    retention_days=1,
)


async def lay_down(config: Path, *, state: MediaState = MediaState.READY, playable: bool = False) -> Id:
    """Make a recording in the only tenant of the vault and return its id; a playable one has its part."""
    async with open_rooms(load_settings(environ={}, file=config).settings) as rooms:
        tenant = await tenant_of(rooms, None)
        media_id = new_id("rec")
        await _rows(rooms, tenant, media_id, state)
        key = await rooms.keys.create_data_key(tenant_id=tenant, object_id=media_id)
        named = {"tenant_id": tenant, "media_id": media_id}
        sealed = seal(
            key,
            CANARY,
            associated_data=part_associated(**named, gen=1, part=Part.MEDIA),
            segment_bytes=FINAL_SEGMENT_BYTES,
        )
        stored = await rooms.store.put(part_key(**named, gen=1, part=Part.MEDIA), sealed)
        if playable:
            await _part_row(rooms, media_id, stored)
    return media_id


async def _part_row(rooms: Rooms, media_id: Id, stored: StoredObject) -> None:
    row = {
        "media_id": media_id,
        "gen": 1,
        "part": Part.MEDIA.value,
        "object_key": stored.key,
        "segment_bytes": FINAL_SEGMENT_BYTES,
        "plain_bytes": len(CANARY),
        "sealed_bytes": stored.size_bytes,
        "sealed_sha256": stored.sha256,
        "content_type": "video/webm",
        "placement": {},
        "created_at": rooms.clock.now(),
    }
    async with rooms.database.write() as connection:
        await connection.execute(insert(tables.parts).values(row))
    await rooms.keys.bind_object(
        tenant_id=await tenant_of(rooms, None),
        object_id=media_id,
        gen=1,
        sealed_bytes=stored.size_bytes,
        sealed_sha256=stored.sha256 or b"",
    )


async def _rows(rooms: Rooms, tenant: Id, media_id: Id, state: MediaState) -> None:
    now = rooms.clock.now()
    button = await rooms.buttons.create(BUTTON, by=operator_of(tenant))
    call, leg = new_id("call"), new_id("leg")
    owned = {"tenant_id": tenant, "created_at": now}
    async with rooms.database.write() as connection:
        await connection.execute(
            insert(tables.calls).values(
                id=call,
                button_id=button.id,
                state=CallState.ENDED.value,
                language="fr",
                media=["audio"],
                notice_version="1",
                notice_hash="0" * 64,
                **owned,
            )
        )
        await connection.execute(
            insert(tables.legs).values(
                id=leg, call_id=call, role="visitor", kind="camera", state=LegState.ENDED.value, **owned
            )
        )
        await connection.execute(
            insert(tables.media).values(
                id=media_id,
                kind="recording",
                call_id=call,
                leg_id=leg,
                button_id=button.id,
                gen=1,
                state=state.value,
                codecs=[],
                recovered=False,
                retain_until=now + timedelta(days=1),
                **owned,
            )
        )
