"""What a page knows about its visitor: sealed under the call's own key, found again by exact match only."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Select, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.db.tables import call_indexes
from vault.errors import InvalidError
from vault.keys.blobs import Blobs
from vault.model import Id

PERSONAL_PART: Final = "call-personal"
_SPACES: Final = re.compile(r"\s+")
_TRUNK_ZERO: Final = re.compile(r"\(\s*0\s*\)")  # +44 (0)20 … : dialled at home only


class Field(StrEnum):
    """What is known of a visitor, and what calls are searched by."""

    REFERENCE = "reference"
    NAME = "name"
    EMAIL = "email"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class Visitor:
    """What was told of a visitor, if anything; ``verified`` names what the company's own program signed."""

    reference: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    verified: tuple[Field, ...] = ()

    def given(self) -> dict[str, str]:
        """Return what was told."""
        told = {"reference": self.reference, "name": self.name, "email": self.email, "phone": self.phone}
        return {name: value for name, value in told.items() if value is not None}

    def vouched(self, signed: Mapping[str, str]) -> "Visitor":
        """Return the visitor with what was signed in the place of what the page said."""
        return Visitor(**{**self.given(), **signed}, verified=tuple(map(Field, sorted(signed))))


def canonical(field: Field, value: str) -> str:
    """Write a value in the one form in which it is looked for.

    A reference is opaque and stays as it is. Of a number the digits count, with ``+`` before those that begin
    with ``+`` or ``00``: a number without its country is another one. What has letters is no number, and is
    never the same as one. Names and addresses lose case, width and doubled spaces. Empty where nothing is
    said: such a value is nobody's, and finds nobody.
    """
    match field:
        case Field.REFERENCE:
            return value
        case Field.PHONE:
            return _number(value)
        case Field.EMAIL:
            return _SPACES.sub("", _folded(value))
        case Field.NAME:
            return _SPACES.sub(" ", _folded(value)).strip()


async def index_of(blobs: Blobs, tenant_id: Id, field: Field, value: str) -> bytes:
    """Give the keyed hash of a value; equal values of two fields have nothing in common.

    Raises InvalidError for a value that says nothing: what many left empty is not theirs in common.
    """
    told = canonical(field, value)
    if not told:
        raise InvalidError("this says nothing of a visitor; ask for what identifies one")
    text = told if field is Field.REFERENCE else f"{field.value}:{told}"
    return await blobs.index(tenant_id=tenant_id, text=text, hurried=True)


async def indexes_of(blobs: Blobs, tenant_id: Id, visitor: Visitor) -> dict[Field, bytes]:
    """Give the keyed hash of each thing that is known of a visitor, and says something."""
    said = {Field(name): value for name, value in visitor.given().items()}
    return {
        field: await index_of(blobs, tenant_id, field, value)
        for field, value in said.items()
        if canonical(field, value)
    }


async def sealed(
    blobs: Blobs, *, tenant_id: Id, call_id: Id, visitor: Visitor, page_url: str | None
) -> bytes | None:
    """Seal all that is known; None where that is nothing."""
    told: dict[str, Any] = dict(visitor.given())
    if page_url:
        told["page_url"] = page_url
    if visitor.verified:
        told["verified"] = [field.value for field in visitor.verified]
    if not told:
        return None
    return await blobs.seal(tenant_id=tenant_id, object_id=call_id, part=PERSONAL_PART, value=told)


async def indexes(blobs: Blobs, *, tenant_id: Id, call_id: Id, visitor: Visitor) -> list[dict[str, Any]]:
    """Write the rows by which the call will be found."""
    found_by = await indexes_of(blobs, tenant_id, visitor)
    return [
        {"call_id": call_id, "tenant_id": tenant_id, "field": field.value, "keyed": keyed}
        for field, keyed in found_by.items()
    ]


async def add_indexes(connection: AsyncConnection, rows: list[dict[str, Any]]) -> None:
    """Add the rows of one call in the caller's turn."""
    if rows:
        await connection.execute(insert(call_indexes), rows)


def calls_with(tenant_id: Id, field: Field, keyed: bytes) -> Select[Any]:
    """Select the identifiers of the tenant's calls that bear an index."""
    return select(call_indexes.c.call_id).where(
        call_indexes.c.tenant_id == tenant_id,
        call_indexes.c.field == field.value,
        call_indexes.c.keyed == keyed,
    )


def _folded(value: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).casefold())


def _number(value: str) -> str:
    written = unicodedata.normalize("NFKC", value).strip()
    if any(char.isalpha() for char in written):  # "unknown", 1-800-FLOWERS, sip:grace
        return _SPACES.sub("", _folded(value))
    is_whole = written.startswith(("+", "00"))
    if is_whole:
        written = _TRUNK_ZERO.sub("", written)
    digits = "".join(str(unicodedata.decimal(char)) for char in written if char.isdecimal())
    if written.startswith("00"):
        digits = digits[2:]
    return f"+{digits}" if is_whole and digits else digits
