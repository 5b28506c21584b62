"""Who is told of an exit: one plain address, told once, then forgotten; and no address keeps anybody else."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, select, update

from tests.vault.leaving.conftest import a_day
from tests.vault.leaving.house import leaving_of, mail_server, turned_to, until
from tests.vault.media.crashes import Crash, Wire
from tests.vault.media.workshop import Workshop, begin_work, open_ground
from vault.db.key_tables import data_keys, tenant_keys
from vault.db.tables import tenant_exits
from vault.errors import InvalidError
from vault.leaving.exits import NOTIFY_PART, NewExit
from vault.leaving.room import Leaving
from vault.model import ExitState
from vault.settings import MailSettings

TOLD = NewExit(None, "dpo@example.org", 0)
NO_ADDRESSES = {
    "a bracket": "a@[",
    "a comment": "a@b(",
    "a list": "a,b@c",
    "a group": "a:;@b",
    "a quotation mark": 'a"b@c',
    "an encoded word": "=?utf-8?q?a?=@b",
    "a line of its own": "a@b\nBcc: c@d",
    "a letter of another alphabet": "é@example.org",
    "two dots": "a..b@c",
    "no name": "@example.org",
    "a name and an address": "Ada <a@example.org>",
    "a name of 65 letters": f"{'a' * 65}@example.org",
}


async def exit_row(work: Workshop) -> Row[Any]:
    """The row of the company's exit."""
    async with work.database.read() as connection:
        query = select(tenant_exits).where(tenant_exits.c.tenant_id == work.tenant_id)
        return (await connection.execute(query)).one()


@pytest.mark.parametrize("address", NO_ADDRESSES.values(), ids=NO_ADDRESSES)
async def test_what_is_not_one_plain_address_is_refused(work: Workshop, address: str) -> None:
    """Before anything begins, from whatever door: a letter to it could not be written."""
    leaving = leaving_of(work, MailSettings(host="127.0.0.1"))
    with pytest.raises(InvalidError):
        await leaving.exits.begin(NewExit(None, address, 30), by=work.by())


@pytest.mark.parametrize("address", ["dpo@example.org", "a.b+c_d@x-1.example", f"{'a' * 64}@b"])
async def test_a_plain_address_is_taken(work: Workshop, address: str) -> None:
    """As most are."""
    leaving = leaving_of(work, MailSettings(host="127.0.0.1"))
    await leaving.exits.begin(NewExit(None, address, 30), by=work.by())


async def test_whatever_is_wrong_with_one_exit_the_others_go_on(work: Workshop) -> None:
    """An address from before they were looked at, and one that opens to nothing that anybody expected."""
    spoiled = Workshop(work.ground, Wire(), await work.tenants.add(name="A", retention_days=30))
    broken = Workshop(work.ground, Wire(), await work.tenants.add(name="B", retention_days=30))
    with mail_server() as (letters, mail):
        leaving = leaving_of(work, mail)
        for one in (spoiled, broken, work):
            await leaving.exits.begin(TOLD, by=one.by())
        await _seal(spoiled, {"address": "a@["})
        await _seal(broken, {"somebody": "else"})
        found = await until(leaving, work, ExitState.GONE)
        await leaving.leaver.turn()
        assert letters.subjects == ["ready", "gone"]
    assert found.request_id is not None
    for one in (spoiled, broken):
        assert (await exit_row(one)).state == ExitState.GONE
    assert ((await exit_row(spoiled)).notice, (await exit_row(spoiled)).notify) == ("refused", None)


async def _seal(work: Workshop, value: dict[str, str]) -> None:
    row = await exit_row(work)
    sealed = await work.blobs.seal(tenant_id=row.id, object_id=row.id, part=NOTIFY_PART, value=value)
    async with work.database.write() as connection:
        await connection.execute(
            update(tenant_exits).where(tenant_exits.c.id == row.id).values(notify=sealed)
        )


