"""What can be told from the source of the visitor's own page alone, before any browser runs it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.web.test_call_button_source import REFUSED
from vault.rights.kept import KeptKind, KeptState, Side

PORTAL = Path(__file__).resolve().parents[2] / "vault" / "web" / "portal"
MODULES = sorted(PORTAL.glob("*.js"))


def words(language: str) -> dict[str, str]:
    """The sentences of one language."""
    pairs = re.compile(r'^  "([\w.]+)":\s*"((?:[^"\\]|\\.)*)"', re.MULTILINE)
    return dict(pairs.findall((PORTAL / f"words_{language}.js").read_text(encoding="utf-8")))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_strict_policy_has_nothing_to_refuse(module: Path) -> None:
    """No markup from strings, no evaluated code, no style attribute; small, and of relative parts."""
    source = module.read_text(encoding="utf-8")
    assert REFUSED.findall(source) == []
    assert len(source.splitlines()) < 300
    imports = re.findall(r'(?:from|import) "([^"]+)"', source)
    assert [path for path in imports if not (PORTAL / path).is_file()] == []


def test_one_module_stores_and_it_never_stores_the_links_secret() -> None:
    """The tab keeps the token of the visit; nothing else is kept anywhere."""
    stores = re.compile(r"localStorage|indexedDB|document\.cookie|sessionStorage\.setItem\([^)]*\)")
    found = {
        name: calls for name, calls in ((m.name, stores.findall(m.read_text())) for m in MODULES) if calls
    }
    assert found == {"visit.js": ["sessionStorage.setItem(this.#callId, token)"]}


def test_both_languages_say_everything() -> None:
    """French and English hold the same keys, and the same values to fill in under each."""
    french, english = words("fr"), words("en")
    assert list(french) == list(english)
    marks = re.compile(r"\{\w+\}")
    assert {
        key for key in french if set(marks.findall(french[key])) != set(marks.findall(english[key]))
    } == set()


def test_every_sentence_is_used_and_every_state_has_one() -> None:
    """No dead words; nothing that the vault may say shows itself as a key."""
    known = words("en")
    source = "".join(module.read_text() for module in MODULES if not module.name.startswith("words_"))
    made = {key for key in known if not re.search(rf'"{re.escape(key)}"', source)}
    stems = set(re.findall(r"`([a-z]+\.[a-z_]*)\$\{", source)) | {"dead.", "shut.", "failed."}
    assert {key for key in made if not any(key.startswith(stem) for stem in stems)} == set()
    assert {state for state in KeptState if f"state.{state}" not in known} == set()
    pairs = {f"kept.{side}_{kind}" for side in (Side.VISITOR, Side.AGENT) for kind in ("camera", "screen")}
    assert pairs | {f"kept.{Side.BOTH}_{KeptKind.COPY}"} <= set(known)
