"""A vault and its past: what really lies there, what a model says of it, and every backup ever made.

The model is a handful of sets (`State`): what rows know, what was asked to be erased, what is erased, which
objects have a key, holds, restrictions. `Past` is a backup with the state it was made in. `Life` does each
thing to both, the real rooms and the model; `tests.vault.rights.looking` compares them.
"""

from __future__ import annotations

import asyncio
import copy
import shutil
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from crypto.notes import open_checkpoint
from storage.errors import AbsentError
from storage.filesystem import FilesystemStore
from storage.memory import MemoryStore
from tests.vault.backups.test_backups import backups_of
from tests.vault.media.crashes import Crash, Wire
from tests.vault.media.workshop import Workshop, begin_work, open_ground, scene
from tests.vault.rights.database_files import copy_databases, epochs_in, replace_database
from vault.clock import TurnableClock
from vault.db.key_tables import data_keys
from vault.db.tables import erasures, leaves, media
from vault.errors import ConflictError, ErasedError, LedgerBrokenError, RestrictedError
from vault.keys.epochs import EpochState
from vault.keys.file_provider import FileKeyProvider
from vault.keys.provider import EpochKeyState
from vault.keys.turning import Turn, TurnParts, TurnRules
from vault.ledger.checkpoints import PUBLISHED
from vault.model import (
    ErasureReason,
    ErasureState,
    HoldGround,
    Id,
    MediaState,
    Part,
    RestrictionGround,
    RestrictionSubject,
    Role,
)
from vault.policy import Principal
from vault.rights.fence import Fence
from vault.rights.holds import NewHold
from vault.rights.replaying import Replay
from vault.rights.restrictions import NewRestriction

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from crypto.checkpoints import Checkpoint

START: Final = datetime(2026, 11, 29, tzinfo=UTC)
SHORT: Final = scene(0.6, codec="none")
LONGEST: Final = timedelta(days=20)  # in all: retention, thirty days here, must not end by itself
DATABASES: Final = ("main.db", "keys.db")
WHY: Final = ErasureReason.VISITOR_REQUEST


@dataclass(frozen=True)
class Item:
    """A recording as it was when it was ready."""

    media_id: Id
    call_id: Id
    tenant_id: Id
    plain: bytes


@dataclass
class State:
    """What the model says; everything by identifier, media items and calls alike.

    Holds and restrictions are those of the ledger, also on what the rows do not know at the moment.
    """

    known: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)
    keyed: set[str] = field(default_factory=set)
    notes: dict[str, set[str]] = field(default_factory=dict)  # of a call
    holds: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    restrictions: dict[str, str] = field(default_factory=dict)

    def covering(self, covers: dict[str, str], item: Item) -> list[str]:
        """Name what covers an item: itself or its whole call."""
        return [name for name, what in covers.items() if what in {item.media_id, item.call_id}]

    def is_held(self, item: Item) -> bool:
        """Whether a hold covers an item."""
        return bool(self.covering({name: what for name, (what, _) in self.holds.items()}, item))

    def is_restricted(self, item: Item) -> bool:
        """Whether a restriction covers an item."""
        return bool(self.covering(self.restrictions, item))


@dataclass
class Past:
    """A backup: both databases' files, the state they were made in, and the ledger they had."""

    folder: Path
    state: State
    leaves: tuple[str, ...]


