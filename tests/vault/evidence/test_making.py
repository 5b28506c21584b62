"""The pack: everything that has to be in it, true, of one company, and proven."""

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from crypto.evidence import canonical_pack, verify_evidence
from crypto.notes import open_checkpoint
from storage.memory import MemoryStore
from storage.residency import Residency, ResidentStore
from tests.vault.evidence.packs import backups_of, evidence_of, made_by, neighbour, pack_of
from tests.vault.keys.test_turning import turn_of
from tests.vault.media.crashes import Crash, Wire
from tests.vault.media.workshop import CANARY, Workshop
from vault.backups.dump import Kind
from vault.clock import to_text
from vault.db.key_tables import epochs
from vault.db.ledger_tables import epoch_ends
from vault.db.tables import clock_marks, leaves, replica_debts
from vault.errors import ForbiddenError
from vault.ledger.leaf import Entry, EntryType
from vault.model import (
    ErasureReason,
    HoldGround,
    RestrictionGround,
    RestrictionSubject,
    Role,
    RuleKind,
    uuid_of,
)
from vault.policy import GRANTS, Permission
from vault.rights.changes import Wanted
from vault.rights.holds import NewHold
from vault.rights.restrictions import NewRestriction
from vault.settings import EvidenceSettings, KeysSettings, Settings, SubProcessor


async def test_a_pack_is_recorded_and_verifies_with_the_ledgers_keys_alone(any_work: Workshop) -> None:
    """The entry has the digest of the pack, the company and a pseudonym; both signatures are asked for."""
    made = await made_by(any_work)
    proven = verify_evidence(made.file, any_work.ledger_keys.verifiers)
    assert proven.pack == made.pack
    assert proven.sha256 == made.sha256 == hashlib.sha256(canonical_pack(made.pack)).hexdigest()
    fields = proven.entry.fields
    assert (fields["type"], fields["tenant"]) == ("evidence.made", uuid_of(any_work.tenant_id))
    assert fields["actor"] != any_work.tenant_id
    async with any_work.database.read() as connection:
        last = (await connection.execute(select(leaves).order_by(leaves.c.leaf_index.desc()))).first()
    assert last is not None
    assert (last.leaf_index, last.type) == (made.ledger_index, EntryType.EVIDENCE_MADE)


async def test_the_head_of_a_pack_says_whose_it_is_when_and_of_which_program(any_work: Workshop) -> None:
    """Versions are those that run; a schema is told with its engine; a start is found in the ledger."""
    await any_work.ledger.record(Entry(EntryType.SYSTEM_STARTED, facts={"version": "x", "unfinished": 0}))
    pack = await pack_of(any_work, months=3)
    assert pack["tenant"] == {"id": any_work.tenant_id, "name": "Acme"}
    assert (pack["v"], len(pack["access"]["by_month"])) == (1, 3)
    assert pack["period"]["until"] == pack["made_at"] <= to_text(any_work.clock.now())
    assert all(pack["program"][name] for name in ("callvault", "python", "cryptography", "openssl"))
    assert pack["program"]["main"]["engine"].startswith(("SQLite 3", "PostgreSQL"))
    assert pack["restores"]["last_start"]["ledger_index"] >= 0
    assert (pack["restores"]["last_restore"], pack["restores"]["last_drill"]) == (None, None)


async def test_a_restore_and_a_drill_are_told_with_their_entries(any_work: Workshop) -> None:
    """Off the deployment's own entries, the newest of each, without what they count of everybody."""
    restored = Entry(EntryType.SYSTEM_RESTORED, facts={"entries": 3, "keys": 1})
    first, second = await any_work.ledger.record(restored), await any_work.ledger.record(restored)
    facts: dict[str, str | int] = {"ok": False, "rto_ms": 1_200, "recordings": 41}
    await any_work.ledger.record(Entry(EntryType.BACKUP_DRILLED, facts=facts))
    told = (await pack_of(any_work))["restores"]
    assert first < told["last_restore"]["ledger_index"] == second
    assert told["last_restore"]["outcome"] == {}
    assert told["last_drill"]["outcome"] == {"ok": False, "rto_ms": 1_200}


