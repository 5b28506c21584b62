"""The composition root: the only file that names concrete stores, databases and key providers.

``open_rooms`` builds everything the rooms need, for the server and for the command line. ``open_app`` adds
what runs: recovery, jobs, listeners. Whatever is opened here is closed here, in reverse.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import structlog

from storage.errors import MisplacedError, StorageError
from storage.filesystem import FilesystemStore
from storage.residency import Residency, ResidentStore
from storage.resilient import ResilienceLimits, ResilientStore
from storage.s3 import S3Store
from storage.s3_client import S3Credentials, S3Settings
from storage.store import ObjectStore
from vault import __version__
from vault.calls.buttons import Buttons
from vault.calls.calls import Calls
from vault.calls.control import Control
from vault.calls.events import Events
from vault.calls.feeds import Feeds
from vault.calls.invitations import Invitations
from vault.calls.legs import Legs
from vault.calls.load import Load
from vault.calls.own_links import OwnLinks, VisitorLinks
from vault.calls.papers import Papers, make_papers
from vault.calls.qualities import Qualities
from vault.calls.rechecks import Rechecks
from vault.calls.recorder import Recorder
from vault.calls.recovery import Recovery
from vault.calls.relays import Relays
from vault.calls.ringing import Ringing
from vault.calls.room import LiveCalls, make_live_calls
from vault.calls.teams import Teams
from vault.calls.tickets import Tickets
from vault.clock import Clock, SystemClock
from vault.db.engine import Database, open_database
from vault.db.migrate import migrate
from vault.errors import ConfigurationError, DependencyError, RefusedByPolicyError
from vault.http.cursors import Cursors
from vault.http.health import Health
from vault.http.routes import ROUTES
from vault.http.server import listening, serving_metrics
from vault.http.services import Services
from vault.http.web_app import make_web_app
from vault.identity.identity import Identity
from vault.identity.outgoing import Outgoing
from vault.identity.room import make_identity
from vault.identity.signing_key import SigningKey, load_signing_key
from vault.insight.happenings import Happenings
from vault.insight.line_metrics import LineMetrics
from vault.insight.metrics import Metrics
from vault.jobs import bounded, kept_running
from vault.keys.blobs import Blobs
from vault.keys.file_provider import FileKeyProvider
from vault.keys.store import KeyStore
from vault.ledger.checkpoints import Checkpoints
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.ledger.signing import LedgerKeys
from vault.media.exporter import Exporter
from vault.media.exporting import Grounds
from vault.media.finish import Finish
from vault.media.finisher import Finisher
from vault.media.library import Library
from vault.media.links import Links
from vault.media.reading import Reader
from vault.media.recordings import Recordings
from vault.media.whole_calls import WholeCalls, make_whole_calls
from vault.rights.erasure import Collaborators, Eraser
from vault.rights.keeper import Keeper
from vault.rights.portal import Portal, make_portal
from vault.rights.receipts import Receipts
from vault.rights.requests import DeletionRequests
from vault.settings import Settings, StorageSettings

log = structlog.get_logger(__name__)

LOCAL_ISSUER: Final = "http://127.0.0.1"  # of tokens while no public address is set
LINKS_EVERY_S: Final = 60.0  # closing entries of links are written this often
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
    blobs: Blobs
    store: ObjectStore
    ledger: Ledger
    checkpoints: Checkpoints
    signing_key: SigningKey
    identity: Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms(Ground):
    """The program without its doors."""

    teams: Teams
    buttons: Buttons
    calls: Calls
    invitations: Invitations
    recordings: Recordings
    legs: Legs
    feeds: Feeds
    events: Events
    tickets: Tickets
    ringing: Ringing
    recovery: Recovery
    relays: Relays
    papers: Papers
    control: Control
    load: Load
    qualities: Qualities
    finisher: Finisher
    library: Library
    reader: Reader
    links: Links
    whole_calls: WholeCalls
    deletion_requests: DeletionRequests
    receipts: Receipts
    portal: Portal
    keeper: Keeper


@dataclass(frozen=True, slots=True)
class App:
    """The program with its doors open. ``port`` and ``metrics_port`` are the ones really listened on."""

    rooms: Rooms
    services: Services
    port: int
    metrics_port: int

    async def drain(self) -> None:
        """Take no new call, let running ones go on for a while, then end them."""
        self.services.health.draining = True
        await self.rooms.legs.drained(self.rooms.settings.server.drain_s)
        await self.rooms.legs.aclose()


def config_text(name: str) -> str:
    """Return a data file of ``config/``, from the source tree or from the installed package."""
    folder = _SOURCE_TREE if (_SOURCE_TREE / name).exists() else _INSTALLED
    return (folder / name).read_text(encoding="utf-8")


@asynccontextmanager
async def open_databases(settings: Settings) -> AsyncIterator[tuple[Database, Database]]:
    """Open the main database and the key store, migrated; raises ConfigurationError, DependencyError."""
    password, key_password = settings.database.password, settings.keys.database_password
    main = open_database(
        settings.database.url, password=password.get_secret_value() if password else None, durable=True
    )
    keys = open_database(
        settings.keys.database_url,
        password=key_password.get_secret_value() if key_password else None,
        durable=True,
    )
    try:
        await migrate(main, "main")
        await migrate(keys, "keys")
        yield main, keys
    finally:
        await main.aclose()
        await keys.aclose()


@asynccontextmanager
async def open_store(settings: StorageSettings) -> AsyncIterator[ObjectStore]:
    """Open the object store, with patience and under the residency rule.

    Raises RefusedByPolicyError for a store whose real place is not allowed, ConfigurationError for one that
    cannot keep the promises of the contract, DependencyError for one that does not answer.
    """
    residency = Residency.from_toml(config_text("eu-regions.toml"), own_regions=settings.regions)
    try:
        plain = await _concrete_store(settings)
        store = ResidentStore(
            ResilientStore(plain, ResilienceLimits(timeout_s=settings.timeout_s)), residency
        )
        try:
            await _require_sound(store)
            yield store
        finally:
            await store.aclose()
    except MisplacedError as cause:
        raise RefusedByPolicyError(f"the object store may not be used: {cause}") from cause


async def _concrete_store(settings: StorageSettings) -> ObjectStore:
    folder = settings.folder()
    if folder is not None:
        try:
            return await FilesystemStore.create(
                folder, country=settings.country or None, threads=settings.threads
            )
        except MisplacedError:
            raise
        except StorageError as cause:
            raise ConfigurationError(f"storage.url: the folder {folder} cannot be used") from cause
    try:
        bucket, region, endpoint = settings.s3_options()
    except ValueError as cause:
        raise ConfigurationError(str(cause)) from cause
    credentials = None
    if settings.access_key is not None and settings.secret_key is not None:
        credentials = S3Credentials(
            settings.access_key.get_secret_value(), settings.secret_key.get_secret_value()
        )
    options = S3Settings(
        bucket=bucket,
        region=region,
        endpoint=endpoint,
        checksums=settings.checksums,
        threads=settings.threads,
    )
    return await S3Store.create(options, credentials)


async def _require_sound(store: ObjectStore) -> None:
    try:
        found = await store.probe()
    except MisplacedError:
        raise
    except StorageError as cause:
        raise DependencyError(
            "the object store does not answer as it must; is it up, is the key right?"
        ) from cause
    for finding in found.findings:
        log.warning("storage.finding", code=finding.code, serious=finding.serious, text=finding.message)
    if found.serious:
        raise ConfigurationError(f"the object store cannot be used: {found.serious[0].message}")


@asynccontextmanager
async def open_ground(settings: Settings, *, development: bool, clock: Clock) -> AsyncIterator[Ground]:
    """Open databases and store, read the keys; raises what a wrong setting deserves."""
    async with AsyncExitStack() as opened:
        database, key_database = await opened.enter_async_context(open_databases(settings))
        keys = KeyStore(key_database, FileKeyProvider.open(settings.keys.key_file), clock)
        await keys.start()
        store = await opened.enter_async_context(open_store(settings.storage))
        blobs = Blobs(keys)
        ledger = Ledger(database, blobs, clock)
        signing_key = load_signing_key(settings.sessions.key_file)
        yield Ground(
            settings=settings,
            clock=clock,
            database=database,
            key_database=key_database,
            keys=keys,
            blobs=blobs,
            store=store,
            ledger=ledger,
            checkpoints=Checkpoints(database, store, LedgerKeys.open(settings.ledger.key_file), clock),
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
        )


@asynccontextmanager
async def open_rooms(
    settings: Settings, *, development: bool = False, clock: Clock | None = None
) -> AsyncIterator[Rooms]:
    """Build the rooms; keys must exist already (``callvault keys init``).

    ``development`` lets issuers live on loopback. ``clock`` is the machine's unless a test brings its own.
    """
    async with open_ground(settings, development=development, clock=clock or SystemClock()) as ground:
        yield _rooms(ground)


def _rooms(ground: Ground) -> Rooms:
    database, ledger, clock = ground.database, ground.ledger, ground.clock
    calls = Calls(database, ground.keys, ground.blobs, ledger, buttons := Buttons(database, clock), clock)
    recordings = Recordings(database, ground.keys, ledger, clock)
    finisher = _finisher(ground, recordings)
    live = _live(ground, calls, _recorder(ground, recordings, finisher))
    papers = _papers(ground, calls, live)
    reader = Reader(database, ground.keys, ground.store)
    whole_calls = _whole_calls(ground, reader, live.events)
    requests = DeletionRequests(database, ground.keys, ground.blobs, ledger, clock)
    eraser = _eraser(ground, live.legs, finisher, whole_calls.exporter)
    unjoined_s = ground.settings.sessions.visitor_token_s
    invitations = Invitations(database, ground.keys, ground.blobs, ledger, buttons, calls, clock)
    links = VisitorLinks(invitations, own_links := OwnLinks(database, ledger, clock))
    kept = (recordings, calls, papers.notes, links)
    keeper = Keeper(eraser, requests, *kept, clock, unjoined_s=unjoined_s)
    live.control.withdrawals.erase_with(keeper.stopped)
    return Rooms(
        **{field.name: getattr(ground, field.name) for field in fields(ground)},
        teams=Teams(database, ledger, clock),
        buttons=buttons,
        calls=calls,
        invitations=invitations,
        recordings=recordings,
        **_shared(live, Rooms),
        papers=papers,
        finisher=finisher,
        library=Library(database),
        reader=reader,
        links=Links(database, ledger, clock, lifetime_s=ground.settings.links.lifetime_s),
        whole_calls=whole_calls,
        deletion_requests=requests,
        receipts=(receipts := Receipts(requests, ledger, ground.checkpoints)),
        portal=make_portal(database, own_links, requests, receipts),
        keeper=keeper,
    )


def _live(ground: Ground, calls: Calls, recorder: Recorder) -> LiveCalls:
    return make_live_calls(
        database=ground.database,
        blobs=ground.blobs,
        ledger=ground.ledger,
        people=ground.identity.people,
        clock=ground.clock,
        calls=calls,
        recorder=recorder,
        settings=ground.settings,
    )


def _papers(ground: Ground, calls: Calls, live: LiveCalls) -> Papers:
    named = ("database", "keys", "blobs", "ledger", "clock")
    return make_papers(calls=calls, tellings=live.tellings, **{name: getattr(ground, name) for name in named})


def _recorder(ground: Ground, recordings: Recordings, finisher: Finisher) -> Recorder:
    return Recorder(
        recordings,
        ground.keys,
        ground.store,
        ground.clock,
        ground.settings.recording,
        rejoin_s=ground.settings.media.rejoin_s,
        on_ended=finisher.enqueue,
    )


def _finisher(ground: Ground, recordings: Recordings) -> Finisher:
    settings = ground.settings.recording
    finish = Finish(ground.database, ground.keys, ground.store, ground.ledger, ground.clock, settings)
    return Finisher(finish, recordings, workers=settings.finish_workers)


def _whole_calls(ground: Ground, reader: Reader, events: Events) -> WholeCalls:
    grounds = Grounds(ground.database, ground.keys, ground.store, ground.ledger, ground.clock, reader)
    return make_whole_calls(grounds, events, ground.settings)


def _eraser(ground: Ground, legs: Legs, finisher: Finisher, exporter: Exporter) -> Eraser:
    async def stop_capture(media_id: str) -> None:
        await legs.stop_capture(media_id)
        await finisher.stop(media_id)
        await exporter.stop(media_id)

    return Eraser(
        Collaborators(
            database=ground.database,
            keys=ground.keys,
            store=ground.store,
            ledger=ground.ledger,
            clock=ground.clock,
            stop_capture=stop_capture,
            backup_days=ground.settings.keys.backup_days,
        )
    )


@asynccontextmanager
async def open_app(settings: Settings, *, development: bool = False) -> AsyncIterator[App]:
    """Open the whole program: recover, start the jobs, then the doors; close them in reverse."""
    async with open_rooms(settings, development=development) as rooms:
        metrics = Metrics(version=__version__, clock=rooms.clock)
        services = make_services(rooms, metrics)
        await rooms.checkpoints.require_continued()
        await rooms.legs.start()
        await rooms.recovery.find()
        unfinished = await rooms.finisher.recover(resting=rooms.recovery.recordings)
        await rooms.whole_calls.exporter.recover()
        await rooms.ledger.record(
            Entry(EntryType.SYSTEM_STARTED, facts={"version": __version__, "unfinished": unfinished})
        )
        async with (
            _jobs(rooms),
            _ringing(rooms),
            serving_metrics(metrics, settings.server) as metrics_port,
            listening(make_web_app(services, ROUTES)) as port,
        ):
            rooms.recovery.wait()
            app = App(rooms, services, port, metrics_port)
            try:
                yield app
            finally:
                await rooms.legs.aclose()


def _shared(source: object, target: type) -> dict[str, Any]:
    """The fields that both have: what one lays out for the other under the same name."""
    return {one.name: getattr(source, one.name) for one in fields(target) if hasattr(source, one.name)}


def make_services(rooms: Rooms, metrics: Metrics) -> Services:
    """Lay the rooms out for the HTTP door, and count what happens in them."""
    _count(rooms, metrics)

    async def check_store() -> None:
        await rooms.store.placement()

    health = Health(
        version=__version__,
        checks={"database": rooms.database.ping, "keys": rooms.keys.ping, "storage": check_store},
    )
    return Services(
        **_shared(rooms, Services),
        metrics=metrics,
        cursors=Cursors(rooms.signing_key.derive("cursors")),
        health=health,
    )


def _count(rooms: Rooms, metrics: Metrics) -> None:
    rooms.ledger.watch(Happenings(metrics.registry).count)
    metrics.watch("tasks", "Tasks of the event loop now.", lambda: len(asyncio.all_tasks()))
    rooms.qualities.watch(LineMetrics(metrics.registry).count)
    metrics.watch("legs_live", "Legs that are carried now.", lambda: rooms.legs.live)
    metrics.watch("node_full", "1 while no new call is taken.", lambda: float(rooms.load.is_full))
    metrics.watch("loop_cpu_share", "Of a core, by the event loop's thread.", lambda: rooms.load.cpu)
    metrics.watch("feeds_live", "Feeds that are sent now.", lambda: rooms.feeds.live)
    metrics.watch("event_sockets", "Sockets that listen to events now.", lambda: rooms.events.sockets)
    metrics.watch(
        "recordings_unfinished", "Recordings waiting to be finished.", lambda: rooms.finisher.waiting
    )
    exporter = rooms.whole_calls.exporter
    metrics.watch("exports_unfinished", "Exports waiting to be made.", lambda: exporter.waiting)


@asynccontextmanager
async def _ringing(rooms: Rooms) -> AsyncIterator[None]:
    """Ring while the block runs; what a killed process left ringing is ended first."""
    await rooms.ringing.start(absent=rooms.recovery.calls)
    try:
        yield
    finally:
        await rooms.ringing.aclose()


@asynccontextmanager
async def _jobs(rooms: Rooms) -> AsyncIterator[None]:
    """Run the jobs while the block runs; the recordings under way are finished before it ends."""
    jobs = {
        "checkpoints": lambda: rooms.checkpoints.run(rooms.settings.ledger.checkpoint_s),
        "finisher": rooms.finisher.run,
        "exporter": rooms.whole_calls.exporter.run,
        "keeper": rooms.keeper.run,
        "control": rooms.control.run,
        "links": lambda: _close_links(rooms.links),
        "load": rooms.load.run,
        "quality": rooms.qualities.run,
        "rechecks": Rechecks(rooms.legs.floor, rooms.identity.may_go_on).run,
    }
    async with kept_running(jobs) as end:
        try:
            yield
        finally:
            await bounded(rooms.finisher.drained(), rooms.settings.server.drain_s)
            await end()
            await rooms.checkpoints.turn(publishing=True)


async def _close_links(links: Links) -> None:
    while True:
        await asyncio.sleep(LINKS_EVERY_S)
        await links.close_expired()
