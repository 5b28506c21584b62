"""A company leaves: begin, see how far it is, fetch what is taken along, stay after all, see its end."""

from collections.abc import Collection
from typing import Annotated, Any, Final, Literal

from aiohttp import web
from pydantic import Field, StringConstraints

from vault.errors import ConflictError, DependencyError, NotFoundError, VaultError
from vault.http.ask import Answer, Ask
from vault.http.cookies import own_origin
from vault.http.route import Route
from vault.http.wire import In, Integer, Moment, Out
from vault.leaving.addresses import ADDRESS_MAX, PATTERN
from vault.leaving.exits import Exit, NewExit
from vault.policy import Permission

GRACE_DAYS_MAX: Final = 365
Recipient = Annotated[str, StringConstraints(max_length=200, pattern=r"^age1[0-9a-z]+$")]
State = Literal["exporting", "ready", "leaving", "gone", "cancelled"]
WaitsFor = Literal["hold", "restriction", "call", "restored"]
Address = Annotated[str, StringConstraints(max_length=ADDRESS_MAX, pattern=rf"^{PATTERN}$")]


class ExitIn(In):
    """How to leave."""

    recipient: Recipient | None = Field(
        description="An age public key: what is taken along is sealed to it. null: take nothing along."
    )
    notify: Address | None = Field(None, description="Who is told by mail; the last one brings the receipt.")
    grace_days: Integer | None = Field(
        None, ge=0, le=GRACE_DAYS_MAX, description="Not under the vault's own; null: just that."
    )


class VolumeOut(Out):
    """One volume; ``sha256`` is of the bytes that are fetched, ``made_at`` as of when it is what it says."""

    number: int
    made_at: Moment
    sealed_bytes: int
    sha256: str
    items: int
    url: str


class TermsOut(Out):
    """What may be asked for: days of grace, and whether notices can be sent by mail."""

    grace_days: int
    grace_days_max: int
    notifies: bool


class ErasedOut(Out):
    """What is deleted so far: stored objects in all their versions, and rows."""

    versions: int
    rows: int


class ExitOut(Out):
    """How far an exit is.

    ``items_left``: recordings and exports that no volume has yet; null once nothing is packed any more.
    ``follow_url`` shows the end, when nobody of the company is let in any more: whoever has it sees how far
    the exit is, and gets the receipt.
    """

    id: str
    state: State
    recipient: str | None
    grace_days: int
    asked_at: Moment
    ends_at: Moment | None
    waits_for: WaitsFor | None
    items_left: int | None
    volumes: list[VolumeOut]
    request_id: str | None
    ended_at: Moment | None
    notice: Literal["refused", "unanswered"] | None
    follow_url: str


class FollowIn(In):
    """The secret of a follow-up link. It stands in the body, so that no address holds it."""

    secret: str = Field(pattern=r"^[A-Za-z0-9_-]{22}$")


class FollowOut(Out):
    """How far an exit is, for whoever has its link. ``receipt``: the exact text of the receipt's file."""

    id: str
    state: State
    asked_at: Moment
    ends_at: Moment | None
    waits_for: WaitsFor | None
    erasing_since: Moment | None
    erased: ErasedOut
    request_id: str | None
    ended_at: Moment | None
    receipt: str | None


async def show_terms(ask: Ask[None, None]) -> Answer:
    """Show what may be asked for."""
    settings = ask.services.settings
    terms = TermsOut(
        grace_days=settings.exit.grace_days, grace_days_max=GRACE_DAYS_MAX, notifies=bool(settings.mail.host)
    )
    return Answer(body=terms)


async def begin_exit(ask: Ask[ExitIn, None]) -> Answer:
    """Begin to leave."""
    least = ask.services.settings.exit.grace_days
    chosen = max(least, ask.body.grace_days or 0)
    new = NewExit(ask.body.recipient, ask.body.notify, chosen)
    made = await ask.services.exits.begin(new, by=ask.principal)
    return Answer(status=201, body=_present(ask, made), headers={"Location": "/v1/exit"})


async def show_exit(ask: Ask[None, None]) -> Answer:
    """Show how far it is."""
    return Answer(body=_present(ask, await ask.services.exits.current(by=ask.principal)))


async def cancel_exit(ask: Ask[None, None]) -> Answer:
    """Stay after all."""
    return Answer(body=_present(ask, await ask.services.exits.cancel(by=ask.principal)))