async def test_places_say_where_they_lie_how_that_is_known_and_what_they_lack(any_work: Workshop) -> None:
    """As the residency rule decides it now; one that is away is told to be."""
    residency = Residency(frozenset({"FR", "DE"}), ())
    gone = MemoryStore(country="FR")
    await gone.aclose()
    places = {
        "primary": ResidentStore(any_work.ground.store, residency),
        "berlin": ResidentStore(MemoryStore(country="DE"), residency),
        "gone": ResidentStore(gone, residency),
    }
    await any_work.ready()
    await _owe(any_work, f"media/{uuid_of(any_work.tenant_id)}/x/1/media", "berlin")
    await _owe(any_work, f"archive/{uuid_of(any_work.tenant_id)}/x/000001.tar.age", "berlin")
    await _owe(any_work, "media/00000000-0000-7000-8000-000000000000/x/1/media", "berlin")
    storage = (await pack_of(any_work, places=places))["storage"]
    primary, berlin, away = storage["places"]
    assert (primary["where"]["country"], primary["where"]["endpoint"]) == ("FR", "folder")
    assert primary["where"]["evidence"] == "declared by the operator"
    assert (berlin["where"]["country"], berlin["owed"], primary["owed"]) == ("DE", 2, 0)
    assert (away["answers"], away["where"]["country"]) == (False, None)
    assert storage["classes"]["recordings"] == ["primary", "berlin", "gone"]
    assert storage["classes"]["exit_volumes"] == ["primary", "berlin", "gone"]
    assert storage["classes"]["unfinished_recordings"] == ["primary"]
    assert storage["acknowledge"] == "primary"


