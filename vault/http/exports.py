"""A call as a whole: its manifest on one clock, and files made of all its recordings."""

from typing import Any, Final

from pydantic import Field

from vault.errors import (
    ConflictError,
    DependencyError,
    ErasedError,
    NotFoundError,
    RestrictedError,
    TooManyRequestsError,
)
from vault.http.ask import Answer, Ask
from vault.http.route import Route
from vault.http.wire import In, Moment, Out
from vault.media.exports import Export
from vault.model import (
    ConsentChoice,
    ExportFailure,
    ExportFormat,
    ExportState,
    LegKind,
    MediaState,
    Role,
)
from vault.policy import Permission

RUNNING_DONE: Final = 100


class ManifestConsent(Out):
    """The visitor's answer to the notice."""

    choice: ConsentChoice
    at: Moment
    withdrawn_at: Moment | None = None
    language: str
    notice_version: str
    notice_hash: str


class ManifestGap(Out):
    """Where nothing was kept; ``kind`` is ``audio``, ``video`` or ``all``."""

    kind: str
    from_ms: int
    to_ms: int
    cause: str


class ManifestSpan(Out):
    """A leg that a recording came by, and when."""

    leg: str
    from_ms: int
    to_ms: int


class ManifestRecording(Out):
    """One side of the call; of an erased one nothing but that it is."""

    recording: str
    state: MediaState
    leg: str | None = None
    carried_by: list[ManifestSpan] = Field(default_factory=list)
    role: Role | None = None
    participant: str | None = None
    kind: LegKind | None = None
    offset_ms: int | None = None
    duration_ms: int | None = None
    content_type: str | None = None
    recovered: bool | None = None
    end_reason: str | None = None
    tracks: list[str] = Field(default_factory=list)
    gaps: list[ManifestGap] = Field(default_factory=list)


class ManifestEvent(Out):
    """What happened, and when on the call's clock; before its first frame less than 0."""

    type: str
    at_ms: int
    participant: str | None = None
    reason: str | None = None


class CallManifestOut(Out):
    """A call on one clock; its zero is ``started_at``, exact within ``accuracy_ms``."""

    v: int
    call: str
    state: str
    started_at: Moment
    duration_ms: int
    accuracy_ms: int
    consent: ManifestConsent | None
    recordings: list[ManifestRecording]
    events: list[ManifestEvent]
    events_not_listed: int


class ExportIn(In):
    """What to make: a film of everybody, or sound with the visitor left and the agents right."""

    format: ExportFormat


class ExportOut(Out):
    """One export. ``progress`` is in per cent; of a ready one make a link, as of any media item."""

    id: str
    call_id: str
    format: ExportFormat
    state: ExportState
    progress: int
    failure: ExportFailure | None
    requested_by: str
    created_at: Moment
    retain_until: Moment
    duration_ms: int | None
    size_bytes: int | None
    content_type: str | None
    sources: list[str]


class ExportsOut(Out):
    """The exports of a call, newest first."""

    items: list[ExportOut]


async def show_manifest(ask: Ask[None, None]) -> Answer:
    """Show a call on one clock."""
    told = await ask.services.whole_calls.manifests.of(ask.path["call_id"], by=ask.principal)
    return Answer(body=CallManifestOut.model_validate(told))


async def make_export(ask: Ask[ExportIn, None]) -> Answer:
    """Have one file made of a call's recordings."""
    made = await ask.services.whole_calls.exports.ask(ask.path["call_id"], ask.body.format, by=ask.principal)
    ask.services.whole_calls.exporter.enqueue(made.id)
    return Answer(status=202, body=_present(ask, made), headers={"Location": f"/v1/exports/{made.id}"})


async def list_exports(ask: Ask[None, None]) -> Answer:
    """List the exports of a call."""
    found = await ask.services.whole_calls.exports.of_call(ask.path["call_id"], by=ask.principal)
    return Answer(body=ExportsOut(items=[_present(ask, one) for one in found]))


async def show_export(ask: Ask[None, None]) -> Answer:
    """Show how far an export is."""
    found = await ask.services.whole_calls.exports.get(ask.path["export_id"], by=ask.principal)
    return Answer(body=_present(ask, found))


def _present(ask: Ask[Any, Any], one: Export) -> ExportOut:
    state, percent = one.state, RUNNING_DONE if one.state is ExportState.READY else 0
    running = ask.services.whole_calls.exporter.progress(one.id)
    if state is ExportState.QUEUED and running is not None:
        state, percent = ExportState.RUNNING, running
    return ExportOut(
        id=one.id,
        call_id=one.call_id,
        format=one.format,
        state=state,
        progress=percent,
        failure=one.failure,
        requested_by=one.requested_by,
        created_at=one.created_at,
        retain_until=one.retain_until,
        duration_ms=one.duration_ms,
        size_bytes=one.size_bytes,
        content_type=one.content_type,
        sources=list(one.sources),
    )


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/calls/{call_id}/manifest",
        handler=show_manifest,
        needs=Permission.MEDIA_LIST,
        summary="Show a call on one clock: sides, gaps, events.",
        tag="exports",
        responses={200: CallManifestOut},
        errors=(NotFoundError, ErasedError, DependencyError),
    ),
    Route(
        method="GET",
        path="/v1/calls/{call_id}/exports",
        handler=list_exports,
        needs=Permission.MEDIA_LIST,
        summary="List the exports of a call.",
        tag="exports",
        responses={200: ExportsOut},
        errors=(NotFoundError,),
    ),
    Route(
        method="POST",
        path="/v1/calls/{call_id}/exports",
        handler=make_export,
        needs=Permission.MEDIA_EXPORT,
        summary="Make one file of a call's recordings.",
        tag="exports",
        body=ExportIn,
        creates=True,
        responses={202: ExportOut},
        errors=(NotFoundError, ErasedError, ConflictError, RestrictedError, TooManyRequestsError),
    ),
    Route(
        method="GET",
        path="/v1/exports/{export_id}",
        handler=show_export,
        needs=Permission.MEDIA_LIST,
        summary="Show an export and how far it is.",
        tag="exports",
        responses={200: ExportOut},
        errors=(NotFoundError,),
    ),
)
