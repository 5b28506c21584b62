"""The notice a visitor reads before anything is kept: who, why, how long, what.

The text is part of the evidence: its version and hash stand in the consent row and in the ledger. Change a
sentence here and ``VERSION`` with it; a test holds the hash of every version.
"""

import hashlib
from dataclasses import dataclass
from typing import Final, Literal

Language = Literal["fr", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("fr", "en")
VERSION: Final = "2026-11-28"

_TEXT: Final[dict[Language, str]] = {
    "fr": (
        "{tenant} souhaite enregistrer {what} de cet appel. Finalité : {purpose}. "
        "L'enregistrement est chiffré, conservé {days} jours dans l'Union européenne, puis effacé. "
        "Seules les personnes habilitées de {tenant} peuvent le consulter. "
        "Vous pouvez refuser : l'appel a lieu de la même façon, sans être enregistré. "
        "Si vous acceptez, vous pouvez revenir sur votre accord pendant l'appel : "
        "l'enregistrement s'arrête aussitôt. "
        "Vous pouvez demander l'effacement à tout moment. "
        "Le serveur de {tenant} relaie l'appel : il n'est pas chiffré de bout en bout."
    ),
    "en": (
        "{tenant} would like to record {what} of this call. Purpose: {purpose}. "
        "The recording is encrypted, kept for {days} days in the European Union, then erased. "
        "Only authorised staff of {tenant} can play it. "
        "You may refuse: the call goes ahead just the same, unrecorded. "
        "If you agree, you may take it back during the call: recording stops at once. "
        "You may ask for erasure at any time. "
        "{tenant}'s server carries the call: it is not end-to-end encrypted."
    ),
}
_TEXT_UNRECORDED: Final[dict[Language, str]] = {
    "fr": (
        "Cet appel avec {tenant} n'est pas enregistré. Finalité : {purpose}. "
        "Le serveur de {tenant} relaie l'appel : il n'est pas chiffré de bout en bout."
    ),
    "en": (
        "This call with {tenant} is not recorded. Purpose: {purpose}. "
        "{tenant}'s server carries the call: it is not end-to-end encrypted."
    ),
}
_WHAT: Final[dict[Language, dict[tuple[str, ...], str]]] = {
    "fr": {("audio",): "le son", ("audio", "video"): "le son et l'image"},
    "en": {("audio",): "the sound", ("audio", "video"): "the sound and the picture"},
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice as it was shown: the words and what identifies them."""

    version: str
    hash: str
    language: Language
    tenant_name: str
    purpose: str
    retention_days: int
    records: tuple[str, ...]
    text: str


def make_notice(  # every argument is a fact the law wants told
    *,
    tenant_name: str,
    purpose: str,
    retention_days: int,
    media: tuple[str, ...],
    records: bool,
    language: Language,
) -> Notice:
    """Write the notice of a call; ``media`` is what the visitor may send, in the order audio, video."""
    template = _TEXT[language] if records else _TEXT_UNRECORDED[language]
    text = template.format(
        tenant=tenant_name, what=_WHAT[language][media], purpose=purpose, days=retention_days
    )
    return Notice(
        version=VERSION,
        hash=hashlib.sha256(f"{VERSION}\n{language}\n{text}".encode()).hexdigest(),
        language=language,
        tenant_name=tenant_name,
        purpose=purpose,
        retention_days=retention_days,
        records=media if records else (),
        text=text,
    )