async def test_finished_objects_are_counted_by_the_place_they_were_stamped_with(any_work: Workshop) -> None:
    """Of this company alone, and no more once they are erased."""
    stamped = ResidentStore(any_work.ground.store, Residency(frozenset({"FR"}), ()))
    any_work.ground.store = stamped
    work = await any_work.reborn()
    begun = await work.ready()
    other = await neighbour(work)
    await other.ready()
    (one,) = (await pack_of(work))["storage"]["stamped"]
    assert (one["country"], one["objects"]) == ("FR", len(await work.objects()) // 2)
    assert one["sealed_bytes"] > 0
    await work.requests.of_media(begun.media_id, ErasureReason.LEGAL, by=work.by())
    await work.keeper.turn()
    assert (await pack_of(work))["storage"]["stamped"] == []


async def _owe(work: Workshop, key: str, place: str) -> None:
    now = work.clock.now()
    row = {"place": place, "object_key": key, "act": "copy", "ticket": "t", "since": now, "due_at": now}
    async with work.database.write() as connection:
        await connection.execute(insert(replica_debts).values(**row, attempts=0))


async def test_backups_are_told_where_there_are_any(any_work: Workshop) -> None:
    """Where each lies and the newest of it; without a place, that there are none."""
    none = (await pack_of(any_work))["backups"]
    assert [(one["database"], one["kept"]) for one in none] == [("main", False), ("keys", False)]
    backups = backups_of(any_work, MemoryStore(country="DE"))
    (made,) = await backups.create(Kind.MAIN)
    main, keys = (await pack_of(any_work, backups=backups))["backups"]
    assert (main["newest_name"], main["where"]["country"], main["keep_days"]) == (made.name, "DE", 35)
    assert (keys["kept"], keys["answers"], keys["newest_at"], keys["keep_days"]) == (True, True, None, 7)


async def test_each_place_of_backups_is_told_and_how_many_copies_an_epochs_end_asks_for(
    any_work: Workshop,
) -> None:
    """One that is away is told to be; a setting that asks for fewer stands there, and so do the places."""
    away = MemoryStore(country="FR")
    await away.aclose()
    backups = backups_of(any_work, MemoryStore(country="DE"), away)
    pack = await pack_of(any_work, backups=backups)
    told = [(one["database"], one["place"], one["answers"]) for one in pack["backups"]]
    assert told == [
        (database, place, answers)
        for database in ("main", "keys")
        for place, answers in (("primary", True), ("lyon", False))
    ]
    assert (pack["keys"]["least_copies"], pack["keys"]["backup_domains"]) == (2, 2)
    fewer = Settings(keys=KeysSettings(least_copies=0))
    told_fewer = (await pack_of(any_work, settings=fewer))["keys"]
    assert (told_fewer["least_copies"], told_fewer["backup_domains"]) == (0, 0)


async def test_the_key_inventory_has_every_epoch_and_the_companys_own_keys(any_work: Workshop) -> None:
    """Begun, retired, destroyed, with the entry that proves the end; a neighbour's keys are not counted."""
    await any_work.ready()
    before = (await pack_of(any_work))["keys"]
    other = await neighbour(any_work)
    await other.ready()
    (only,) = (await pack_of(any_work))["keys"]["epochs"]
    assert only["data_keys"] == before["epochs"][0]["data_keys"] > 0
    assert (only["state"], only["ended_at_index"], only["tenant_keys"]) == ("current", None, 1)
    turn = turn_of(any_work, any_work.ends)
    await turn.begin()
    await turn.carry(grace=timedelta(0))
    await turn.carry(grace=timedelta(0))
    told = (await pack_of(any_work))["keys"]
    old, new = told["epochs"]
    assert (old["state"], old["data_keys"], old["tenant_keys"]) == ("destroyed", 0, 0)
    assert old["destroyed_at"] >= old["retired_at"] >= old["created_at"]
    assert old["ended_at_index"] == (await any_work.ends.of([1]))[1]
    assert (new["state"], new["data_keys"]) == ("current", only["data_keys"])
    assert (told["provider"], told["assurance"], told["irrecoverable_days"]) == ("file", "software", 9)


async def test_rules_changes_and_what_there_is_are_told(any_work: Workshop) -> None:
    """The company's and each button's rule, one that waits, stock by state, what is overdue, a halt."""
    by, begun = any_work.by(), await any_work.ready()
    button = (await any_work.library.get(begun.media_id, by=by)).button_id
    await any_work.custody.rules.set(RuleKind.NOTE, 40, button_id=button, by=by)
    await any_work.custody.changes.ask(Wanted(RuleKind.RECORDING, 3, button), moves=1, by=by)
    other = await neighbour(any_work)
    await other.ready()
    kept = (await pack_of(any_work))["retention"]
    assert [rule["kind"] for rule in kept["rules"][:4]] == ["recording", "call", "note", "export"]
    of_button = {rule["kind"]: rule["days"] for rule in kept["rules"] if rule["button_id"] == button}
    assert of_button == {"note": 40, "recording": 30}
    assert (kept["rules"][0]["days"], kept["rules"][0]["source"]) == (30, "tenant")
    (change,) = kept["changes_waiting"]
    assert (change["kind"], change["days"], change["moves"]) == ("recording", 3, 1)
    (stock,) = kept["stock"]
    assert (stock["kind"], stock["state"], stock["items"]) == ("recording", "ready", 1)
    assert (kept["overdue"], kept["halted_since"]) == (0, None)


async def test_a_halted_clock_is_told(any_work: Workshop) -> None:
    """While the clock is not believed nothing is erased by time: an auditor has to know."""
    await any_work.custody.sentry.now()
    now = any_work.clock.now()
    async with any_work.database.write() as connection:
        await connection.execute(clock_marks.update().values(halted_at=now, jump_s=7_200))
    assert (await pack_of(any_work))["retention"]["halted_since"] == to_text(now)


async def test_holds_and_restrictions_that_last_are_listed_without_their_reasons(any_work: Workshop) -> None:
    """Number, ground and dates; neither who nor why."""
    held, restricted = await any_work.ready(), await any_work.ready()
    by, until = any_work.by(), any_work.clock.now() + timedelta(days=9)
    new = NewHold(held.media_id, HoldGround.LEGAL_CLAIM, f"claim of {CANARY}", until)
    hold = await any_work.custody.holds.place(new, by=by)
    call = (await any_work.library.get(restricted.media_id, by=by)).call_id
    ground, subject = RestrictionGround.OBJECTION, RestrictionSubject.VISITOR
    placed = await any_work.custody.restrictions.place(
        NewRestriction(call, ground, subject, f"asked by {CANARY}"), by=by
    )
    pack = await pack_of(any_work)
    holds, restrictions = pack["retention"]["holds"], pack["retention"]["restrictions"]
    assert holds["lasting"] == restrictions["lasting"] == 1
    (one,) = holds["items"]
    assert (one["id"], one["covers"], one["ground"]) == (hold.id, "media", "legal_claim")
    assert (one["expires_at"], one["release_asked_at"]) == (to_text(hold.expires_at), None)
    (two,) = restrictions["items"]
    assert (two["id"], two["covers"], two["ground"]) == (placed.id, "call", "objection")
    await any_work.custody.restrictions.lift(placed.id, by=by)
    assert (await pack_of(any_work))["retention"]["restrictions"] == {"lasting": 0, "items": []}
    assert (await pack_of(await neighbour(any_work)))["retention"]["holds"]["lasting"] == 0


async def test_erasures_are_counted_from_the_request_to_the_final_receipt(any_work: Workshop) -> None:
    """Pending, complete, final; the oldest that waits, and what waits for a hold."""
    begun = await any_work.ready()
    held = await any_work.ready()
    by, until = any_work.by(), any_work.clock.now() + timedelta(days=9)
    await any_work.custody.holds.place(NewHold(held.media_id, HoldGround.AUTHORITY, "order", until), by=by)
    await any_work.requests.of_media(begun.media_id, ErasureReason.VISITOR_REQUEST, by=by)
    asked = await any_work.requests.of_media(held.media_id, ErasureReason.LEGAL, by=by)
    await any_work.keeper.turn()
    told = (await pack_of(any_work))["erasures"]
    assert (told["requests"], told["receipts_pending"], told["held"]) == (2, 1, 1)
    assert (told["receipts_complete"], told["receipts_final"]) == (1, 0)
    assert told["oldest_pending_at"] == to_text(asked.requested_at)
    assert told["by_reason"] == [
        {"reason": "legal", "requests": 1, "complete": 0},
        {"reason": "visitor_request", "requests": 1, "complete": 1},
    ]
    assert (told["objects"]["requested"], told["objects"]["complete"]) == (1, 1)
    turn = turn_of(any_work, any_work.ends)
    await turn.begin()
    await turn.carry(grace=timedelta(0))
    await turn.carry(grace=timedelta(0))
    told = (await pack_of(any_work))["erasures"]
    assert (told["receipts_complete"], told["receipts_final"]) == (0, 1)
    assert (await pack_of(await neighbour(any_work)))["erasures"]["requests"] == 0


async def test_a_receipt_waits_for_its_own_epoch_whichever_others_have_ended(any_work: Workshop) -> None:
    """Three epochs; the end of the one in the middle is not told, then it is, then its key is back."""
    by = any_work.by()
    for _ in range(3):
        begun = await any_work.ready()
        await any_work.requests.of_media(begun.media_id, ErasureReason.LEGAL, by=by)
        await any_work.keeper.turn()
        turn = turn_of(any_work, any_work.ends)
        await turn.begin()
        await turn.carry(grace=timedelta(0))
    told = await counted_as(any_work)
    assert told == (0, 3)
    async with any_work.database.write() as connection:
        row = (
            await connection.execute(delete(epoch_ends).where(epoch_ends.c.epoch == 2).returning(epoch_ends))
        ).one()
    assert await counted_as(any_work) == (1, 2)
    async with any_work.database.write() as connection:
        await connection.execute(insert(epoch_ends).values(row._asdict()))
    assert await counted_as(any_work) == (0, 3)
    async with any_work.key_database.write() as connection:
        await connection.execute(update(epochs).where(epochs.c.epoch == 1).values(state="retired"))
    assert await counted_as(any_work) == (1, 2)


async def counted_as(work: Workshop) -> tuple[int, int]:
    """Receipts that are complete, and those that are final."""
    told = (await pack_of(work))["erasures"]
    return told["receipts_complete"], told["receipts_final"]


async def test_what_the_operator_declares_is_told_as_declared(work: Workshop) -> None:
    """Sub-processors and the processor, as the settings have them."""
    helper = SubProcessor(name="Scaleway SAS", role="object storage", country="FR")
    settings = Settings(evidence=EvidenceSettings(processor="Acme Hosting", sub_processors=(helper,)))
    assert (await pack_of(work, settings=settings))["declared"] == {
        "processor": "Acme Hosting",
        "sub_processors": [{"name": "Scaleway SAS", "role": "object storage", "country": "FR"}],
    }


async def test_the_quoted_checkpoint_is_the_ledgers_own(work: Workshop) -> None:
    """With it a reader finds out a ledger that is cut off or rewritten later."""
    ledger = (await pack_of(work))["ledger"]
    head = open_checkpoint(ledger["checkpoint"], work.ledger_keys.verifiers)
    assert (head.origin, head.size) == (ledger["origin"], ledger["size"])
    assert ledger["verifier_keys"] == [verifier.vkey for verifier in work.ledger_keys.verifiers]


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.VISITOR}))
async def test_only_who_may_read_evidence_has_it_made(work: Workshop, role: Role) -> None:
    """The use case asks, whoever knocks; a refusal leaves no entry."""
    if Permission.EVIDENCE_READ in GRANTS[role]:
        assert (await made_by(work, role=role)).pack["tenant"]["id"] == work.tenant_id
        return
    async with work.database.read() as connection:
        before = len((await connection.execute(select(leaves.c.leaf_index))).all())
        with pytest.raises(ForbiddenError):
            await made_by(work, role=role)
        assert len((await connection.execute(select(leaves.c.leaf_index))).all()) == before


