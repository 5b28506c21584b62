"""A pack as a page: one file that needs nothing else, runs nothing, and prints.

It shows the pack's own values, so it can say nothing that the signed file does not; the file is in it, too.
"""

import base64
import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import jinja2

from vault.clock import from_text
from vault.evidence.making import Made

WEB: Final = Path(__file__).parent.parent / "web"
LANGUAGES: Final = ("en", "fr")
STYLES: Final = ("shared/tokens.css", "evidence/evidence.css")
MONTHS: Final = {
    "en": ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    "fr": ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."],
}
THIN: Final = "\N{NARROW NO-BREAK SPACE}"
STEP: Final = 1_000  # of units of bytes
UNITS: Final = {"en": ("bytes", "kB", "MB", "GB", "TB", "PB"), "fr": ("octets", "ko", "Mo", "Go", "To", "Po")}
TEN: Final = 10
EEA: Final = (
    *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS"),
    *("IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"),
)


def evidence_page(made: Made, language: str) -> str:
    """Write the page in one of ``LANGUAGES``."""
    words = _words(language)
    return (
        _environment()
        .get_template("evidence/evidence.html")
        .render(
            lang=language,
            w=words,
            pack=made.pack,
            sha256=made.sha256,
            ledger_index=made.ledger_index,
            file=base64.b64encode(made.file).decode("ascii"),
            style=_style(),
            policy=content_policy(framed=True),
            moment=functools.partial(_moment, language=language),
            day=functools.partial(_day, language=language),
            month=functools.partial(_month, language=language),
            number=functools.partial(_number, language=language),
            size=functools.partial(_size, language=language),
            named=functools.partial(_named, words),
            is_eea=EEA.__contains__,
            **_at_a_glance(made.pack, words, language),
        )
    )


@functools.cache
def content_policy(*, framed: bool = False) -> str:
    """Give the page's policy: its own style by its digest, nothing else. A file cannot say who frames it."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return policy if framed else f"{policy}; frame-ancestors 'none'"


@functools.cache
def _style() -> str:
    return "".join((WEB / name).read_text(encoding="utf-8") for name in STYLES)


@functools.cache
def _words(language: str) -> Mapping[str, str]:
    found: dict[str, str] = json.loads((WEB / "evidence" / f"{language}.json").read_text(encoding="utf-8"))
    return found


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(WEB),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _at_a_glance(pack: Mapping[str, Any], words: Mapping[str, str], language: str) -> dict[str, Any]:
    """Sum up what the first lines say, and find places and buttons by their names."""
    places = pack["storage"]["places"]
    known = {one["where"]["country"]: None for one in places if one["where"]["country"]}
    counts = [month["counts"] for month in pack["access"]["by_month"]]
    purposes = {one["button_id"]: one["purpose"].get(language, "") for one in pack["access"]["by_button"]}
    return {
        "countries": ", ".join(_named(words, "country", code) for code in known),
        "away": sum(not one["answers"] for one in places),
        "looks": sum(each["links_used"] + each["calls_viewed"] for each in counts),
        "at_places": lambda names: ", ".join(_named(words, "place", name) for name in names),
        "purpose_of": lambda button_id: purposes.get(button_id, ""),
    }


def _named(words: Mapping[str, str], group: str, value: str) -> str:
    """Say a value of a list in words; one that a newer program knows stands as it is."""
    return words.get(f"{group}.{value}", value)


def _day(text: str, *, language: str) -> str:
    at = from_text(text)
    first = "1er" if language == "fr" and at.day == 1 else str(at.day)
    return f"{first} {MONTHS[language][at.month - 1]} {at.year}"


def _moment(text: str, *, language: str) -> str:
    return f"{_day(text, language=language)}, {from_text(text):%H:%M} UTC"


def _month(name: str, *, language: str) -> str:
    year, month = name.split("-")
    return f"{MONTHS[language][int(month) - 1]} {year}"


def _number(value: int, *, language: str) -> str:
    return f"{value:,}" if language == "en" else f"{value:,}".replace(",", THIN)


def _size(size_bytes: int, *, language: str) -> str:
    left, unit = float(size_bytes), 0
    while left >= STEP and unit < len(UNITS[language]) - 1:
        left, unit = left / STEP, unit + 1
    shown = f"{left:.1f}" if unit and left < TEN else f"{left:.0f}"
    return f"{shown if language == 'en' else shown.replace('.', ',')} {UNITS[language][unit]}"