async def test_an_address_that_is_refused_for_good_is_not_asked_again_and_it_is_said(work: Workshop) -> None:
    """The exit is over, and shows why its receipt came to nobody; a refusal for now is tried again."""
    with mail_server() as (letters, mail):
        leaving = leaving_of(work, mail)
        await leaving.exits.begin(TOLD, by=work.by())
        letters.refuses = "450 not now"
        await until(leaving, work, ExitState.GONE)
        await leaving.leaver.turn()
        assert (await exit_row(work)).told == ""
        letters.refuses = "550 nobody of this name"
        turned_to(work, work.clock.now() + timedelta(minutes=31))
        await leaving.leaver.turn()
        assert letters.taken == []
    assert (await leaving.exits.current(by=work.by())).notice == "refused"
    await require_forgotten(work)


async def test_a_mail_server_that_never_answers_is_given_up_after_days(work: Workshop) -> None:
    """It is asked every half hour for five days, and the address is not kept for ever."""
    with mail_server() as (letters, mail):
        letters.is_away = True
        leaving = leaving_of(work, mail)
        await leaving.exits.begin(TOLD, by=work.by())
        found = await until(leaving, work, ExitState.GONE)
        await leaving.leaver.turn()
        assert found.ended_at is not None
        turned_to(work, found.ended_at + timedelta(days=5) - timedelta(minutes=31))
        await leaving.leaver.turn()
        assert (await exit_row(work)).notify
        turned_to(work, found.ended_at + timedelta(days=5))
        await leaving.leaver.turn()
    assert (await leaving.exits.current(by=work.by())).notice == "unanswered"
    await require_forgotten(work)


async def require_forgotten(work: Workshop) -> None:
    """Nothing is left of an address, nor of the key that opened it."""
    row = await exit_row(work)
    assert (row.told, row.notify) == ("gone", None)
    async with work.key_database.read() as connection:
        for table in (data_keys, tenant_keys):
            of_exit = select(table).where(table.c.tenant_id == row.id)
            assert (await connection.execute(of_exit)).all() == []


async def test_who_was_told_leaves_no_trace_in_any_file(work: Workshop) -> None:
    """Neither the sealed address nor the key that opens it, in either database or its log."""
    with mail_server() as (_, mail):
        leaving = leaving_of(work, mail)
        await leaving.exits.begin(TOLD, by=work.by())
        row = await exit_row(work)
        async with work.key_database.read() as connection:
            of_exit = select(data_keys.c.wrapped).where(data_keys.c.tenant_id == row.id)
            wrapped = (await connection.execute(of_exit)).scalar_one()
        await until(leaving, work, ExitState.GONE)
        await leaving.leaver.turn()
    await require_forgotten(work)
    for path in work.ground.folder.glob("*.db*"):
        content = path.read_bytes()
        assert bytes(row.notify) not in content, path
        assert bytes(wrapped) not in content, path


async def test_a_last_notice_that_dies_at_any_step_is_finished_by_the_next(tmp_path: Path) -> None:
    """It is told, twice at most, and the address is forgotten, wherever the kill came."""
    steps = await _told(tmp_path / "whole", None)
    assert steps > 10
    for number in range(1, steps + 1):
        await _told(tmp_path / str(number), number)


async def _told(folder: Path, dies_at: int | None) -> int:
    with mail_server() as (letters, mail):
        async with open_ground(folder, clock=a_day()) as ground:
            work = await begin_work(ground)
            await until(await _leaving(work, mail), work, ExitState.GONE)
            wire = Wire(dies_at)
            dying = Workshop(ground, wire, work.tenant_id)
            try:
                await _turns(leaving_of(dying, mail))
            except Crash:
                after = await work.reborn()
                await _turns(leaving_of(after, mail))
            await require_forgotten(work)
            assert letters.subjects.count("gone") in {1, 2}
            return len(wire.steps)


async def _leaving(work: Workshop, mail: MailSettings) -> Leaving:
    leaving = leaving_of(work, mail)
    await leaving.exits.begin(TOLD, by=work.by())
    return leaving


async def _turns(leaving: Leaving) -> None:
    for _ in range(3):
        await leaving.leaver.turn()
