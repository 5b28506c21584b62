"""What ``serve`` refuses before it opens anything, and ``config check`` tells beforehand."""

import ipaddress
import tomllib
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from vault.backups.dump import Kind
from vault.backups.places import PRIMARY, backup_places, beside_itself, failure_domain
from vault.cli.exits import CommandError, Exit
from vault.cli.folder import is_development
from vault.cli.key_provider_checks import key_provider_findings
from vault.cli.network_checks import network_cautions, network_findings
from vault.errors import ConfigurationError
from vault.keys.private_file import read_private
from vault.settings import Settings, StoreSettings

Finding = tuple[Exit, str]
DEVELOPMENT_KEY: Final = b'"development.invalid/'


def findings(settings: Settings, *, keys_needed: bool = True) -> list[Finding]:
    """Look at the settings and the key files; give every reason not to start, each with its exit code."""
    checks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _public_url,
        _storage,
        _backups,
        _media,
        _development,
        key_provider_findings,
    )
    found = [finding for check in checks for finding in check(settings)]
    return [*found, *_key_files(settings, needed=keys_needed)]


def require_startable(settings: Settings, *, keys_needed: bool = True) -> None:
    """Raise CommandError with every finding; a forbidden thing outweighs an unfinished one in the code."""
    found = findings(settings, keys_needed=keys_needed)
    if found:
        raise CommandError(*(line for _, line in found), code=max(code for code, _ in found))


def cautions(settings: Settings) -> list[str]:
    """Say what does not keep ``serve`` from starting, but will hurt."""
    from webrtc.ice import own_addresses

    server = settings.server
    found = list(network_cautions(settings.media, own_addresses()))
    behind_proxy = server.public_url.startswith("https://") and _is_private(server.host)
    if behind_proxy and not server.trusted_proxies:
        found.append(
            'server.trusted_proxies is empty: name the proxy, like ["127.0.0.1"], or all callers count as one'
        )
    found.extend(_too_few_copies(settings))
    return found


def _too_few_copies(settings: Settings) -> Iterator[str]:
    """Say that no epoch will end, and why: it is better known before the first one should."""
    places, least = backup_places(settings)[Kind.KEYS], settings.keys.least_copies
    if not places:
        yield (
            "backup.keys_url is empty: without a backup of the key store no epoch ends and no receipt becomes"
            " final; an unknown copy of the key store opens what was erased"
        )
    elif (apart := len({failure_domain(place) for place in places.values()})) < least:
        yield (
            f"backups of the key store go to {apart} place(s) that are not lost together, keys.least_copies"
            f" is {least}: no epoch ends; add [[backup.keys_replicas]] on another disk or bucket, or lower it"
        )


def _is_private(host: str) -> bool:
    """Tell whether only a proxy can stand between this address and the internet, or any address is meant."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return is_loopback(host)
    return address.is_private or address.is_unspecified


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine and nothing else."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _public_url(settings: Settings) -> Iterator[Finding]:
    url = settings.server.public_url
    parts = urlsplit(url)
    if not url:
        yield (
            Exit.CONFIGURATION,
            "server.public_url is missing: write the address people use, like https://calls.example.org",
        )
    elif parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        yield (
            Exit.CONFIGURATION,
            "server.public_url must begin with https://: browsers give no microphone to plain http",
        )


def _storage(settings: Settings) -> Iterator[Finding]:
    yield from _place("storage", settings.storage)
    if settings.storage.credentials_file is not None:
        yield from _key_file("credentials_file", settings.storage.credentials_file, needed=True)
    for replica in settings.storage.replicas:
        yield from _place(f"storage.replicas, {replica.name}", replica)
        if replica.credentials_file is not None:
            yield from _key_file("credentials_file", replica.credentials_file, needed=True)
    urls = [settings.storage.url, *(replica.url for replica in settings.storage.replicas)]
    if len(set(urls)) < len(urls):
        yield (
            Exit.CONFIGURATION,
            "storage.replicas: two places have the same url; a copy beside itself is none",
        )


def _backups(settings: Settings) -> Iterator[Finding]:
    places = backup_places(settings)
    wrong = []
    for kind, of_kind in places.items():
        for name, place in of_kind.items():
            if name == PRIMARY:
                wrong += [*_place("backup", place, url=f"backup.{kind.value}_url")]
            else:
                wrong += [*_place(f"backup.{kind.value}_replicas, {name}", place)]
    yield from dict.fromkeys(wrong)
    for replica in settings.backup.keys_replicas:
        if replica.credentials_file is not None:
            yield from _key_file("credentials_file", replica.credentials_file, needed=True)
    if not wrong and any(beside_itself(*pair) for pair in combinations(places[Kind.KEYS].values(), 2)):
        yield (
            Exit.CONFIGURATION,
            "backup.keys_replicas: two places are one bucket, or one folder; a copy beside itself is none",
        )


def _place(name: str, storage: StoreSettings, *, url: str = "") -> Iterator[Finding]:
    scheme = urlsplit(storage.url).scheme
    if scheme == "file":
        countries = _allowed_countries()
        if not storage.country:
            yield (
                Exit.CONFIGURATION,
                f"{name}.country is missing: declare where this machine stands, like FR",
            )
        elif storage.country not in countries:
            yield Exit.REFUSED, f"{name}.country is not in the EU or the EEA (config/eu-regions.toml)"
    elif scheme == "s3":
        try:
            storage.s3_options()
        except ValueError as error:
            yield Exit.CONFIGURATION, str(error)
    else:
        yield Exit.CONFIGURATION, f"{url or f'{name}.url'} begins with file:// or s3://"


def _media(settings: Settings) -> Iterator[Finding]:
    media = settings.media
    if bool(media.port_first) != bool(media.port_last) or media.port_first > media.port_last:
        yield (
            Exit.CONFIGURATION,
            "media.port_first and media.port_last name a range together, the smaller first",
        )
    yield from ((Exit.CONFIGURATION, words) for words in network_findings(media))


def _development(settings: Settings) -> Iterator[Finding]:
    if is_development(settings):
        yield (
            Exit.REFUSED,
            "a key, a database or objects lie in a folder that `callvault dev` made; begin with a new one",
        )


def _key_files(settings: Settings, *, needed: bool) -> Iterator[Finding]:
    paths = {"keys.key_file": settings.keys.key_file} if settings.keys.provider == "file" else {}
    paths |= {
        f"keys.holders, {one.name}: key_file": one.key_file
        for one in settings.keys.holders
        if one.provider == "file" and one.key_file is not None
    }
    paths |= {
        "ledger.key_file": settings.ledger.key_file,
        "sessions.key_file": settings.sessions.key_file,
    }
    if len({path.absolute() for path in paths.values()}) < len(paths):
        yield (
            Exit.CONFIGURATION,
            "each key needs a file of its own: two of the key_file settings are the same",
        )
    for name, path in paths.items():
        yield from _key_file(name, path, needed=needed)


def _key_file(name: str, path: Path, *, needed: bool) -> Iterator[Finding]:
    if not path.exists():
        if needed:
            yield (
                Exit.CONFIGURATION,
                f"{name}: {path} is missing; restore it, or before the first start: callvault keys init",
            )
        return
    try:
        content = read_private(path)
    except ConfigurationError as error:
        yield Exit.CONFIGURATION, str(error)
        return
    if DEVELOPMENT_KEY in content:
        yield Exit.REFUSED, f"{name}: {path} is a key that `callvault dev` made; make new ones"


def _allowed_countries() -> frozenset[str]:
    from vault.ground import config_text

    return frozenset(tomllib.loads(config_text("eu-regions.toml"))["countries"])
