"""The page that checks receipts, as a person uses it: files are chosen, keys typed, a button pressed.

The same commands for Chromium and for Firefox (tests/browser/chromium.py, firefox.py).
"""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from tests.crypto.receipt_table import Row

PAGE: Final = Path(__file__).resolve().parents[3] / "vault" / "web" / "verify" / "verify.html"
STATUSES: Final = frozenset({"pending", "held", "complete", "final"})
# Files as the browser's own dialog hands them over.
CHOOSE: Final = """(([id, files]) => {
  const chosen = new DataTransfer();
  for (const [name, text] of files)
    chosen.items.add(new File([Uint8Array.from(atob(text), (one) => one.charCodeAt(0))], name));
  document.getElementById(id).files = chosen.files;
  document.getElementById(id).dispatchEvent(new Event("change"));
  return chosen.files.length;
})(%s)"""
TYPE: Final = """(() => {
  const field = document.getElementById("keys");
  field.value = %s;
  field.dispatchEvent(new Event("input"));
})()"""
FOUND: Final = (
    "[...document.querySelectorAll('.result')].map(({ dataset }) => [dataset.verdict, dataset.code ?? ''])"
)
NO_WEBCRYPTO: Final = "Object.defineProperty(Crypto.prototype, 'subtle', { get: () => undefined })"


class Reader(Protocol):
    """A browser with one page."""

    async def open(self, url: str) -> None:
        """Go to a page."""

    async def click(self, selector: str) -> None:
        """Press something."""

    async def wait(self, expression: str, *, timeout_s: float = 30.0) -> None:
        """Wait until an expression is true."""

    async def evaluate(self, expression: str) -> Any:
        """Compute an expression in the page."""

    async def faults(self) -> list[str]:
        """The page's uncaught errors so far."""


async def choose(reader: Reader, field: str, files: Sequence[tuple[str, bytes]]) -> None:
    """Choose files in the field with this id."""
    given = [[name, base64.b64encode(content).decode()] for name, content in files]
    await reader.evaluate(CHOOSE % json.dumps([field, given]))


async def told(reader: Reader, files: Sequence[bytes], keys: Sequence[str]) -> list[tuple[str, str]]:
    """Check these files under these keys: for each, the verdict, and the code of a refusal."""
    await choose(reader, "receipts", [(f"receipt-{at}.json", file) for at, file in enumerate(files)])
    await reader.evaluate(TYPE % json.dumps("\n".join(keys)))
    await reader.click("#check")
    await reader.wait(f"document.querySelectorAll('.result').length === {len(files)}", timeout_s=60)
    return [(verdict, code) for verdict, code in await reader.evaluate(FOUND)]


async def verdicts(reader: Reader, rows: Sequence[Row]) -> dict[str, str]:
    """What the page says of each row, in the words of the table; the rows of one set of keys go at once."""
    found: dict[str, str] = {}
    for keys in dict.fromkeys(row.keys for row in rows):
        these = [row for row in rows if row.keys == keys]
        answers = await told(reader, [row.file for row in these], keys)
        for row, (verdict, code) in zip(these, answers, strict=True):
            found[row.name] = verdict if verdict in STATUSES else code.partition(".")[0]
    return found
