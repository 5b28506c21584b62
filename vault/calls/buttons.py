"""Call buttons: whose they are, which pages may show them, what they say, keep, and whom they ring."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.calls.notice import Language, Notice, make_notice
from vault.calls.routing import EVERYONE, Routing
from vault.calls.teams import require_teams
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import buttons, people, retention_rules, tenants
from vault.errors import Fault, InvalidError, NotFoundError, OriginRefusedError
from vault.model import Id, RuleKind, is_id, new_id
from vault.policy import Permission, Principal, require, roles_with

LAST_PORT: Final = 65_535
USUAL_PORTS: Final = {"http": "80", "https": "443"}  # a browser leaves them out
_ORIGIN: Final = re.compile(
    r"(?P<scheme>https?)://(?:[a-z0-9_](?:[a-z0-9._-]{0,252}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
)


@dataclass(frozen=True, slots=True)
class Button:
    """One call button; ``label`` and ``purpose`` have a text per language."""

    id: Id
    tenant_id: Id
    tenant_name: str
    name: str
    label: dict[str, str]
    purpose: dict[str, str]
    media: tuple[str, ...]
    allowed_origins: tuple[str, ...]
    records: bool
    retention_days: int
    routing: Routing
    disabled: bool
    requires_visitor_token: bool = False

    def notice(self, language: Language, media: tuple[str, ...]) -> Notice:
        """Write what a visitor reads before a call through this button."""
        return make_notice(
            tenant_name=self.tenant_name,
            purpose=self.purpose[language],
            retention_days=self.retention_days,
            media=media,
            records=self.records,
            language=language,
        )

    def admit_origin(self, origin: str | None) -> None:
        """Raise OriginRefusedError unless the asking page's origin (RFC 6454) is on the list."""
        if origin is None or origin not in self.allowed_origins:
            raise OriginRefusedError("this page may not use this button; add its origin to the button's list")


@dataclass(frozen=True, slots=True)
class NewButton:
    """What it takes to make a button."""

    name: str
    label: dict[str, str]
    purpose: dict[str, str]
    media: tuple[str, ...]
    allowed_origins: tuple[str, ...]
    records: bool
    retention_days: int | None  # None: as long as the tenant keeps
    routing: Routing = EVERYONE
    requires_visitor_token: bool = False  # no call whose visitor the company has not vouched for


class Buttons:
    """Makes, finds and switches buttons."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(self, new: NewButton, *, by: Principal) -> Button:
        """Make a button for the principal's tenant.

        Raises InvalidError for an origin that is none, and for people who cannot answer a call.
        """
        require(by, Permission.BUTTONS_MANAGE)
        _require_origins(new.allowed_origins)
        button_id = new_id("btn")
        async with self._database.write() as connection:
            await _require_answering(connection, new.routing, by.tenant_id)
            tenants_days = (
                await connection.execute(select(tenants.c.retention_days).where(tenants.c.id == by.tenant_id))
            ).scalar_one()
            await connection.execute(
                insert(buttons).values(
                    id=button_id,
                    tenant_id=by.tenant_id,
                    name=new.name,
                    label=new.label,
                    purpose=new.purpose,
                    media=list(new.media),
                    allowed_origins=list(new.allowed_origins),
                    records=new.records,
                    retention_days=new.retention_days or tenants_days,
                    routing=new.routing.to_json(),
                    requires_visitor_token=new.requires_visitor_token,
                    created_at=self._clock.now(),
                )
            )
            if new.retention_days is not None:
                rule = {"scope": button_id, "kind": RuleKind.RECORDING.value, "tenant_id": by.tenant_id}
                said = {"days": new.retention_days, "set_at": self._clock.now()}
                await connection.execute(insert(retention_rules).values(rule | said))
            return await self._get(connection, button_id)

    async def public(self, button_id: str) -> Button:
        """Find a button that is switched on, for a visitor; NotFoundError otherwise."""
        if not is_id(button_id, "btn"):
            raise NotFoundError("there is no such button")
        async with self._database.read() as connection:
            button = await self._get(connection, button_id)
        if button.disabled:
            raise NotFoundError("there is no such button")
        return button

    async def list(self, *, by: Principal) -> Sequence[Button]:
        """Give the tenant's buttons, oldest first."""
        require(by, Permission.BUTTONS_READ)
        async with self._database.read() as connection:
            rows = await connection.execute(
                _SELECT.where(buttons.c.tenant_id == by.tenant_id).order_by(buttons.c.id).limit(1_000)
            )
            return [_button(row) for row in rows]

    async def change(
        self,
        button_id: str,
        *,
        by: Principal,
        allowed_origins: tuple[str, ...] | None = None,
        disabled: bool | None = None,
        routing: Routing | None = None,
        requires_visitor_token: bool | None = None,
    ) -> Button:
        """Change a button's origins, whom it rings, or switch it; takes effect with the next call."""
        require(by, Permission.BUTTONS_MANAGE)
        values: dict[str, Any] = {}
        if allowed_origins is not None:
            _require_origins(allowed_origins)
            values["allowed_origins"] = list(allowed_origins)
        if routing is not None:
            values["routing"] = routing.to_json()
        if requires_visitor_token is not None:
            values["requires_visitor_token"] = requires_visitor_token
        if disabled is not None:
            values["disabled_at"] = self._clock.now() if disabled else None
        async with self._database.write() as connection:
            button = await self._get(connection, button_id)
            if button.tenant_id != by.tenant_id:
                raise NotFoundError("there is no such button")
            if routing is not None:
                await _require_answering(connection, routing, by.tenant_id)
            if values:
                await connection.execute(update(buttons).where(buttons.c.id == button_id).values(values))
            return await self._get(connection, button_id)

    async def _get(self, connection: AsyncConnection, button_id: str) -> Button:
        row = (await connection.execute(_SELECT.where(buttons.c.id == button_id))).first()
        if row is None:
            raise NotFoundError("there is no such button")
        return _button(row)


