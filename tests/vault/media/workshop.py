"""The rooms without their doors, on real databases, keys and a store, and recordings without a browser."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from crypto.streaming import open_sealed, seal
from storage.memory import MemoryStore
from tests.vault.media.crashes import Wire, WiredDatabase, WiredStore
from tests.webrtc.studio import H264, VP8, Scene, audio, video
from vault.calls.buttons import Button, Buttons, NewButton
from vault.calls.calls import Calls, OpenCall, OpenedCall
from vault.calls.invitations import Invitations
from vault.calls.notes import Notes
from vault.calls.own_links import OwnLinks, VisitorLinks
from vault.calls.visitors import Visitor
from vault.clock import Clock, SystemClock
from vault.db.engine import Database, open_database
from vault.db.key_tables import key_metadata
from vault.db.tables import metadata
from vault.identity.people import People
from vault.identity.tenants import Tenants
from vault.keys.blobs import Blobs
from vault.keys.file_provider import FileKeyProvider
from vault.keys.ring_file import RingFile
from vault.keys.store import KeyStore
from vault.ledger.checkpoints import Checkpoints
from vault.ledger.epoch_ends import EpochEnds
from vault.ledger.log import Ledger
from vault.ledger.signing import LedgerKeys
from vault.media.exporting import Grounds
from vault.media.finish import Finish
from vault.media.finisher import Finisher
from vault.media.library import Library
from vault.media.links import Links
from vault.media.places import SPOOL_SEGMENT_BYTES, part_associated, part_key, spool_associated, spool_key
from vault.media.reading import Reader
from vault.media.recordings import LegToRecord, Recordings
from vault.media.whole_calls import make_whole_calls
from vault.model import ConsentChoice, Id, Part, Role, new_id
from vault.policy import Principal
from vault.rights.custody import make_custody
from vault.rights.erasure import Collaborators, Eraser
from vault.rights.keeper import Keeper
from vault.rights.receipts import Receipts
from vault.rights.requests import DeletionRequests
from vault.settings import ExportSettings, RecordingSettings, Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy import MetaData

    from storage.store import ObjectStore
    from vault.media.capture import Begun

PAGE = "https://shop.example"
CANARY = "Zebulon Quicksilver"  # the visitor's name: no file may hold it in the clear
ORIGIN = "ledger.test"
NOBODY = Id("")


@dataclass
class Ground:
    """What outlives a process: databases, store, key files, the clock on the wall."""

    folder: Path
    main: Database
    keys: Database
    store: ObjectStore
    clock: Clock

    @property
    def root_key(self) -> Path:
        """The key ring."""
        return self.folder / "keys" / "root.key"

    @property
    def ledger_key(self) -> Path:
        """The ledger's signing keys."""
        return self.folder / "keys" / "ledger.key"


