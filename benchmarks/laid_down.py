"""A long recording without the call: the sealed object, its key and its rows, as finishing leaves them.

Its content is random bytes, for playback does not look into it.
"""

import asyncio
import os
from pathlib import Path

from sqlalchemy import insert

from crypto.streaming import seal
from tests.vault.cli.recordings import lay_down
from vault.app import open_rooms
from vault.cli.rooms import tenant_of
from vault.db import tables
from vault.media.places import FINAL_SEGMENT_BYTES, part_associated, part_key
from vault.model import Part
from vault.settings.sources import load_settings


async def lay_down_long(config: Path, *, size_bytes: int, plain_copy: Path) -> str:
    """Make a ready recording of so many bytes in the only tenant, with a plain copy beside it; its id."""
    media_id = await lay_down(config)
    plain = os.urandom(size_bytes)
    await asyncio.to_thread(plain_copy.write_bytes, plain)
    async with open_rooms(load_settings(environ={}, file=config).settings, development=True) as rooms:
        tenant = await tenant_of(rooms, None)
        key = await rooms.keys.data_key(tenant_id=tenant, object_id=media_id)
        associated = part_associated(tenant_id=tenant, media_id=media_id, gen=1, part=Part.MEDIA)
        sealed = seal(key, plain, associated_data=associated, segment_bytes=FINAL_SEGMENT_BYTES)
        place = part_key(tenant_id=tenant, media_id=media_id, gen=1, part=Part.MEDIA)
        stored = await rooms.store.put(place, sealed)
        digest = stored.sha256 or b""
        await rooms.keys.bind_object(
            tenant_id=tenant,
            object_id=media_id,
            gen=1,
            sealed_bytes=len(sealed),
            sealed_sha256=digest,
        )
        async with rooms.database.write() as connection:
            await connection.execute(
                insert(tables.parts).values(
                    media_id=media_id,
                    gen=1,
                    part=Part.MEDIA.value,
                    object_key=str(place),
                    segment_bytes=FINAL_SEGMENT_BYTES,
                    plain_bytes=size_bytes,
                    sealed_bytes=len(sealed),
                    sealed_sha256=digest,
                    content_type="video/webm",
                    placement={},
                    created_at=rooms.clock.now(),
                )
            )
    return media_id
