"""Rules made shorter for what is kept already: ``/v1/retention-changes``."""

from typing import Any, Final

from pydantic import Field

from vault.errors import ConflictError, NotFoundError
from vault.http.ask import Answer, Ask
from vault.http.media import BUTTON_ID
from vault.http.route import Route
from vault.http.wire import In, Integer, Moment, Out
from vault.model import DAYS_MAX, RuleKind
from vault.policy import Permission
from vault.rights.changes import Change, ChangeState, Wanted

ITEMS_MAX: Final = 1_000_000_000


class LookQuery(In):
    """Which change to look at."""

    kind: RuleKind = Field(description="Of what.")
    days: int = Field(ge=1, le=DAYS_MAX, description="For how many days it is to be kept.")
    button_id: str | None = Field(
        None, pattern=BUTTON_ID, description="At this button; else where none has a rule."
    )


class LookOut(Out):
    """What the change would do, applied when it would apply.

    ``moves``: so many things would end earlier; ``goes_at_once``: so many of them on the day it applies;
    ``kept``: so many of them a legal hold or a restriction keeps now, whatever their end.
    """

    moves: int
    goes_at_once: int
    kept: int
    earliest: Moment | None
    applies_at: Moment


class ChangeIn(In):
    """A change that was looked at; ``moves`` is what the look said."""

    kind: RuleKind
    days: Integer = Field(ge=1, le=DAYS_MAX)
    button_id: str | None = Field(None, pattern=BUTTON_ID)
    moves: Integer = Field(ge=1, le=ITEMS_MAX)


class ChangeOut(Out):
    """A change. Until ``applies_at`` nothing ends earlier than it did, and it can be cancelled."""

    id: str
    kind: RuleKind
    button_id: str | None
    days: int
    moves: int
    state: ChangeState
    asked_by: str
    asked_at: Moment
    applies_at: Moment
    ended_at: Moment | None


class ChangesOut(Out):
    """The newest changes."""

    items: list[ChangeOut]


async def look(ask: Ask[None, LookQuery]) -> Answer:
    """Tell what a change would do."""
    wanted = Wanted(ask.query.kind, ask.query.days, ask.query.button_id)
    found = await ask.services.custody.changes.preview(wanted, by=ask.principal)
    told: dict[str, Any] = {name: getattr(found, name) for name in LookOut.model_fields}
    return Answer(body=LookOut(**told))


async def change(ask: Ask[ChangeIn, None]) -> Answer:
    """Ask for a change."""
    wanted = Wanted(ask.body.kind, ask.body.days, ask.body.button_id)
    made = await ask.services.custody.changes.ask(wanted, moves=ask.body.moves, by=ask.principal)
    return Answer(status=201, body=present(made), headers={"Location": f"/v1/retention-changes/{made.id}"})


async def list_changes(ask: Ask[None, None]) -> Answer:
    """List changes, newest first."""
    found = await ask.services.custody.changes.list(by=ask.principal)
    return Answer(body=ChangesOut(items=[present(one) for one in found]))


async def show(ask: Ask[None, None]) -> Answer:
    """Show a change."""
    return Answer(
        body=present(await ask.services.custody.changes.get(ask.path["change_id"], by=ask.principal))
    )


async def cancel(ask: Ask[None, None]) -> Answer:
    """Take a change back."""
    gone = await ask.services.custody.changes.cancel(ask.path["change_id"], by=ask.principal)
    return Answer(body=present(gone))


def present(one: Change) -> ChangeOut:
    """Show a change as the wire has it."""
    told: dict[str, Any] = {name: getattr(one, name) for name in ChangeOut.model_fields}
    return ChangeOut(**told)


_ALL: Final = "/v1/retention-changes"
_ONE: Final = "/v1/retention-changes/{change_id}"
ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/retention-preview",
        handler=look,
        needs=Permission.RETENTION_READ,
        summary="What a shorter rule would do to what is kept already; nothing is done.",
        tag="retention",
        query=LookQuery,
        responses={200: LookOut},
        errors=(NotFoundError,),
    ),
    Route(
        method="POST",
        path=_ALL,
        handler=change,
        needs=Permission.RETENTION_MANAGE,
        summary="Make a rule shorter for what is kept already, after a time to think.",
        tag="retention",
        body=ChangeIn,
        creates=True,
        responses={201: ChangeOut},
        errors=(NotFoundError, ConflictError),
    ),
    Route(
        method="GET",
        path=_ALL,
        handler=list_changes,
        needs=Permission.RETENTION_READ,
        summary="The newest changes.",
        tag="retention",
        responses={200: ChangesOut},
    ),
    Route(
        method="GET",
        path=_ONE,
        handler=show,
        needs=Permission.RETENTION_READ,
        summary="Show a change.",
        tag="retention",
        responses={200: ChangeOut},
        errors=(NotFoundError,),
    ),
    Route(
        method="DELETE",
        path=_ONE,
        handler=cancel,
        needs=Permission.RETENTION_MANAGE,
        summary="Cancel a change before it applies.",
        tag="retention",
        responses={200: ChangeOut},
        errors=(NotFoundError, ConflictError),
    ),
)
