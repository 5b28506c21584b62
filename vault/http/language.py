"""The two languages answers speak: chosen by ``Accept-Language`` (RFC 9110, 12.5.4), else English."""

from typing import Final, Literal

Language = Literal["fr", "en"]

LANGUAGES: Final[tuple[Language, ...]] = ("en", "fr")
MAX_RANGES: Final = 20  # browsers send under ten; the rest of a long header is not read


def choose_language(header: str) -> Language:
    """Return the language the header likes best among ours; a header that makes no sense counts as absent."""
    best: Language = "en"
    best_weight = 0.0
    for part in header.split(",")[:MAX_RANGES]:
        tag, _, parameter = part.strip().partition(";")
        primary = tag.strip().lower().split("-")[0]
        weight = _weight(parameter)
        for language in LANGUAGES:
            if primary in {language, "*"} and weight > best_weight:
                best, best_weight = language, weight
    return best


def _weight(parameter: str) -> float:
    name, _, number = parameter.strip().partition("=")
    if not name:
        return 1.0
    try:
        return float(number) if name.strip() == "q" else 0.0
    except ValueError:
        return 0.0
