"""A whole HTTP door on a free loopback port, over real databases, keys and ledger: what tests knock on."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from vault.app import Rooms, make_services, open_rooms
from vault.clock import Clock
from vault.http.health import Check, Health
from vault.http.route import Route, RouteTable
from vault.http.routes import ROUTES
from vault.http.server import listening
from vault.http.services import Services
from vault.http.web_app import make_web_app
from vault.identity.people import Person
from vault.identity.signing_key import create_signing_key
from vault.insight.metrics import Metrics
from vault.keys.file_provider import FileKeyProvider
from vault.ledger.signing import LedgerKeys
from vault.model import Id, Role
from vault.policy import Principal
from vault.settings import (
    DatabaseSettings,
    ExportSettings,
    KeysSettings,
    LedgerSettings,
    LimitSettings,
    MediaSettings,
    ServerSettings,
    SessionSettings,
    Settings,
    StorageSettings,
)

VERSION = "0.0.0-test"
LOOPBACK = "127.0.0.1"


def settings_in(folder: Path, **sections: Any) -> Settings:
    """Settings whose every file lies in one folder; the keys are made there."""
    keys = folder / "keys"
    settings = Settings(
        database=DatabaseSettings(url=f"sqlite:///{folder}/main.db"),
        keys=KeysSettings(
            database_url=f"sqlite:///{folder}/keys.db", key_file=keys / "root.key", **sections.pop("keys", {})
        ),
        ledger=LedgerSettings(origin="ledger.test", key_file=keys / "ledger.key"),
        storage=StorageSettings(url=f"file://{folder}/objects", country="FR"),
        sessions=sections.pop("sessions", SessionSettings()).model_copy(
            update={"key_file": keys / "tokens.key"}
        ),
        **sections,
    )
    if not settings.keys.key_file.exists():
        FileKeyProvider.create(settings.keys.key_file)
        LedgerKeys.create(settings.ledger.key_file, settings.ledger.origin)
        create_signing_key(settings.sessions.key_file)
    return settings


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
        return f"http://{LOOPBACK}:{self.port}"

    def by(self, role: Role = Role.ADMIN, tenant: str = "a") -> Principal:
        """The tenant's person of that role, as the use cases know them."""
        person = self.people[tenant, role]
        return Principal(person.id, person.tenant_id, role)

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
    media: dict[str, Any] | None = None,
    keys: dict[str, Any] | None = None,
) -> AsyncIterator[House]:
    """Start a door with the program's routes, and further ones of the test."""
    settings = settings_in(
        folder,
        server=ServerSettings(port=0, **(server or {})),
        limits=LimitSettings(**({"sign_in_per_minute": 1_000} | (limits or {}))),
        sessions=sessions or SessionSettings(),
        keys=keys or {},
        exports=ExportSettings(nice=0),  # a busy machine's other tests go no further before
        media=MediaSettings(**({"addresses": (LOOPBACK,), "local_only": True} | (media or {}))),
    )
    async with open_rooms(settings, development=True, clock=clock) as rooms:
        services = make_services(rooms, Metrics(version=VERSION, clock=rooms.clock))
        services.health = Health(version=VERSION, checks=checks or {"database": rooms.database.ping})
        application = make_web_app(services, RouteTable((*ROUTES.routes, *routes)))
        async with listening(application) as port, aiohttp.ClientSession() as client:
            house = House(rooms, services, port, client)
            await _people(house)
            try:
                yield house
            finally:
                await rooms.legs.aclose()


async def _people(house: House) -> None:
    for tenant in ("a", "b"):
        tenant_id = await house.rooms.identity.tenants.add(name=f"Tenant {tenant.upper()}", retention_days=30)
        house.tenants[tenant] = tenant_id
        for role in set(Role) - {Role.VISITOR}:
            house.people[tenant, role] = await house.rooms.identity.people.add(
                tenant_id=tenant_id, role=role, profile={"name": f"{role} of {tenant}"}, by=None
            )