async def test_nothing_personal_no_key_and_nothing_of_a_neighbour_is_in_a_pack(any_work: Workshop) -> None:
    """Searched through whole: names, numbers, reasons, purposes, notes, identifiers of people, key bytes."""
    begun = await any_work.ready()
    by = any_work.by()
    person = await any_work.people.add(
        tenant_id=any_work.tenant_id, role=Role.AGENT, profile={"name": "Aude Lefort"}, by=None
    )
    link = await any_work.links.make(begun.media_id, f"asked by {CANARY}", by=by)
    await any_work.links.use(link.path, by=by)
    until = any_work.clock.now() + timedelta(days=9)
    await any_work.custody.holds.place(
        NewHold(begun.media_id, HoldGround.LEGAL_CLAIM, f"claim of {CANARY}", until, person.id), by=by
    )
    other = await neighbour(any_work)
    theirs = await other.ready()
    button = (await other.library.get(theirs.media_id, by=other.by())).button_id
    backups = backups_of(any_work, MemoryStore(country="FR"))
    made = await made_by(any_work, backups=backups)
    text = made.file.decode()
    secret = {signer.reveal_seed() for signer in any_work.ledger_keys.signers}
    ring = json.loads(any_work.ground.root_key.read_text())
    canaries = [CANARY, "Quicksilver", "zebulon@example.org", "612345678", "customer-1", "Aude", person.id]
    canaries += [link.path, other.tenant_id, uuid_of(other.tenant_id), "Neighbour", button, theirs.media_id]
    canaries += [ring["ring"], ring["opens"]["key"], str(any_work.ground.folder)]
    canaries += [form for seed in secret for form in (seed.hex(), _base64(seed))]
    assert [canary for canary in canaries if canary in text] == []


