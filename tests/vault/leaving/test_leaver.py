"""A company leaves: what it takes along opens with its own key, nothing is left, and that is proven."""

import json
from base64 import b64decode
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyrage
import pytest
from sqlalchemy import LargeBinary

from crypto import merkle
from crypto.notes import open_checkpoint
from crypto.receipts import verify_receipt
from storage.store import ObjectKey
from tests.vault.leaving.conftest import a_day
from tests.vault.leaving.house import leaving_of, lines, mail_server, packed, turned_to, until, volumes_of
from tests.vault.media.crashes import Crash, Wire
from tests.vault.media.workshop import CANARY, Workshop, begin_work, open_ground
from tests.vault.rights.test_emptying import furnished, require_gone
from vault.errors import ConflictError, ForbiddenError, InvalidError, KeyForgottenError, NotFoundError
from vault.leaving import packing
from vault.leaving.exits import NewExit
from vault.leaving.records import LEFT_OUT, SEALED, WITHHELD
from vault.model import ExitState, HoldGround, Part, RestrictionGround, RestrictionSubject, Role
from vault.rights.holds import NewHold
from vault.rights.restrictions import NewRestriction
from vault.rights.tenant_rows import EMPTIED_TABLES

KEY = pyrage.x25519.Identity.generate()
RECIPIENT = str(KEY.to_public())
FETCHED = "exit.fetched"
SOON = NewExit(RECIPIENT, None, 1)


async def test_a_company_takes_everything_along_and_nothing_is_left(any_work: Workshop) -> None:
    """Rows with what was sealed in them, recordings, the ledger with proofs; then the receipt, by mail."""
    begun = await furnished(any_work)
    part = await any_work.reader.part(begun.media_id, Part.MEDIA)
    plain = b"".join([bytes(each) async for each in any_work.reader.stream(part, 0, part.size_bytes)])
    with mail_server() as (letters, mail):
        leaving = leaving_of(any_work, mail)
        await leaving.exits.begin(NewExit(RECIPIENT, "dpo@example.org", 1), by=any_work.by())
        with pytest.raises(NotFoundError):
            await any_work.call()
        await until(leaving, any_work, ExitState.READY)
        first, second = await volumes_of(any_work, leaving, KEY)
        assert second[f"media/{begun.media_id}/media.webm"] == plain
        assert json.loads(second[f"media/{begun.media_id}/manifest.json"])
        assert [row["personal"]["name"] for row in lines(first, "calls")] == [CANARY]
        assert [row["profile"]["name"] for row in lines(first, "people")] == ["Ada"]
        _require_proven(first, any_work)
        told = [each for each in await any_work.ledger.history(any_work.tenant_id) if each.type == FETCHED]
        assert [each.facts["volume"] for each in told] == [2, 1]
        found = await until(leaving, any_work, ExitState.GONE)
        await leaving.leaver.turn()
    assert found.request_id is not None
    await require_gone(any_work, found.request_id)
    assert letters.subjects == ["ready", "ready", "gone"]  # the second time with the rows of the last days
    (attached,) = [each for each in letters.taken[-1].walk() if each.get_filename()]
    receipt = attached.get_payload(decode=True)
    assert isinstance(receipt, bytes)
    assert verify_receipt(receipt, any_work.ledger_keys.verifiers).status == "complete"
    with pytest.raises(KeyForgottenError):
        await any_work.keys.data_key(tenant_id=found.id, object_id=found.id)
    assert [key for key in await any_work.objects() if key.startswith("archive/")] == []


def _require_proven(files: dict[str, bytes], work: Workshop) -> None:
    head = open_checkpoint(files["ledger/checkpoint"].decode(), work.ledger_keys.verifiers)
    told = [
        json.loads(line)
        for name in sorted(files)
        if name.startswith("ledger/leaves-")
        for line in files[name].splitlines()
    ]
    assert len(told) > 5
    for each in told:
        path = [b64decode(node) for node in each["path"]]
        leaf = merkle.leaf_hash(each["leaf"].encode())
        merkle.verify_inclusion(leaf, each["index"], head.size, path, head.root)