@dataclass
class Workshop:
    """One process on that ground: every room, wired to die where a test says."""

    ground: Ground
    wire: Wire = field(default_factory=Wire)
    tenant_id: Id = NOBODY
    heard: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)  # events, with whom

    def __post_init__(self) -> None:
        ground = self.ground
        self.clock = ground.clock
        self.database = WiredDatabase(ground.main, self.wire, "main")
        self.key_database = WiredDatabase(ground.keys, self.wire, "keys")
        self.store = WiredStore(ground.store, self.wire)
        self.ledger_keys = LedgerKeys.open(ground.ledger_key)
        provider = FileKeyProvider(RingFile(ground.root_key))  # as a service: asked by its first use
        self.keys = KeyStore(self.key_database, provider, self.clock, self.ledger_keys.anchor)
        self.blobs = Blobs(self.keys)
        self.ledger = Ledger(self.database, self.blobs, self.clock)
        self.checkpoints = Checkpoints(self.database, self.store, self.ledger_keys, self.clock)
        self.tenants = Tenants(self.database, self.keys, self.ledger, self.clock)
        self.people = People(self.database, self.keys, self.blobs, self.ledger, self.clock)
        self.buttons = Buttons(self.database, self.clock)
        self.calls = Calls(self.database, self.keys, self.blobs, self.ledger, self.buttons, self.clock)
        self.notes = Notes(self.database, self.keys, self.blobs, self.clock)
        self.recordings = Recordings(self.database, self.keys, self.ledger, self.clock)
        recording = RecordingSettings()
        self.finish = Finish(self.database, self.keys, self.store, self.ledger, self.clock, recording)
        self.finisher = Finisher(self.finish, self.recordings, workers=2)
        self.library = Library(self.database)
        self.reader = Reader(self.database, self.keys, self.store)
        grounds = Grounds(self.database, self.keys, self.store, self.ledger, self.clock, self.reader)
        self.whole_calls = make_whole_calls(grounds, self, Settings(exports=ExportSettings(nice=0)))
        self.links = Links(self.database, self.ledger, self.clock, lifetime_s=300)
        self._open_rights()

    def _open_rights(self) -> None:
        """What erases, and what asks for it."""
        self.requests = DeletionRequests(self.database, self.keys, self.blobs, self.ledger, self.clock)
        self.custody = make_custody(self.database, self.blobs, self.ledger, self.clock, Settings())
        self.eraser = Eraser(
            Collaborators(
                database=self.database,
                keys=self.keys,
                store=self.store,
                ledger=self.ledger,
                clock=self.clock,
                stop_capture=self.stop_making,
                publish_request=self.checkpoints.publish_request,
                begin=self.custody.holds.begin,
                irrecoverable_days=7,
                places=tuple(getattr(self.ground.store, "places", ())),
            )
        )
        shared = (self.database, self.keys, self.blobs, self.ledger)
        self.invitations = Invitations(*shared, self.buttons, self.calls, self.clock)
        self.own_links = OwnLinks(self.database, self.ledger, self.clock)
        self.visitor_links = VisitorLinks(self.invitations, self.own_links)
        kept = (self.recordings, self.calls, self.custody, self.visitor_links)
        self.keeper = Keeper(self.eraser, self.requests, *kept, self.clock, unjoined_s=3_600)
        self.ends = EpochEnds(self.database, self.ledger)
        self.receipts = Receipts(self.requests, self.ledger, self.checkpoints, self.ends, self.keys.epochs)

    async def stop_making(self, media_id: str) -> None:
        """What an erasure stops first."""
        await self.finisher.stop(media_id)
        await self.whole_calls.exporter.stop(media_id)

    def tell(self, principal_id: Id, type_: str, data: Mapping[str, object]) -> None:
        """Where events go here."""
        self.heard.append((principal_id, type_, dict(data)))

    async def reborn(self, wire: Wire | None = None, *, starts: bool = True) -> Workshop:
        """The next process on the same ground: nothing is remembered but what is durable."""
        after = Workshop(self.ground, wire or Wire(), self.tenant_id)
        if starts:
            await after.keys.start()
        return after

    def by(self, role: Role = Role.ADMIN, *, tenant_id: Id | None = None) -> Principal:
        """Someone of a role; the ledger names them by the tenant's own pseudonym."""
        tenant = tenant_id or self.tenant_id
        return Principal(tenant, tenant, role)

    def visitor(self, call: OpenedCall) -> Principal:
        """The visitor of a call."""
        return Principal(call.id, call.tenant_id, Role.VISITOR, call_id=call.id)

    async def button(self, *, media: tuple[str, ...] = ("audio", "video"), records: bool = True) -> Button:
        """A button of the tenant, on one page."""
        new = NewButton(
            "Help", _texts("Call"), _texts("support"), media, (PAGE,), records=records, retention_days=30
        )
        return await self.buttons.create(new, by=self.by())

    async def call(self, *, reference: str = "customer-1", button: Button | None = None) -> OpenedCall:
        """A call whose page told everything about its visitor."""
        button = button or await self.button()
        visitor = Visitor(reference, CANARY, "zebulon@example.org", "+33612345678")
        return await self.calls.open(OpenCall(button.id, PAGE, "en", button.media, visitor, f"{PAGE}/cart"))

    async def consented(self, choice: ConsentChoice = ConsentChoice.ACCEPTED, **more: Any) -> OpenedCall:
        """A call whose notice was answered."""
        call = await self.call(**more)
        await self.calls.answer_notice(
            call.id, choice, notice_hash=call.notice.hash, language="en", by=self.visitor(call)
        )
        return call

    async def begun(self, call: OpenedCall | None = None) -> Begun:
        """A recording that is being captured, with its leg; no fragment yet."""
        call = call or await self.consented()
        leg_id = new_id("leg")
        view = await self.calls.ready_for_leg(call.id, by=self.visitor(call))
        await self.calls.leg_joined(view, leg_id, self.visitor(call))
        await self.calls.leg_connected(call.id, leg_id)
        leg = LegToRecord(view.tenant_id, view.id, leg_id, view.button_id, view.retention_days)
        return await self.recordings.begin(leg, age_s=1.0)

    async def spool(self, begun: Begun, plains: Sequence[bytes], *, first: int = 0) -> None:
        """Seal fragments and store them as a capture does."""
        for number, plain in enumerate(plains, start=first):
            await self.put_fragment(begun, number, plain)

    async def put_fragment(self, begun: Begun, number: int, plain: bytes, *, at: int | None = None) -> None:
        """Seal fragment `number` and store it, at its own place or at another's."""
        sealed = seal(
            begun.key,
            plain,
            associated_data=spool_associated(
                tenant_id=begun.tenant_id, media_id=begun.media_id, leg_id=begun.leg_id, number=number
            ),
            segment_bytes=SPOOL_SEGMENT_BYTES,
        )
        place = number if at is None else at
        key = spool_key(tenant_id=begun.tenant_id, media_id=begun.media_id, number=place)
        await self.ground.store.put(key, sealed)

    async def ended(self, plains: Sequence[bytes] | None = None, call: OpenedCall | None = None) -> Begun:
        """A recording whose call is over and that waits to be finished."""
        call = call or await self.consented()
        begun = await self.begun(call)
        await self.spool(begun, scene() if plains is None else plains)
        await self.recordings.end(begun.media_id, reason="peer_left")
        await self.calls.leg_ended(call.id, begun.leg_id, reason="peer_left")
        return begun

    async def ready(self, plains: Sequence[bytes] | None = None, call: OpenedCall | None = None) -> Begun:
        """A finished recording."""
        begun = await self.ended(plains, call)
        await self.finish.finish(begun.media_id)
        return begun

    async def objects(self) -> list[str]:
        """Every object of the store, the published checkpoint apart."""
        return [
            stored.key async for stored in self.ground.store.list() if not stored.key.startswith("ledger")
        ]

    async def plain(self, begun: Begun, part: Part = Part.MEDIA) -> bytes:
        """A part as it lies in the store, opened with the key."""
        place: dict[str, Any] = {
            "tenant_id": begun.tenant_id,
            "media_id": begun.media_id,
            "gen": 1,
            "part": part,
        }
        sealed = await self.ground.store.read(part_key(**place), limit_bytes=1 << 30)
        return open_sealed(
            begun.key, sealed, associated_data=part_associated(**place), segment_bytes=64 * 1024
        )

    async def manifest(self, begun: Begun) -> dict[str, Any]:
        """The manifest of a finished recording."""
        told: dict[str, Any] = json.loads(await self.plain(begun, Part.MANIFEST))
        return told


