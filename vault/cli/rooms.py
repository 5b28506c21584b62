"""The rooms without their doors, for commands that act on a vault from its own machine."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from vault.cli.exits import CommandError, Exit
from vault.cli.folder import is_development
from vault.settings import Settings
from vault.settings.sources import Loaded, load_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vault.app import Rooms
    from vault.model import Id
    from vault.policy import Principal

Result = TypeVar("Result")


def settings_of(config: Path | None) -> Settings:
    """Load the settings that a command works with; raises SettingsError."""
    return loaded_from(config).settings


def loaded_from(config: Path | None) -> Loaded:
    """Load settings and their origins; raises SettingsError."""
    return load_settings(environ=os.environ, file=config)


def in_rooms(
    config: Path | None, act: "Callable[[Rooms], Awaitable[Result]]", *, only_compares: bool = False
) -> Result:
    """Open the rooms, act, close them. Logs of a command go to standard error, warnings only.

    A database that was set back is refused, by LedgerBrokenError: what was erased since would open, and an
    entry of its own would make it another ledger, which no start brings up to date any more. What
    ``only_compares`` rows with objects may look.
    """
    from vault.app import open_rooms
    from vault.insight.logs import configure_logging

    settings = settings_of(config)
    configure_logging("warning", form="lines", stream=sys.stderr)

    async def run() -> Result:
        async with open_rooms(settings, development=is_development(settings)) as rooms:
            if not only_compares:
                await rooms.checkpoints.require_continued()
            return await act(rooms)

    return asyncio.run(run())


async def tenant_of(rooms: "Rooms", named: str | None) -> "Id":
    """Choose the tenant a command is about: the one named, else the only one there is."""
    tenants = await rooms.identity.tenants.all_ids()
    if named is None and len(tenants) == 1:
        return tenants[0]
    if not tenants:
        raise CommandError("there is no tenant yet; make one: callvault tenant add NAME")
    if named is None:
        raise CommandError(
            "there are several tenants; say which with --tenant (callvault tenant list)", code=Exit.USAGE
        )
    for tenant in tenants:
        if tenant == named:
            return tenant
    raise CommandError("there is no such tenant; see: callvault tenant list")


def operator_of(tenant: "Id") -> "Principal":
    """Act as the tenant itself: whoever has this machine's keys may do all an administrator may.

    The ledger names the act's author with the tenant's own pseudonym, apart from every person's.
    """
    from vault.model import Role
    from vault.policy import Principal

    return Principal(id=tenant, tenant_id=tenant, role=Role.ADMIN)


async def acting_for(rooms: "Rooms", named: str | None) -> "Principal":
    """Act as the tenant that a command is about; see ``tenant_of``."""
    return operator_of(await tenant_of(rooms, named))
