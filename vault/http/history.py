"""Calls afterwards: the list, the exact search, and one call opened: ``/v1/calls``."""

from collections.abc import Sequence
from typing import Any, Final, Literal

from pydantic import Field as Member

from vault.calls.history import CallFilter, Dossier, Outcome, PastCall
from vault.calls.visitors import Field
from vault.clock import from_text, to_text
from vault.errors import ErasedError, NotFoundError, RestrictedError
from vault.http.ask import Answer, Ask
from vault.http.calls import TakerOut
from vault.http.chat import MessageOut, name_of, present_messages
from vault.http.media import BUTTON_ID, QueryMoment
from vault.http.paging import next_link, scope_of
from vault.http.route import Route
from vault.http.wire import In, Moment, Out, PageQuery, Text
from vault.model import CallState, ConsentChoice
from vault.policy import Permission

PERSON: Final = r"^per_[0-9a-f]{32}$"


class CallsQuery(PageQuery):
    """Which calls to show."""

    state: CallState | None = Member(None, description="In this state.")
    button_id: str | None = Member(None, pattern=BUTTON_ID, description="Through this button.")
    taken_by: str | None = Member(None, pattern=PERSON, description="Taken by this person.")
    disposition: Text | None = Member(None, max_length=40, description="That went this way, by code.")
    from_: QueryMoment | None = Member(None, alias="from", description="Opened at or after this moment.")
    to: QueryMoment | None = Member(None, description="Opened before this moment.")


class SearchIn(In):
    """Whose calls to find: exactly this value. It stands in the body, so that no address holds it."""

    field: Literal["reference", "name", "email", "phone"]
    value: Text = Member(min_length=1, max_length=254)
    limit: int = Member(50, ge=1, le=200)
    cursor: str | None = Member(None, max_length=1_000)


class PastCallOut(Out):
    """A call in the list: nothing of it says who called."""

    id: str
    button_id: str
    button_name: str
    state: CallState
    outcome: Outcome
    created_at: Moment
    taken_at: Moment | None
    ended_at: Moment | None
    taken_by: TakerOut | None
    consent: ConsentChoice | None
    recordings: int
    disposition: str | None
    erased_at: Moment | None


class CallPage(Out):
    """One page of calls, newest first."""

    items: list[PastCallOut]
    next_cursor: str | None


class VisitorOut(Out):
    """Who called; ``verified`` names the members that the company's own program signed."""

    reference: str | None
    name: str | None
    email: str | None
    phone: str | None
    verified: list[str]


class NoteOfOut(Out):
    """A note that somebody wrote on a call."""

    author: TakerOut
    text: str
    disposition: str | None
    updated_at: Moment | None
    retain_until: Moment | None


class DossierOut(Out):
    """A call, opened."""

    call: PastCallOut
    visitor: VisitorOut
    page_url: str | None
    messages: list[MessageOut]
    notes: list[NoteOfOut]


async def list_calls(ask: Ask[None, CallsQuery]) -> Answer:
    """List calls, newest first."""
    query = ask.query
    scope = scope_of("calls", ask.principal.tenant_id, query)
    wanted = CallFilter(
        state=query.state,
        button_id=query.button_id,
        taken_by=query.taken_by,
        disposition=query.disposition,
        from_=query.from_,
        to=query.to,
        after=_position(ask, scope, query.cursor),
    )
    found = await ask.services.papers.history.page(wanted, by=ask.principal, limit=query.limit + 1)
    page = await _page(ask, found, scope, query.limit)
    return Answer(body=page, headers=next_link(ask, page.next_cursor))


async def search_calls(ask: Ask[SearchIn, None]) -> Answer:
    """Find calls by who called."""
    body = ask.body
    scope = f"search {ask.principal.tenant_id} {body.field} {body.value}"  # a cursor holds a hash of it only
    wanted = CallFilter(after=_position(ask, scope, body.cursor))
    found = await ask.services.papers.history.search(
        Field(body.field), body.value, wanted, by=ask.principal, limit=body.limit + 1
    )
    return Answer(body=await _page(ask, found, scope, body.limit))


