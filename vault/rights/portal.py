"""The visitor's own page, put together: the link that leads to it, and what it tells."""

from dataclasses import dataclass

from vault.calls.own_links import OwnLinks
from vault.db.engine import Database
from vault.rights.kept import Kept
from vault.rights.receipts import Receipts
from vault.rights.requests import DeletionRequests


@dataclass(frozen=True, slots=True)
class Portal:
    """What a visitor comes back with, and what they find."""

    own_links: OwnLinks
    kept: Kept


def make_portal(
    database: Database, own_links: OwnLinks, requests: DeletionRequests, receipts: Receipts
) -> Portal:
    """Put it together."""
    return Portal(own_links, Kept(database, requests, receipts))