async def test_who_stays_after_all_goes_on_as_before(work: Workshop) -> None:
    """Calls begin again, what was exported is deleted, and another exit may begin."""
    await furnished(work)
    leaving = leaving_of(work)
    await leaving.exits.begin(NewExit(RECIPIENT, None, 30), by=work.by())
    await until(leaving, work, ExitState.READY)
    with pytest.raises(ConflictError):
        await leaving.exits.begin(SOON, by=work.by())
    assert (await leaving.exits.cancel(by=work.by())).state is ExitState.CANCELLED
    await work.call()
    await leaving.leaver.turn()
    assert [key for key in await work.objects() if key.startswith("archive/")] == []
    with pytest.raises(NotFoundError):
        await leaving.exits.current(by=work.by())
    await leaving.exits.begin(SOON, by=work.by())


async def test_the_grace_period_is_waited_for_and_a_hold_and_a_restriction_too(work: Workshop) -> None:
    """It says what it waits for; what must not be erased is not, whatever was agreed."""
    begun = await furnished(work)
    leaving = leaving_of(work)
    until_ = work.clock.now() + timedelta(days=400)
    hold = await work.custody.holds.place(
        NewHold(begun.media_id, HoldGround.LEGAL_CLAIM, "why", until_), by=work.by()
    )
    ground, subject = RestrictionGround.OBJECTION, RestrictionSubject.VISITOR
    placed = await work.custody.restrictions.place(
        NewRestriction(begun.media_id, ground, subject, "why"), by=work.by()
    )
    await leaving.exits.begin(NewExit(RECIPIENT, None, 30), by=work.by())
    ready = await until(leaving, work, ExitState.READY)
    assert ready.ends_at == work.clock.now() + timedelta(days=30)
    withheld = (await volumes_of(work, leaving, KEY))[1]
    assert list(withheld) == [f"media/{begun.media_id}/WITHHELD.txt"]
    turned_to(work, ready.ends_at - timedelta(days=7))
    put_off = await packed(leaving, work)
    assert (put_off.ends_at, put_off.waits_for) == (ready.ends_at, None)
    turned_to(work, ready.ends_at)
    assert (await packed(leaving, work)).waits_for == "hold"
    await work.custody.holds.end_expired(hold.expires_at)
    assert (await packed(leaving, work)).waits_for == "restriction"
    await work.custody.restrictions.lift(placed.id, by=work.by())
    found = await until(leaving, work, ExitState.GONE)
    assert found.request_id is not None
    await require_gone(work, found.request_id)


async def test_a_company_may_take_nothing_along(work: Workshop) -> None:
    """Then there is no volume, and the end is the same."""
    await furnished(work)
    leaving = leaving_of(work)
    await leaving.exits.begin(NewExit(None, None, 0), by=work.by())
    found = await until(leaving, work, ExitState.GONE)
    assert (found.volumes, found.request_id is not None) == ([], True)


