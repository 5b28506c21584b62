"""A company leaves: begin, see how far it is, fetch what is taken along, stay after all."""

from typing import Annotated, Any, Final, Literal

from aiohttp import web
from pydantic import Field, StringConstraints

from vault.errors import ConflictError, DependencyError, NotFoundError, VaultError
from vault.http.ask import Answer, Ask
from vault.http.route import Route
from vault.http.wire import In, Integer, Moment, Out
from vault.leaving.addresses import ADDRESS_MAX, PATTERN
from vault.leaving.exits import Exit, NewExit
from vault.policy import Permission

GRACE_DAYS_MAX: Final = 365
Recipient = Annotated[str, StringConstraints(max_length=200, pattern=r"^age1[0-9a-z]+$")]
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


class ExitOut(Out):
    """How far an exit is."""

    id: str
    state: Literal["exporting", "ready", "leaving", "gone", "cancelled"]
    recipient: str | None
    grace_days: int
    asked_at: Moment
    ends_at: Moment | None
    waits_for: Literal["hold", "restriction", "call", "restored"] | None
    volumes: list[VolumeOut]
    request_id: str | None
    ended_at: Moment | None
    notice: Literal["refused", "unanswered"] | None


async def begin_exit(ask: Ask[ExitIn, None]) -> Answer:
    """Begin to leave."""
    least = ask.services.settings.exit.grace_days
    chosen = max(least, ask.body.grace_days or 0)
    new = NewExit(ask.body.recipient, ask.body.notify, chosen)
    made = await ask.services.exits.begin(new, by=ask.principal)
    return Answer(status=201, body=present(made), headers={"Location": "/v1/exit"})


async def show_exit(ask: Ask[None, None]) -> Answer:
    """Show how far it is."""
    return Answer(body=present(await ask.services.exits.current(by=ask.principal)))


async def cancel_exit(ask: Ask[None, None]) -> Answer:
    """Stay after all."""
    return Answer(body=present(await ask.services.exits.cancel(by=ask.principal)))


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


def present(how_far: Exit) -> ExitOut:
    """Show an exit as the wire has it."""
    told: dict[str, Any] = {
        name: getattr(how_far, name) for name in ExitOut.model_fields if name != "volumes"
    }
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
    return ExitOut(**told, volumes=volumes)


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
