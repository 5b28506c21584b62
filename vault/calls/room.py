"""What a running call needs of this process, put together: legs and feeds, ringing, the events of both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vault.calls.attendance import Attendance
from vault.calls.calls import Calls
from vault.calls.cards import Cards
from vault.calls.connections import Connections
from vault.calls.control import Control, make_control
from vault.calls.events import EventLimits, Events, Snapshots
from vault.calls.feeds import Feeds
from vault.calls.floor import Floor
from vault.calls.legs import Legs
from vault.calls.load import Load
from vault.calls.names import Names
from vault.calls.presence import Presence
from vault.calls.qualities import Qualities
from vault.calls.recorder import Recorder
from vault.calls.recovery import Recovery
from vault.calls.relays import Relays
from vault.calls.ringing import Ringing
from vault.calls.stage import Stage
from vault.calls.tellings import Tellings
from vault.calls.tickets import Tickets
from vault.clock import Clock
from vault.db.engine import Database
from vault.identity.people import People
from vault.keys.blobs import Blobs
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.model import Id
from vault.policy import Principal
from vault.settings import LimitSettings, Settings

ERASING: Final = frozenset({EntryType.ERASURE_REQUESTED, EntryType.OBJECT_SHREDDED})
"""What is written when an object is to be forgotten; by another process the first, perhaps."""


@dataclass(frozen=True, slots=True)
class LiveCalls:
    """The parts that know what goes on at this moment."""

    legs: Legs
    feeds: Feeds
    events: Events
    tickets: Tickets
    ringing: Ringing
    recovery: Recovery
    relays: Relays
    tellings: Tellings
    control: Control
    load: Load
    qualities: Qualities


def make_live_calls(
    *,
    database: Database,
    blobs: Blobs,
    ledger: Ledger,
    people: People,
    clock: Clock,
    calls: Calls,
    recorder: Recorder,
    settings: Settings,
) -> LiveCalls:
    """Build the parts; nothing runs before their ``start``."""

    async def snapshot(who: Principal) -> Mapping[str, object]:
        return await ringing.snapshot(who)

    media, limits, floor = settings.media, settings.limits, Floor()
    events = _events(clock, snapshot, limits, ledger)
    cards = Cards(database, blobs, people)
    attendance = Attendance(floor, take_deadline_s=media.take_deadline_s)
    ringing = Ringing(database, ledger, calls, Presence(database, clock), cards, events, clock, attendance)
    tellings = Tellings(database, floor, events, ringing)
    stage = Stage(floor, Connections(media), tellings, Names(people))
    remind_s = settings.recording.pause_reminder_s
    control = make_control(database, ledger, calls, stage, clock, remind_s=remind_s)
    ringing.stop_recording_with(control.withdrawals.taken_unrecorded)
    load = Load(clock, full_lag_s=media.full_lag_s, full_cpu=media.full_cpu)
    legs = Legs(calls, recorder, stage, load, media=media, limits=limits)
    return LiveCalls(
        legs=legs,
        feeds=Feeds(calls, stage, media=media, limits=limits),
        events=events,
        tickets=Tickets(clock),
        ringing=ringing,
        recovery=Recovery(calls, recorder, legs, clock, visitor_token_s=settings.sessions.visitor_token_s),
        relays=Relays(media, clock),
        tellings=tellings,
        control=control,
        load=load,
        qualities=Qualities(floor, database, events, clock, calls),
    )


def _events(clock: Clock, snapshots: Snapshots, limits: LimitSettings, ledger: Ledger) -> Events:
    """Build the streams; what they told of a call is forgotten once its erasure is asked for."""
    sockets = EventLimits(each=limits.event_sockets_each, total=limits.event_sockets)
    events = Events(clock, snapshots=snapshots, limits=sockets)

    def noted(entry: Entry) -> None:
        if entry.type in ERASING and entry.object_id is not None:
            events.forget_call(Id(entry.object_id))

    ledger.watch(noted)
    return events