class Life:
    """The vault of a test from its first process to its last."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.copies = (MemoryStore(country="FR"), MemoryStore(country="FR"))  # of the key store
        self.clock = TurnableClock(START)
        self.items: dict[str, Item] = {}
        self.state, self.published = State(), State()
        self.ruined: set[str] = set()  # their erasure was begun, and a restore knows nothing of it
        self.past: list[Past] = []
        self.crashes = 0
        self._backups = 0
        self._noted = -1  # size of the head outside that `published` belongs to
        self._opened = AsyncExitStack()
        self._people: dict[str, tuple[Principal, ...]] = {}
        self._buttons: dict[str, Any] = {}

    async def begin(self) -> None:
        """The first process, two tenants and their people."""
        await self._open()
        self.work = await begin_work(self.ground)
        self.tenants = [self.work.tenant_id, await self.work.tenants.add(name="Other", retention_days=30)]
        for tenant in self.tenants:
            self.as_(tenant)
            made = [
                await self.work.people.add(tenant_id=tenant, role=role, profile={"name": "Ada"}, by=None)
                for role in (Role.SUPERVISOR, Role.ADMIN, Role.ADMIN)
            ]
            roles = (Role.SUPERVISOR, Role.ADMIN, Role.ADMIN)
            people = [Principal(one.id, tenant, role) for one, role in zip(made, roles, strict=True)]
            self._people[tenant] = tuple(people)
            self._buttons[tenant] = await self.work.button(media=("audio",))
        await self.back_up()

    async def end(self) -> None:
        """Close everything."""
        await self._opened.aclose()

    async def _open(self) -> None:
        store = await FilesystemStore.create(self.root / "objects", country="FR")
        self._opened = AsyncExitStack()
        self.ground = await self._opened.enter_async_context(
            open_ground(self.root / "vault", store=store, clock=self.clock)
        )

    def as_(self, tenant_id: Id) -> Workshop:
        """The process, acting for a tenant."""
        self.work.tenant_id = tenant_id
        return self.work

    # --- what people do -------------------------------------------------------------------------------------

    async def record(self, tenant: int, dies_at: int | None) -> None:
        """A call with a recording; perhaps the process that finishes it dies."""
        work = self.as_(self.tenants[tenant])
        call = await work.consented(button=self._buttons[work.tenant_id])
        begun = await work.ended(SHORT, call)

        async def finish(at: Workshop) -> None:
            await at.finish.finish(begun.media_id)

        if await self.crashed(finish, dies_at):
            async with self.work.database.read() as connection:
                state = (
                    await connection.execute(select(media.c.state).where(media.c.id == begun.media_id))
                ).scalar_one()
            if state != MediaState.READY:
                await finish(self.work)
        part = await self.work.reader.part(begun.media_id, Part.MEDIA)
        plain = await self.work.reader.read(part)
        assert plain
        self.items[begun.media_id] = Item(begun.media_id, call.id, work.tenant_id, plain)
        self.state.known |= {begun.media_id, call.id}
        self.state.keyed |= {begun.media_id, call.id}

    async def note(self, item: Item) -> None:
        """The supervisor writes a note on a call; what is written has a key of its own."""
        if item.call_id in self.state.notes or not self._is_there(item.call_id):
            return
        before = await self._keys()
        supervisor = self._people[item.tenant_id][0]
        work = self.as_(item.tenant_id)
        try:
            await work.notes.write(item.call_id, "what was said", None, version=0, by=supervisor)
        except RestrictedError:
            assert any(item.call_id in {one, self._call_of(one)} for one in self.state.restrictions.values())
            return
        made = await self._keys() - before
        assert len(made) == 1
        self.state.notes[item.call_id] = made
        self.state.keyed |= made

    async def erase(self, item: Item, dies_at: int | None, *, whole: bool) -> None:
        """Somebody asks for a recording, or its whole call; the keeper carries it, or dies."""
        objects: set[str] = self._of_call(item.call_id) if whole else {item.media_id}
        fresh = objects - self.state.asked
        expected = self._refusal(objects, fresh)

        async def ask(at: Workshop) -> None:
            at.tenant_id = item.tenant_id
            if whole:
                await at.requests.of_call(item.call_id, WHY, by=at.by())
            else:
                await at.requests.of_media(item.media_id, WHY, by=at.by())
            await at.keeper.turn()

        told: type[Exception] | None = None
        try:
            died = await self.crashed(ask, dies_at)
        except (ErasedError, RestrictedError) as error:
            told, died = type(error), False
        if died:
            self.state.asked |= objects & await self._asked()
            await self.settled(died=True)
            return
        assert told is expected, (item, told, expected)
        if told is None:
            self.state.asked |= objects
            await self.settled()

    def _refusal(self, objects: set[str], fresh: set[str]) -> type[Exception] | None:
        """The error that asking has to end with, if any."""
        if objects <= self.state.erased:
            return ErasedError
        restricted = set(self.state.restrictions.values())
        covered = any(one in restricted or self._call_of(one) in restricted for one in fresh)
        return RestrictedError if covered else None

    async def settle(self, dies_at: int | None = None) -> None:
        """The keeper's turn: whatever was asked for and is not held ends."""

        async def turn(at: Workshop) -> None:
            await at.keeper.turn()

        await self.settled(died=await self.crashed(turn, dies_at))
        await self.note_published()

    async def settled(self, *, died: bool = False) -> None:
        """Take into the model what a turn of the keeper must have done; if it died, what rows say."""
        known, now = self.state.known, self.clock.now()
        over = {name for name, (what, until) in self.state.holds.items() if until <= now and what in known}
        for name in over:
            del self.state.holds[name]
        done = {one for one in self.state.asked if one in self.state.known and not self._is_kept(one)}
        done &= await self._asked(ErasureState.COMPLETE) if died else done
        gone = {note for call, notes in self.state.notes.items() if call in done for note in notes}
        self.state.erased |= done
        self.state.keyed -= done | gone

    async def hold(self, item: Item, *, whole: bool, days: int) -> None:
        """A hold on a recording or its call; not on what is being erased."""
        await self.settle()
        what = item.call_id if whole else item.media_id
        if item.call_id not in self.state.keyed:
            return  # its reason would be sealed under a key that was lost
        until = self.clock.now() + timedelta(days=days)
        new = NewHold(what, HoldGround.LEGAL_CLAIM, "why", until)
        placed = None
        with suppress(ErasedError, ConflictError):
            placed = await self.as_(item.tenant_id).custody.holds.place(new, by=self.work.by())
        assert (placed is None) is (what in self.state.erased), (what, placed)
        if placed is not None:
            self.state.holds[placed.id] = (what, until)

    async def release(self, hold_id: str) -> None:
        """Two people release a hold; what waited for it goes on."""
        what, _ = self.state.holds[hold_id]
        tenant = next(one.tenant_id for one in self.items.values() if what in {one.media_id, one.call_id})
        _, one, other = self._people[tenant]
        await self.as_(tenant).custody.holds.ask_release(hold_id, by=one)
        await self.work.custody.holds.confirm_release(hold_id, by=other)
        del self.state.holds[hold_id]
        await self.settle()

    async def restrict(self, item: Item, *, whole: bool) -> None:
        """A restriction on a recording or its call; not on what was asked to be erased."""
        await self.settle()
        what = item.call_id if whole else item.media_id
        if not self._is_there(item.call_id) or what in self.state.asked:
            return
        new = NewRestriction(what, RestrictionGround.OBJECTION, RestrictionSubject.VISITOR, "why")
        placed = await self.as_(item.tenant_id).custody.restrictions.place(new, by=self.work.by())
        self.state.restrictions[placed.id] = what

    async def lift(self, restriction_id: str) -> None:
        """A restriction is lifted."""
        what = self.state.restrictions.pop(restriction_id)
        tenant = next(one.tenant_id for one in self.items.values() if what in {one.media_id, one.call_id})
        await self.as_(tenant).custody.restrictions.lift(restriction_id, by=self.work.by())

    async def wait(self, hours: int) -> None:
        """Time passes; holds end by themselves."""
        if self.clock.now() + timedelta(hours=hours) < START + LONGEST:
            self.clock.turn(timedelta(hours=hours))
            await self.settle()

    # --- what machines do -----------------------------------------------------------------------------------

    async def crashed(self, act: Callable[[Workshop], Awaitable[None]], dies_at: int | None) -> bool:
        """Do something in a process that dies at a step, or in ours; a new one goes on. Tells if it died."""
        if dies_at is None:
            await act(self.work)
            return False
        dying = await self.work.reborn(Wire(dies_at))
        try:
            await act(dying)
        except Crash:
            self.crashes += 1
            return True
        finally:
            self.work = await self.work.reborn()
        return False

    async def turn_epoch(self, dies_at: int | None) -> None:
        """Every key moves on, two backups of the key store are made, the old epoch's key is destroyed."""

        async def turn(at: Workshop) -> None:
            backups = backups_of(at, *self.copies)
            parts = TurnParts(at.key_database, at.keys, self.clock, backups, at.ends)
            turn = Turn(parts, TurnRules(0, timedelta(0), 2))
            standing = await at.keys.epochs.all()
            if all(one.state in {EpochState.CURRENT, EpochState.DESTROYED} for one in standing):
                await turn.begin()
            await turn.carry(grace=timedelta(0))
            self.clock.turn(timedelta(milliseconds=5))  # a backup from after it is younger
            await turn.carry(grace=timedelta(0))

        await self.crashed(turn, dies_at)

    async def publish(self) -> None:
        """The ledger's entries are laid outside, as every ten seconds."""
        await self.work.checkpoints.publish_now()

    async def back_up(self) -> None:
        """Copy both databases' files."""
        for database in (self.work.database, self.work.key_database):
            await database.forget_traces()
        self._backups += 1
        folder = self.root / f"past{self._backups}"
        await asyncio.to_thread(copy_databases, self.root / "vault", folder, DATABASES)
        self.past.append(Past(folder, copy.deepcopy(self.state), await self.leaves()))

    async def restore(
        self, main: Past | None, keys: Past | None, dies_at: int | None, *, published: bool
    ) -> bool:
        """Set databases back, and start behind the fence; False where the start has to refuse, and does."""
        if published:
            await self.publish()
            await self.note_published()
        if keys is not None and not await self.opens(keys):
            return False
        head = await self.head()
        outside = (await self.leaves())[: 0 if head is None else head.size]
        await self.back_up()
        now = self.past.pop()
        await self._set_back(main, keys)
        if main is not None and not is_earlier(main.leaves, outside):
            try:
                await fence_of(self.work).let_through()
            except LedgerBrokenError:
                await self._set_back(now, now)
                await asyncio.to_thread(shutil.rmtree, now.folder)
                return False
            raise AssertionError("a database that had gone another way was let through")
        self._remember(main, keys, ahead=main is not None and len(main.leaves) > len(outside))

        async def fence(at: Workshop) -> None:
            await fence_of(at).let_through()

        if await self.crashed(fence, dies_at):
            await fence(self.work)
        self.ruined |= now.state.asked - self.state.asked
        await asyncio.to_thread(shutil.rmtree, now.folder)
        await self.settle()
        await self.publish()
        return True

    def _remember(self, main: Past | None, keys: Past | None, *, ahead: bool) -> None:
        """What the model says after a restore: the backup's rows, and what the entries outside bring back."""
        was, lives = self.state, self.published
        if main is not None and ahead:
            self.state = copy.deepcopy(main.state)
        elif main is not None:
            self.state = copy.deepcopy(lives)
            self.state.known = set(main.state.known)
            self.state.notes = copy.deepcopy(main.state.notes)
        self.state.keyed = set(was.keyed if keys is None else keys.state.keyed) - self.state.asked
        self.state.erased |= was.erased & self.state.asked
        if keys is not None:
            self.state.keyed |= {one for one in keys.state.keyed & self.state.asked if self._is_kept(one)}
        else:
            self.state.keyed |= {one for one in was.keyed & self.state.asked if self._is_kept(one)}

    async def _set_back(self, main: Past | None, keys: Past | None) -> None:
        await self._opened.aclose()
        for past, name in ((main, "main.db"), (keys, "keys.db")):
            if past is not None:
                await asyncio.to_thread(replace_database, self.root / "vault", past.folder, name)
        await self._open()
        self.work = Workshop(self.ground, Wire(), self.work.tenant_id)
        await self.work.keys.start()

    # --- what the real one says -----------------------------------------------------------------------------

    async def leaves(self) -> tuple[str, ...]:
        """Every leaf of the ledger."""
        async with self.ground.main.read() as connection:
            rows = await connection.execute(select(leaves.c.leaf).order_by(leaves.c.leaf_index))
            return tuple(rows.scalars())

    async def head(self) -> Checkpoint | None:
        """The head that lies outside."""
        try:
            note = await self.ground.store.read(PUBLISHED, limit_bytes=1 << 16)
        except AbsentError:
            return None
        return open_checkpoint(note.decode(), self.work.ledger_keys.verifiers)

    async def note_published(self) -> None:
        """Take note of what lies outside, where that is more than it was.

        Whatever publishes does so after all that the model knows of was written; what is written after that
        in the same act is kept apart by whoever does it.
        """
        head = await self.head()
        if head is not None and head.size > self._noted:
            self.published, self._noted = copy.deepcopy(self.state), head.size

    async def opens(self, keys: Past) -> bool:
        """Whether the ring has the keys of a backup's epochs; the key store of now may not know them."""
        numbers = await asyncio.to_thread(epochs_in, keys.folder / "keys.db")
        ring = FileKeyProvider.open(self.ground.root_key)
        states = [await ring.state(epoch) for epoch in numbers]
        return all(state is EpochKeyState.USABLE for state in states)

    async def _asked(self, *states: ErasureState) -> set[str]:
        chosen = erasures.c.state.in_(states or tuple(ErasureState))
        async with self.ground.main.read() as connection:
            return {*(await connection.execute(select(erasures.c.object_id).where(chosen))).scalars()}

    async def _keys(self) -> set[str]:
        async with self.ground.keys.read() as connection:
            return {*(await connection.execute(select(data_keys.c.object_id))).scalars()}

    # --- small ones -----------------------------------------------------------------------------------------

    def _is_there(self, call_id: str) -> bool:
        state = self.state
        return call_id in state.known and call_id in state.keyed and call_id not in state.asked

    def _is_kept(self, object_id: str) -> bool:
        """Whether a hold keeps a recording or a call: its own, its call's, and for a call its recordings'."""
        return any(
            object_id == what or self._call_of(object_id) == what or self._call_of(what) == object_id
            for what, _ in self.state.holds.values()
        )

    def _call_of(self, object_id: str) -> str | None:
        return self.items[object_id].call_id if object_id in self.items else None

    def _of_call(self, call_id: str) -> set[str]:
        of = {one.media_id for one in self.items.values() if one.call_id == call_id}
        return {call_id, *(of & self.state.known)}


def is_earlier(mine: tuple[str, ...], outside: tuple[str, ...]) -> bool:
    """Whether a ledger and the entries outside are one history."""
    both = min(len(mine), len(outside))
    return mine[:both] == outside[:both]


def fence_of(work: Workshop) -> Fence:
    """The fence before a workshop's doors."""
    replay = Replay(work.requests, work.clock)
    return Fence(work.database, work.keys, work.ledger, work.checkpoints, replay)
