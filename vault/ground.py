"""What every room stands on: the only file that names concrete stores, databases and key providers.

Whatever is opened here is closed here, in reverse.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog
from pydantic import SecretStr

from crypto.keys import DataKey
from storage.debts import Debts, MemoryDebts
from storage.errors import MisplacedError, StorageError
from storage.filesystem import FilesystemStore
from storage.read_only import ReadOnlyStore
from storage.replicated import Acknowledge, ReplicatedStore
from storage.residency import Residency, ResidentStore
from storage.resilient import ResilienceLimits, ResilientStore
from storage.s3 import S3Store
from storage.s3_client import S3Credentials, S3Settings
from storage.store import ObjectStore
from vault.backups.backups import BackupParts, BackupRules, Backups
from vault.backups.dump import Kind
from vault.backups.key import load_backup_key
from vault.backups.places import backup_places, failure_domain
from vault.backups.shelf import Place
from vault.clock import Clock
from vault.db.engine import Database, open_database
from vault.db.migrate import migrate
from vault.errors import ConfigurationError, DependencyError, RefusedByPolicyError
from vault.identity.identity import Identity
from vault.identity.outgoing import Outgoing
from vault.identity.room import make_identity
from vault.identity.signing_key import SigningKey, load_signing_key
from vault.keys.blobs import Blobs
from vault.keys.key_pair import KeyPairFile
from vault.keys.store import KeyStore
from vault.keys.watch import ProviderWatch
from vault.keyservice.opening import open_key_holders as open_key_holders  # noqa: PLC0414  # told on
from vault.ledger.checkpoints import Checkpoints
from vault.ledger.epoch_ends import EpochEnds
from vault.ledger.log import Ledger
from vault.ledger.signing import LedgerKeys
from vault.media.places import SPOOL
from vault.media.replica_debts import ReplicaDebts
from vault.settings import Settings, StorageSettings, StoreSettings

log = structlog.get_logger(__name__)

LOCAL_ISSUER: Final = "http://127.0.0.1"  # of tokens while no public address is set
PRIMARY: Final = "primary"
SINGLE: Final = (f"{SPOOL}/",)  # lies at the primary alone: docs/adr/0012
Opened = Callable[[str, StoreSettings, Residency], Awaitable[ObjectStore]]
_SOURCE_TREE: Final = Path(__file__).parent.parent / "config"
_INSTALLED: Final = Path(__file__).parent / "_config"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every room stands on: databases, keys, store, ledger."""

    settings: Settings
    clock: Clock
    database: Database
    key_database: Database
    keys: KeyStore
    key_watch: ProviderWatch
    blobs: Blobs
    store: ReplicatedStore
    ledger: Ledger
    checkpoints: Checkpoints
    signing_key: SigningKey
    identity: Identity
    backups: Backups


def config_text(name: str) -> str:
    """Return a data file of ``config/``, from the source tree or from the installed package."""
    folder = _SOURCE_TREE if (_SOURCE_TREE / name).exists() else _INSTALLED
    return (folder / name).read_text(encoding="utf-8")


@asynccontextmanager
async def open_databases(
    settings: Settings, *, migrates: bool = True
) -> AsyncIterator[tuple[Database, Database]]:
    """Open the main database and the key store, migrated; raises ConfigurationError, DependencyError.

    Who only looks at a vault that may be running migrates nothing.
    """
    main = open_database(settings.database.url, password=_revealed(settings.database.password), durable=True)
    keys = open_database(
        settings.keys.database_url, password=_revealed(settings.keys.database_password), durable=True
    )
    try:
        if migrates:
            await migrate(main, "main")
            await migrate(keys, "keys")
        yield main, keys
    finally:
        await main.aclose()
        await keys.aclose()


