"""Asking colleagues in a call: transfers, joins, and who could be asked."""

from typing import Final, Self

from pydantic import ConfigDict, Field, model_validator

from vault.calls.asking import AskView
from vault.calls.colleagues import Availability
from vault.errors import ConflictError, NotFoundError
from vault.http.ask import Answer, Ask
from vault.http.route import Route
from vault.http.wire import In, Moment, Out, Text, one_of
from vault.model import AskPurpose, AskState
from vault.policy import Permission


class AskIn(In):
    """Who is asked: a person or a team, exactly one of the two."""

    model_config = ConfigDict(json_schema_extra=one_of("person_id", "team_id"))

    person_id: Text | None = Field(None, max_length=40)
    team_id: Text | None = Field(None, max_length=40)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.person_id is None) == (self.team_id is None):
            raise ValueError("name a person or a team")
        return self


class NamedOut(Out):
    """A person or a team; the name is empty where none is known any more."""

    id: str
    name: str


class AskOut(Out):
    """A request to a colleague. ``taken``: somebody took it and cannot be heard yet; ``done``: they can."""

    id: str
    call_id: str
    purpose: AskPurpose
    state: AskState
    of: NamedOut
    asked_by: NamedOut
    taken_by: NamedOut | None
    rung: int
    created_at: Moment


class ColleagueOut(Out):
    """Somebody else who answers calls."""

    id: str
    name: str
    state: Availability


class ColleagueTeamOut(Out):
    """A team, and how many of it are free."""

    id: str
    name: str
    free: int


class ColleaguesOut(Out):
    """Whom one can ask; whoever is free comes first."""

    people: list[ColleagueOut]
    teams: list[ColleagueTeamOut]


async def list_colleagues(ask: Ask[None, None]) -> Answer:
    """List whom one can ask."""
    people, teams = await ask.services.ringing.colleagues.list(by=ask.principal)
    return Answer(
        body=ColleaguesOut(
            people=[ColleagueOut(id=one.id, name=one.name, state=one.state) for one in people],
            teams=[ColleagueTeamOut(id=one.id, name=one.name, free=one.free) for one in teams],
        )
    )


async def transfer(ask: Ask[AskIn, None]) -> Answer:
    """Hand a call over."""
    return await _asked(ask, AskPurpose.TRANSFER)


async def ask_to_join(ask: Ask[AskIn, None]) -> Answer:
    """Ask a colleague to join a call."""
    return await _asked(ask, AskPurpose.JOIN)


async def show_ask(ask: Ask[None, None]) -> Answer:
    """Show a request to a colleague."""
    asking = ask.services.ringing.asking
    return Answer(body=_present(await asking.one(ask.path["call_id"], ask.path["ask_id"], by=ask.principal)))


async def cancel_ask(ask: Ask[None, None]) -> Answer:
    """Stop asking."""
    asking = ask.services.ringing.asking
    ended = await asking.cancel(ask.path["call_id"], ask.path["ask_id"], by=ask.principal)
    return Answer(body=_present(ended))


async def _asked(ask: Ask[AskIn, None], purpose: AskPurpose) -> Answer:
    made = await ask.services.ringing.asking.ask(
        ask.path["call_id"],
        purpose,
        by=ask.principal,
        person_id=ask.body.person_id,
        team_id=ask.body.team_id,
    )
    place = f"/v1/calls/{made.ask.call_id}/asks/{made.ask.id}"
    return Answer(status=201, body=_present(made), headers={"Location": place})


def _present(view: AskView) -> AskOut:
    ask = view.ask
    taken_by = None
    if ask.taken_by is not None:
        taken_by = NamedOut(id=ask.taken_by, name=view.taken_by_name or "")
    return AskOut(
        id=ask.id,
        call_id=ask.call_id,
        purpose=ask.purpose,
        state=ask.state,
        of=NamedOut(id=ask.person_id or ask.team_id or "", name=view.of_name),
        asked_by=NamedOut(id=ask.asked_by, name=view.asked_by_name),
        taken_by=taken_by,
        rung=view.rung,
        created_at=ask.created_at,
    )


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/colleagues",
        handler=list_colleagues,
        needs=Permission.CALL_ANSWER,
        summary="List whom one can ask, and who is free.",
        tag="answering",
        responses={200: ColleaguesOut},
    ),
    Route(
        method="POST",
        path="/v1/calls/{call_id}/transfers",
        handler=transfer,
        needs=Permission.CALL_ANSWER,
        summary="Hand a call over to a person or a team.",
        tag="answering",
        body=AskIn,
        responses={201: AskOut},
        errors=(NotFoundError, ConflictError),
    ),
    Route(
        method="POST",
        path="/v1/calls/{call_id}/joins",
        handler=ask_to_join,
        needs=Permission.CALL_ANSWER,
        summary="Ask a person or a team to join a call.",
        tag="answering",
        body=AskIn,
        responses={201: AskOut},
        errors=(NotFoundError, ConflictError),
    ),
    Route(
        method="GET",
        path="/v1/calls/{call_id}/asks/{ask_id}",
        handler=show_ask,
        needs=Permission.CALL_ANSWER,
        summary="Show what became of a transfer or of a request to join.",
        tag="answering",
        responses={200: AskOut},
        errors=(NotFoundError,),
    ),
    Route(
        method="DELETE",
        path="/v1/calls/{call_id}/asks/{ask_id}",
        handler=cancel_ask,
        needs=Permission.CALL_ANSWER,
        summary="Stop asking.",
        tag="answering",
        responses={200: AskOut},
        errors=(NotFoundError, ConflictError),
    ),
)
