"""What can be told from the source of the page that checks receipts, before any browser runs it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.write_verifier import PAGE, LinkError, link, page
from tests.web.test_call_button_source import REFUSED
from vault.model import ErasureReason, HoldGround, ItemKind

VERIFY = Path(__file__).resolve().parents[2] / "vault" / "web" / "verify"
MODULES = sorted(VERIFY.glob("*.js"))
SENDS = re.compile(
    r"\b(?:fetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts|localStorage|indexedDB|sessionStorage|"
    r"document\.cookie)"
)


def words(language: str) -> dict[str, str]:
    """The sentences of one language."""
    pairs = re.compile(r'^  "([\w.]+)":\s*"((?:[^"\\]|\\.)*)"', re.MULTILINE)
    return dict(pairs.findall((VERIFY / f"words_{language}.js").read_text(encoding="utf-8")))


def test_the_page_is_its_sources() -> None:
    """Nobody has edited it by hand: `make docs` changes nothing."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_page_loads_nothing_from_anywhere() -> None:
    """One file: no address in it but data, no second script, and a policy that lets it connect to nothing."""
    text = PAGE.read_text(encoding="utf-8")
    assert re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="(?!data:)', text) == []
    assert len(re.findall(r"<script\b", text)) == len(re.findall(r"<style\b", text)) == 1
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    directives = dict(part.strip().split(" ", 1) for part in policy[1].split(";"))
    assert directives["default-src"] == directives["connect-src"] == directives["form-action"] == "'none'"
    assert {name for name, value in directives.items() if "unsafe" in value or "http" in value} == set()
    assert all(re.fullmatch(r"'sha256-[\w+/]+='", directives[name]) for name in ("script-src", "style-src"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_sends_and_stores_nothing(module: Path) -> None:
    """No markup from strings, no evaluated code, nothing that leaves the page or stays behind; small."""
    source = module.read_text(encoding="utf-8")
    assert REFUSED.findall(source) + SENDS.findall(source) == []
    assert len(source.splitlines()) < 300


def test_a_module_that_cannot_be_linked_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A form of import that the program does not know is an error, and so are two modules in a circle."""
    monkeypatch.setattr("scripts.write_verifier.WEB", tmp_path)
    (tmp_path / "default.js").write_text('import one from "./other.js";\n')
    (tmp_path / "one.js").write_text('import { two } from "./two.js";\nexport const one = 1;\n')
    (tmp_path / "two.js").write_text('import { one } from "./one.js";\nexport const two = 2;\n')
    for name in ("default.js", "one.js"):
        with pytest.raises(LinkError):
            link(name)


def test_both_languages_say_everything() -> None:
    """French and English hold the same keys, and the same values to fill in under each."""
    french, english = words("fr"), words("en")
    assert list(french) == list(english)
    marks = re.compile(r"\{\w+\}")
    differing = {key for key in french if set(marks.findall(french[key])) != set(marks.findall(english[key]))}
    assert differing == set()


def test_every_sentence_is_used_and_every_refusal_has_one() -> None:
    """No dead words; each code that a module refuses with, and each word of a leaf, has its sentence."""
    known = words("en")
    source = "".join(module.read_text() for module in MODULES if not module.name.startswith("words_"))
    refused = {
        f"why.{code.replace('.', '_')}" for code in re.findall(r'"((?:receipt|proof|note|key)\.\w+)"', source)
    }
    sentences = {key for key in known if f'"{key}"' in source}
    assert {key for key in refused if key not in known} - {
        f"why.{key.replace('.', '_')}" for key in sentences
    } == set()
    assert {key for key in known if key.startswith("why.")} - refused == {"why.unreadable"}
    stems = {
        "why.",
        "kind.",
        "reason.",
        "ground.",
        "assurance.",
        "provider.",
        "final.",
        "complete.",
        "held.",
        "pending.",
        "refused.",
    }
    assert {key for key in set(known) - sentences if not any(key.startswith(stem) for stem in stems)} == set()
    needed = {f"reason.{reason}" for reason in ErasureReason} | {f"ground.{ground}" for ground in HoldGround}
    assert (needed | {f"kind.{kind}" for kind in ItemKind} | {"kind.call"}) - set(known) == set()
