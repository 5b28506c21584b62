"""What is known of a visitor, and the one form in which it is looked for."""

import pytest
from sqlalchemy import select

from tests.vault.calls.writers import Writers
from tests.vault.media.workshop import PAGE, Workshop
from vault.calls.calls import OpenCall
from vault.calls.history import CallFilter
from vault.calls.visitors import Field, Visitor, canonical, index_of
from vault.db.tables import call_indexes
from vault.errors import InvalidError, NotFoundError
from vault.model import ErasureReason, Role


@pytest.mark.parametrize(
    ("field", "written", "form"),
    [
        (Field.REFERENCE, "AB 3", "AB 3"),
        (Field.PHONE, "+33 6 12-34.56 78", "+33612345678"),
        (Field.PHONE, "0033 612345678", "+33612345678"),
        (Field.PHONE, "+44 (0)20 7946 0018", "+442079460018"),
        (Field.PHONE, "06 12 34 56 78", "0612345678"),
        (Field.PHONE, "\uff0b\uff13\uff13 6", "+336"),
        (Field.PHONE, "\u0660\u0661 23", "0123"),
        (Field.PHONE, "1-800-FLOWERS", "1-800-flowers"),
        (Field.PHONE, "Not given", "notgiven"),
        (Field.PHONE, "SIP:Grace@example.org", "sip:grace@example.org"),
        (Field.PHONE, "---", ""),
        (Field.PHONE, "+", ""),
        (Field.PHONE, "00", ""),
        (Field.EMAIL, "   ", ""),
        (Field.NAME, " \t ", ""),
        (Field.EMAIL, " Zoé@Example.ORG ", "zoé@example.org"),
        (Field.EMAIL, "zoe\u0301@example.org", "zoé@example.org"),
        (Field.NAME, "  GRACE   Hopper ", "grace hopper"),
        (Field.NAME, "Straße", "strasse"),
        (Field.NAME, "\ufb01n", "fin"),
    ],
)
def test_spellings_of_one_value_are_one(field: Field, written: str, form: str) -> None:
    """Case, width, accents and the marks in a number do not hide a call; a reference is opaque."""
    assert canonical(field, written) == form
    assert canonical(field, form) == form


async def test_what_is_no_number_is_nobody_elses(any_work: Workshop) -> None:
    """P8: words in the place of a number reach no other call, and "---" reaches none."""
    work, button = any_work, await any_work.button()
    history = Writers(work).history
    ids = {}
    for phone in ("anonyme", "0800-FLOWERS", "0800-DOCTORS", "0800", "---", "..."):
        asked = OpenCall(button.id, PAGE, "en", ("audio",), Visitor(phone=phone, email="   "), None)
        ids[phone] = (await work.calls.open(asked)).id
    by, why, phone_ = work.by(Role.ADMIN), ErasureReason.VISITOR_REQUEST, Field.PHONE
    async with work.database.read() as connection:
        rows = (await connection.execute(select(call_indexes.c.call_id, call_indexes.c.field))).all()
    assert {row.call_id for row in rows} == set(ids.values()) - {ids["---"], ids["..."]}
    assert {row.field for row in rows} == {"phone"}
    for written, found in (("08-00", "0800"), ("0800 flowers", None), ("0800-flowers", "0800-FLOWERS")):
        calls = await history.search(phone_, written, CallFilter(), by=by, limit=9)
        assert [call.id for call in calls] == ([] if found is None else [ids[found]])
    for nothing in ("---", " + "):
        with pytest.raises(InvalidError):
            await history.search(phone_, nothing, CallFilter(), by=by, limit=9)
        with pytest.raises(InvalidError):
            await work.requests.of_visitor(nothing, why, by=by, field=phone_)
    with pytest.raises(NotFoundError):
        await work.requests.of_visitor("N/A", why, by=by, field=phone_)
    request = await work.requests.of_visitor("0800", why, by=by, field=phone_)
    assert [item.object_id for item in request.items] == [ids["0800"]]


async def test_an_index_says_nothing_across_fields_and_tenants(work: Workshop) -> None:
    """The same text as a name and as a reference, or at another company, has nothing in common."""
    other = await work.tenants.add(name="Other", retention_days=30)
    found = [await index_of(work.blobs, work.tenant_id, field, "1234") for field in Field]
    found.append(await index_of(work.blobs, other, Field.NAME, "1234"))
    assert len(set(found)) == len(found)


def test_what_is_signed_counts_before_what_the_page_says() -> None:
    """And it is marked; what only the page says is kept, without the mark."""
    seen = Visitor(name="Mallory", phone="1").vouched({"name": "Grace", "reference": "7"})
    assert seen == Visitor("7", "Grace", None, "1", verified=(Field.NAME, Field.REFERENCE))
