"""What is known of a visitor, and the one form in which it is looked for."""

import pytest

from tests.vault.media.workshop import Workshop
from vault.calls.visitors import Field, Visitor, canonical, index_of


@pytest.mark.parametrize(
    ("field", "written", "form"),
    [
        (Field.REFERENCE, "AB 3", "AB 3"),
        (Field.PHONE, "+33 6 12-34.56 78", "+33612345678"),
        (Field.PHONE, "0033 612345678", "+33612345678"),
        (Field.PHONE, "+44 (0)20 7946 0018", "+442079460018"),
        (Field.PHONE, "06 12 34 56 78", "0612345678"),
        (Field.PHONE, "\uff0b\uff13\uff13 6", "+336"),
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
