"""A whole HTTP door on a free loopback port, over real databases, keys and ledger: what tests knock on."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from vault.clock import Clock, SystemClock
from vault.db.engine import Database, open_database
from vault.db.migrate import migrate
from vault.http.cursors import Cursors
from vault.http.health import Check, Health
from vault.http.route import Route, RouteTable
from vault.http.routes import ROUTES
from vault.http.server import listening
from vault.http.services import Services
from vault.http.web_app import make_web_app
from vault.identity.identity import Identity
from vault.identity.outgoing import Outgoing
from vault.identity.people import Person
from vault.identity.room import make_identity
from vault.identity.signing_key import SigningKey
from vault.insight.metrics import Metrics
from vault.keys.blobs import Blobs
from vault.keys.file_provider import FileKeyProvider
from vault.keys.store import KeyStore
from vault.ledger.log import Ledger
from vault.model import Id, Role
from vault.settings import LimitSettings, ServerSettings, SessionSettings, Settings

VERSION = "0.0.0-test"


@dataclass(slots=True)
class Rooms:
    """The rooms under the door, without the door."""

    database: Database
    keys: KeyStore
    blobs: Blobs
    ledger: Ledger
    identity: Identity
    signing_key: SigningKey
    clock: Clock
    issuer: str


@asynccontextmanager
async def open_rooms(
    folder: Path,
    *,
    clock: Clock | None = None,
    sessions: SessionSettings | None = None,
    issuer: str = "http://vault.test",
) -> AsyncIterator[Rooms]:
    """Open both databases in a folder and join the rooms."""
    clock = clock or SystemClock()
    main = open_database(f"sqlite:///{folder}/main.db")
    key_database = open_database(f"sqlite:///{folder}/keys.db", durable=True)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(main.aclose)
        stack.push_async_callback(key_database.aclose)
        await migrate(main, "main")
        await migrate(key_database, "keys")
        keys = KeyStore(key_database, FileKeyProvider.create(folder / "keys" / "root.key"), clock)
        await keys.start()
        blobs = Blobs(keys)
        ledger = Ledger(main, blobs, clock)
        signing_key = SigningKey.generate()
        identity = make_identity(
            database=main,
            keys=keys,
            ledger=ledger,
            clock=clock,
            settings=sessions or SessionSettings(),
            signing_key=signing_key,
            issuer=issuer,
            outgoing=Outgoing(allow_loopback=True),
        )
        yield Rooms(main, keys, blobs, ledger, identity, signing_key, clock, issuer)


@dataclass(slots=True)
class House:
    """A running door, its rooms, and two tenants with someone in every role."""

    rooms: Rooms
    services: Services
    port: int
    client: aiohttp.ClientSession
    tenants: dict[str, Id] = field(default_factory=dict)
    people: dict[tuple[str, Role], Person] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def token(self, role: Role, tenant: str = "a") -> str:
        """An access token of the tenant's person of that role."""
        return self.rooms.identity.mint_access_token(self.people[tenant, role]).token

    async def ask(
        self, method: str, path: str, *, role: Role | None = None, tenant: str = "a", **more: Any
    ) -> tuple[int, Any, "aiohttp.ClientResponse"]:
        """Send a request as someone; give the status, the body read as JSON (or its bytes), the response."""
        headers = dict(more.pop("headers", {}))
        if role is not None:
            headers["Authorization"] = f"Bearer {self.token(role, tenant)}"
        async with self.client.request(method, self.url + path, headers=headers, **more) as response:
            raw = await response.read()
            is_json = "json" in response.headers.get("Content-Type", "")
            return response.status, (await response.json() if is_json and raw else raw), response


@asynccontextmanager
async def open_house(
    folder: Path,
    *,
    server: dict[str, Any] | None = None,
    limits: dict[str, Any] | None = None,
    clock: Clock | None = None,
    routes: Sequence[Route] = (),
    checks: dict[str, Check] | None = None,
    sessions: SessionSettings | None = None,
) -> AsyncIterator[House]:
    """Start a door with the program's routes, and further ones of the test."""
    settings = Settings(
        server=ServerSettings(port=0, **(server or {})),
        limits=LimitSettings(**({"sign_in_per_minute": 1_000} | (limits or {}))),
    )
    issuer = settings.server.public_url or "http://vault.test"
    async with open_rooms(folder, clock=clock, sessions=sessions, issuer=issuer) as rooms:
        services = Services(
            settings=settings,
            clock=rooms.clock,
            database=rooms.database,
            blobs=rooms.blobs,
            ledger=rooms.ledger,
            identity=rooms.identity,
            metrics=Metrics(version=VERSION, clock=rooms.clock),
            cursors=Cursors(rooms.signing_key.derive("cursors")),
            health=Health(version=VERSION, checks=checks or {"database": rooms.database.ping}),
        )
        application = make_web_app(services, RouteTable((*ROUTES.routes, *routes)))
        async with listening(application) as port, aiohttp.ClientSession() as client:
            house = House(rooms, services, port, client)
            await _people(house)
            yield house


async def _people(house: House) -> None:
    for tenant in ("a", "b"):
        tenant_id = await house.rooms.identity.tenants.add(name=f"Tenant {tenant.upper()}", retention_days=30)
        house.tenants[tenant] = tenant_id
        for role in set(Role) - {Role.VISITOR}:
            house.people[tenant, role] = await house.rooms.identity.people.add(
                tenant_id=tenant_id, role=role, profile={"name": f"{role} of {tenant}"}, by=None
            )
