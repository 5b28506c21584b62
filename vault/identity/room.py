"""The identity room, joined: for the composition root and for tests."""

from vault.clock import Clock
from vault.db.engine import Database
from vault.identity.foreign_tokens import ForeignTokens
from vault.identity.identity import Identity
from vault.identity.issuers import Issuers
from vault.identity.key_sets import KeySets
from vault.identity.outgoing import Outgoing
from vault.identity.own_tokens import OwnTokens
from vault.identity.people import People
from vault.identity.sessions import Sessions
from vault.identity.signing_key import SigningKey
from vault.identity.tenants import Tenants
from vault.keys.blobs import Blobs
from vault.keys.store import KeyStore
from vault.ledger.log import Ledger
from vault.settings import SessionSettings


def make_identity(
    *,
    database: Database,
    keys: KeyStore,
    ledger: Ledger,
    clock: Clock,
    settings: SessionSettings,
    signing_key: SigningKey,
    issuer: str,
    outgoing: Outgoing,
) -> Identity:
    """Join the room's parts. ``issuer`` is the public address: name and audience of our own tokens."""
    blobs = Blobs(keys)
    people = People(database, keys, blobs, ledger, clock)
    issuers = Issuers(database, ledger, clock, outgoing, own_issuer=issuer)
    return Identity(
        database=database,
        clock=clock,
        tokens=OwnTokens(signing_key, issuer=issuer, clock=clock, settings=settings),
        foreign=ForeignTokens(issuers, KeySets(outgoing, clock), people, clock),
        issuers=issuers,
        people=people,
        sessions=Sessions(database, ledger, clock, settings),
        tenants=Tenants(database, keys, ledger, clock),
    )
