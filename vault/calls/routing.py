"""Whom a button rings and in which order: a pure decision about people, rings and time."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal, Self

from vault.model import Id

To = Literal["everyone", "people", "teams"]
Callbacks = Literal["inviter", "anyone"]  # whom a call-back rings: its inviter alone, or others after them
Strategy = Literal["all", "longest_idle"]

RING_S: Final = 30  # about six tones: long enough to reach for a headset, short enough to wait for the next
RING_S_MIN: Final = 5
RING_S_MAX: Final = 300
MAX_NAMED: Final = 200  # people or teams named by one button; more than that is everyone


@dataclass(frozen=True, slots=True)
class Routing:
    """A button's setting. ``person_ids`` counts for ``people`` only, ``team_ids`` for ``teams`` only."""

    to: To = "everyone"
    person_ids: tuple[Id, ...] = ()
    strategy: Strategy = "all"
    ring_s: int = RING_S
    team_ids: tuple[Id, ...] = ()
    callbacks: Callbacks = "inviter"

    def names(self, person_id: str) -> bool:
        """Tell whether calls of the button may ring this person; teams are people by then (``of_people``)."""
        return self.to == "everyone" or person_id in self.person_ids

    def of_people(self, members: Collection[Id]) -> Self:
        """Name the people who are in its teams now; any other setting stays as it is."""
        return replace(self, to="people", person_ids=tuple(sorted(members))) if self.to == "teams" else self

    def of_inviter(self, inviter: Id, *, tried: Collection[Id], is_there: bool) -> Self:
        """Say whom a call-back rings: whoever invited, and others only by the button's rule.

        Others are rung where the inviter is not there, or was rung in vain; from then on for good.
        """
        gone = not is_there or bool(tried)
        if self.callbacks == "anyone" and gone:
            return self
        return replace(self, to="people", person_ids=(inviter,), strategy="all")

    def to_json(self) -> dict[str, Any]:
        """Write the setting as the table keeps it."""
        return {
            "to": self.to,
            "person_ids": list(self.person_ids),
            "strategy": self.strategy,
            "ring_s": self.ring_s,
            "team_ids": list(self.team_ids),
            "callbacks": self.callbacks,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` wrote; a button from before there were teams names none."""
        return cls(
            kept["to"],
            tuple(kept["person_ids"]),
            kept["strategy"],
            kept["ring_s"],
            tuple(kept.get("team_ids", ())),
            kept.get("callbacks", "inviter"),
        )


EVERYONE: Final = Routing()


@dataclass(frozen=True, slots=True)
class Agent:
    """Someone who is available and online. ``busy``: in a call; ``rung``: by another call just now."""

    id: Id
    idle_since: datetime
    busy: bool = False
    rung: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to be done about a ringing call.

    ``ring``: who is rung now; ``drop``: who is rung and may not be any longer. ``hope`` tells whether
    somebody rings, or will be free later; without hope nobody is going to answer.
    """

    ring: tuple[Id, ...]
    drop: tuple[Id, ...]
    hope: bool


def choose(
    routing: Routing, agents: Sequence[Agent], *, ringing: Collection[Id], tried: Collection[Id]
) -> Choice:
    """Decide whom a call rings; ``tried`` have declined it, let it ring in vain or gave it back.

    Who is in a call is not rung, but waited for. One after the other also means one call at a time: whoever
    is rung by an earlier call is waited for, too.
    """
    asked = [agent for agent in agents if routing.names(agent.id) and agent.id not in tried]
    free = {agent.id for agent in asked if not agent.busy}
    still = set(ringing) & free
    new: list[Id] = []
    if routing.strategy == "all":
        new = [agent.id for agent in asked if agent.id in free and agent.id not in still]
    elif not still:
        idle = [agent for agent in asked if agent.id in free and not agent.rung]
        new = [min(idle, key=lambda agent: (agent.idle_since, agent.id)).id] if idle else []
    return Choice(tuple(new), tuple(sorted(set(ringing) - still)), hope=bool(asked))
