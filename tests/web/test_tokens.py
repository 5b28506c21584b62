"""The design tokens keep readable contrast in light and in dark (vault/web/shared/tokens.css)."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parents[2] / "vault" / "web"
GROUNDS = ("paper", "surface", "sunken")
TONES = ("brand", "danger", "ok", "warn", "info")
TEXT_RATIO = 4.5  # WCAG 2.2, 1.4.3
CONTROL_RATIO = 3.0  # WCAG 2.2, 1.4.11

TEXT_PAIRS = [
    *product(("ink", "ink-muted", *(f"{tone}-text" for tone in TONES)), GROUNDS),
    *((text, f"{tone}-soft") for tone in TONES for text in ("ink", "ink-muted", f"{tone}-text")),
    *((f"on-{tone}", ground) for tone in ("brand", "danger") for ground in (tone, f"{tone}-hover")),
    ("on-stage", "stage"),
]
CONTROL_PAIRS = [*product(("line-control", "focus", *TONES), GROUNDS), ("focus", "focus-gap")]


def colours_of(scheme: str) -> dict[str, str]:
    """The opaque colours of one scheme, by role."""
    blocks = re.findall(r":root \{(.*?)\n\s*\}", (WEB / "shared" / "tokens.css").read_text(), re.DOTALL)
    light, dark = (dict(re.findall(r"--cv-([\w-]+): (#[0-9a-f]{6});", block)) for block in blocks[:2])
    return light if scheme == "light" else {**light, **dark}


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    linear = []
    for at in (1, 3, 5):
        channel = int(colour[at : at + 2], 16) / 255
        linear.append(channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4)
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio, WCAG 2.2: 1 for the same colour, 21 for black on white."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("pairs", "ratio"), [(TEXT_PAIRS, TEXT_RATIO), (CONTROL_PAIRS, CONTROL_RATIO)], ids=["text", "controls"]
)
def test_every_pair_we_use_has_enough_contrast(
    scheme: str, pairs: list[tuple[str, str]], ratio: float
) -> None:
    """4.5:1 for text, 3:1 for borders of controls and the focus ring (WCAG 2.2 AA)."""
    colours = colours_of(scheme)
    faint = {
        f"{front} on {ground}": round(found, 2)
        for front, ground in pairs
        if (found := contrast(colours[front], colours[ground])) < ratio
    }
    assert faint == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_call_button_wears_the_same_colours(scheme: str) -> None:
    """The widget carries a copy, because foreign pages do not load our style sheet; it stays equal."""
    source = (WEB / "widget" / "colours.js").read_text()
    table = source.split(f"export const {scheme.upper()} =")[1].split("});")[0]
    worn = dict(re.findall(r'"([\w-]+)": "(#[0-9a-f]{6})"', table))
    ours = colours_of(scheme)
    assert worn
    assert worn == {role: ours[role] for role in worn}


def test_the_dark_scheme_names_only_tokens_of_the_light_one() -> None:
    """A token that exists only in the dark is a misspelling."""
    assert set(colours_of("dark")) == set(colours_of("light"))
