"""The page: one file that says what the pack says, in two languages, and runs nothing."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from crypto.evidence import verify_evidence
from tests.vault.evidence.packs import made_by
from tests.vault.media.workshop import Workshop
from vault.evidence.access import COUNTED
from vault.evidence.making import Made
from vault.evidence.page import EEA, LANGUAGES, WEB, content_policy, evidence_page
from vault.keys.epochs import EpochState
from vault.model import ErasureReason, HoldGround, MediaState, RestrictionGround, RuleKind
from vault.rights.rules import Source
from vault.settings import EvidenceSettings, Settings, SubProcessor

HOSTILE = '<script>alert("1")</script>'
GROUPS = {
    "reason": ErasureReason,
    "kind": RuleKind,
    "state": MediaState,
    "source": Source,
    "epoch": EpochState,
    "ground": [*HoldGround, *RestrictionGround],
    "look": COUNTED.values(),
    "acknowledge": ("primary", "all"),
    "held_by": ("file", "awskms", "openbao", "pkcs11"),
    "assurance": ("software", "hsm", "kms"),
    "country": EEA,
}


class Page(HTMLParser):
    """What a page has: its elements, what they load or run, and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append(tag)
        self.loads += [value or "" for name, value in attrs if name in {"src", "href", "action"}]
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]

    def handle_data(self, data: str) -> None:
        """Note words."""
        self.words += data


def words(language: str) -> dict[str, str]:
    """The catalogue of a language."""
    found: dict[str, str] = json.loads((WEB / "evidence" / f"{language}.json").read_text())
    return found


@pytest.fixture
async def made(work: Workshop) -> Made:
    """A pack with something in every list, and with hostile words where somebody may write."""
    begun = await work.ready()
    link = await work.links.make(begun.media_id, "x", by=work.by())
    await work.links.use(link.path, by=work.by())
    await work.requests.of_media(begun.media_id, ErasureReason.LEGAL, by=work.by())
    await work.ready()
    helper = SubProcessor(name=HOSTILE, role=HOSTILE, country="US")
    settings = Settings(evidence=EvidenceSettings(processor=HOSTILE, sub_processors=(helper,)))
    return await made_by(work, settings=settings)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_page_is_one_file_that_runs_and_loads_nothing(made: Made, language: str) -> None:
    """No script, no handler, no style attribute, no address but the signed file that it holds."""
    page = Page(evidence_page(made, language))
    assert not {"script", "img", "link", "iframe", "object", "form"} & set(page.elements)
    assert page.handlers == []
    (held,) = page.loads
    kind, _, encoded = held.partition(",")
    assert kind == "data:application/json;base64"
    assert base64.b64decode(encoded) == made.file


async def test_the_page_is_as_good_as_the_file_in_it(made: Made, work: Workshop) -> None:
    """Taken out of the page, the file verifies; its digest and its entry are the ones that are shown."""
    text = evidence_page(made, "en")
    encoded = re.search(r"base64,([A-Za-z0-9+/=]+)", text)
    assert encoded is not None
    assert verify_evidence(base64.b64decode(encoded[1]), work.ledger_keys.verifiers).sha256 in text
    assert f"<dd>{made.ledger_index}<" in text


@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_somebody_wrote_is_words_and_nothing_else(made: Made, language: str) -> None:
    """What stands in the settings, purposes, names: escaped, and read as they were written."""
    page = evidence_page(made, language)
    assert HOSTILE not in page
    assert Page(page).words.count(HOSTILE) == 3


async def test_the_policy_allows_the_pages_own_style_and_nothing_else(made: Made) -> None:
    """By its digest, in the header and in the file; only the header can say that nobody frames it."""
    page = evidence_page(made, "en")
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in content_policy()
    assert content_policy().startswith("default-src 'none'; ")
    assert content_policy().endswith("frame-ancestors 'none'")
    said = content_policy(framed=True).replace("'", "&#39;")
    assert f'http-equiv="Content-Security-Policy" content="{said}"' in page


async def test_numbers_and_moments_are_written_as_people_of_the_language_write_them(made: Made) -> None:
    """A thousand, a day, a size; and who is outside the European Economic Area is said to be."""
    english, french = Page(evidence_page(made, "en")).words, Page(evidence_page(made, "fr")).words
    assert "outside the European Economic Area" in english
    assert "Espace économique européen" in french
    assert re.search(r"\d kB", english)
    assert re.search(r"\d ko", french)


def test_both_catalogues_have_the_same_words_and_the_page_uses_all_of_them() -> None:
    """A word that is missing in one language, or that nothing shows, is found here."""
    english, french = words("en"), words("fr")
    assert set(english) == set(french)
    assert all(english.values())
    assert all(french.values())
    template = Path(WEB / "evidence" / "evidence.html").read_text()
    single = {name for name in english if "." not in name}
    used = set(re.findall(r"\bw\.([a-z_]+)", template)) | set(re.findall(r'\bw\["([a-z_]+)"\]', template))
    assert single - used == used - single == set()


@pytest.mark.parametrize("group", GROUPS)
def test_every_value_of_a_list_has_its_words(group: str) -> None:
    """A state, a reason or a ground that is added later is said in words, too."""
    values: Any = GROUPS[group]
    for language in LANGUAGES:
        known = words(language)
        assert [str(value) for value in values if f"{group}.{value}" not in known] == []