async def open_dossier(ask: Ask[None, None]) -> Answer:
    """Open a call; who looked is in the ledger."""
    found = await ask.services.papers.history.open(ask.path["call_id"], by=ask.principal)
    return Answer(body=await _dossier(ask, found))


async def show_summary(ask: Ask[None, None]) -> Answer:
    """Give a call's line of the list."""
    found = await ask.services.papers.history.one(ask.path["call_id"], by=ask.principal)
    return Answer(body=(await _lines(ask, [found]))[0])


def _position(ask: Ask[Any, Any], scope: str, cursor: str | None) -> Any:
    if cursor is None:
        return None
    at, call_id = ask.services.cursors.read(scope, cursor)
    return from_text(str(at)), str(call_id)


async def _page(ask: Ask[Any, Any], found: Sequence[PastCall], scope: str, limit: int) -> CallPage:
    shown, cursor = found[:limit], None
    if len(found) > limit:
        cursor = ask.services.cursors.write(scope, [to_text(shown[-1].created_at), shown[-1].id])
    return CallPage(items=await _lines(ask, shown), next_cursor=cursor)


async def _lines(ask: Ask[Any, Any], found: Sequence[PastCall]) -> list[PastCallOut]:
    takers = {call.taken_by for call in found if call.taken_by is not None}
    names = {person_id: TakerOut(id=person_id, name=await name_of(ask, person_id)) for person_id in takers}
    return [
        PastCallOut(
            id=call.id,
            button_id=call.button_id,
            button_name=call.button_name,
            state=call.state,
            outcome=call.outcome,
            created_at=call.created_at,
            taken_at=call.taken_at,
            ended_at=call.ended_at,
            taken_by=None if call.taken_by is None else names[call.taken_by],
            consent=call.consent,
            recordings=call.recordings,
            disposition=call.disposition,
            erased_at=call.erased_at,
        )
        for call in found
    ]


async def _dossier(ask: Ask[Any, Any], found: Dossier) -> DossierOut:
    notes = [
        NoteOfOut(
            author=TakerOut(id=note.person_id, name=await name_of(ask, note.person_id)),
            text=note.text,
            disposition=note.disposition,
            updated_at=note.updated_at,
            retain_until=note.retain_until,
        )
        for note in found.notes
    ]
    told = {name.value: found.visitor.get(name) for name in Field}
    return DossierOut(
        call=(await _lines(ask, [found.call]))[0],
        visitor=VisitorOut(**told, verified=list(found.verified)),
        page_url=found.page_url,
        messages=await present_messages(ask, found.messages),
        notes=notes,
    )


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/calls",
        handler=list_calls,
        needs=Permission.CALL_LIST,
        summary="List calls.",
        tag="history",
        query=CallsQuery,
        responses={200: CallPage},
    ),
    Route(
        method="POST",
        path="/v1/calls/search",
        handler=search_calls,
        needs=Permission.CALL_LIST,
        summary="Find calls by exactly who called.",
        tag="history",
        body=SearchIn,
        responses={200: CallPage},
    ),
    Route(
        method="GET",
        path="/v1/calls/{call_id}/summary",
        handler=show_summary,
        needs=Permission.CALL_LIST,
        summary="A call as the list shows it.",
        tag="history",
        responses={200: PastCallOut},
        errors=(NotFoundError,),
    ),
    Route(
        method="GET",
        path="/v1/calls/{call_id}/dossier",
        handler=open_dossier,
        needs=Permission.CALL_PERSONAL,
        summary="Open a call: who called, what was written and noted.",
        tag="history",
        responses={200: DossierOut},
        errors=(NotFoundError, ErasedError, RestrictedError),
    ),
)
