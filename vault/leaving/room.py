"""The room of tenants that leave, joined."""

from collections.abc import Callable
from dataclasses import dataclass, field

from storage.store import ObjectStore
from vault.clock import Clock
from vault.db.engine import Database
from vault.keys.blobs import Blobs
from vault.keys.store import KeyStore
from vault.leaving.archive import Archive, Sources
from vault.leaving.exits import Exits
from vault.leaving.following import FollowUps
from vault.leaving.leaver import Leaver, LeaverParts
from vault.leaving.notices import Post
from vault.leaving.packing import Packer
from vault.leaving.records import Records
from vault.leaving.telling import Teller
from vault.ledger.checkpoints import Checkpoints
from vault.ledger.log import Ledger
from vault.media.reading import Reader
from vault.rights.receipts import Receipts
from vault.rights.requests import DeletionRequests
from vault.rights.sentry import Sentry
from vault.rights.taken_along import TakenAlong
from vault.settings import MailSettings


@dataclass(frozen=True, slots=True)
class Leaving:
    """What there is to ask, and the job that does it."""

    exits: Exits
    follow_ups: FollowUps
    leaver: Leaver


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the room stands on. ``link_key``: a secret of the deployment, for follow-up links alone."""

    database: Database
    keys: KeyStore
    store: ObjectStore
    ledger: Ledger
    clock: Clock
    reader: Reader
    checkpoints: Checkpoints
    receipts: Receipts
    requests: DeletionRequests
    sentry: Sentry
    mail: MailSettings
    link_key: bytes = field(repr=False)
    wake: Callable[[], None]


def make_leaving(on: Surroundings) -> Leaving:
    """Join it."""
    post = Post(on.mail) if on.mail.host else None
    records = Records(on.database, Blobs(on.keys), on.clock)
    sources = Sources(on.database, on.store, records, on.reader, on.checkpoints, on.receipts, on.clock)
    taken = TakenAlong(on.database, on.store, on.clock)
    parts = LeaverParts(
        database=on.database,
        ledger=on.ledger,
        clock=on.clock,
        packer=Packer(on.database, on.store, on.clock, Archive(sources), taken),
        taken=taken,
        teller=Teller(on.database, on.keys, on.receipts, on.clock, post),
        requests=on.requests,
        sentry=on.sentry,
        wake=on.wake,
    )
    exits = Exits(on.database, on.keys, on.store, on.ledger, on.clock, can_tell=post is not None)
    follow_ups = FollowUps(on.database, on.requests, on.receipts, on.link_key)
    return Leaving(exits, follow_ups, Leaver(parts))
