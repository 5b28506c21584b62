"""What this process carries at the moment: legs, and who sees and hears them. Nothing here is durable."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from vault.calls.calls import CallView
from vault.calls.permits import Permit, Permits
from vault.media.capture import Capture
from vault.model import Id, LegKind, RecordingState, Role
from vault.policy import Principal
from webrtc.frames import Codec, MediaKind
from webrtc.lifecycle import CloseReason
from webrtc.peer import Peer
from webrtc.viewer import Viewer


class Ends:
    """What a peer tells of its life, as something that can be waited for."""

    def __init__(self) -> None:
        self.reason: CloseReason | None = None
        self._connected = asyncio.Event()
        self._closed = asyncio.Event()

    def connected(self) -> None:
        """The media keys are agreed."""
        self._connected.set()

    def closed(self, reason: CloseReason) -> None:
        """The leg has ended."""
        self.reason = reason
        self._closed.set()
        self._connected.set()

    async def until_connected(self) -> bool:
        """Wait for the one or the other; True when media may flow."""
        await self._connected.wait()
        return self.reason is None

    async def until_closed(self) -> CloseReason:
        """Wait for the end and tell why."""
        await self._closed.wait()
        return self.reason or CloseReason.FAILED


@dataclass(slots=True)
class LiveLeg:
    """One leg that is being carried; ``task`` ends when everything about it is final.

    ``name`` is what the others may see of whoever it is. ``why`` overrules the connection's own reason.
    ``is_over`` is set when its end begins to be told.
    """

    id: Id
    call: CallView
    by: Principal
    kind: LegKind
    name: str
    address: str
    peer: Peer
    ends: Ends
    permit: Permit
    capture: Capture | None = None
    is_live: bool = False
    is_over: bool = False
    why: str | None = None
    task: asyncio.Task[None] | None = None

    @property
    def is_ending(self) -> bool:
        """Whether nothing more comes from it, though its rows may not be final yet."""
        return self.peer.close_reason is not None or self.ends.reason is not None

    @property
    def recording(self) -> RecordingState:
        """Whether it is being recorded, and if not, why not."""
        return self.permit.state(full=self.capture is not None and self.capture.is_full)

    @property
    def is_visitors(self) -> bool:
        """Whether it is the visitor's."""
        return self.by.role is Role.VISITOR


@dataclass(frozen=True, slots=True)
class LiveFeed:
    """What one participant of a call sees and hears of one leg."""

    id: Id
    leg: LiveLeg
    by: Principal
    address: str
    viewer: Viewer


class Floor:
    """Every leg and feed, by its identifier."""

    def __init__(self) -> None:
        self.legs: dict[Id, LiveLeg] = {}
        self.feeds: dict[Id, LiveFeed] = {}
        self.permits = Permits()

    def legs_of(self, call_id: str) -> Iterator[LiveLeg]:
        """Go through the legs of a call that have not begun to end."""
        return (leg for leg in self.legs.values() if leg.call.id == call_id and not leg.is_ending)

    def feeds_of(self, call_id: str) -> Iterator[LiveFeed]:
        """Go through the feeds of a call."""
        return (feed for feed in self.feeds.values() if feed.leg.call.id == call_id)

    def permit_of(self, call: CallView) -> Permit:
        """Find or make what decides about the recording of a call that somebody joins or controls."""
        return self.permits.of(call, carried=frozenset(leg.call.id for leg in self.legs.values()))

    def is_here(self, call_id: str, by: Principal) -> bool:
        """Tell whether somebody is in a call now, or whether it runs here and is of a program's company."""
        if by.role is Role.SERVICE:
            return any(leg.call.tenant_id == by.tenant_id for leg in self.legs_of(call_id))
        return self.has_leg(call_id, by)

    def has_leg(self, call_id: str, by: Principal) -> bool:
        """Tell whether somebody has a leg in a call that has not begun to end."""
        return any(leg.by.id == by.id for leg in self.legs_of(call_id))

    def picture_of(self, call_id: str) -> Codec | None:
        """Tell in which codec the pictures of a call are; the first leg that has one decided."""
        found = (leg.peer.codecs.get(MediaKind.VIDEO) for leg in self.legs_of(call_id))
        return next((codec for codec in found if codec is not None), None)

    def end(self, leg: LiveLeg) -> bool:
        """Note that a leg is over; True for the last one that somebody had in the call."""
        leg.is_over = True
        return not any(
            other.call.id == leg.call.id and other.by.id == leg.by.id and not other.is_over
            for other in self.legs.values()
        )
