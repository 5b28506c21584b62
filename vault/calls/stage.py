"""What legs and feeds of one process share."""

from dataclasses import dataclass

from vault.calls.connections import Connections
from vault.calls.floor import Floor
from vault.calls.names import Names
from vault.calls.tellings import Tellings


@dataclass(frozen=True, slots=True)
class Stage:
    """What legs and feeds of one process share."""

    floor: Floor
    connections: Connections
    tellings: Tellings
    names: Names
