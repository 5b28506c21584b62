"""A company with more in the vault than a test could record: rows, keys and objects as its calls leave them.

Each recording is whole: a call with its leg, its visitor's answer and what it is found by, a media item,
three objects, two data keys. Every one plays. Written past the rooms: a million takes days through them.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Table, insert

from crypto.keys import DataKey, TenantKey
from crypto.streaming import seal
from crypto.wrapping import WrapContext, commitment, wrap
from storage.files import MARK
from vault.app import Rooms, open_rooms
from vault.calls.buttons import NewButton
from vault.cli.rooms import operator_of
from vault.db import tables
from vault.db.key_tables import data_keys
from vault.keys.records import committed_stream
from vault.media.places import FINAL_SEGMENT_BYTES, part_associated, part_key
from vault.model import CallState, ConsentChoice, Id, LegState, MediaState, Part, Role, new_id, uuid_of
from vault.settings.sources import load_settings

PLAIN: Final = b"what a visitor said"
PARTS: Final = (Part.MEDIA, Part.MANIFEST, Part.THUMB)
ITEMS_AT_ONCE: Final = 2_000
TEXTS: Final = {"fr": "x", "en": "x"}
BUTTON: Final = NewButton(
    name="Shop",
    label=TEXTS,
    purpose=TEXTS,
    media=("audio",),
    allowed_origins=("https://shop.example",),
    records=True,
    retention_days=30,
)


@dataclass(frozen=True)
class Planted:
    """A company: its name, a code that signs its administrator in, some recordings, how much it has."""

    tenant_id: Id
    code: str
    sample: Sequence[Id]
    objects: int


async def planted(folder: Path, objects: int) -> Planted:
    """Plant a company into a vault of ``callvault dev`` that does not run."""
    settings = load_settings(environ={}, file=folder / "callvault.toml").settings
    items = -(-objects // len(PARTS))
    async with open_rooms(settings, development=True) as rooms:
        tenant = await rooms.identity.tenants.add(name="Leaving SA", retention_days=30)
        garden = await Garden.of(rooms, tenant, folder / "objects")
        sample: list[Id] = []
        for start in range(0, items, ITEMS_AT_ONCE):
            names = await garden.grow(min(ITEMS_AT_ONCE, items - start))
            sample.append(names[0])
        person = await rooms.identity.people.add(
            tenant_id=tenant, role=Role.ADMIN, profile={"name": "Ada"}, by=None
        )
        code = await rooms.identity.sessions.make_code(person_id=person.id, tenant_id=tenant)
    return Planted(tenant, code, sample, items * len(PARTS))


@dataclass(frozen=True)
class Garden:
    """Where it all goes."""

    rooms: Rooms
    tenant: Id
    button: Id
    epoch: int
    tenant_key: TenantKey
    objects: Path

    @classmethod
    async def of(cls, rooms: Rooms, tenant: Id, objects: Path) -> "Garden":
        """Make what recordings hang from."""
        button = await rooms.buttons.create(BUTTON, by=operator_of(tenant))
        epoch = await rooms.keys.epochs.current()
        return cls(
            rooms, tenant, button.id, epoch, await rooms.keys.tenant_key(tenant, epoch, create=True), objects
        )

    async def grow(self, count: int) -> list[Id]:
        """Plant so many recordings; their names."""
        rows: dict[str, list[dict[str, Any]]] = {}
        names = [new_id("rec") for _ in range(count)]
        for media_id in names:
            self._item(media_id, rows)
        keys = rows.pop(data_keys.name)
        async with self.rooms.key_database.write() as connection:
            await connection.execute(insert(data_keys), keys)
        async with self.rooms.database.write() as connection:
            for table in tables.metadata.sorted_tables:
                if table.name in rows:
                    await connection.execute(insert(table), rows[table.name])
        return names

    def _item(self, media_id: Id, rows: dict[str, list[dict[str, Any]]]) -> None:
        call, leg, now = new_id("call"), new_id("leg"), self.rooms.clock.now()
        key = DataKey.generate()
        sealed = seal(
            key,
            PLAIN,
            associated_data=part_associated(tenant_id=self.tenant, media_id=media_id, gen=1, part=Part.MEDIA),
            segment_bytes=FINAL_SEGMENT_BYTES,
        )
        owned = {"tenant_id": self.tenant, "created_at": now}

        def add(table: Table, row: Mapping[str, Any]) -> None:
            rows.setdefault(table.name, []).append({**row})

        add(data_keys, self._key_row(media_id, key, sealed))
        add(data_keys, self._key_row(call, DataKey.generate(), None))
        add(tables.calls, owned | CALL | {"id": call, "button_id": self.button, "ended_at": now})
        add(tables.legs, owned | LEG | {"id": leg, "call_id": call, "ended_at": now})
        add(
            tables.consents,
            CONSENT | {"id": new_id("con"), "tenant_id": self.tenant, "call_id": call, "at": now},
        )
        indexed = {"call_id": call, "field": "reference", "keyed": secrets.token_bytes(32)}
        add(tables.call_indexes, indexed | {"tenant_id": self.tenant})
        named = {"id": media_id, "call_id": call, "leg_id": leg, "button_id": self.button}
        kept = {"size_bytes": len(PLAIN), "retain_until": now + timedelta(days=30)}
        add(tables.media, owned | MEDIA | named | kept)
        for part in PARTS:
            whole = sealed if part is Part.MEDIA else secrets.token_bytes(64)
            add(tables.parts, self._put(media_id, part, whole) | {"created_at": now})

    def _put(self, media_id: Id, part: Part, sealed: bytes) -> dict[str, Any]:
        """Write an object as the file store lays it down; its row."""
        key = part_key(tenant_id=self.tenant, media_id=media_id, gen=1, part=part)
        path = self.objects / f"{key}{MARK}"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(sealed)
        return {
            "media_id": media_id,
            "gen": 1,
            "part": part.value,
            "object_key": key,
            "segment_bytes": FINAL_SEGMENT_BYTES,
            "plain_bytes": len(PLAIN),
            "sealed_bytes": len(sealed),
            "sealed_sha256": sha256(sealed).digest(),
            "content_type": "video/webm",
            "placement": {},
        }

    def _key_row(self, object_id: Id, key: DataKey, sealed: bytes | None) -> dict[str, Any]:
        committed = commitment(key, committed_stream(tenant_id=self.tenant, object_id=object_id, gen=1))
        size, digest = (None, None) if sealed is None else (len(sealed), sha256(sealed).digest())
        named = (uuid_of(self.tenant), uuid_of(object_id))
        context = WrapContext(*named, 1, self.epoch, committed, size, digest)
        return {
            "object_id": object_id,
            "gen": 1,
            "tenant_id": self.tenant,
            "epoch": self.epoch,
            "wrapped": bytes(wrap(key, self.tenant_key, context=context)),
            "commitment": committed,
            "sealed_bytes": size,
            "sealed_sha256": digest,
            "created_at": self.rooms.clock.now(),
        }


NOTICE: Final = {"notice_version": "1", "notice_hash": "0" * 64, "language": "en"}
CALL: Final = {**NOTICE, "state": CallState.ENDED.value, "media": ["audio"]}
LEG: Final = {"role": "visitor", "kind": "camera", "state": LegState.ENDED.value}
CONSENT: Final = {**NOTICE, "choice": ConsentChoice.ACCEPTED.value, "channel": "widget"}
MEDIA: Final = {
    "kind": "recording",
    "gen": 1,
    "state": MediaState.READY.value,
    "codecs": [],
    "recovered": False,
    "content_type": "video/webm",
}
