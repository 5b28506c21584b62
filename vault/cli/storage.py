"""``callvault storage``: where the objects lie, by the store's own word."""

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Final

from vault.cli import options

if TYPE_CHECKING:
    from storage.store import Placement
    from vault.settings import StorageSettings

GROUP: Final = options.group("storage", "The object store.")


@GROUP.command("check")
def check(*, config: options.Config = None, as_json: options.Json = False) -> None:
    """Write, read and erase a probe, and print where the store says it lies; outside the EU it is refused."""
    from vault.cli.output import show
    from vault.cli.rooms import settings_of
    from vault.insight.logs import configure_logging

    settings = settings_of(config)
    configure_logging("warning", form="lines", stream=sys.stderr)
    show(asyncio.run(_placed(settings.storage)), as_json=as_json)


async def _placed(settings: "StorageSettings") -> dict[str, Any]:
    from vault.ground import open_store

    async with open_store(settings) as store:
        primary, *replicas = (await store.placements()).items()
    return {**_told(primary[1]), "replicas": {name: _told(place) for name, place in replicas}}


def _told(place: "Placement") -> dict[str, Any]:
    return {
        "provider": place.provider,
        "region": place.region,
        "country": place.country,
        "evidence": place.evidence,
    }