@asynccontextmanager
async def open_store(settings: StorageSettings, debts: Debts | None = None) -> AsyncIterator[ReplicatedStore]:
    """Open the object store, primary and replicas, each with patience and under the residency rule.

    ``debts`` is what replicas are owed; a command that only reads needs none. Raises RefusedByPolicyError for
    a place that is not allowed, ConfigurationError for one that cannot keep the promises of the contract,
    DependencyError for a primary that does not answer. A replica that does not answer now is probed before
    anything is written to it.
    """
    async with _places(settings, _place) as places:
        yield ReplicatedStore(
            places,
            debts or MemoryDebts(),
            acknowledge=Acknowledge(settings.acknowledge),
            single=SINGLE,
        )


@asynccontextmanager
async def open_store_to_read(settings: StorageSettings) -> AsyncIterator[ObjectStore]:
    """Open the object store to look at it: no place is probed, since that writes, and nothing can be changed.

    Raises ConfigurationError, RefusedByPolicyError; what does not answer shows when it is read.
    """

    async def place(_name: str, one: StoreSettings, residency: Residency) -> ObjectStore:
        return ResidentStore(await _patient(one), residency, is_sound=False)

    async with _places(settings, place) as places:
        yield ReadOnlyStore(ReplicatedStore(places, MemoryDebts(), single=SINGLE))


@asynccontextmanager
async def _places(settings: StorageSettings, open_: Opened) -> AsyncIterator[dict[str, ObjectStore]]:
    """Open primary and replicas under the residency rule; close them at the end."""
    residency = Residency.from_toml(config_text("eu-regions.toml"), own_regions=settings.regions)
    async with AsyncExitStack() as opened:
        places: dict[str, ObjectStore] = {}
        try:
            for name, place in {PRIMARY: settings, **{one.name: one for one in settings.replicas}}.items():
                places[name] = await open_(name, place, residency)
                opened.push_async_callback(places[name].aclose)
        except MisplacedError as cause:
            raise RefusedByPolicyError(f"the object store may not be used: {cause}") from cause
        yield places


async def _patient(settings: StoreSettings) -> ObjectStore:
    limits = ResilienceLimits(timeout_s=settings.timeout_s)
    return ResilientStore(await _concrete_store(settings), limits)


async def _place(name: str, settings: StoreSettings, residency: Residency) -> ObjectStore:
    patient = await _patient(settings)
    store = ResidentStore(patient, residency)
    try:
        await _require_sound(name, store)
    except DependencyError:
        if name == PRIMARY:
            await store.aclose()
            raise
        log.warning("replica.away", place=name)
        return ResidentStore(patient, residency, is_sound=False)
    except BaseException:
        await store.aclose()
        raise
    return store


async def _concrete_store(settings: StoreSettings) -> ObjectStore:
    folder = settings.folder()
    if folder is not None:
        try:
            return await FilesystemStore.create(
                folder, country=settings.country or None, threads=settings.threads
            )
        except MisplacedError:
            raise
        except StorageError as cause:
            raise ConfigurationError(f"the folder {folder} cannot be used to keep objects in") from cause
    try:
        bucket, region, endpoint = settings.s3_options()
    except ValueError as cause:
        raise ConfigurationError(str(cause)) from cause
    options = S3Settings(
        bucket=bucket,
        region=region,
        endpoint=endpoint,
        checksums=settings.checksums,
        threads=settings.threads,
    )
    return await S3Store.create(options, _credentials(settings))


def _credentials(settings: StoreSettings) -> S3Credentials | Callable[[], S3Credentials] | None:
    """Give the pair, or what reads it from its file; None: the usual AWS chain is asked."""
    if settings.credentials_file is not None:
        file = KeyPairFile(settings.credentials_file)
        return lambda: S3Credentials(*file.current())
    if (
        not isinstance(settings, StorageSettings)
        or settings.access_key is None
        or settings.secret_key is None
    ):
        return None
    return S3Credentials(settings.access_key.get_secret_value(), settings.secret_key.get_secret_value())


