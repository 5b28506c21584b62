"""One erasure under one combination of store, replica and crash; each backup is brought up beside it."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from crypto.errors import CryptoError
from crypto.streaming import open_sealed
from storage.debts import MemoryDebts
from storage.errors import UnavailableError
from storage.read_only import ReadOnlyStore
from storage.replicated import ReplicatedStore
from tests.vault.media.crashes import Crash, Wire, WiredStore
from tests.vault.media.workshop import Workshop, open_ground, open_workshop, scene
from tests.vault.rights.lifetimes import fence_of
from tests.vault.rights.traces import receipt_of, shredded
from vault.db.key_tables import data_keys
from vault.errors import ErasedError, KeyForgottenError, NotFoundError
from vault.media.places import FINAL_SEGMENT_BYTES, media_prefix, part_associated, part_key, spool_prefix
from vault.model import ErasureReason, Part

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

    from storage.store import ObjectStore
    from vault.media.capture import Begun

MOMENTS: Final = ("before it", "after it", "asked for", "complete")
WAYS: Final = (("main.db",), ("keys.db",), ("main.db", "keys.db"))
SHORT: Final = scene(0.6, codec="none")
TURNS: Final = 5  # of the keeper, until an erasure must be complete


class Line(Wire):
    """The line to a place, which can be down."""

    is_down = False

    def step(self, name: str) -> None:
        """Whatever goes over it."""
        if self.is_down:
            raise UnavailableError(f"made to be away: {name}")


class Lent(ReadOnlyStore):
    """A store that is only looked at, and stays open for whom it belongs to."""

    async def aclose(self) -> None:
        """Leave it open."""


@dataclass
class Places:
    """The store of a vault: a primary and perhaps a replica, each behind a line."""

    make: Callable[[str], Awaitable[ObjectStore]]
    is_replicated: bool
    line: Line = field(default_factory=Line)

    async def open(self) -> None:
        """Open what there is."""
        self.places: dict[str, ObjectStore] = {"primary": await self.make("primary")}
        if self.is_replicated:
            self.places["lyon"] = WiredStore(await self.make("lyon"), self.line)
        self.store: ObjectStore = self.places["primary"]
        if self.is_replicated:
            self.store = ReplicatedStore(self.places, MemoryDebts(), single=("spool/",))

    async def catch_up(self) -> None:
        """Carry what is owed."""
        if isinstance(self.store, ReplicatedStore):
            for name in self.places:
                while await self.store.catch_up.turn(name):
                    pass

    async def replace(self) -> None:
        """The replica is lost for good; an empty one takes its name."""
        assert isinstance(self.store, ReplicatedStore)
        self.line.is_down = False
        fresh = WiredStore(await self.make("lyon-again"), self.line)
        self.places["lyon"] = fresh
        self.store.places["lyon"] = fresh


@dataclass(frozen=True)
class Row:
    """One combination and what came of it."""

    store: str
    replica: str
    crash: str
    moment: str
    restored: str
    keys_tried: int
    opened: int
    plays: bool
    listed: int

    @property
    def is_green(self) -> bool:
        """Nothing erased is opened or listed, and the neighbour plays."""
        return not self.opened and not self.listed and self.plays and self.keys_tried > 0

    def __str__(self) -> str:
        end = "ok" if self.is_green else "NOT AS PROMISED"
        told = (self.store, self.replica, self.crash, self.moment, self.restored)
        widths = (16, 9, 42, 9, 16)
        cells = "  ".join(f"{text:{width}}" for text, width in zip(told, widths, strict=True))
        return f"{cells}  {self.keys_tried:3} keys  {self.opened} opened  {self.listed} listed  {end}"


def table_of(rows: Sequence[Row], steps: int) -> str:
    """Lines for people: each moment of a backup, over every crash that was tried and every way back."""
    lines = []
    for store, replica, moment in dict.fromkeys((row.store, row.replica, row.moment) for row in rows):
        of = [row for row in rows if (row.store, row.replica, row.moment) == (store, replica, moment)]
        points = len({row.crash for row in of}) - 1
        crashes = f"no crash and {points:3} of {steps} steps"
        counts = f"{len(of):4} restores  {sum(row.keys_tried for row in of):5} keys"
        found = f"{sum(row.opened for row in of)} opened  {sum(row.listed for row in of)} listed"
        end = "ok" if all(row.is_green for row in of) else "NOT AS PROMISED"
        lines.append(f"{store:18}  {replica:4}  {moment:9}  {crashes}  {counts}  {found}  {end}")
    return "\n".join(lines)


@dataclass(frozen=True)
class Case:
    """What is erased, with a copy of its sealed bytes that somebody kept, and a neighbour that stays."""

    begun: Begun
    sealed: bytes
    neighbour: Begun
    plain: bytes


class Combination:
    """One life: a neighbour, a recording, its erasure with a crash; then every backup in every way."""

    def __init__(self, root: Path, places: Places, replica: str, dies_at: int | None) -> None:
        self.root = root
        self.places = places
        self.replica = replica
        self.dies_at = dies_at
        self.steps: list[str] = []

    async def rows(self, store: str) -> AsyncIterator[Row]:
        """Live, erase, and bring up each backup; a row for each."""
        await self.places.open()
        async with open_workshop(self.root / "vault", store=self.places.store) as work:
            neighbour = await work.ready(SHORT)
            await self._copy(work, 0)
            begun = await work.ready(SHORT)
            case = Case(begun, await _sealed(work, begun), neighbour, await work.plain(neighbour))
            await self.places.catch_up()
            await self._copy(work, 1)
            request = await work.requests.of_media(
                begun.media_id, ErasureReason.VISITOR_REQUEST, by=work.by()
            )
            await self._copy(work, 2)
            after, crash = await self._erased(work, begun)
            await self._copy(after, 3)
            assert (await receipt_of(after, request.id)).status == "complete"
            listed = await self._listed(work, begun)
            for number, moment in enumerate(MOMENTS):
                for names in WAYS:
                    found = await self._beside(after, number, names, case)
                    restored = "+".join(name.removesuffix(".db") for name in names)
                    yield Row(store, self.replica, crash, moment, restored, *found, listed=listed)

    async def _erased(self, work: Workshop, begun: Begun) -> tuple[Workshop, str]:
        """Carry the erasure through the crash and whatever happens to the replica."""
        wire = Wire(self.dies_at)
        self.places.line.is_down = self.replica in {"away", "lost"}
        died = "no crash"
        dying = await work.reborn(wire)
        try:
            await dying.keeper.turn()
        except Crash as crash:
            died = f"{self.dies_at}: {crash}"
        self.steps = wire.steps
        after = await work.reborn()
        if self.places.line.is_down:
            await after.keeper.turn()
            assert not await shredded(after, begun.media_id)
        if self.replica == "lost":
            await self.places.replace()
        self.places.line.is_down = False
        for _ in range(TURNS):
            await self.places.catch_up()
            if await after.keeper.turn() == 0:
                break
        assert await shredded(after, begun.media_id)
        await after.checkpoints.publish_now()
        return after, died

    async def _beside(
        self, work: Workshop, number: int, names: tuple[str, ...], case: Case
    ) -> tuple[int, int, bool]:
        """A backup brought up beside the vault: keys tried, what opened, whether the neighbour plays."""
        folder = self.root / "beside"
        await asyncio.to_thread(_set_back, self.root, folder, number, names)
        try:
            async with open_ground(folder, store=Lent(work.ground.store)) as ground:
                back = Workshop(ground, Wire(), work.tenant_id)
                await fence_of(back).let_through()
                opened = 0
                with suppress(ErasedError, NotFoundError):
                    await back.reader.part(case.begun.media_id, Part.MEDIA)
                    opened += 1
                with suppress(KeyForgottenError):
                    await back.keys.data_key(tenant_id=back.tenant_id, object_id=case.begun.media_id)
                    opened += 1
                tried, by_any = await _with_every_key(back, case)
                return tried, opened + by_any, await _plays(back, case)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder)

    async def _listed(self, work: Workshop, begun: Begun) -> int:
        """Whatever any place still has of it: versions, markers, unfinished uploads too."""
        named = {"tenant_id": work.tenant_id, "media_id": begun.media_id}
        found = 0
        for place in self.places.places.values():
            for prefix in (media_prefix(**named), spool_prefix(**named)):
                found += len(await place.remains(prefix))
        return found

    async def _copy(self, work: Workshop, number: int) -> None:
        for database in (work.ground.main, work.ground.keys):
            await database.forget_traces()
        await asyncio.to_thread(shutil.copytree, self.root / "vault", self.root / f"past{number}")


async def _sealed(work: Workshop, begun: Begun) -> bytes:
    key = part_key(tenant_id=begun.tenant_id, media_id=begun.media_id, gen=1, part=Part.MEDIA)
    return await work.ground.store.read(key, limit_bytes=1 << 24)


async def _with_every_key(back: Workshop, case: Case) -> tuple[int, int]:
    """Try a copy of the erased bytes with each key that the restored store still gives."""
    async with back.key_database.read() as connection:
        rows = (await connection.execute(select(data_keys))).all()
    opened = 0
    begun = case.begun
    named: dict[str, Any] = {"tenant_id": begun.tenant_id, "media_id": begun.media_id, "gen": 1}
    for row in rows:
        key = await back.keys.data_key(tenant_id=row.tenant_id, object_id=row.object_id, gen=row.gen)
        with suppress(CryptoError):
            associated = part_associated(**named, part=Part.MEDIA)
            open_sealed(key, case.sealed, associated_data=associated, segment_bytes=FINAL_SEGMENT_BYTES)
            opened += 1
    return len(rows), opened


async def _plays(back: Workshop, case: Case) -> bool:
    part = await back.reader.part(case.neighbour.media_id, Part.MEDIA)
    return await back.reader.read(part) == case.plain


def _set_back(root: Path, folder: Path, number: int, names: tuple[str, ...]) -> None:
    shutil.copytree(root / f"past{len(MOMENTS) - 1}", folder)
    for name in names:
        for path in folder.glob(f"{name}*"):
            path.unlink()
        shutil.copy(root / f"past{number}" / name, folder / name)
