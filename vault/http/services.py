"""Everything a handler may use, in one typed place. ``vault.app`` fills it; handlers read it.

To give handlers a new use case: add a field here with its concrete class, and fill it in ``vault.app``.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import web

from vault.calls.buttons import Buttons
from vault.calls.calls import Calls
from vault.calls.control import Control
from vault.calls.events import Events
from vault.calls.feeds import Feeds
from vault.calls.invitations import Invitations
from vault.calls.legs import Legs
from vault.calls.papers import Papers
from vault.calls.qualities import Qualities
from vault.calls.relays import Relays
from vault.calls.ringing import Ringing
from vault.calls.teams import Teams
from vault.calls.tickets import Tickets
from vault.clock import Clock
from vault.db.engine import Database
from vault.evidence.making import Evidence
from vault.http.cursors import Cursors
from vault.http.health import Health
from vault.identity.identity import Identity
from vault.insight.metrics import Metrics
from vault.keys.blobs import Blobs
from vault.keys.store import KeyStore
from vault.keys.turning import Turn
from vault.keys.watch import ProviderWatch
from vault.leaving.exits import Exits
from vault.leaving.following import FollowUps
from vault.ledger.checkpoints import Checkpoints
from vault.ledger.log import Ledger
from vault.media.library import Library
from vault.media.links import Links
from vault.media.reading import Reader
from vault.media.whole_calls import WholeCalls
from vault.rights.custody import Custody
from vault.rights.keeper import Keeper
from vault.rights.portal import Portal
from vault.rights.receipts import Receipts
from vault.rights.requests import DeletionRequests
from vault.settings import Settings

if TYPE_CHECKING:
    from vault.http.route import RouteTable


@dataclass(slots=True, kw_only=True)
class Services:
    """The composed program, as the HTTP door sees it."""

    settings: Settings
    clock: Clock
    database: Database
    keys: KeyStore
    key_watch: ProviderWatch
    blobs: Blobs
    ledger: Ledger
    checkpoints: Checkpoints
    identity: Identity
    teams: Teams
    buttons: Buttons
    exits: Exits
    follow_ups: FollowUps
    calls: Calls
    invitations: Invitations
    legs: Legs
    feeds: Feeds
    events: Events
    tickets: Tickets
    ringing: Ringing
    relays: Relays
    papers: Papers
    control: Control
    qualities: Qualities
    library: Library
    reader: Reader
    links: Links
    whole_calls: WholeCalls
    deletion_requests: DeletionRequests
    receipts: Receipts
    portal: Portal
    custody: Custody
    keeper: Keeper
    turn: Turn
    evidence: Evidence
    metrics: Metrics
    cursors: Cursors
    health: Health
    demo_button_id: str | None = None  # the development server shows a page with this button


SERVICES: Final = web.AppKey("services", Services)
TABLE: "Final[web.AppKey[RouteTable]]" = web.AppKey("routes")
