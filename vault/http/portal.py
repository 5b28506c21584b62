"""The visitor's own page: the link that leads there, what is kept of their call, its erasure."""

from typing import Final

from pydantic import Field

from vault.errors import ConflictError, ErasedError, NotFoundError
from vault.http.ask import Answer, Ask
from vault.http.cookies import own_origin
from vault.http.route import Cors, Limit, Route
from vault.http.wire import JSON_TYPE, In, Moment, Out, Text
from vault.model import CallState, ConsentChoice, ErasureReason, StopRule
from vault.policy import Permission
from vault.rights.kept import KeptItem, KeptKind, KeptRequest, KeptState, KeptView, Side

SHAPE: Final = r"^[A-Za-z0-9_-]{22}$"


class OwnLinkOut(Out):
    """The visitor's own link. ``url`` is shown here and never again."""

    url: str
    expires_at: Moment


class VisitIn(In):
    """What stands in the fragment of the link."""

    secret: Text = Field(pattern=SHAPE)


class VisitOut(Out):
    """A visit: ``token`` is good for looking, withdrawing and erasing, for nothing of a call."""

    token: str
    token_expires_at: Moment


class KeptItemOut(Out):
    """A recording of one side, or a file made of several (``copy``)."""

    side: Side
    kind: KeptKind
    state: KeptState
    duration_ms: int | None
    retain_until: Moment
    erased_at: Moment | None


class KeptRequestOut(Out):
    """A request for erasure that reaches the call; ``receipt_url`` once it is complete."""

    id: str
    reason: ErasureReason
    requested_at: Moment
    completed_at: Moment | None
    receipt_url: str | None


class KeptOut(Out):
    """What is kept of a call, as its visitor is told.

    ``chat`` is what was written in it, ``details`` what the page told about the visitor; ``retain_until``
    holds for both. ``on_withdrawal`` is what becomes of the recordings when consent is taken back.
    """

    call_id: str
    tenant_name: str
    state: CallState
    created_at: Moment
    ended_at: Moment | None
    consent: ConsentChoice | None
    records: bool
    on_withdrawal: StopRule
    items: list[KeptItemOut]
    chat: KeptState
    details: KeptState
    retain_until: Moment | None
    erased_at: Moment | None
    requests: list[KeptRequestOut]


async def make_own_link(ask: Ask[None, None]) -> Answer:
    """Make the visitor's own link anew; the one before is good no more."""
    made = await ask.services.portal.own_links.make(ask.path["call_id"], by=ask.principal)
    # The secret stands in the fragment: browsers send that to nobody, so no log has it.
    url = f"{own_origin(ask.raw, ask.services.settings)}/v/{made.call_id}#{made.secret}"
    place = {"Location": f"/v1/calls/{made.call_id}/kept"}
    return Answer(status=201, body=OwnLinkOut(url=url, expires_at=made.expires_at), headers=place)


async def visit(ask: Ask[VisitIn, None]) -> Answer:
    """Come back by a link."""
    found = await ask.services.portal.own_links.visit(ask.path["call_id"], ask.body.secret)
    minted = ask.services.identity.mint_visit_token(
        call_id=found.call_id, tenant_id=found.tenant_id, link=found.link
    )
    place = {"Location": f"/v1/calls/{found.call_id}/kept"}
    return Answer(
        status=201,
        body=VisitOut(token=minted.token, token_expires_at=minted.expires_at),
        headers=place,
    )


async def show_kept(ask: Ask[None, None]) -> Answer:
    """Tell what is kept."""
    return Answer(body=_kept(await ask.services.portal.kept.of_call(ask.path["call_id"], by=ask.principal)))


async def erase_own(ask: Ask[None, None]) -> Answer:
    """Ask for the erasure of one's own call."""
    call_id = ask.path["call_id"]
    asked = await ask.services.portal.kept.erase(call_id, by=ask.principal)
    ask.services.keeper.wake()
    place = {"Location": f"/v1/calls/{call_id}/kept"}
    return Answer(status=202, body=_request(call_id, asked), headers=place)


async def own_receipt(ask: Ask[None, None]) -> Answer:
    """Give the receipt of an erasure, to be kept and verified without us."""
    call_id, request_id = ask.path["call_id"], ask.path["deletion_id"]
    return Answer(
        body=await ask.services.portal.kept.receipt(call_id, request_id, by=ask.principal),
        content_type=JSON_TYPE,
        headers={"Content-Disposition": f'attachment; filename="receipt-{request_id}.json"'},
    )


def _kept(view: KeptView) -> KeptOut:
    return KeptOut(
        call_id=view.call_id,
        tenant_name=view.tenant_name,
        state=view.state,
        created_at=view.created_at,
        ended_at=view.ended_at,
        consent=view.consent,
        records=view.records,
        on_withdrawal=view.rule,
        items=[_item(one) for one in view.items],
        chat=view.chat,
        details=view.details,
        retain_until=view.retain_until,
        erased_at=view.erased_at,
        requests=[_request(view.call_id, one) for one in view.requests],
    )


def _item(item: KeptItem) -> KeptItemOut:
    return KeptItemOut(
        side=item.side,
        kind=item.kind,
        state=item.state,
        duration_ms=item.duration_ms,
        retain_until=item.retain_until,
        erased_at=item.erased_at,
    )


def _request(call_id: str, asked: KeptRequest) -> KeptRequestOut:
    return KeptRequestOut(
        id=asked.id,
        reason=asked.reason,
        requested_at=asked.requested_at,
        completed_at=asked.completed_at,
        receipt_url=f"/v1/calls/{call_id}/receipts/{asked.id}" if asked.has_receipt else None,
    )


ROUTES: Final = (
    Route(
        method="POST",
        path="/v1/calls/{call_id}/own-link",
        handler=make_own_link,
        needs=Permission.CALL_OWN_LINK,
        summary="Make the visitor's own link to a call.",
        tag="visits",
        responses={201: OwnLinkOut},
        errors=(NotFoundError,),
        cors=Cors.BUTTON,
    ),
    Route(
        method="POST",
        path="/v1/calls/{call_id}/visits",
        handler=visit,
        needs=Permission.PUBLIC,
        summary="Come back to a call by its visitor's own link.",
        tag="visits",
        body=VisitIn,
        responses={201: VisitOut},
        errors=(NotFoundError,),
        limit=Limit.VISITS,
    ),
    Route(
        method="GET",
        path="/v1/calls/{call_id}/kept",
        handler=show_kept,
        needs=Permission.CALL_KEPT,
        summary="What is kept of one's own call.",
        tag="visits",
        responses={200: KeptOut},
        errors=(NotFoundError,),
        cors=Cors.BUTTON,
    ),
    Route(
        method="POST",
        path="/v1/calls/{call_id}/erasure",
        handler=erase_own,
        needs=Permission.CALL_ERASE_OWN,
        summary="Ask for the erasure of one's own call.",
        tag="visits",
        responses={202: KeptRequestOut},
        errors=(NotFoundError, ErasedError, ConflictError),
        cors=Cors.BUTTON,
    ),
    Route(
        method="GET",
        path="/v1/calls/{call_id}/receipts/{deletion_id}",
        handler=own_receipt,
        needs=Permission.CALL_KEPT,
        summary="The receipt of an erasure of one's own call.",
        tag="visits",
        responses={200: JSON_TYPE},
        errors=(NotFoundError, ConflictError),
    ),
)