_SELECT = select(buttons, tenants.c.name.label("tenant_name"), tenants.c.leaving_at).join(
    tenants, tenants.c.id == buttons.c.tenant_id
)


def _button(row: Row[Any]) -> Button:
    return Button(
        id=row.id,
        tenant_id=row.tenant_id,
        tenant_name=row.tenant_name,
        name=row.name,
        label=row.label,
        purpose=row.purpose,
        media=tuple(row.media),
        allowed_origins=tuple(row.allowed_origins),
        records=row.records,
        retention_days=row.retention_days,
        routing=Routing.from_json(row.routing),
        disabled=row.disabled_at is not None or row.leaving_at is not None,  # no call begins any more
        requires_visitor_token=row.requires_visitor_token,
    )


def _require_origins(origins: Sequence[str]) -> None:
    """Raise InvalidError for an entry that no browser would ever send, so that none waits in vain."""
    faults = [
        Fault(
            f"#/allowed_origins/{number}",
            "not_an_origin",
            "write scheme and host in lower case, like https://example.org, and no usual port",
        )
        for number, origin in enumerate(origins)
        if not _is_origin(origin)
    ]
    if faults:
        raise InvalidError("an origin of the list is not one", faults)


async def _require_answering(connection: AsyncConnection, routing: Routing, tenant_id: Id) -> None:
    """Raise InvalidError for people or teams that are not the tenant's, or whose role answers no calls."""
    if routing.to == "teams":
        if not routing.team_ids:
            raise InvalidError(
                "a button for teams names none", [Fault("#/routing/team_ids", "too_short", "name a team")]
            )
        await require_teams(connection, routing.team_ids, tenant_id)
    if routing.to == "people":
        await _require_people(connection, routing, tenant_id)


async def _require_people(connection: AsyncConnection, routing: Routing, tenant_id: Id) -> None:
    if not routing.person_ids:
        raise InvalidError(
            "a button for people names none", [Fault("#/routing/person_ids", "too_short", "name a person")]
        )
    answering = roles_with(Permission.CALL_ANSWER)
    rows = await connection.execute(
        select(people.c.id).where(
            people.c.id.in_(routing.person_ids), people.c.tenant_id == tenant_id, people.c.role.in_(answering)
        )
    )
    known = {row.id for row in rows}
    faults = [
        Fault(f"#/routing/person_ids/{number}", "not_answering", "name somebody of yours who answers calls")
        for number, person_id in enumerate(routing.person_ids)
        if person_id not in known
    ]
    if faults:
        raise InvalidError("a person of the list cannot answer calls", faults)


def _is_origin(text: str) -> bool:
    """Tell whether a text is an http origin as browsers serialise it (RFC 6454, 6.2)."""
    found = _ORIGIN.fullmatch(text)
    if found is None:
        return False
    port = found["port"]
    return port is None or (int(port) <= LAST_PORT and port != USUAL_PORTS[found["scheme"]])
