"""Deletion requests and their receipts: ``/v1/deletion-requests``."""

from collections.abc import Sequence
from typing import Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from vault.calls.visitors import Field as VisitorField
from vault.errors import ConflictError, ErasedError, NotFoundError, RestrictedError
from vault.http.ask import Answer, Ask
from vault.http.paging import page_of
from vault.http.route import Route
from vault.http.wire import JSON_TYPE, In, Moment, Out, PageQuery, Text, one_of
from vault.model import ErasureReason, ErasureState, HoldGround
from vault.policy import Permission
from vault.rights.asked import DeletionRequest

RECEIPT_TYPE: Final = JSON_TYPE
NAMED: Final = ("media_id", "call_id", "visitor_reference", "visitor_email", "visitor_phone")


class DeletionIn(In):
    """What to erase: one media item, one call with all that belongs to it, or all calls of a visitor."""

    model_config = ConfigDict(json_schema_extra=one_of(*NAMED))

    media_id: str | None = Field(None, pattern=r"^(rec|exp)_[0-9a-f]{32}$")
    call_id: str | None = Field(None, pattern=r"^call_[0-9a-f]{32}$")
    visitor_reference: Text | None = Field(None, min_length=1, max_length=200)
    visitor_email: Text | None = Field(None, min_length=3, max_length=254)
    visitor_phone: Text | None = Field(None, min_length=3, max_length=40)
    reason: ErasureReason

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(getattr(self, name) is not None for name in NAMED) != 1:
            raise ValueError(f"name exactly one of {', '.join(NAMED)}")
        return self

    def visitor(self) -> tuple[VisitorField, str]:
        """Tell by what a visitor is named."""
        named = {
            VisitorField.EMAIL: self.visitor_email,
            VisitorField.PHONE: self.visitor_phone,
            VisitorField.REFERENCE: self.visitor_reference,
        }
        return next((field, value) for field, value in named.items() if value is not None)


class DeletionItem(Out):
    """One object of a request: ``kind`` says what it is: recording, export, call, its chat or a note.

    ``held``: a legal hold keeps it, on this ground; its erasure goes on by itself when the hold ends.
    """

    object_id: str
    kind: str
    state: ErasureState
    live_erased_at: Moment | None
    held: HoldGround | None


class DeletionOut(Out):
    """A request and how far it is."""

    id: str
    state: Literal["pending", "complete"]
    scope: str
    reason: ErasureReason
    requested_at: Moment
    completed_at: Moment | None
    items: list[DeletionItem]
    receipt_url: str


class DeletionPage(Out):
    """One page of requests, newest first."""

    items: list[DeletionOut]
    next_cursor: str | None


async def request_deletion(ask: Ask[DeletionIn, None]) -> Answer:
    """Ask for an erasure."""
    requests, body, who = ask.services.deletion_requests, ask.body, ask.principal
    if body.media_id is not None:
        made = await requests.of_media(body.media_id, body.reason, by=who)
    elif body.call_id is not None:
        made = await requests.of_call(body.call_id, body.reason, by=who)
    else:
        field, value = body.visitor()
        made = await requests.of_visitor(value, body.reason, by=who, field=field)
    ask.services.keeper.wake()
    return Answer(
        status=202, body=present_deletion(made), headers={"Location": f"/v1/deletion-requests/{made.id}"}
    )


async def list_deletions(ask: Ask[None, PageQuery]) -> Answer:
    """List requests, newest first."""

    async def find(before: str | None, limit: int) -> Sequence[DeletionRequest]:
        return await ask.services.deletion_requests.list(by=ask.principal, before=before, limit=limit)

    page = await page_of(ask, "deletions", find)
    shown = DeletionPage(items=[present_deletion(one) for one in page.items], next_cursor=page.next_cursor)
    return Answer(body=shown, headers=page.headers)


async def show_deletion(ask: Ask[None, None]) -> Answer:
    """Show a request."""
    return Answer(
        body=present_deletion(
            await ask.services.deletion_requests.get(ask.path["deletion_id"], by=ask.principal)
        )
    )


async def receipt(ask: Ask[None, None]) -> Answer:
    """Give the receipt of a request, to be kept and verified without us."""
    request_id = ask.path["deletion_id"]
    written = await ask.services.receipts.of(request_id, by=ask.principal)
    return Answer(
        body=written,
        content_type=RECEIPT_TYPE,
        headers={"Content-Disposition": f'attachment; filename="receipt-{request_id}.json"'},
    )


def present_deletion(request: DeletionRequest) -> DeletionOut:
    """Show a request as the wire has it."""
    return DeletionOut(
        id=request.id,
        state="complete" if request.complete else "pending",
        scope=request.scope,
        reason=request.reason,
        requested_at=request.requested_at,
        completed_at=request.completed_at,
        items=[
            DeletionItem(
                object_id=item.object_id,
                kind=item.kind,
                state=item.state,
                live_erased_at=item.live_erased_at,
                held=item.held,
            )
            for item in request.items
        ],
        receipt_url=f"/v1/deletion-requests/{request.id}/receipt",
    )


ROUTES: Final = (
    Route(
        method="POST",
        path="/v1/deletion-requests",
        handler=request_deletion,
        needs=Permission.ERASURE_REQUEST,
        summary="Ask for an erasure.",
        tag="erasure",
        body=DeletionIn,
        creates=True,
        responses={202: DeletionOut},
        errors=(NotFoundError, ErasedError, ConflictError, RestrictedError),
    ),
    Route(
        method="GET",
        path="/v1/deletion-requests",
        handler=list_deletions,
        needs=Permission.ERASURE_READ,
        summary="List erasures.",
        tag="erasure",
        query=PageQuery,
        responses={200: DeletionPage},
    ),
    Route(
        method="GET",
        path="/v1/deletion-requests/{deletion_id}",
        handler=show_deletion,
        needs=Permission.ERASURE_READ,
        summary="Show an erasure.",
        tag="erasure",
        responses={200: DeletionOut},
        errors=(NotFoundError,),
    ),
    Route(
        method="GET",
        path="/v1/deletion-requests/{deletion_id}/receipt",
        handler=receipt,
        needs=Permission.ERASURE_READ,
        summary="The receipt of an erasure.",
        tag="erasure",
        responses={200: RECEIPT_TYPE},
        errors=(NotFoundError, ConflictError),
    ),
)
