"""Where backups go, as the settings name it, and what is lost together."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from vault.backups.dump import Kind
from vault.settings import Settings, StoreSettings

PRIMARY: Final = "primary"


def backup_places(settings: Settings) -> Mapping[Kind, Mapping[str, StoreSettings]]:
    """Give the places of each kind by their names, the one of ``backup.main_url`` or ``keys_url`` first."""
    told, places = settings.backup, {}
    for kind, url in ((Kind.MAIN, told.main_url), (Kind.KEYS, told.keys_url)):
        first = {"url": url, "country": told.country, "replicas": ()}
        places[kind] = {PRIMARY: settings.storage.model_copy(update=first)} if url else {}
    return {**places, Kind.KEYS: {**places[Kind.KEYS], **{one.name: one for one in told.keys_replicas}}}


def failure_domain(place: StoreSettings) -> str:
    """Name what a place is lost with: the disk that a folder lies on, or is to lie on; a bucket.

    Raises ValueError for a URL that names no place. Blocking: it asks the file system.
    """
    folder = place.folder()
    if folder is not None:
        for each in (folder.absolute(), *folder.absolute().parents):
            with suppress(OSError):  # not made yet, or not ours to look at: what it lies in tells
                return f"disk {each.stat().st_dev}"
    bucket, region, endpoint = place.s3_options()
    return f"bucket {urlsplit(endpoint).netloc if endpoint else region}/{bucket}"


def beside_itself(one: StoreSettings, other: StoreSettings) -> bool:
    """Tell whether two places are one: the same bucket, or a folder in the other."""
    here, there = one.folder(), other.folder()
    if here is None or there is None:
        return here is there and failure_domain(one) == failure_domain(other)
    return _inside(here, there) or _inside(there, here)


def _inside(folder: Path, other: Path) -> bool:
    return folder.resolve().is_relative_to(other.resolve())
