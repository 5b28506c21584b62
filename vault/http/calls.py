"""Calls: what the widget opens, answers and joins. Signalling has the shape of WHIP (RFC 9725)."""

from typing import Any, Final, Literal

from pydantic import Field

from vault.calls.buttons import Button
from vault.calls.calls import CallView, OpenCall, OpenedCall
from vault.calls.notice import Language
from vault.calls.relays import Policy
from vault.calls.visitors import Visitor
from vault.errors import (
    BusyError,
    ConflictError,
    DependencyError,
    NotFoundError,
    NoticeChangedError,
    OriginRefusedError,
    TooManyLegsError,
    VisitorTokenError,
)
from vault.http.ask import Answer, Ask
from vault.http.ice import IceServerOut, ice_of
from vault.http.proxies import limited_as
from vault.http.route import Cors, Limit, Route
from vault.http.wire import In, Moment, Out, Text
from vault.identity.visitor_tokens import Vouched
from vault.model import CallState, ConsentChoice, RecordingState, Role, StopRule
from vault.policy import Permission

MediaList = list[Literal["audio", "video"]]


class VisitorIn(In):
    """What the page knows about its visitor; sealed under the call's own key, erased with it."""

    reference: Text | None = Field(None, min_length=1, max_length=200)
    name: Text | None = Field(None, min_length=1, max_length=200)
    email: Text | None = Field(None, min_length=3, max_length=254)
    phone: Text | None = Field(None, min_length=3, max_length=40)


class CallIn(In):
    """A press of the button."""

    language: Language
    media: MediaList = Field(min_length=1, max_length=2)
    visitor: VisitorIn = VisitorIn()
    visitor_token: Text | None = Field(
        None, min_length=20, max_length=8_192, description="What the company signed of the visitor (JWT)."
    )
    page_url: Text | None = Field(None, max_length=2_000)


class NoticeOut(Out):
    """What the visitor must be shown before answering."""

    version: str
    hash: str
    language: Language
    tenant_name: str
    purpose: str
    retention_days: int
    records: list[str]
    text: str


class OpenedOut(Out):
    """A call that waits for the visitor's answer. ``token`` is good for this call only."""

    id: str
    state: CallState
    token: str
    token_expires_at: Moment
    notice: NoticeOut
    ice_servers: list[IceServerOut]
    ice_transport_policy: Policy


class TakerOut(Out):
    """Who took a call."""

    id: str
    name: str


class OpenPauseOut(Out):
    """A secure pause that goes on."""

    id: str
    since: Moment


class RecordingOut(Out):
    """Whether a call is being recorded, and if not, why not.

    ``on_withdrawal`` is what becomes of what was recorded when the visitor takes their consent back.
    """

    state: RecordingState
    pause: OpenPauseOut | None
    on_withdrawal: StopRule


class CallOut(Out):
    """A call as its visitor or its tenant sees it; who took it is for the tenant's people."""

    id: str
    state: CallState
    button_id: str
    language: str
    media: list[str]
    created_at: Moment
    ended_at: Moment | None
    end_reason: str | None
    consent: ConsentChoice | None
    recording: RecordingOut
    taken_by: TakerOut | None


class ConsentIn(In):
    """The visitor's answer to the notice with this hash."""

    choice: Literal[ConsentChoice.ACCEPTED, ConsentChoice.REFUSED]
    notice_hash: Text = Field(min_length=64, max_length=64)
    language: Language


class ConsentOut(Out):
    """The answer, as it is in the ledger."""

    id: str
    choice: ConsentChoice


class WidgetOut(Out):
    """What the button on the page needs before it is pressed."""

    label: dict[str, str]
    media: list[str]
    tenant_name: str
    languages: list[str]
    records: bool


async def widget_of_button(ask: Ask[None, None]) -> Answer:
    """Tell the widget what its button says and offers.

    A page that is not on the list learns so here, from a problem that it may read: the preflight of the
    call that would follow can only fail without words.
    """
    button = await ask.services.buttons.public(ask.path["button_id"])
    if ask.origin is not None:
        button.admit_origin(ask.origin)
    return Answer(
        body=WidgetOut(
            label=button.label,
            media=list(button.media),
            tenant_name=button.tenant_name,
            languages=sorted(button.label),
            records=button.records,
        )
    )


async def open_call(ask: Ask[CallIn, None]) -> Answer:
    """Open a call through a button; no room for it is told here, before the visitor is asked anything."""
    button = await ask.services.buttons.public(ask.path["button_id"])
    button.admit_origin(ask.origin)
    ask.services.legs.seats.require_for_call(button.id, button.tenant_id, limited_as(ask.client))
    media = tuple(kind for kind in ("audio", "video") if kind in ask.body.media)
    if "audio" not in media:
        media = ("audio", *media)  # a picture alone is no conversation; the notice speaks of both
    opened = await ask.services.calls.open(
        OpenCall(
            button_id=button.id,
            origin=ask.origin,
            language=ask.body.language,
            media=media,
            visitor=Visitor(**ask.body.visitor.model_dump()),
            page_url=ask.body.page_url,
            vouched=await _vouched(ask, button),
        )
    )
    return present_opened(ask, opened)


