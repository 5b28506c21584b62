"""The end of a tenant: unreadable at once, gone in bounded rounds, proven; the others notice nothing."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, UniqueConstraint, delete, func, select, update

from crypto.receipts import verify_receipt
from storage.debts import MemoryDebts
from storage.filesystem import FilesystemStore
from storage.replicated import ReplicatedStore
from tests.storage.test_replicated import Place
from tests.vault.keys.test_turning import turn_of
from tests.vault.media.crashes import Crash, Wire
from tests.vault.media.workshop import Workshop, begin_work, open_ground, open_workshop
from tests.vault.rights.test_fence import copied, fence_of, set_back
from tests.vault.rights.traces import traces_of
from vault.db.key_tables import data_keys, tenant_keys
from vault.db.tables import deletion_requests, erasures, metadata, tenants
from vault.errors import ConflictError, KeyForgottenError, NotFoundError
from vault.keys.epochs import EpochState
from vault.media.capture import Begun
from vault.model import ErasureReason, HoldGround, Id, Part, uuid_of
from vault.rights import emptying
from vault.rights.holds import NewHold
from vault.rights.tenant_rows import EMPTIED_TABLES, STAYS, named, rows_of


async def furnished(work: Workshop, tenant_id: Id | None = None) -> Begun:
    """A tenant with a button, a call with its visitor, a note on it, and a recording; everything sealed."""
    mine = work if tenant_id is None else Workshop(work.ground, Wire(), tenant_id)
    begun = await mine.ready()
    await mine.people.add(tenant_id=mine.tenant_id, role=mine.by().role, profile={"name": "Ada"}, by=None)
    return begun


async def another(work: Workshop) -> tuple[Workshop, Begun]:
    """A second tenant of the house, furnished."""
    tenant_id = await work.tenants.add(name="Another", retention_days=30)
    return Workshop(work.ground, Wire(), tenant_id), await furnished(work, tenant_id)


async def rows_left(work: Workshop, tenant_id: str) -> dict[str, int]:
    """How many rows each emptied table still has of a tenant."""
    left = {}
    async with work.database.read() as connection:
        for table in EMPTIED_TABLES:
            count = select(func.count()).select_from(table).where(rows_of(table, tenant_id))
            left[table.name] = (await connection.execute(count)).scalar_one()
    return {name: count for name, count in left.items() if count}


async def require_gone(work: Workshop, request: str, *, counted: bool = True) -> None:
    """Nothing of the tenant is left but its id and what its receipt rests on.

    Counts may miss what a crash came behind.
    """
    assert await rows_left(work, work.tenant_id) == {}
    assert [key for key in await work.objects() if uuid_of(work.tenant_id) in key] == []
    async with work.key_database.read() as connection:
        for table in (tenant_keys, data_keys):
            of_tenant = select(func.count()).select_from(table).where(table.c.tenant_id == work.tenant_id)
            assert (await connection.execute(of_tenant)).scalar_one() == 0
    async with work.database.read() as connection:
        row = (await connection.execute(select(tenants).where(tenants.c.id == work.tenant_id))).one()
    assert (row.name, row.left_at is not None) == ("", True)
    receipt = verify_receipt(await work.receipts.of(request, by=work.by()), work.ledger_keys.verifiers)
    assert receipt.status == "complete"
    shredded = next(entry.fields for entry in receipt.entries if entry.fields["type"] == "object.shredded")
    assert (shredded["kind"], shredded["objects"], shredded["reason"]) == ("tenant", 1, "tenant_exit")
    if counted:
        assert int(shredded["versions"]) > 0
        assert int(shredded["rows"]) > 10


async def reads(work: Workshop, begun: Begun) -> bool:
    """Whether a recording plays."""
    part = await work.reader.part(begun.media_id, Part.MEDIA)
    return bool([block async for block in work.reader.stream(part, 0, part.size_bytes)])


async def test_a_tenant_is_unreadable_at_once_and_gone_in_the_end(any_work: Workshop) -> None:
    """Keys, objects of every kind, rows of every table; the neighbour plays; no file has a key."""
    begun = await furnished(any_work)
    neighbour, theirs = await another(any_work)
    traces = await traces_of(any_work, begun.media_id)
    button = await any_work.button()
    asked = await any_work.requests.of_tenant(any_work.tenant_id)
    with pytest.raises(NotFoundError):
        await any_work.buttons.public(button.id)
    assert await any_work.keeper.turn() == 0
    with pytest.raises(KeyForgottenError):
        await any_work.keys.data_key(tenant_id=any_work.tenant_id, object_id=begun.media_id)
    await require_gone(any_work, asked.id)
    assert await reads(neighbour, theirs)
    assert [each for each in traces.in_files(any_work.ground.folder) if "wrapped" in each] == []
    assert (await any_work.requests.of_tenant(any_work.tenant_id)).id == asked.id


async def test_each_round_is_bounded_and_the_next_goes_on(
    work: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million objects keep no other erasure waiting; what is counted is what was there."""
    monkeypatch.setattr(emptying, "ROUND_S", 0.0)
    monkeypatch.setattr(emptying, "OBJECTS_AT_ONCE", 2)
    monkeypatch.setattr(emptying, "ROWS_AT_ONCE", 3)
    for _ in range(2):
        await furnished(work)
    objects = len([key for key in await work.objects() if key.startswith(("media/", "spool/"))])
    asked = await work.requests.of_tenant(work.tenant_id)
    turns = 0
    while await work.keeper.turn():
        turns += 1
    assert turns > 5
    await require_gone(work, asked.id)
    async with work.database.read() as connection:
        evidence = (await connection.execute(select(erasures.c.evidence))).scalar_one()
    assert evidence["versions"] == objects


