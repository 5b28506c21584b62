"""Stopping a call's recording for good: the visitor takes their consent back, or an agent wants none."""

from typing import Final

from vault.calls.withdrawals import Stopped
from vault.errors import ConflictError, ConsentMissingError, NotFoundError
from vault.http.ask import Answer, Ask
from vault.http.route import Cors, Route
from vault.http.wire import Out
from vault.model import RecordingState, StopRule
from vault.policy import Permission


class StoppedOut(Out):
    """A call that is not recorded any more; ``recorded`` is what becomes of what was until now."""

    state: RecordingState
    recorded: StopRule


async def withdraw(ask: Ask[None, None]) -> Answer:
    """Take consent back."""
    return Answer(
        body=_out(await ask.services.control.withdrawals.withdraw(ask.path["call_id"], by=ask.principal))
    )


async def unrecord(ask: Ask[None, None]) -> Answer:
    """Stop the recording for the rest of the call."""
    return Answer(
        body=_out(await ask.services.control.withdrawals.unrecord(ask.path["call_id"], by=ask.principal))
    )


def _out(stopped: Stopped) -> StoppedOut:
    return StoppedOut(state=stopped.state, recorded=stopped.rule)


ROUTES: Final = (
    Route(
        method="POST",
        path="/v1/calls/{call_id}/consents/withdrawal",
        handler=withdraw,
        needs=Permission.CALL_WITHDRAW,
        stops=True,
        summary="Take consent back: nothing more is recorded.",
        tag="recording",
        responses={200: StoppedOut},
        errors=(NotFoundError, ConflictError, ConsentMissingError),
        cors=Cors.BUTTON,
    ),
    Route(
        method="POST",
        path="/v1/calls/{call_id}/unrecorded",
        handler=unrecord,
        needs=Permission.CALL_UNRECORD,
        stops=True,
        summary="Record nothing for the rest of the call.",
        tag="recording",
        responses={200: StoppedOut},
        errors=(NotFoundError, ConflictError),
    ),
)