def _base64(raw: bytes) -> str:
    import base64

    return base64.b64encode(raw).decode()


async def test_packs_are_made_one_after_the_other_and_lists_end(
    work: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A company with more of something than is listed is told how many more there are."""
    import asyncio

    from vault.evidence import making

    monkeypatch.setattr(making, "LISTED", 2)
    for _ in range(3):
        begun = await work.ready()
        until = work.clock.now() + timedelta(days=9)
        new = NewHold(begun.media_id, HoldGround.AUTHORITY, "x", until)
        await work.custody.holds.place(new, by=work.by())
    evidence = evidence_of(work)
    made = await asyncio.gather(*(evidence.make(by=work.by()) for _ in range(3)))
    assert len({one.ledger_index for one in made}) == 3
    pack: dict[str, Any] = made[0].pack
    assert (pack["retention"]["holds"]["lasting"], len(pack["retention"]["holds"]["items"])) == (3, 2)
    assert (len(pack["retention"]["rules"]), pack["retention"]["rules_not_listed"]) == (2, 5)
    assert (len(pack["access"]["by_button"]), pack["access"]["buttons_not_listed"]) == (2, 1)


async def test_a_crash_at_any_step_leaves_an_entry_at_most_and_the_next_pack_is_whole(work: Workshop) -> None:
    """Before the entry nothing has happened; after it, it tells of a pack that nobody got, and is counted."""
    await made_by(work)  # whoever asks has a pseudonym from here on
    counted = Wire()
    await made_by(await work.reborn(counted))
    before = 2
    for number in range(1, len(counted.steps) + 1):
        with pytest.raises(Crash):
            await made_by(await work.reborn(Wire(number)))
        after = await work.reborn()
        made = await made_by(after)
        proven = verify_evidence(made.file, work.ledger_keys.verifiers)
        assert proven.sha256 == made.sha256
        told = made.pack["access"]["by_month"][-1]["counts"]["evidence_made"]
        assert told - before in {0, 1}, counted.steps[number - 1]
        before = told + 1
