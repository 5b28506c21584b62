"""Where a recording's sealed bytes lie, and what each is bound to (docs/FORMAT.md, objects).

Keys are made of random identifiers only: a bucket listing tells nothing about anyone.
"""

from typing import Final

from crypto.streaming import media_associated_data
from storage.store import ObjectKey
from vault.model import Part, uuid_of

FINAL_SEGMENT_BYTES: Final = 64 * 1024  # a seek opens at most two segments, tags cost 0.02 %
MEDIA: Final = "media"
SPOOL: Final = "spool"
ARCHIVE: Final = "archive"  # what a tenant takes along, sealed to a key of theirs
SPOOL_SEGMENT_BYTES: Final = 64 * 1024  # a fragment is one object, read whole


def spool_prefix(*, tenant_id: str, media_id: str) -> str:
    """Name the folder of a recording's fragments."""
    return f"{SPOOL}/{uuid_of(tenant_id)}/{uuid_of(media_id)}/"


def spool_key(*, tenant_id: str, media_id: str, number: int) -> ObjectKey:
    """Name one fragment; keys sort in the order of the fragments."""
    return ObjectKey(f"{spool_prefix(tenant_id=tenant_id, media_id=media_id)}{number:08d}")


def spool_associated(*, tenant_id: str, media_id: str, leg_id: str, number: int) -> bytes:
    """Bind a sealed fragment to its recording, leg and place, so that none can be moved or repeated."""
    return media_associated_data(
        tenant=uuid_of(tenant_id),
        object_id=uuid_of(media_id),
        part=f"spool-{uuid_of(leg_id)}-{number}",
        gen=1,
        segment_bytes=SPOOL_SEGMENT_BYTES,
    )


def tenant_prefixes(tenant_id: str) -> tuple[str, ...]:
    """Name the folders of everything that the store holds of a tenant."""
    return tuple(f"{folder}/{uuid_of(tenant_id)}/" for folder in (MEDIA, SPOOL, ARCHIVE))


def archive_prefix(*, tenant_id: str, exit_id: str) -> str:
    """Name the folder of what a tenant takes along."""
    return f"{archives_prefix(tenant_id)}{uuid_of(exit_id)}/"


def archives_prefix(tenant_id: str) -> str:
    """Name the folder of all that a tenant has ever been about to take along."""
    return f"{ARCHIVE}/{uuid_of(tenant_id)}/"


def volume_key(*, tenant_id: str, exit_id: str, number: int) -> ObjectKey:
    """Name one volume of what a tenant takes along."""
    return ObjectKey(f"{archive_prefix(tenant_id=tenant_id, exit_id=exit_id)}{number:06d}.tar.age")


def media_prefix(*, tenant_id: str, media_id: str) -> str:
    """Name the folder of everything that is kept of a media item."""
    return f"{MEDIA}/{uuid_of(tenant_id)}/{uuid_of(media_id)}/"


def part_key(*, tenant_id: str, media_id: str, gen: int, part: Part) -> ObjectKey:
    """Name one finished part."""
    return ObjectKey(f"{media_prefix(tenant_id=tenant_id, media_id=media_id)}{gen}/{part.value}")


def part_associated(*, tenant_id: str, media_id: str, gen: int, part: Part) -> bytes:
    """Bind a finished part to its media item and generation."""
    return media_associated_data(
        tenant=uuid_of(tenant_id),
        object_id=uuid_of(media_id),
        part=part.value,
        gen=gen,
        segment_bytes=FINAL_SEGMENT_BYTES,
    )
