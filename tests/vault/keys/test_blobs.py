"""Small sealed values, keyed lookups and pseudonyms, and what is left of them after an erasure."""

import pytest

from tests.vault.media.workshop import CANARY, Workshop
from vault.errors import KeyForgottenError, TamperedError
from vault.model import Id, new_id

VALUE = {"name": CANARY, "phone": "+33612345678"}


async def object_with_key(work: Workshop) -> Id:
    """An object with a data key."""
    object_id = new_id("call")
    await work.keys.create_data_key(tenant_id=work.tenant_id, object_id=object_id)
    return object_id


async def sealed(work: Workshop, object_id: Id, part: str = "call-personal") -> bytes:
    """The canary, sealed."""
    return await work.blobs.seal(tenant_id=work.tenant_id, object_id=object_id, part=part, value=VALUE)


async def test_what_was_sealed_opens_and_shows_nothing_while_sealed(work: Workshop) -> None:
    """The value comes back whole; the sealed bytes hold none of it and differ each time."""
    object_id = await object_with_key(work)
    one, other = await sealed(work, object_id), await sealed(work, object_id)
    assert one != other
    assert CANARY.encode() not in one
    named = {"tenant_id": work.tenant_id, "object_id": object_id, "part": "call-personal"}
    assert await work.blobs.open(one, **named, hurried=False) == VALUE


async def test_a_blob_at_another_place_is_refused(work: Workshop) -> None:
    """Part and object are bound: swapping two columns or two rows shows nothing."""
    object_id, other = await object_with_key(work), await object_with_key(work)
    blob = await sealed(work, object_id)
    for place in ({"part": "profile"}, {"object_id": other}):
        named = {"tenant_id": work.tenant_id, "object_id": object_id, "part": "call-personal"} | place
        with pytest.raises(TamperedError):
            await work.blobs.open(blob, **named, hurried=False)


async def test_a_flip_of_any_byte_is_refused(work: Workshop) -> None:
    """P4, for fields: every byte counts, so does the length."""
    object_id = await object_with_key(work)
    blob = await sealed(work, object_id)
    named = {"tenant_id": work.tenant_id, "object_id": object_id, "part": "call-personal"}
    spoilt = [blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :] for at in range(len(blob))]
    for bad in [*spoilt, blob[:-1], blob + b"\0", b""]:
        with pytest.raises(TamperedError):
            await work.blobs.open(bad, **named, hurried=False)


async def test_a_blob_whose_key_is_forgotten_is_noise(work: Workshop) -> None:
    """Erasure of a field is the erasure of its key."""
    object_id = await object_with_key(work)
    blob = await sealed(work, object_id)
    await work.keys.forget(object_id=object_id)
    with pytest.raises(KeyForgottenError):
        await work.blobs.open(blob, tenant_id=work.tenant_id, object_id=object_id, part="call-personal")


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("customer-1", True),
        ("Customer-1", False),
        (" customer-1", False),
        ("customer-2", False),
        ("", False),
    ],
)
async def test_an_index_finds_the_same_text_and_no_other(
    work: Workshop,
    text: str,
    same: bool,  # noqa: FBT001  # a column of the table
) -> None:
    """Exact match, case and blanks included, also after a restart."""
    before = await work.blobs.index(tenant_id=work.tenant_id, text="customer-1")
    after = await (await work.reborn()).blobs.index(tenant_id=work.tenant_id, text=text)
    assert (after == before) is same
    assert len(before) == 32


async def test_tenants_do_not_share_an_index(work: Workshop) -> None:
    """The same reference under two tenants cannot be linked."""
    other = await work.tenants.add(name="Other", retention_days=1)
    hashes = {await work.blobs.index(tenant_id=tenant, text="x") for tenant in (work.tenant_id, other)}
    assert len(hashes) == 2


async def test_a_pseudonym_is_stable_until_its_key_is_forgotten(work: Workshop) -> None:
    """The ledger's name of a person leads back by key only; forget it and the name leads nowhere."""
    person, other = await object_with_key(work), await object_with_key(work)
    named = {"tenant_id": work.tenant_id, "subject_id": person}
    name = await work.blobs.pseudonym(**named)
    assert await (await work.reborn()).blobs.pseudonym(**named) == name
    assert await work.blobs.pseudonym(tenant_id=work.tenant_id, subject_id=other) != name
    assert person not in name
    await work.keys.forget(object_id=person)
    with pytest.raises(KeyForgottenError):
        await work.blobs.pseudonym(**named)
