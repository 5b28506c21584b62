"""The record of one data key: what it is bound to, and how it is opened (docs/FORMAT.md, keys)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row

from crypto.errors import CryptoError
from crypto.keys import AnchorKey, DataKey, RecoveryKey, TenantKey, WrappedKey
from crypto.recovery import open_from_recovery
from crypto.streaming import media_associated_data
from crypto.wrapping import WrapContext, check_commitment, unwrap
from vault.errors import TamperedError
from vault.model import uuid_of

COMMITMENT_SEGMENT_BYTES = 64 * 1024  # the media part's segment size, part of what is committed to


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What a receipt tells of one data key: nothing that opens anything."""

    gen: int
    epoch: int
    commitment: bytes
    sealed_bytes: int | None
    sealed_sha256: bytes | None


@dataclass(frozen=True, slots=True)
class Recovery:
    """What opens a record that was sealed to a recovery key: its private half, and who vouches for it."""

    private: RecoveryKey = field(repr=False)
    anchor: AnchorKey | None = field(repr=False)


Opening = TenantKey | Recovery


def committed_stream(*, tenant_id: str, object_id: str, gen: int) -> bytes:
    """Give the associated data that an object's key commitment is made over (docs/FORMAT.md)."""
    return media_associated_data(
        tenant=uuid_of(tenant_id),
        object_id=uuid_of(object_id),
        part="media",
        gen=gen,
        segment_bytes=COMMITMENT_SEGMENT_BYTES,
    )


def context_of(
    row: Row[Any], *, epoch: int, sealed_bytes: int | None, sealed_sha256: bytes | None
) -> WrapContext:
    """Give what a record's wrap is bound to, in an epoch and with what is known of the sealed object."""
    return WrapContext(
        tenant=uuid_of(row.tenant_id),
        object_id=uuid_of(row.object_id),
        gen=row.gen,
        epoch=epoch,
        commitment=row.commitment,
        sealed_bytes=sealed_bytes,
        sealed_sha256=sealed_sha256,
    )


def own_context(row: Row[Any]) -> WrapContext:
    """Give what a record says that its wrap is bound to."""
    return context_of(row, epoch=row.epoch, sealed_bytes=row.sealed_bytes, sealed_sha256=row.sealed_sha256)


def opened(row: Row[Any], opening: Opening) -> DataKey:
    """Unwrap a record's key and hold it against its commitment; raises TamperedError.

    The wrap shows that nobody edited the record; only the commitment shows that whoever has the tenant
    key did not wrap another key in its place.
    """
    stream = committed_stream(tenant_id=row.tenant_id, object_id=row.object_id, gen=row.gen)
    try:
        key = _unwrapped(row, opening)
        check_commitment(key, stream, row.commitment)
    except CryptoError as cause:
        raise TamperedError("a data key's record was changed; it is not used") from cause
    return key


def _unwrapped(row: Row[Any], opening: Opening) -> DataKey:
    if isinstance(opening, TenantKey):
        return unwrap(WrappedKey(row.wrapped), opening, context=own_context(row))
    if opening.anchor is None:
        raise TamperedError("a recovery record is not used where nobody can vouch for it")
    return open_from_recovery(row.wrapped, opening.private, opening.anchor, context=own_context(row))


OpenedBy = tuple[str, int, bool]  # tenant, epoch, whether in recovery: what opens a record opens its like


def opened_by(row: Row[Any]) -> OpenedBy:
    """Name what opens a record."""
    return row.tenant_id, row.epoch, row.in_recovery


def unopened(
    wanted: Sequence[tuple[str, str, int]],
    found: Mapping[tuple[str, str, int], Row[Any]],
    keys: Mapping[OpenedBy, Opening],
) -> Sequence[str]:
    """Name the objects whose record is missing, has no key here, or does not open."""
    lost = []
    for name in wanted:
        row = found.get(name)
        key = keys.get(opened_by(row)) if row is not None else None
        if row is None or key is None:
            lost.append(name[1])
            continue
        try:
            opened(row, key)
        except TamperedError:
            lost.append(name[1])
    return lost