async def _require_sound(name: str, store: ObjectStore) -> None:
    try:
        found = await store.probe()
    except MisplacedError:
        raise
    except StorageError as cause:
        raise DependencyError(
            f"the object store ({name}) does not answer as it must; is it up, is the key right?"
        ) from cause
    for finding in found.findings:
        log.warning(
            "storage.finding", place=name, code=finding.code, serious=finding.serious, text=finding.message
        )
    if found.serious:
        raise ConfigurationError(f"the object store ({name}) cannot be used: {found.serious[0].message}")


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None


@asynccontextmanager
async def open_backups(
    settings: Settings, databases: Mapping[Kind, Database], clock: Clock, *, with_ring: bool = True
) -> AsyncIterator[Backups]:
    """Open the places of the backups that the settings name; raises what a store raises.

    Without the ring, a restored key store brings none along.
    """
    residency = Residency.from_toml(config_text("eu-regions.toml"), own_regions=settings.storage.regions)
    named = backup_places(settings)
    async with AsyncExitStack() as opened:
        places = {}
        for kind, of_kind in named.items():
            places[kind] = [
                await _backup_place(opened, kind, name, of_kind[name], residency) for name in of_kind
            ]
        has_any = any(named.values())
        key = load_backup_key(settings.backup.key_file) if has_any else DataKey.generate()  # seals nothing
        keep = {
            Kind.MAIN: timedelta(days=settings.backup.keep_days),
            Kind.KEYS: timedelta(days=settings.keys.backup_days),
        }
        rules = BackupRules(timedelta(hours=settings.backup.every_h), keep)
        ring = settings.keys.key_file if with_ring and settings.keys.provider == "file" else None
        yield Backups(BackupParts(databases, places, key, clock, ring), rules)


async def _backup_place(
    opened: AsyncExitStack, kind: Kind, name: str, settings: StoreSettings, residency: Residency
) -> Place:
    """Open one; a vault starts, and is restored, without a place that does not answer now."""
    told = f"{kind.value} backups, {name}"
    try:
        store = await _place(told, settings, residency)
    except MisplacedError as cause:
        raise RefusedByPolicyError(f"the place of {told} may not be used: {cause}") from cause
    opened.push_async_callback(store.aclose)
    return Place(name, store, await asyncio.to_thread(failure_domain, settings))


@asynccontextmanager
async def open_ground(settings: Settings, *, development: bool, clock: Clock) -> AsyncIterator[Ground]:
    """Open databases and store, read the keys; raises what a wrong setting deserves."""
    async with AsyncExitStack() as opened:
        database, key_database = await opened.enter_async_context(open_databases(settings))
        holders = await opened.enter_async_context(open_key_holders(settings))
        ledger_keys = LedgerKeys.open(settings.ledger.key_file)
        keys = KeyStore(key_database, holders, clock, ledger_keys.anchor)
        blobs = Blobs(keys)
        ledger = Ledger(database, blobs, clock)
        await keys.start(EpochEnds(database, ledger).spent)
        debts = ReplicaDebts(database, clock)
        store = await opened.enter_async_context(open_store(settings.storage, debts))
        backups = await opened.enter_async_context(
            open_backups(settings, {Kind.MAIN: database, Kind.KEYS: key_database}, clock)
        )
        signing_key = load_signing_key(settings.sessions.key_file)
        yield Ground(
            settings=settings,
            clock=clock,
            database=database,
            key_database=key_database,
            keys=keys,
            key_watch=ProviderWatch(keys),
            blobs=blobs,
            store=store,
            ledger=ledger,
            checkpoints=Checkpoints(database, store, ledger_keys, clock),
            signing_key=signing_key,
            identity=make_identity(
                database=database,
                keys=keys,
                ledger=ledger,
                clock=clock,
                settings=settings.sessions,
                signing_key=signing_key,
                issuer=settings.server.public_url or LOCAL_ISSUER,
                outgoing=Outgoing(allow_loopback=development),
            ),
            backups=backups,
        )
