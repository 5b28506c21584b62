"""The identity room over real databases and keys, with a tenant in it; tokens of any shape."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vault.clock import TurnableClock
from vault.db.engine import Database, open_database
from vault.db.migrate import migrate
from vault.identity.identity import Identity
from vault.identity.outgoing import Outgoing
from vault.identity.people import Person
from vault.identity.room import make_identity
from vault.identity.signing_key import SigningKey
from vault.keys.blobs import Blobs
from vault.keys.file_provider import FileKeyProvider
from vault.keys.store import KeyStore
from vault.ledger.log import Ledger
from vault.model import Id, Role
from vault.settings import SessionSettings

OWN = "https://vault.example"
START = datetime(2026, 1, 31, 8, tzinfo=UTC)


@dataclass(slots=True)
class Room:
    """The room, its clock, and one tenant with an agent and an administrator."""

    identity: Identity
    clock: TurnableClock
    database: Database
    ledger: Ledger
    keys: KeyStore
    signing_key: SigningKey
    tenant_id: Id
    agent: Person
    admin: Person


@asynccontextmanager
async def open_room(folder: Path, database: Database | None = None) -> AsyncIterator[Room]:
    """Open it, on a database of the caller's or on SQLite in the folder."""
    clock = TurnableClock(START)
    async with AsyncExitStack() as stack:
        if database is None:
            database = open_database(f"sqlite:///{folder}/main.db")
            stack.push_async_callback(database.aclose)
        key_database = open_database(f"sqlite:///{folder}/keys.db", durable=True)
        stack.push_async_callback(key_database.aclose)
        await migrate(database, "main")
        await migrate(key_database, "keys")
        keys = KeyStore(key_database, FileKeyProvider.create(folder / "keys" / "root.key"), clock)
        await keys.start()
        ledger = Ledger(database, Blobs(keys), clock)
        signing_key = SigningKey.generate()
        identity = make_identity(
            database=database,
            keys=keys,
            ledger=ledger,
            clock=clock,
            settings=SessionSettings(),
            signing_key=signing_key,
            issuer=OWN,
            outgoing=Outgoing(allow_loopback=True),
        )
        tenant_id = await identity.tenants.add(name="Tenant", retention_days=30)
        agent, admin = [
            await identity.people.add(tenant_id=tenant_id, role=role, profile={"name": role.value}, by=None)
            for role in (Role.AGENT, Role.ADMIN)
        ]
        yield Room(identity, clock, database, ledger, keys, signing_key, tenant_id, agent, admin)


def encode(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(part: str) -> Any:
    """The JSON inside a part of a token."""
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def sign(key: Ed25519PrivateKey, header: Mapping[str, Any] | str, claims: Mapping[str, Any] | str) -> str:
    """A token of exactly this header and payload (texts are taken as they are), rightly signed."""
    parts = [part if isinstance(part, str) else json.dumps(part) for part in (header, claims)]
    signed = ".".join(encode(part.encode()) for part in parts)
    return f"{signed}.{encode(key.sign(signed.encode()))}"
