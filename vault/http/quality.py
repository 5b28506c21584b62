"""How the lines of a call did: ``/v1/calls/{call_id}/quality``. Numbers only, kept when a leg has ended."""

from typing import Final

from vault.calls.qualities import LegNumbers
from vault.errors import NotFoundError
from vault.http.ask import Answer, Ask
from vault.http.route import Route
from vault.http.wire import Out
from vault.model import LegKind, Role
from vault.policy import Permission

NUMBERS: Final = (
    "mean_bits_per_s",
    *(
        f"{which}_{name}_permille"
        for name in ("missed", "sound_lost", "picture_lost", "received_lost")
        for which in ("mean", "worst")
    ),
    *(f"{which}_{name}_ms" for name in ("jitter", "round_trip") for which in ("mean", "worst")),
)


class LegQualityOut(Out):
    """A leg that has ended. Shares are per thousand; what was never told is null."""

    leg_id: str
    role: Role
    kind: LegKind
    samples: int
    still_ms: int
    mean_bits_per_s: int | None
    mean_missed_permille: int | None
    worst_missed_permille: int | None
    mean_sound_lost_permille: int | None
    worst_sound_lost_permille: int | None
    mean_picture_lost_permille: int | None
    worst_picture_lost_permille: int | None
    mean_received_lost_permille: int | None
    worst_received_lost_permille: int | None
    mean_jitter_ms: int | None
    worst_jitter_ms: int | None
    mean_round_trip_ms: int | None
    worst_round_trip_ms: int | None


class CallQualityOut(Out):
    """Every leg of a call whose line was measured."""

    items: list[LegQualityOut]


async def show(ask: Ask[None, None]) -> Answer:
    """Tell how the lines of a call did."""
    found = await ask.services.qualities.of_call(ask.path["call_id"], by=ask.principal)
    return Answer(body=CallQualityOut(items=[_leg(leg) for leg in found]))


def _leg(leg: LegNumbers) -> LegQualityOut:
    numbers = {name: leg.numbers[name] for name in ("samples", "still_ms", *NUMBERS)}
    return LegQualityOut(leg_id=leg.leg_id, role=leg.role, kind=leg.kind, **numbers)


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/calls/{call_id}/quality",
        handler=show,
        needs=Permission.CALL_READ,
        summary="How the lines of a call did.",
        tag="calls",
        responses={200: CallQualityOut},
        errors=(NotFoundError,),
    ),
)
