"""Restriction of processing (Art. 18 GDPR): ``/v1/restrictions``."""

from collections.abc import Sequence
from typing import Any, Final, Literal

from pydantic import Field

from vault.errors import ConflictError, ErasedError, NotFoundError
from vault.http.ask import Answer, Ask
from vault.http.holds import OBJECT_ID
from vault.http.media import CALL_ID
from vault.http.paging import page_of
from vault.http.route import Route
from vault.http.wire import In, Moment, Out, PageQuery, Text
from vault.model import RestrictionGround, RestrictionSubject
from vault.policy import Permission
from vault.rights.placing import Which
from vault.rights.restrictions import NewRestriction, Restriction


class RestrictionIn(In):
    """What is to be restricted, on what ground, for whom. The reason is sealed under the call's key."""

    object_id: str = Field(pattern=OBJECT_ID, description="A media item, or a whole call.")
    ground: RestrictionGround
    subject: RestrictionSubject = Field(description="For whom: only the visitor's own act lifts theirs.")
    reason: Text = Field(min_length=3, max_length=1_000)


class LiftIn(In):
    """That the person concerned has been told before (Art. 18(3))."""

    subject_informed: Literal[True]


class RestrictionOut(Out):
    """A restriction. ``reason`` is null once the call is erased."""

    id: str
    call_id: str
    media_id: str | None
    ground: RestrictionGround
    subject: RestrictionSubject
    reason: str | None
    placed_by: str
    placed_at: Moment
    lifted_by: str | None
    lifted_at: Moment | None


class RestrictionPage(Out):
    """One page of restrictions, newest first."""

    items: list[RestrictionOut]
    next_cursor: str | None


class RestrictionQuery(PageQuery):
    """Filters of the list."""

    lasting: Literal["true", "false"] = Field("false", description="Only restrictions that last.")
    call_id: str | None = Field(
        None, pattern=CALL_ID, description="Only restrictions on this call, or in it."
    )


async def place(ask: Ask[RestrictionIn, None]) -> Answer:
    """Restrict something."""
    asked = ask.body
    new = NewRestriction(asked.object_id, asked.ground, asked.subject, asked.reason)
    made = await ask.services.custody.restrictions.place(new, by=ask.principal)
    return Answer(status=201, body=present(made), headers={"Location": f"/v1/restrictions/{made.id}"})


async def list_restrictions(ask: Ask[None, RestrictionQuery]) -> Answer:
    """List restrictions, newest first."""
    wanted = Which(ask.query.call_id, only_lasting=ask.query.lasting == "true")

    async def find(before: str | None, limit: int) -> Sequence[Restriction]:
        return await ask.services.custody.restrictions.list(
            wanted, by=ask.principal, before=before, limit=limit
        )

    page = await page_of(ask, "restrictions", find)
    shown = RestrictionPage(items=[present(one) for one in page.items], next_cursor=page.next_cursor)
    return Answer(body=shown, headers=page.headers)


async def show(ask: Ask[None, None]) -> Answer:
    """Show a restriction."""
    found = await ask.services.custody.restrictions.get(ask.path["restriction_id"], by=ask.principal)
    return Answer(body=present(found))


async def lift(ask: Ask[LiftIn, None]) -> Answer:
    """Lift a restriction."""
    lifted = await ask.services.custody.restrictions.lift(ask.path["restriction_id"], by=ask.principal)
    return Answer(body=present(lifted))


def present(one: Restriction) -> RestrictionOut:
    """Show a restriction as the wire has it."""
    told: dict[str, Any] = {name: getattr(one, name) for name in RestrictionOut.model_fields}
    return RestrictionOut(**told)


_ONE: Final = "/v1/restrictions/{restriction_id}"
ROUTES: Final = (
    Route(
        method="POST",
        path="/v1/restrictions",
        handler=place,
        needs=Permission.RESTRICTIONS_MANAGE,
        summary="Restrict the processing of a media item or a call (Art. 18 GDPR).",
        tag="restrictions",
        body=RestrictionIn,
        creates=True,
        responses={201: RestrictionOut},
        errors=(NotFoundError, ErasedError, ConflictError),
    ),
    Route(
        method="GET",
        path="/v1/restrictions",
        handler=list_restrictions,
        needs=Permission.RESTRICTIONS_READ,
        summary="List restrictions.",
        tag="restrictions",
        query=RestrictionQuery,
        responses={200: RestrictionPage},
    ),
    Route(
        method="GET",
        path=_ONE,
        handler=show,
        needs=Permission.RESTRICTIONS_READ,
        summary="Show a restriction.",
        tag="restrictions",
        responses={200: RestrictionOut},
        errors=(NotFoundError,),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/lifting",
        handler=lift,
        needs=Permission.RESTRICTIONS_MANAGE,
        summary="Lift a restriction, after the person concerned was told.",
        tag="restrictions",
        body=LiftIn,
        responses={200: RestrictionOut},
        errors=(NotFoundError, ConflictError),
    ),
)