async def test_many_recordings_come_in_many_volumes_and_a_damaged_one_keeps_no_other(
    work: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One item in each here; what does not open is named in its place."""
    monkeypatch.setattr(packing, "VOLUME_BYTES", 1)
    begun = [await work.ready() for _ in range(3)]
    spoiled = next(
        key for key in await work.objects() if key.endswith("/media") and _names(key, begun[1].media_id)
    )
    await _spoil(work, spoiled)
    leaving = leaving_of(work)
    await leaving.exits.begin(NewExit(RECIPIENT, None, 30), by=work.by())
    await until(leaving, work, ExitState.READY)
    _, *media = await volumes_of(work, leaving, KEY)
    assert [sorted(files) for files in media] == [
        [f"media/{begun[0].media_id}/manifest.json", f"media/{begun[0].media_id}/media.webm"],
        [f"media/{begun[1].media_id}/WITHHELD.txt"],
        [f"media/{begun[2].media_id}/manifest.json", f"media/{begun[2].media_id}/media.webm"],
    ]


def _names(key: str, media_id: str) -> bool:
    return media_id[4:] == key.split("/")[2].replace("-", "")


async def _spoil(work: Workshop, key: str) -> None:
    sealed = bytearray(await work.ground.store.read(ObjectKey(key), limit_bytes=1 << 30))
    sealed[len(sealed) // 2] ^= 1
    await work.ground.store.put(ObjectKey(key), bytes(sealed))


async def test_what_is_still_being_recorded_is_waited_for_and_taken_along(work: Workshop) -> None:
    """A recording that is finished after a younger one would be in no volume, and be erased at the end."""
    late = await work.ended()  # its call is over, its file is not made yet
    early = await work.ready()
    leaving = leaving_of(work)
    await leaving.exits.begin(NewExit(RECIPIENT, None, 30), by=work.by())
    for _ in range(5):
        await leaving.leaver.turn()
    now = await leaving.exits.current(by=work.by())
    assert (now.state, now.waits_for, now.volumes) == (ExitState.EXPORTING, "call", [])
    await work.finish.finish(late.media_id)
    found = await until(leaving, work, ExitState.READY)
    assert (found.waits_for, found.items_left) == (None, None)
    taken = {name for files in await volumes_of(work, leaving, KEY) for name in files}
    assert {f"media/{each.media_id}/media.webm" for each in (late, early)} <= taken


async def test_a_mail_server_that_is_away_keeps_only_the_last_notice_waiting(work: Workshop) -> None:
    """The erasure is done all the same, and the address is kept until it was told."""
    await furnished(work)
    with mail_server() as (letters, mail):
        letters.is_away = True
        leaving = leaving_of(work, mail)
        await leaving.exits.begin(NewExit(RECIPIENT, "dpo@example.org", 1), by=work.by())
        found = await until(leaving, work, ExitState.GONE)
        for _ in range(2):
            await leaving.leaver.turn()
        assert letters.taken == []
        letters.is_away = False
        turned_to(work, work.clock.now() + timedelta(minutes=30))
        for _ in range(2):
            await leaving.leaver.turn()
        assert letters.subjects == ["gone"]
    assert found.request_id is not None
    await require_gone(work, found.request_id)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.usefixtures("quick_child")
async def test_an_exit_that_dies_at_any_step_is_finished_by_the_next(
    tmp_path: Path, rounds: Callable[[int, int], int]
) -> None:
    """Nine or ten steps of the export and of the end, each in `make soak`: no half volume, one end."""
    steps = await _left(tmp_path / "whole", None)
    assert steps > 40
    for number in range(1, steps + 1, rounds(max(1, steps // 9), 1)):
        await _left(tmp_path / str(number), number)


async def _left(folder: Path, dies_at: int | None) -> int:
    async with open_ground(folder, clock=a_day()) as ground:
        work = await begin_work(ground)
        begun = await work.ready()
        await leaving_of(work).exits.begin(SOON, by=work.by())
        wire = Wire(dies_at)
        dying = Workshop(ground, wire, work.tenant_id)
        try:
            await until(leaving_of(dying), dying, ExitState.GONE)
        except Crash:
            after = await work.reborn()
            leaving = leaving_of(after)
            now = await leaving.exits.current(by=after.by())
            if now.state is ExitState.EXPORTING:
                await until(leaving, after, ExitState.READY)
                volumes = await volumes_of(after, leaving, KEY)
                assert f"media/{begun.media_id}/media.webm" in volumes[1]
            await until(leaving, after, ExitState.GONE)
        now = await leaving_of(work).exits.current(by=work.by())
        assert now.request_id is not None
        await require_gone(work, now.request_id, counted=dies_at is None)
        return len(wire.steps)


def test_each_table_and_column_is_told_opened_or_left_out_with_a_reason() -> None:
    """What is added tomorrow is taken along, or somebody says why not."""
    assert set(LEFT_OUT) <= {table.name for table in EMPTIED_TABLES}
    told = {(table.name, column.name) for table in EMPTIED_TABLES for column in table.columns}
    assert set(SEALED) <= told
    for table in EMPTIED_TABLES:
        for column in table.columns:
            if isinstance(column.type, LargeBinary) and table.name not in LEFT_OUT:
                named = (table.name, column.name) in SEALED or column.name in WITHHELD
                assert named or column.name.endswith("sha256"), (table.name, column.name)


@pytest.mark.parametrize(
    "recipient",
    ["", "age1", "AGE-SECRET-KEY-1", f"{RECIPIENT}x", "ssh-ed25519 AAAA"],
    ids=["nothing", "a prefix", "a secret key", "a letter more", "another kind"],
)
async def test_what_is_no_age_key_is_refused_before_anything_begins(work: Workshop, recipient: str) -> None:
    """And so is an address where no mail can be sent, and whoever may not."""
    leaving = leaving_of(work)
    with pytest.raises(InvalidError):
        await leaving.exits.begin(NewExit(recipient, None, 0), by=work.by())
    with pytest.raises(InvalidError):
        await leaving.exits.begin(NewExit(RECIPIENT, "dpo@example.org", 1), by=work.by())
    with pytest.raises(ForbiddenError):
        await leaving.exits.begin(SOON, by=work.by(Role.AUDITOR))
    with pytest.raises(NotFoundError):
        await leaving.exits.current(by=work.by())
