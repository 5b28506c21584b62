"""The evidence pack of one's own company: signed JSON for programs, a page for people."""

import asyncio
from typing import Any, Final

from pydantic import Field

from vault.errors import DependencyError
from vault.evidence.page import content_policy, evidence_page
from vault.evidence.period import MONTHS, MONTHS_MAX
from vault.http.ask import Answer, Ask
from vault.http.language import LANGUAGES
from vault.http.pages import HTML, LANGUAGE_COOKIE
from vault.http.route import Limit, Route
from vault.http.wire import JSON_TYPE, In, Out
from vault.policy import Permission


class EvidenceQuery(In):
    """How far back accesses are counted."""

    months: int = Field(
        MONTHS, ge=1, le=MONTHS_MAX, description="Months counted, the present one among them."
    )


class EvidenceOut(Out):
    """A pack and its proof, in canonical form: check it with `callvault evidence verify` (docs/FORMAT.md)."""

    v: int
    evidence: dict[str, Any]
    leaf: str
    proof: str


async def pack(ask: Ask[None, EvidenceQuery]) -> Answer:
    """Make the pack, and record that it was made."""
    made = await ask.services.evidence.make(by=ask.principal, months=ask.query.months)
    return Answer(body=made.file, content_type=JSON_TYPE)


async def page(ask: Ask[None, EvidenceQuery]) -> Answer:
    """Make the pack, record it, and show it as a page that holds the signed file."""
    made = await ask.services.evidence.make(by=ask.principal, months=ask.query.months)
    chosen = ask.raw.cookies.get(LANGUAGE_COOKIE, "")
    language = chosen if chosen in LANGUAGES else ask.language
    shown = await asyncio.to_thread(evidence_page, made, language)
    headers = {"Content-Security-Policy": content_policy(), "Content-Language": language}
    return Answer(body=shown, content_type=HTML, headers=headers)


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/evidence",
        handler=pack,
        needs=Permission.EVIDENCE_READ,
        summary="Make the company's evidence pack: signed JSON.",
        tag="evidence",
        query=EvidenceQuery,
        limit=Limit.EVIDENCE,
        responses={200: EvidenceOut},
        errors=(DependencyError,),
    ),
    Route(
        method="GET",
        path="/v1/evidence.html",
        handler=page,
        needs=Permission.EVIDENCE_READ,
        summary="Make the same, as a page to read and print.",
        tag="evidence",
        query=EvidenceQuery,
        limit=Limit.EVIDENCE,
        responses={200: "text/html"},
        errors=(DependencyError,),
    ),
)
