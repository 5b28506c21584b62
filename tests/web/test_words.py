"""One word for one thing on every page, in French too."""

import re
from pathlib import Path

WEB = Path(__file__).resolve().parents[2] / "vault" / "web"
FRENCH = sorted(path for path in WEB.rglob("*fr*") if path.suffix in {".js", ".json"})


def test_a_receipt_has_one_word_in_french() -> None:
    """Console, visitor's page, evidence and the page that checks it say ``reçu``, and no other word."""
    assert len(FRENCH) > 5
    others = re.compile(r"attestation|certificat|récépissé|quittance", re.IGNORECASE)
    assert [path.name for path in FRENCH if others.search(path.read_text(encoding="utf-8"))] == []