async def fetch_volume(ask: Ask[None, None]) -> web.StreamResponse:
    """Stream a volume as it lies in the store: only the company's own key opens it."""
    async with ask.services.exits.fetch(int(ask.path["number"]), by=ask.principal) as (volume, reading):
        response = web.StreamResponse(
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Length": str(volume.sealed_bytes),
                "Content-Disposition": f'attachment; filename="{volume.number:06d}.tar.age"',
                "Cache-Control": "no-store",
            }
        )
        await response.prepare(ask.raw)
        try:
            async for piece in reading:
                await response.write(piece)
            await response.write_eof()
        except VaultError as cause:  # withdrawn: part of the answer has left, and it ends here
            raise ConnectionResetError("the volume was cut off") from cause
    return response


async def follow_exit(ask: Ask[FollowIn, None]) -> Answer:
    """Show how far an exit is to whoever has its link."""
    found = await ask.services.follow_ups.follow(ask.path["exit_id"], ask.body.secret)
    made = ("erasing_since", "erased", "receipt")
    shown = FollowOut(
        **_shared(found.how_far, FollowOut, besides=made),
        erasing_since=found.erasing_since,
        erased=ErasedOut(**found.how_far.erased),
        receipt=found.receipt,
    )
    return Answer(body=shown)


def _shared(how_far: Exit, model: type[Out], *, besides: Collection[str]) -> dict[str, Any]:
    return {name: getattr(how_far, name) for name in model.model_fields if name not in besides}


def _present(ask: Ask[Any, Any], how_far: Exit) -> ExitOut:
    """Show an exit as the wire has it."""
    told = _shared(how_far, ExitOut, besides=("volumes", "follow_url"))
    # The secret stands in the fragment: browsers send that to nobody, so no log has it.
    page = f"{own_origin(ask.raw, ask.services.settings)}/console/leaving/{how_far.id}"
    secret = ask.services.follow_ups.secret_of(how_far.id)
    volumes = [
        VolumeOut(
            number=each.number,
            made_at=each.made_at,
            sealed_bytes=each.sealed_bytes,
            sha256=each.sha256,
            items=each.items,
            url=f"/v1/exit/volumes/{each.number}",
        )
        for each in how_far.volumes
    ]
    return ExitOut(**told, volumes=volumes, follow_url=f"{page}#{secret}")


_PATH: Final = "/v1/exit"
ROUTES: Final = (
    Route(
        method="POST",
        path=_PATH,
        handler=begin_exit,
        needs=Permission.TENANT_LEAVE,
        summary="Leave: take everything along, then have all of it erased.",
        tag="exit",
        body=ExitIn,
        creates=True,
        responses={201: ExitOut},
        errors=(ConflictError,),
    ),
    Route(
        method="GET",
        path=_PATH,
        handler=show_exit,
        needs=Permission.TENANT_READ,
        summary="Show how far the exit is.",
        tag="exit",
        responses={200: ExitOut},
        errors=(NotFoundError,),
    ),
    Route(
        method="DELETE",
        path=_PATH,
        handler=cancel_exit,
        needs=Permission.TENANT_LEAVE,
        summary="Stay after all.",
        tag="exit",
        responses={200: ExitOut},
        errors=(NotFoundError, ConflictError),
    ),
    Route(
        method="GET",
        path=f"{_PATH}/terms",
        handler=show_terms,
        needs=Permission.TENANT_READ,
        summary="Show what may be asked for when leaving.",
        tag="exit",
        responses={200: TermsOut},
    ),
    Route(
        method="POST",
        path="/v1/exits/{exit_id}/follow",
        handler=follow_exit,
        needs=Permission.PUBLIC,
        summary="See the end of an exit by its follow-up link.",
        tag="exit",
        body=FollowIn,
        responses={200: FollowOut},
        errors=(NotFoundError,),
    ),
    Route(
        method="GET",
        path=f"{_PATH}/volumes/{{number}}",
        handler=fetch_volume,
        needs=Permission.TENANT_LEAVE,
        summary="Fetch a volume of what is taken along.",
        tag="exit",
        patterns={"number": "[0-9]{1,6}"},
        responses={200: "application/octet-stream"},
        errors=(NotFoundError, DependencyError),
    ),
)
