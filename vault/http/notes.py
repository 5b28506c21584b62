"""One's own note on a call, and the tenant's rules: ``/v1/calls/{call_id}/notes``, ``/v1/note-rules``."""

from typing import Any, Final

from pydantic import Field

from vault.calls.notes import MAX_DISPOSITIONS, TEXT_CHARS, Disposition, Note, NoteRules
from vault.errors import (
    ConflictError,
    ErasedError,
    NotFoundError,
    PreconditionFailedError,
    PreconditionRequiredError,
    RestrictedError,
)
from vault.http.ask import Answer, Ask
from vault.http.buttons import TwoLanguages
from vault.http.route import Route
from vault.http.wire import In, Integer, Moment, Out, Text
from vault.model import DAYS_MAX
from vault.policy import Permission


class NoteIn(In):
    """One's note as it is to be; send the ETag of the one that was read in If-Match."""

    text: Text = Field(max_length=TEXT_CHARS)
    disposition: Text | None = Field(None, max_length=40, description="A code of the tenant's list.")


class NoteOut(Out):
    """One's note; without any, an empty one whose ETag is "0"."""

    text: str
    disposition: str | None
    updated_at: Moment | None
    retain_until: Moment | None


class DispositionIn(In):
    """A way a call can have gone."""

    code: Text = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    label: TwoLanguages


class NoteRulesIn(In):
    """How long notes are kept, and the list of dispositions."""

    retention_days: Integer = Field(ge=1, le=DAYS_MAX)
    dispositions: list[DispositionIn] = Field(min_length=1, max_length=MAX_DISPOSITIONS)


class DispositionOut(Out):
    """A way a call can have gone."""

    code: str
    label: dict[str, str]


class NoteRulesOut(Out):
    """How long notes are kept, and the list of dispositions."""

    retention_days: int
    dispositions: list[DispositionOut]


async def show_note(ask: Ask[None, None]) -> Answer:
    """Give one's own note."""
    return _note(await ask.services.papers.notes.own(ask.path["call_id"], by=ask.principal))


async def write_note(ask: Ask[NoteIn, None]) -> Answer:
    """Write one's own note."""
    return _note(
        await ask.services.papers.notes.write(
            ask.path["call_id"],
            ask.body.text,
            ask.body.disposition,
            version=_version(ask),
            by=ask.principal,
        )
    )


async def show_rules(ask: Ask[None, None]) -> Answer:
    """Give the tenant's rules."""
    return Answer(body=_rules(await ask.services.papers.notes.rules(by=ask.principal)))


async def set_rules(ask: Ask[NoteRulesIn, None]) -> Answer:
    """Set the tenant's rules."""
    wanted = NoteRules(
        ask.body.retention_days,
        tuple(Disposition(one.code, one.label.model_dump()) for one in ask.body.dispositions),
    )
    return Answer(body=_rules(await ask.services.papers.notes.set_rules(wanted, by=ask.principal)))


def _version(ask: Ask[Any, Any]) -> int | None:
    """Read the version in If-Match; None without one, one that never was where it is no number of ours."""
    given = ask.raw.if_match
    if not given:
        return None
    value = given[0].value
    return int(value) if not given[0].is_weak and value.isdecimal() and len(value) < 10 else -1  # noqa: PLR2004


def _note(note: Note) -> Answer:
    told = NoteOut(
        text=note.text,
        disposition=note.disposition,
        updated_at=note.updated_at,
        retain_until=note.retain_until,
    )
    return Answer(body=told, headers={"ETag": f'"{note.version}"'})


def _rules(rules: NoteRules) -> NoteRulesOut:
    return NoteRulesOut(
        retention_days=rules.days,
        dispositions=[DispositionOut(code=one.code, label=dict(one.label)) for one in rules.dispositions],
    )


_OWN: Final = "/v1/calls/{call_id}/notes"
_RULES: Final = "/v1/note-rules"
ROUTES: Final = (
    Route(
        method="GET",
        path=_OWN,
        handler=show_note,
        needs=Permission.CALL_NOTE,
        summary="Give one's own note on a call.",
        tag="history",
        responses={200: NoteOut},
        errors=(NotFoundError, ConflictError, ErasedError, RestrictedError),
    ),
    Route(
        method="PUT",
        path=_OWN,
        handler=write_note,
        needs=Permission.CALL_NOTE,
        summary="Write one's own note on a call.",
        tag="history",
        body=NoteIn,
        responses={200: NoteOut},
        errors=(
            NotFoundError,
            ConflictError,
            ErasedError,
            RestrictedError,
            PreconditionRequiredError,
            PreconditionFailedError,
        ),
    ),
    Route(
        method="GET",
        path=_RULES,
        handler=show_rules,
        needs=Permission.CALL_NOTE,
        summary="How long notes are kept, and the list of dispositions.",
        tag="history",
        responses={200: NoteRulesOut},
    ),
    Route(
        method="PUT",
        path=_RULES,
        handler=set_rules,
        needs=Permission.NOTES_MANAGE,
        summary="Set how long notes are kept, and the list of dispositions.",
        tag="history",
        body=NoteRulesIn,
        responses={200: NoteRulesOut},
    ),
)
