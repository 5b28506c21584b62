"""Where the parts are joined, on the ground that ``vault.ground`` lays.

``open_rooms`` builds everything the rooms need, for the server and for the command line. ``open_app`` adds
what runs: recovery, jobs, listeners. Whatever is opened here is closed here, in reverse.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, Final

import structlog

from vault import __version__
from vault.calls.buttons import Buttons
from vault.calls.calls import Calls
from vault.calls.control import Control
from vault.calls.events import Events
from vault.calls.feeds import Feeds
from vault.calls.indexing import Indexing
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
from vault.evidence.making import Evidence, Sources
from vault.ground import Ground, open_ground
from vault.http.cursors import Cursors
from vault.http.health import Health, State
from vault.http.routes import ROUTES
from vault.http.server import listening, serving_metrics
from vault.http.services import Services
from vault.http.web_app import make_web_app
from vault.insight.happenings import Happenings
from vault.insight.key_metrics import count_holders
from vault.insight.line_metrics import LineMetrics
from vault.insight.metrics import Metrics
from vault.insight.store_metrics import count_replicas, count_stock
from vault.jobs import bounded, kept_running
from vault.keys.turning import Turn, TurnParts, TurnRules
from vault.keys.watch import Standing
from vault.leaving.exits import Exits
from vault.leaving.following import FollowUps
from vault.leaving.leaver import Leaver
from vault.leaving.room import Leaving, Surroundings, make_leaving
from vault.ledger.epoch_ends import EpochEnds
from vault.ledger.leaf import Entry, EntryType
from vault.media.exporter import Exporter
from vault.media.exporting import Grounds
from vault.media.finish import Finish
from vault.media.finisher import Finisher
from vault.media.inventory import Inventory
from vault.media.library import Library
from vault.media.links import Links
from vault.media.reading import Reader
from vault.media.recordings import Recordings
from vault.media.whole_calls import WholeCalls, make_whole_calls
from vault.rights.custody import Custody, make_custody
from vault.rights.erasure import Collaborators, Eraser
from vault.rights.fence import Fence
from vault.rights.keeper import Keeper
from vault.rights.portal import Portal, make_portal
from vault.rights.receipts import Receipts
from vault.rights.replaying import Replay
from vault.rights.requests import DeletionRequests
from vault.settings import Settings

log = structlog.get_logger(__name__)

LINKS_EVERY_S: Final = 60.0  # closing entries of links are written this often


Kept = tuple[Recordings, Calls, Custody, VisitorLinks]


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
    custody: Custody
    keeper: Keeper
    inventory: Inventory
    turn: Turn
    indexing: Indexing
    fence: Fence
    exits: Exits
    follow_ups: FollowUps
    leaver: Leaver
    evidence: Evidence


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
    live = _live(ground, calls, _recorder(ground, recordings, finisher := _finisher(ground, recordings)))
    reader = Reader(database, ground.keys, ground.store)
    whole_calls = _whole_calls(ground, reader, live.events)
    requests = DeletionRequests(database, ground.keys, ground.blobs, ledger, clock)
    custody = make_custody(database, ground.blobs, ledger, clock, ground.settings)
    invitations = Invitations(database, ground.keys, ground.blobs, ledger, buttons, calls, clock)
    links = VisitorLinks(invitations, own_links := OwnLinks(database, ledger, clock))
    eraser = _eraser(ground, custody, live.legs, finisher, whole_calls.exporter)
    keeper = _keeper(ground, eraser, requests, live, (recordings, calls, custody, links))
    receipts = _receipts(ground, requests)
    return Rooms(
        **{field.name: getattr(ground, field.name) for field in fields(ground)},
        teams=Teams(database, ledger, clock),
        buttons=buttons,
        calls=calls,
        invitations=invitations,
        recordings=recordings,
        **_shared(live, Rooms),
        papers=_papers(ground, calls, live),
        finisher=finisher,
        library=Library(database),
        reader=reader,
        links=Links(database, ledger, clock, lifetime_s=ground.settings.links.lifetime_s),
        whole_calls=whole_calls,
        deletion_requests=requests,
        turn=_turn(ground),
        indexing=Indexing(database, ground.keys, ground.blobs),
        fence=Fence(database, ground.keys, ledger, ground.checkpoints, Replay(requests, clock)),
        receipts=receipts,
        portal=make_portal(database, own_links, requests, receipts),
        custody=custody,
        keeper=keeper,
        inventory=Inventory(database, ground.store),
        **_shared(_leaving(ground, reader, receipts, requests, custody, keeper), Rooms),
        evidence=_evidence(ground, custody),
    )


def _receipts(ground: Ground, requests: DeletionRequests) -> Receipts:
    ends = EpochEnds(ground.database, ground.ledger)
    return Receipts(requests, ground.ledger, ground.checkpoints, ends, ground.keys.epochs)


def _evidence(ground: Ground, custody: Custody) -> Evidence:
    own, ends = _shared(ground, Sources), EpochEnds(ground.database, ground.ledger)
    return Evidence(Sources(**own, places=ground.store.places, rules=custody.rules, ends=ends))


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


def _turn(ground: Ground) -> Turn:
    ends = EpochEnds(ground.database, ground.ledger)
    parts = TurnParts(ground.key_database, ground.keys, ground.clock, ground.backups, ends)
    keys = ground.settings.keys
    return Turn(parts, TurnRules(keys.epoch_days, timedelta(hours=keys.grace_h), keys.least_copies))


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


def _leaving(
    ground: Ground,
    reader: Reader,
    receipts: Receipts,
    requests: DeletionRequests,
    custody: Custody,
    keeper: Keeper,
) -> Leaving:
    named = ("database", "keys", "store", "ledger", "clock", "checkpoints")
    return make_leaving(
        Surroundings(
            **{name: getattr(ground, name) for name in named},
            reader=reader,
            receipts=receipts,
            requests=requests,
            sentry=custody.sentry,
            mail=ground.settings.mail,
            link_key=ground.signing_key.derive("exit-links"),
            wake=keeper.wake,
        )
    )


def _keeper(
    ground: Ground, eraser: Eraser, requests: DeletionRequests, live: LiveCalls, kept: Kept
) -> Keeper:
    unjoined_s = ground.settings.sessions.visitor_token_s
    keeper = Keeper(eraser, requests, *kept, ground.clock, unjoined_s=unjoined_s)
    live.control.withdrawals.erase_with(keeper.stopped)
    return keeper


def _eraser(ground: Ground, custody: Custody, legs: Legs, finisher: Finisher, exporter: Exporter) -> Eraser:
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
            publish_request=ground.checkpoints.publish_request,
            begin=custody.holds.begin,
            irrecoverable_days=ground.settings.irrecoverable_days,
            places=tuple(ground.store.places),
        )
    )


@asynccontextmanager
async def open_app(settings: Settings, *, development: bool = False) -> AsyncIterator[App]:
    """Open the whole program: recover, start the jobs, then the doors; close them in reverse."""
    async with open_rooms(settings, development=development) as rooms:
        metrics = Metrics(version=__version__, clock=rooms.clock)
        services = make_services(rooms, metrics)
        await rooms.fence.let_through()
        await rooms.turn.start()
        await rooms.keeper.carry_pending()  # what was asked for is erased before the doors open
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

    async def check_keys() -> State | None:
        return "away" if await rooms.key_watch.check() is Standing.RECOVERY else None

    health = Health(
        version=__version__,
        checks={
            "database": rooms.database.ping,
            "keys": rooms.keys.ping,
            "key_provider": check_keys,
            "storage": check_store,
        },
    )
    return Services(
        **_shared(rooms, Services),
        metrics=metrics,
        cursors=Cursors(rooms.signing_key.derive("cursors")),
        health=health,
    )


def _count(rooms: Rooms, metrics: Metrics) -> None:
    rooms.ledger.watch(Happenings(metrics.registry).count)
    count_replicas(rooms.store, metrics.registry)
    count_stock(rooms.inventory, metrics.registry)
    metrics.watch(
        "key_provider_usable", "1 while the epoch keys can be used.", lambda: rooms.key_watch.is_usable
    )
    recovering = rooms.keys.recovering
    metrics.watch("keys_in_recovery", "Data keys sealed for recovery.", lambda: recovering.waiting)
    count_holders(rooms.key_watch, rooms.keys.holder_names, metrics.registry)
    metrics.watch(
        "key_copies_lacking",
        "Good backups of the key store that the end of an epoch waits for.",
        lambda: rooms.turn.copies_lacking,
    )
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
    sentry = rooms.custody.sentry
    metrics.watch("retention_halted", "1 while the clock is not believed.", lambda: float(sentry.is_halted))
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
    believed = rooms.custody.sentry.now
    jobs = {
        "checkpoints": lambda: rooms.checkpoints.run(rooms.settings.ledger.checkpoint_s),
        "finisher": rooms.finisher.run,
        "replicas": rooms.store.catch_up.run,
        "inventory": rooms.inventory.run,
        "exporter": rooms.whole_calls.exporter.run,
        "keeper": rooms.keeper.run,
        "leaver": rooms.leaver.run,
        "control": rooms.control.run,
        "backups": lambda: rooms.backups.run(believed),
        "key provider": rooms.key_watch.run,
        "recovery": rooms.keys.recovering.run,
        "indexing": rooms.indexing.run,
        "turn": lambda: rooms.turn.run(believed),
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
