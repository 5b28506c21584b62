"""Legal holds: ``/v1/holds``. Placed by one person, released by two."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, Literal

from pydantic import Field

from vault.errors import ConflictError, ErasedError, NotFoundError, SecondPersonError
from vault.http.ask import Answer, Ask
from vault.http.media import CALL_ID
from vault.http.paging import page_of
from vault.http.route import Route
from vault.http.wire import In, Integer, Moment, Out, PageQuery, Text
from vault.model import DAYS_MAX, HoldGround
from vault.policy import Permission
from vault.rights.holds import Hold, HoldState, NewHold
from vault.rights.placing import Which

OBJECT_ID: Final = r"^(?:rec|exp|call)_[0-9a-f]{32}$"
PERSON_ID: Final = r"^per_[0-9a-f]{32}$"


class HoldIn(In):
    """What is to be held, why and for how long. The reason is sealed under the call's key."""

    object_id: str = Field(
        pattern=OBJECT_ID, description="A media item, or a call with all that hangs from it."
    )
    ground: HoldGround
    reason: Text = Field(min_length=3, max_length=1_000)
    days: Integer = Field(ge=1, le=DAYS_MAX, description="It ends by itself after these.")
    owner_id: str | None = Field(
        None, pattern=PERSON_ID, description="Who answers for it; else whoever places it."
    )


class HoldOut(Out):
    """A hold. ``reason`` is null once the call is erased."""

    id: str
    call_id: str
    media_id: str | None
    ground: HoldGround
    reason: str | None
    owner_id: str
    placed_by: str
    placed_at: Moment
    expires_at: Moment
    state: HoldState
    release_asked_by: str | None
    ended_at: Moment | None


class HoldPage(Out):
    """One page of holds, newest first."""

    items: list[HoldOut]
    next_cursor: str | None


class HoldQuery(PageQuery):
    """Filters of the list."""

    lasting: Literal["true", "false"] = Field("false", description="Only holds that last.")
    call_id: str | None = Field(None, pattern=CALL_ID, description="Only holds on this call, or in it.")


async def place(ask: Ask[HoldIn, None]) -> Answer:
    """Place a hold."""
    asked = ask.body
    until = ask.services.clock.now() + timedelta(days=asked.days)
    new = NewHold(asked.object_id, asked.ground, asked.reason, until, asked.owner_id)
    hold = await ask.services.custody.holds.place(new, by=ask.principal)
    return Answer(status=201, body=present(hold), headers={"Location": f"/v1/holds/{hold.id}"})


async def list_holds(ask: Ask[None, HoldQuery]) -> Answer:
    """List holds, newest first."""
    wanted = Which(ask.query.call_id, only_lasting=ask.query.lasting == "true")

    async def find(before: str | None, limit: int) -> Sequence[Hold]:
        return await ask.services.custody.holds.list(wanted, by=ask.principal, before=before, limit=limit)

    page = await page_of(ask, "holds", find)
    shown = HoldPage(items=[present(one) for one in page.items], next_cursor=page.next_cursor)
    return Answer(body=shown, headers=page.headers)


async def show(ask: Ask[None, None]) -> Answer:
    """Show a hold."""
    return Answer(body=present(await ask.services.custody.holds.get(ask.path["hold_id"], by=ask.principal)))


async def ask_release(ask: Ask[None, None]) -> Answer:
    """Ask for the end of a hold."""
    hold = await ask.services.custody.holds.ask_release(ask.path["hold_id"], by=ask.principal)
    return Answer(body=present(hold))


async def confirm_release(ask: Ask[None, None]) -> Answer:
    """End a hold that somebody else asked to end."""
    hold = await ask.services.custody.holds.confirm_release(ask.path["hold_id"], by=ask.principal)
    ask.services.keeper.wake()
    return Answer(body=present(hold))


def present(hold: Hold) -> HoldOut:
    """Show a hold as the wire has it."""
    told: dict[str, Any] = {name: getattr(hold, name) for name in HoldOut.model_fields}
    return HoldOut(**told)


_ONE: Final = "/v1/holds/{hold_id}"
ROUTES: Final = (
    Route(
        method="POST",
        path="/v1/holds",
        handler=place,
        needs=Permission.HOLDS_MANAGE,
        summary="Place a legal hold.",
        tag="holds",
        body=HoldIn,
        creates=True,
        responses={201: HoldOut},
        errors=(NotFoundError, ErasedError, ConflictError),
    ),
    Route(
        method="GET",
        path="/v1/holds",
        handler=list_holds,
        needs=Permission.HOLDS_READ,
        summary="List legal holds.",
        tag="holds",
        query=HoldQuery,
        responses={200: HoldPage},
    ),
    Route(
        method="GET",
        path=_ONE,
        handler=show,
        needs=Permission.HOLDS_READ,
        summary="Show a legal hold.",
        tag="holds",
        responses={200: HoldOut},
        errors=(NotFoundError,),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/release",
        handler=ask_release,
        needs=Permission.HOLDS_MANAGE,
        summary="Ask for the release of a hold; another person confirms.",
        tag="holds",
        responses={200: HoldOut},
        errors=(NotFoundError,),
    ),
    Route(
        method="POST",
        path=f"{_ONE}/release/confirmation",
        handler=confirm_release,
        needs=Permission.HOLDS_MANAGE,
        summary="Confirm the release that another person asked for.",
        tag="holds",
        responses={200: HoldOut},
        errors=(NotFoundError, ConflictError, SecondPersonError),
    ),
)
