"""The record of one data key: what it is bound to, and how it is opened (docs/FORMAT.md, keys)."""

from typing import Any

from sqlalchemy import Row

from crypto.errors import CryptoError
from crypto.keys import DataKey, TenantKey, WrappedKey
from crypto.streaming import media_associated_data
from crypto.wrapping import WrapContext, check_commitment, unwrap
from vault.errors import TamperedError
from vault.model import uuid_of

COMMITMENT_SEGMENT_BYTES = 64 * 1024  # the media part's segment size, part of what is committed to


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


def opened(row: Row[Any], tenant_key: TenantKey) -> DataKey:
    """Unwrap a record's key and hold it against its commitment; raises TamperedError.

    The wrap shows that nobody edited the record; only the commitment shows that whoever has the tenant
    key did not wrap another key in its place.
    """
    stream = committed_stream(tenant_id=row.tenant_id, object_id=row.object_id, gen=row.gen)
    try:
        key = unwrap(WrappedKey(row.wrapped), tenant_key, context=own_context(row))
        check_commitment(key, stream, row.commitment)
    except CryptoError as cause:
        raise TamperedError("a data key's record was changed; it is not used") from cause
    return key