@pytest.mark.parametrize("table", EMPTIED_TABLES, ids=lambda table: str(table.name))
async def test_rows_are_deleted_by_an_index_and_never_by_reading_the_table(
    work: Workshop, table: Table
) -> None:
    """A million rows go in thousands of steps: one that reads them all holds everybody up, each time."""
    names = [tuple("x" for _ in table.primary_key.columns)] * 3
    statement = delete(table).where(named(table, names))
    async with work.database.read() as connection:
        compiled = statement.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
        values = tuple(compiled.params[name] for name in compiled.positiontup or ())
        plan = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values)).all()
    steps = [str([*step][3]) for step in plan]
    assert [step for step in steps if step.startswith(f"SCAN {table.name}")] == []
    assert any(step.startswith(f"SEARCH {table.name} USING") for step in steps)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
async def test_a_tenants_end_that_dies_at_any_step_is_finished_by_the_next(
    tmp_path: Path, rounds: Callable[[int, int], int]
) -> None:
    """A dozen of the durable steps, one after the other; in `make soak` every one."""
    steps = await _emptied(tmp_path / "whole", None)
    assert steps > 30
    for number in range(1, steps + 1, rounds(max(1, steps // 12), 1)):
        await _emptied(tmp_path / str(number), number)


async def _emptied(folder: Path, dies_at: int | None) -> int:
    async with open_ground(folder) as ground:
        work = await begin_work(ground)
        await furnished(work)
        asked = await work.requests.of_tenant(work.tenant_id)
        wire = Wire(dies_at)
        dying = Workshop(ground, wire, work.tenant_id)
        try:
            while await dying.keeper.turn():
                continue
        except Crash:
            pass
        after = await work.reborn()
        while await after.keeper.turn():
            continue
        await require_gone(after, asked.id, counted=dies_at is None)
        return len(wire.steps)


async def test_a_legal_hold_keeps_a_tenant_and_a_call_that_runs_too(work: Workshop) -> None:
    """The one is said in the receipt and waits; the other is refused, for people to hang up."""
    begun = await furnished(work)
    until = work.clock.now() + timedelta(days=3)
    hold = NewHold(begun.media_id, HoldGround.LEGAL_CLAIM, "why", until)
    await work.custody.holds.place(hold, by=work.by())
    running = await work.begun()
    with pytest.raises(ConflictError):
        await work.requests.of_tenant(work.tenant_id)
    await work.recordings.end(running.media_id, reason="peer_left")
    await work.calls.leg_ended((await _call_of(work, running)), running.leg_id, reason="peer_left")
    asked = await work.requests.of_tenant(work.tenant_id)
    assert await work.keeper.turn() == 1
    await work.keys.data_key(tenant_id=work.tenant_id, object_id=begun.media_id)
    receipt = await work.receipts.of(asked.id, by=work.by())
    assert verify_receipt(receipt, work.ledger_keys.verifiers).status == "pending"
    await work.custody.holds.end_expired(until)
    while await work.keeper.turn():
        continue
    await require_gone(work, asked.id)


async def _call_of(work: Workshop, begun: Begun) -> Id:
    media = metadata.tables["media"]
    async with work.database.read() as connection:
        found = await connection.execute(select(media.c.call_id).where(media.c.id == begun.media_id))
    return Id(found.scalar_one())


@pytest.mark.parametrize("names", [("main.db",), ("keys.db",), ("main.db", "keys.db")])
async def test_a_tenant_that_left_does_not_come_back_with_a_restore(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    """The ledger outside says that it left: it is shut out before a door opens, and emptied again."""
    store = await FilesystemStore.create(tmp_path / "objects", country="FR")
    async with open_workshop(tmp_path / "vault", store=store) as work:
        begun = await furnished(work)
        copy = await copied(work, tmp_path / "copy")
        asked = await work.requests.of_tenant(work.tenant_id)
        assert await work.keeper.turn() == 0
        await work.checkpoints.publish_now()
        async with set_back(work, copy, tmp_path / "back", *names) as back:
            await fence_of(back).let_through()
            async with back.database.read() as connection:
                assert (await connection.execute(select(tenants.c.left_at))).scalar_one() is not None
            while await back.keeper.turn():
                continue
            with pytest.raises(KeyForgottenError):
                await back.keys.data_key(tenant_id=work.tenant_id, object_id=begun.media_id)
            assert await rows_left(back, work.tenant_id) == {}
            async with back.database.read() as connection:
                requests = (await connection.execute(select(deletion_requests.c.id))).scalars().all()
            assert requests == [asked.id]


@pytest.mark.parametrize("whole", [True, False], ids=["the tenant", "one recording"])
async def test_a_tenant_that_came_after_the_copy_is_erased_by_its_keys(
    tmp_path: Path, *, whole: bool
) -> None:
    """Older main database, today's keys: what was asked for is done, though no row says whose."""
    store = await FilesystemStore.create(tmp_path / "objects", country="FR")
    async with open_workshop(tmp_path / "vault", store=store) as work:
        copy = await copied(work, tmp_path / "copy")
        other, begun = await another(work)
        if whole:
            await other.requests.of_tenant(other.tenant_id)
        else:
            await other.requests.of_media(begun.media_id, ErasureReason.VISITOR_REQUEST, by=other.by())
        await work.checkpoints.publish_now()
        async with set_back(work, copy, tmp_path / "back", "main.db") as back:
            await fence_of(back).let_through()
            assert await back.keeper.turn() == 0
            with pytest.raises(KeyForgottenError):
                await back.keys.data_key(tenant_id=other.tenant_id, object_id=begun.media_id)


async def test_the_receipt_of_a_tenants_end_becomes_final_with_its_epoch(work: Workshop) -> None:
    """Once no copy of the key store opens anything of it."""
    await furnished(work)
    asked = await work.requests.of_tenant(work.tenant_id)
    await work.keeper.turn()
    assert await ended_epochs(work, asked.id) == {1}


async def ended_epochs(work: Workshop, request: str) -> set[Any]:
    """Turn the epoch; the epochs that a receipt names, which is final then, and are really over."""
    turn = turn_of(work, work.ends)
    await turn.begin()
    for _ in range(2):
        standing = await turn.carry(grace=timedelta(0))
    over = {each.epoch for each in standing if each.state is EpochState.DESTROYED}
    receipt = await work.receipts.of(request, by=work.by())
    proven = verify_receipt(receipt, work.ledger_keys.verifiers)
    assert proven.status == "final"
    named = {entry.fields["epoch"] for entry in proven.entries if entry.fields["type"] == "object.shredded"}
    assert named <= over
    return named


async def test_epochs_turn_after_a_restore_of_the_key_store_and_while_an_end_waits(tmp_path: Path) -> None:
    """What it knows again of a company that left is forgotten at the fence, and holds nobody's turn up."""
    store = await FilesystemStore.create(tmp_path / "objects", country="FR")
    async with open_workshop(tmp_path / "vault", store=store) as work:
        await furnished(work)
        _, theirs = await another(work)
        copy = await copied(work, tmp_path / "copy")
        asked = await work.requests.of_tenant(work.tenant_id)
        assert await work.keeper.turn() == 0
        await work.checkpoints.publish_now()
        async with set_back(work, copy, tmp_path / "back", "keys.db") as back:
            await fence_of(back).let_through()
            async with back.key_database.read() as connection:
                for table in (tenant_keys, data_keys):
                    of = select(table.c.tenant_id).where(table.c.tenant_id == work.tenant_id)
                    assert (await connection.execute(of)).all() == []
            assert await ended_epochs(back, asked.id) == {1}
            assert await reads(Workshop(back.ground, Wire(), theirs.tenant_id), theirs)


async def test_a_kill_behind_the_keys_loses_no_epoch_from_the_receipt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for in one epoch, forgotten in the next: the receipt is not final with the end of the first."""
    async with open_ground(tmp_path) as ground:
        work = await begin_work(ground)
        await furnished(work)
        asked = await work.requests.of_tenant(work.tenant_id)
        turn = turn_of(work, work.ends)
        await turn.begin()
        for _ in range(2):
            await turn.carry(grace=timedelta(0))

        async def die(*_: Any) -> None:
            raise Crash

        with monkeypatch.context() as patched:
            patched.setattr(emptying.Emptying, "_note", die)
            with pytest.raises(Crash):
                await work.keeper.turn()
        after = await work.reborn()
        assert await after.keeper.turn() == 0
        receipt = await after.receipts.of(asked.id, by=after.by())
        assert verify_receipt(receipt, after.ledger_keys.verifiers).status == "complete"
        assert await ended_epochs(after, asked.id) == {2}


@pytest.mark.usefixtures("quick_child")
async def test_a_place_that_is_away_keeps_no_other_from_being_emptied(tmp_path: Path) -> None:
    """One round empties the places that answer, and what went there is counted."""
    places = {name: Place() for name in ("primary", "lyon")}
    store = ReplicatedStore(places, MemoryDebts(), single=("spool/",))
    async with open_workshop(tmp_path, store=store) as work:
        for _ in range(2):
            await work.ready()
        while await store.catch_up.turn("lyon"):
            pass
        places["lyon"].is_away = True
        there = len(await places["primary"].remains("media/"))
        asked = await work.requests.of_tenant(work.tenant_id)
        assert await work.keeper.turn() == 1
        assert there > 4
        assert await places["primary"].remains("media/") == ()
        places["lyon"].is_away = False
        assert await places["lyon"].remains("media/")
        assert await work.keeper.turn() == 0
        assert await places["lyon"].remains("media/") == ()
        await require_gone(work, asked.id, counted=False)


async def test_the_name_of_a_company_is_in_no_file_when_its_receipt_is_complete(work: Workshop) -> None:
    """It is blanked before the log is cleaned."""
    name = b"Zebulon and Daughters"
    async with work.database.write() as connection:
        await connection.execute(update(tenants).values(name=name.decode()))
    await furnished(work)
    await work.requests.of_tenant(work.tenant_id)
    assert await work.keeper.turn() == 0
    for path in work.ground.folder.glob("*.db*"):
        assert name not in path.read_bytes(), path


def test_a_batch_is_as_small_as_keeps_others_writing() -> None:
    """It grows while it is quick, and shrinks to a row while it is slow."""
    pace = emptying._Pace()
    first = pace.rows
    pace.took(0.001)
    assert pace.rows == 2 * first
    for _ in range(20):
        pace.took(0.001)
    assert pace.rows == emptying.ROWS_AT_ONCE
    for _ in range(20):
        pace.took(1.0)
    assert pace.rows == 1


def test_whatever_refers_to_rows_that_are_deleted_is_found_by_an_index() -> None:
    """Else each row that goes is looked for in everybody's, with the one writer waiting."""
    unindexed = [
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        for reference in column.foreign_keys
        if reference.column.table in EMPTIED_TABLES and column.name not in _led(table)
    ]
    assert unindexed == []


def _led(table: Table) -> set[str]:
    """The columns with which an index of a whole table, its key or a unique constraint begins."""
    whole = [index for index in table.indexes if index.dialect_options["sqlite"]["where"] is None]
    unique = [each for each in table.constraints if isinstance(each, UniqueConstraint)]
    groups = [
        table.primary_key.columns,
        *(each.columns for each in whole),
        *(each.columns for each in unique),
    ]
    return {next(iter(columns)).name for columns in groups if len(columns)}


def test_every_table_is_either_emptied_or_named_with_a_reason() -> None:
    """A table that is added tomorrow is emptied, or somebody says why not."""
    emptied = {table.name for table in EMPTIED_TABLES}
    assert emptied.isdisjoint(STAYS)
    assert emptied | set(STAYS) == {*metadata.tables, *(set(STAYS) - set(metadata.tables))}
    for table in EMPTIED_TABLES:
        rows_of(table, "ten_x")
