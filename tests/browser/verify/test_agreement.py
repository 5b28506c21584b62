"""The page says of every receipt what the command says, in Chromium and in Firefox, opened from disk."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.browser.verify.readers import NO_WEBCRYPTO, PAGE, verdicts
from tests.crypto.receipt_table import TABLE, Row, bytes_changed
from tests.crypto.test_receipt_table import verdict_of
from tests.crypto.test_vectors import vectors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.chromium import Chromium
    from tests.browser.firefox import Firefox

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

LEAF = vectors("proofs")[1]


def of_the_vectors() -> Iterator[Row]:
    """The published vectors of receipts, proofs and notes, each as a receipt."""
    for vector in vectors("receipts"):
        yield Row(vector["comment"], vector["receipt"].encode(), vector["expected"], tuple(vector["keys"]))
    head = LEAF["proof"].partition("\n\n")[0]
    noted = [
        {"leaf": LEAF["leaf"], "proof": f"{head}\n\n{note['note']}"}
        | {"keys": note["keys"], "comment": note["comment"]}
        for name in ("notes", "notes-ml-dsa")
        for note in vectors(name)
    ]
    for vector in (*vectors("proofs"), *noted):
        entry = {"leaf": vector["leaf"], "proof": vector["proof"]}
        document = {"v": 1, "request": "del_1", "status": "pending", "entries": [entry]}
        yield Row(vector["comment"], json.dumps(document).encode(), "", tuple(vector["keys"]))


async def agree(reader: Chromium | Firefox, rows: list[Row]) -> int:
    """Require that the page and `verify_receipt` say the same of each row; how many rows there were."""
    named = [Row(f"{number}: {row.name}", row.file, row.verdict, row.keys) for number, row in enumerate(rows)]
    expected = {row.name: verdict_of(row) for row in named}
    found = await verdicts(reader, named)
    assert {name: said for name, said in found.items() if said != expected[name]} == {}
    assert await reader.faults() == []
    return len(found)


async def test_the_page_gives_the_tables_verdict_on_each_receipt(reader: Chromium | Firefox) -> None:
    """Good ones by their status, false ones by what refuses: the file, a proof, or a signature."""
    await reader.open(PAGE.as_uri())
    found = await verdicts(reader, TABLE)
    assert {row.name: row.verdict for row in TABLE if found[row.name] != row.verdict} == {}
    assert await reader.faults() == []


async def test_the_page_meets_the_published_vectors(reader: Chromium | Firefox) -> None:
    """Each receipt, proof and note of tests/crypto/vectors, by the command's own verdict."""
    await reader.open(PAGE.as_uri())
    assert await agree(reader, list(of_the_vectors())) > 50


async def test_a_changed_byte_is_judged_alike(reader: Chromium | Firefox) -> None:
    """Two hundred random places of a final receipt."""
    await reader.open(PAGE.as_uri())
    assert await agree(reader, list(bytes_changed(200))) == 200


async def test_a_browser_without_its_own_signatures_says_the_same(in_chromium: Chromium) -> None:
    """What came over plain HTTP has no WebCrypto: the vendored Ed25519 steps in."""
    page = await in_chromium.page.context.new_page()
    await page.add_init_script(NO_WEBCRYPTO)
    without = type(in_chromium)(page)
    await without.open(PAGE.as_uri())
    assert await without.evaluate("crypto.subtle === undefined")
    found = await verdicts(without, TABLE)
    assert {row.name: row.verdict for row in TABLE if found[row.name] != row.verdict} == {}
    await page.close()