def _texts(text: str) -> dict[str, str]:
    return {"fr": text, "en": text}


@cache
def scene(seconds: float = 3, *, codec: str = "vp8", sound: bool = True) -> tuple[bytes, ...]:
    """Plain fragments of a short call: a picture that falls line by line, and a tone."""
    shown = Scene()
    if codec != "none":
        shown.add(video(seconds, info=H264 if codec == "h264" else VP8))
    if sound:
        shown.add(audio(seconds))
    return tuple(shown.plain_fragments())


async def make_tables(database: Database, tables: MetaData) -> None:
    """The schema as the migrations make it (a test of db/ holds the two equal)."""
    async with database.write() as connection:
        await connection.run_sync(tables.create_all)


@asynccontextmanager
async def open_ground(
    folder: Path,
    *,
    urls: tuple[str, str] | None = None,
    store: ObjectStore | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Ground]:
    """Databases (SQLite in the folder unless told otherwise), keys and a store, opened and closed."""
    main_url, keys_url = urls or (f"sqlite:///{folder}/main.db", f"sqlite:///{folder}/keys.db")
    async with AsyncExitStack() as opened:
        main, keys = open_database(main_url), open_database(keys_url, durable=True)
        opened.push_async_callback(main.aclose)
        opened.push_async_callback(keys.aclose)
        store = store or MemoryStore(country="FR")
        opened.push_async_callback(store.aclose)
        ground = Ground(folder, main, keys, store, clock or SystemClock())
        if not ground.root_key.exists():
            FileKeyProvider.create(ground.root_key)
            LedgerKeys.create(ground.ledger_key, ORIGIN)
        await make_tables(main, metadata)
        await make_tables(keys, key_metadata)
        yield ground


async def begin_work(ground: Ground) -> Workshop:
    """The first process on a ground, with one tenant."""
    work = Workshop(ground)
    await work.keys.start()
    work.tenant_id = await work.tenants.add(name="Acme", retention_days=30)
    return work


@asynccontextmanager
async def open_workshop(folder: Path, **how: Any) -> AsyncIterator[Workshop]:
    """Ground and first process in one."""
    async with open_ground(folder, **how) as ground:
        yield await begin_work(ground)
