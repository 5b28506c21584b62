"""Secure pauses of a call: while card data is said or typed, nothing of it is kept."""

from typing import Final

from vault.calls.pauses import PauseView
from vault.errors import ConflictError, NotFoundError
from vault.http.ask import Answer, Ask
from vault.http.route import Route
from vault.http.wire import Moment, Out
from vault.policy import Permission


class PauseOut(Out):
    """A pause. ``durable`` is false where it could not be written yet: it holds, but not over a restart."""

    id: str
    begun_at: Moment
    ended_at: Moment | None
    durable: bool


async def begin(ask: Ask[None, None]) -> Answer:
    """Pause the recording of a call."""
    call_id = ask.path["call_id"]
    pause = await ask.services.control.pauses.begin(call_id, by=ask.principal)
    return Answer(
        status=201 if pause.is_new else 200,
        headers={"Location": f"/v1/calls/{call_id}/pauses/{pause.id}"},
        body=_out(pause),
    )


async def resume(ask: Ask[None, None]) -> Answer:
    """End a pause."""
    pause = await ask.services.control.pauses.resume(
        ask.path["call_id"], ask.path["pause_id"], by=ask.principal
    )
    return Answer(body=_out(pause))


def _out(pause: PauseView) -> PauseOut:
    return PauseOut(id=pause.id, begun_at=pause.begun_at, ended_at=pause.ended_at, durable=pause.is_durable)


ROUTES: Final = (
    Route(
        method="POST",
        path="/v1/calls/{call_id}/pauses",
        handler=begin,
        needs=Permission.CALL_PAUSE,
        stops=True,
        summary="Pause the recording of a call.",
        tag="recording",
        responses={200: PauseOut, 201: PauseOut},
        errors=(NotFoundError, ConflictError),
    ),
    Route(
        method="POST",
        path="/v1/calls/{call_id}/pauses/{pause_id}/resume",
        handler=resume,
        needs=Permission.CALL_PAUSE,
        summary="End a pause: the recording goes on.",
        tag="recording",
        responses={200: PauseOut},
        errors=(NotFoundError, ConflictError),
    ),
)
