"""A camera in the place of another one of the same participant, who may not know yet that it is lost.

The rows change in one transaction: there is no moment at which its owner is in the call with no leg, and
where the new one cannot be written the old one goes on. Then the old connection is closed, and the recording
goes on with the new leg where the old one's part of it is stored in time. A store that is away costs it its
continuation, never the call.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from vault.calls.calls import CallView
from vault.calls.floor import Floor, LiveLeg
from vault.calls.graces import REPLACED, UNWISHED
from vault.media.recordings import INTERRUPTED
from vault.model import Id, LegKind
from vault.policy import Principal
from webrtc.lifecycle import CloseReason

WITHIN_S: Final = 5.0  # whoever comes back waits no longer for what their old leg still stores


class Replaced:
    """The legs that a new one takes the place of; mostly none."""

    def __init__(self, legs: Sequence[LiveLeg]) -> None:
        self.legs = legs

    @classmethod
    def by(cls, floor: Floor, call: CallView, by: Principal, kind: LegKind) -> "Replaced":
        """Find them: a camera's only, as somebody may share several screens."""
        return cls(
            [
                leg
                for leg in floor.legs.values()
                if kind is leg.kind is LegKind.CAMERA
                and (leg.call.id, leg.by.id) == (call.id, by.id)
                and leg.task is not None
            ]
        )

    async def settle(self) -> None:
        """Let those that end already come to their end: with one that was hung up, the call may be over."""
        await _final([leg for leg in self.legs if leg.is_ending])

    @contextmanager
    def giving_way(self) -> Iterator[Mapping[Id, str]]:
        """Give the rows to end with the new one's beginning, and why; what fails inside ends none of them.

        One that was hung up and is not final yet is not among them: nobody comes back before it is.
        """
        going = [leg for leg in self.legs if not leg.is_ending]
        why = {leg.id: _reason(leg) for leg in self.legs if leg not in going}
        for leg in going:
            leg.why = REPLACED
        try:
            yield {leg.id: REPLACED for leg in going} | {
                leg_id: reason for leg_id, reason in why.items() if reason in UNWISHED
            }
        except BaseException:
            for leg in going:
                leg.why = None
            raise

    async def close(self) -> bool:
        """Close their connections; True where their recording is stored and the new leg may go on with it.

        Where it is not yet, it ends with what they still store: two legs never write into one recording.
        """
        await asyncio.gather(*(leg.peer.close(CloseReason.HANGUP) for leg in self.legs))
        late = await _final(self.legs)
        for leg in late:
            if leg.capture is not None and leg.capture.end_reason is None:
                leg.capture.end_reason = INTERRUPTED
        return not late


def _reason(leg: LiveLeg) -> str | None:
    reason = leg.ends.reason or leg.peer.close_reason
    return leg.why or (None if reason is None else reason.value)


async def _final(legs: Sequence[LiveLeg]) -> list[LiveLeg]:
    """Wait a while until legs are final; returns those that are not."""
    tasks = {leg.task: leg for leg in legs if leg.task is not None}
    if not tasks:
        return []
    _, waiting = await asyncio.wait(tasks, timeout=WITHIN_S)
    return [tasks[task] for task in waiting]
