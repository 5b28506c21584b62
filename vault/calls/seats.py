"""Room for legs: each call has two seats of its own, its visitor's and one for whoever answers.

A new call is let in where both are free: in its button's share, in its company's, in the house. So whoever
waits can be answered, and whoever was lost comes back, however many wait. A leg beyond a call's own seats (a
screen, a third person) takes a free one.
"""

from collections import Counter
from collections.abc import Callable, Collection
from typing import Final

from vault.calls.calls import CallView
from vault.calls.connections import BUSY_RETRY_S
from vault.calls.floor import Floor, LiveLeg
from vault.calls.load import Load
from vault.errors import BusyError, TooManyLegsError
from vault.model import CallState, Id, Role
from vault.policy import Principal
from vault.settings import LimitSettings, MediaSettings

SEATS: Final = 2  # of each call, taken or not


class Seats:
    """Says whether there is room. ``waiting`` names the calls whose visitor was lost and may come back."""

    def __init__(
        self,
        floor: Floor,
        load: Load,
        *,
        media: MediaSettings,
        limits: LimitSettings,
        waiting: Callable[[], Collection[Id]],
    ) -> None:
        self._floor = floor
        self._load = load
        self._media = media
        self._limits = limits
        self._waiting = waiting
        self._draining = self._closed = False

    @property
    def has_room(self) -> bool:
        """Whether a call may begin in this house, whatever button it comes from."""
        return not (
            self._draining
            or self._load.is_full
            or sum(self._taken().values()) + SEATS > self._media.max_legs
            or len(self._floor.feeds) >= self._media.max_feeds
        )

    def require_for_call(self, button_id: Id, tenant_id: Id, address: str | None) -> None:
        """Raise where no new call may begin: no address, button or tenant fills the house alone.

        BusyError, or TooManyLegsError for an ``address`` that visitors have enough legs from; None counts
        none. Calls that run are joined, answered and come back to all the same.
        """
        legs = self._floor.legs.values()
        there = sum(leg.address == address for leg in legs if leg.is_visitors)
        if address is not None and there >= self._limits.legs_per_address:
            raise TooManyLegsError("this address has its fill of calls", retry_after_s=BUSY_RETRY_S)
        taken = self._taken()
        of_button = {leg.call.id for leg in legs if leg.call.button_id == button_id}
        of_tenant = {leg.call.id for leg in legs if leg.call.tenant_id == tenant_id}
        if (
            not self.has_room
            or sum(taken[call] for call in of_button) + SEATS > self._limits.legs_per_button
            or sum(taken[call] for call in of_tenant) + SEATS > self._limits.legs_per_tenant
        ):
            raise _busy()

    def require_for_leg(
        self, call: CallView, address: str, *, by: Principal, besides: Collection[LiveLeg]
    ) -> None:
        """Raise where one more leg may not be; ``besides`` are those that it takes the place of.

        Only visitors are counted by their address: a company's people share one, and have shown who they are.
        """
        taken = self._taken()
        is_known = call.id in taken
        if call.state is CallState.OPEN and not is_known:
            visitors = address if by.role is Role.VISITOR else None
            self.require_for_call(call.button_id, call.tenant_id, visitors)
        here = [leg for leg in self._floor.legs.values() if leg.call.id == call.id and leg not in besides]
        has_own = is_known and len(here) < SEATS
        taken[call.id] = max(SEATS, len(here) + 1)
        if (
            self._closed
            or len(here) >= self._limits.legs_per_call
            or (not has_own and sum(taken.values()) > self._media.max_legs)
        ):
            raise _busy()

    def drain(self) -> None:
        """Take no new call; those that run go on."""
        self._draining = True

    def close(self) -> None:
        """Take no leg at all any more."""
        self._draining = self._closed = True

    def _taken(self) -> Counter[Id]:
        """Count the seats of each call that is carried or waited for."""
        legs = Counter(leg.call.id for leg in self._floor.legs.values())
        return Counter({call_id: max(SEATS, legs[call_id]) for call_id in {*legs, *self._waiting()}})


def _busy() -> BusyError:
    return BusyError("no room for another call just now; try again shortly", retry_after_s=BUSY_RETRY_S)
