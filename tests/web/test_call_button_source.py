"""What can be told from the call button's source alone, before any browser runs it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vault.errors import all_codes

WEB = Path(__file__).resolve().parents[2] / "vault" / "web"
MODULES = sorted((WEB / "widget").glob("*.js"))
SHIPPED = [*MODULES, WEB / "shared" / "i18n.js", *sorted((WEB / "demo").glob("*.js"))]

# What a strict policy (no 'unsafe-inline', no 'unsafe-eval', Trusted Types) refuses on an integrator's page.
REFUSED = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(\"style\""
)
STORED = re.compile(r"localStorage|sessionStorage|indexedDB|document\.cookie")
OWN_CODES = re.compile(r"http_\d{3}|network|timeout|media_\w+|connect_\w+|connection_lost")


def named(paths: list[Path]) -> list[object]:
    """Parameters with readable names."""
    return [pytest.param(path, id=f"{path.parent.name}/{path.name}") for path in paths]


@pytest.mark.parametrize("module", named(SHIPPED))
def test_a_strict_policy_has_nothing_to_refuse(module: Path) -> None:
    """No markup from strings, no evaluated code, no style attribute."""
    assert REFUSED.findall(module.read_text()) == []


@pytest.mark.parametrize("module", named(SHIPPED))
def test_nothing_stays_in_the_visitors_browser(module: Path) -> None:
    """No cookie, no storage: the token of a call lives in one object and dies with it."""
    assert STORED.findall(module.read_text()) == []


@pytest.mark.parametrize("module", named(MODULES))
def test_the_button_depends_on_nothing_but_its_neighbours(module: Path) -> None:
    """Imports are relative and exist; no address of another host stands in the code."""
    source = module.read_text()
    imports = re.findall(r'(?:from|import) "([^"]+)"', source)
    base = WEB if module.name == "widget.js" else module.parent  # the entry is served one folder up
    assert [path for path in imports if not (base / path).is_file()] == []
    assert [url for url in re.findall(r"https?://[\w.-]+", source) if url not in KNOWN_URLS] == []


KNOWN_URLS = {"http://www.w3.org", "https://VAULT"}  # the SVG name space; the example in widget.js


@pytest.mark.parametrize("module", named(MODULES))
def test_modules_stay_small(module: Path) -> None:
    """One idea per file, under 300 lines."""
    assert len(module.read_text().splitlines()) < 300


def tables() -> dict[str, dict[str, str]]:
    """The sentences of strings_fr.js and strings_en.js, by language."""
    pairs = re.compile(r'^  "([\w.]+)":\s*"((?:[^"\\]|\\.)*)"', re.MULTILINE)
    return {
        language: dict(pairs.findall((WEB / "widget" / f"strings_{language}.js").read_text()))
        for language in ("fr", "en")
    }


def test_both_languages_say_everything() -> None:
    """French and English hold the same keys, and the same values to fill in under each."""
    french, english = tables()["fr"], tables()["en"]
    assert list(french) == list(english)
    marks = {
        key: (re.findall(r"\{\w+\}", french[key]), re.findall(r"\{\w+\}", english[key])) for key in french
    }
    assert {key: both for key, both in marks.items() if sorted(both[0]) != sorted(both[1])} == {}


def test_every_sentence_is_used_and_every_used_one_exists() -> None:
    """No dead words, no key that would show itself to a visitor."""
    said = set(tables()["fr"])
    code = "".join(module.read_text() for module in MODULES if not module.name.startswith("strings"))
    lookup = (WEB / "widget" / "strings.js").read_text().split("SENTENCE_OF_CODE", 1)[1]
    groups = "|".join({key.partition(".")[0] for key in said if "." in key})
    asked = set(re.findall(rf'"((?:{groups})\.\w+)"', code + lookup))
    asked |= set(re.findall(r't\("(close|cancel|again)"\)', code))
    built = [re.escape(start) for start in re.findall(r"`(\w+\.\w*)\$\{", code)]  # t(`share.${code}`)
    asked |= {key for key in said if re.match("|".join(built), key)}
    assert asked == said


def test_refusals_of_the_vault_are_spelt_as_the_vault_spells_them() -> None:
    """A code the program does not have would never be shown: renames are caught here."""
    source = (WEB / "widget" / "strings.js").read_text().split("SENTENCE_OF_CODE = new Map([")[1]
    codes = re.findall(r'\["(\w+)", "failed', source)
    assert codes
    ours = set(all_codes()) | {"token_refused"}
    assert [code for code in codes if code not in ours and not OWN_CODES.fullmatch(code)] == []


def test_the_demo_says_the_same_in_both_languages() -> None:
    """Each marked element of the page has its English, and no English is left over."""
    page = (WEB / "demo" / "demo.html").read_text()
    script = (WEB / "demo" / "demo.js").read_text()
    marked = set(re.findall(r'data-(?:text|alt|label)="([\w.]+)"', page)) | {"title"}
    assert marked == set(re.findall(r'^  "([\w.]+)":', script, re.MULTILINE))
    assert "{{ button_id }}" in page
    assert re.findall(r"\sstyle=|<style|\son\w+=", page) == []