def present_opened(ask: Ask[Any, Any], opened: OpenedCall) -> Answer:
    """Write a call that was just opened, with the visitor's token."""
    minted = ask.services.identity.mint_visitor_token(call_id=opened.id, tenant_id=opened.tenant_id)
    notice = opened.notice
    return Answer(
        status=201,
        headers={"Location": f"/v1/calls/{opened.id}"},
        body=OpenedOut(
            id=opened.id,
            state=opened.state,
            token=minted.token,
            token_expires_at=minted.expires_at,
            notice=NoticeOut(
                version=notice.version,
                hash=notice.hash,
                language=notice.language,
                tenant_name=notice.tenant_name,
                purpose=notice.purpose,
                retention_days=notice.retention_days,
                records=list(notice.records),
                text=notice.text,
            ),
            **ice_of(ask.services.relays),
        ),
    )


async def _vouched(ask: Ask[CallIn, None], button: Button) -> Vouched | None:
    """Verify the visitor's token, where there is one."""
    if ask.body.visitor_token is None:
        return None
    return await ask.services.identity.visitors.read(
        ask.body.visitor_token, tenant_id=button.tenant_id, button_id=button.id
    )


async def show_call(ask: Ask[None, None]) -> Answer:
    """Show a call."""
    call = await ask.services.calls.view(ask.path["call_id"], by=ask.principal)
    return Answer(body=await present_call(ask, call))


async def present_call(ask: Ask[Any, Any], call: CallView) -> CallOut:
    """Write a call as the asker may see it."""
    taker = None
    if call.taken_by is not None and ask.principal.role is not Role.VISITOR:
        person = await ask.services.identity.people.shown(call.taken_by, tenant_id=call.tenant_id)
        taker = TakerOut(id=person.id, name=person.name)
    return CallOut(
        id=call.id,
        state=call.state,
        button_id=call.button_id,
        language=call.language,
        media=list(call.media),
        created_at=call.created_at,
        ended_at=call.ended_at,
        end_reason=call.end_reason,
        consent=call.consent,
        recording=present_recording(ask, call),
        taken_by=taker,
    )


def present_recording(ask: Ask[Any, Any], call: CallView) -> RecordingOut:
    """Write whether a call is recorded, as this process knows it."""
    permit = ask.services.legs.floor.permits.seen(call)
    pause = permit.pause
    return RecordingOut(
        state=permit.state(),
        pause=None if pause is None else OpenPauseOut(id=pause.id, since=pause.begun_at),
        on_withdrawal=call.on_withdrawal,
    )


async def answer_notice(ask: Ask[ConsentIn, None]) -> Answer:
    """Record the visitor's answer to the notice."""
    consent_id = await ask.services.calls.answer_notice(
        ask.path["call_id"],
        ask.body.choice,
        notice_hash=ask.body.notice_hash,
        language=ask.body.language,
        by=ask.principal,
    )
    return Answer(status=201, body=ConsentOut(id=consent_id, choice=ask.body.choice))


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/buttons/{button_id}/widget",
        handler=widget_of_button,
        needs=Permission.PUBLIC,
        summary="What the button on the page needs.",
        tag="calls",
        responses={200: WidgetOut},
        errors=(NotFoundError, OriginRefusedError),
        cors=Cors.BUTTON,
    ),
    Route(
        method="POST",
        path="/v1/buttons/{button_id}/calls",
        handler=open_call,
        needs=Permission.PUBLIC,
        summary="Open a call.",
        tag="calls",
        body=CallIn,
        responses={201: OpenedOut},
        errors=(
            NotFoundError,
            OriginRefusedError,
            VisitorTokenError,
            DependencyError,
            TooManyLegsError,
            BusyError,
        ),
        limit=Limit.CALLS,
        cors=Cors.BUTTON,
    ),
    Route(
        method="GET",
        path="/v1/calls/{call_id}",
        handler=show_call,
        needs=Permission.CALL_READ,
        summary="Show a call.",
        tag="calls",
        responses={200: CallOut},
        errors=(NotFoundError,),
        cors=Cors.BUTTON,
    ),
    Route(
        method="POST",
        path="/v1/calls/{call_id}/consents",
        handler=answer_notice,
        needs=Permission.CALL_CONSENT,
        summary="Answer the notice.",
        tag="calls",
        body=ConsentIn,
        responses={201: ConsentOut},
        errors=(NotFoundError, ConflictError, NoticeChangedError),
        cors=Cors.BUTTON,
    ),
)
