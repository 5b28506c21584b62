"""Idempotency keys: repeated, replayed, refused, and never in the clear."""

import asyncio
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.vault.http.house import House, open_house
from vault.clock import TurnableClock
from vault.db.tables import idempotency
from vault.errors import ConflictError
from vault.http.ask import Answer, Ask
from vault.http.idempotency import forget_old_keys
from vault.http.people import PersonIn
from vault.http.route import Route
from vault.model import Role
from vault.policy import Permission

BODY = {"role": "agent", "name": "Canary Kestrel"}


async def _add(house: House, key: str, body: dict[str, Any] = BODY, role: Role = Role.ADMIN) -> Any:
    return await house.ask("POST", "/v1/people", role=role, json=body, headers={"Idempotency-Key": key})


async def test_the_same_request_again_gets_the_first_answer(house: House) -> None:
    """Same key and body: same status, headers and body, marked as replayed; nothing is done twice."""
    first = await _add(house, "key-1")
    again = await _add(house, "key-1")
    assert (again[0], again[1]) == (first[0], first[1]) == (201, first[1])
    assert again[2].headers["Location"] == first[2].headers["Location"]
    assert again[2].headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first[2].headers


async def test_a_key_with_another_body_is_a_conflict(house: House) -> None:
    """A key names one request."""
    await _add(house, "key-1")
    status, problem, _ = await _add(house, "key-1", {**BODY, "name": "Someone else"})
    assert (status, problem["code"]) == (409, "idempotency_conflict")


async def test_two_at_once_do_it_once(house: House) -> None:
    """Of simultaneous requests with one key, one acts; the others replay or are told to wait."""
    answers = await asyncio.gather(*(_add(house, "key-1") for _ in range(5)))
    made = {body["id"] for status, body, _ in answers if status == 201}
    assert len(made) == 1
    assert {status for status, _, _ in answers} <= {201, 409}


async def test_keys_of_different_people_do_not_meet(tmp_path: Path) -> None:
    """The scope is the caller: nobody reads another's answer by guessing a key."""
    async with open_house(tmp_path) as house:
        first = await _add(house, "key-1")
        headers = {"Idempotency-Key": "key-1"}
        other = await house.ask("POST", "/v1/people", role=Role.ADMIN, tenant="b", json=BODY, headers=headers)
        assert other[0] == 201
        assert other[1]["id"] != first[1]["id"]


async def test_a_failed_request_may_be_tried_again_with_its_key(tmp_path: Path) -> None:
    """Only success is remembered."""
    turns = iter([ConflictError("not yet"), None])

    async def sometimes(_ask: Ask[PersonIn, None]) -> Answer:
        error = next(turns)
        if error is not None:
            raise error
        return Answer(status=201)

    route = Route(
        method="POST",
        path="/test/sometimes",
        handler=sometimes,
        needs=Permission.PEOPLE_MANAGE,
        summary="For a test.",
        body=PersonIn,
        creates=True,
        responses={201: None},
    )
    async with open_house(tmp_path, routes=[route]) as house:
        headers = {"Idempotency-Key": "key-1"}
        for expected in (409, 201, 201):
            status, _, _ = await house.ask(
                "POST", "/test/sometimes", role=Role.ADMIN, json=BODY, headers=headers
            )
            assert status == expected


async def test_a_key_is_forgotten_after_a_day(tmp_path: Path) -> None:
    """24 hours, then the same key is a new request."""
    clock = TurnableClock(datetime.now(UTC))
    async with open_house(tmp_path, clock=clock) as house:
        first = await _add(house, "key-1")
        clock.turn(timedelta(hours=25))
        second = await _add(house, "key-1")
        assert second[0] == 201
        assert second[1]["id"] != first[1]["id"]


@pytest.mark.parametrize("key", ["", "x" * 256, "with space"])
async def test_an_ill_formed_key_is_refused(house: House, key: str) -> None:
    """1 to 255 visible ASCII characters."""
    status, problem, _ = await _add(house, key)
    assert status == 422
    assert problem["errors"][0]["header"] == "Idempotency-Key"


async def test_a_stored_answer_is_sealed(house: House) -> None:
    """The table holds no name, and not the key itself."""
    await _add(house, "my-key-in-clear")
    async with house.services.database.read() as connection:
        row = (await connection.execute(select(idempotency))).one()
    stored = b"".join(value for value in row if isinstance(value, bytes))
    assert b"Kestrel" not in stored
    assert b"my-key" not in stored


async def test_nothing_in_the_table_can_be_guessed_from_a_body(house: House) -> None:
    """A hash of few words is the words; this one is keyed, and tells capitals apart."""
    await _add(house, "key-1")
    body = json.dumps({**BODY, "email": ""}, sort_keys=True).encode()
    bare = hashlib.sha256(len(body).to_bytes(8, "big") + body).digest()
    async with house.services.database.read() as connection:
        row = (await connection.execute(select(idempotency))).one()
    assert row.request_hash != bare
    status, _, _ = await _add(house, "key-1", {**BODY, "name": "canary kestrel"})
    assert status == 409


async def test_old_keys_go_though_nobody_brings_a_new_one(tmp_path: Path) -> None:
    """What a stored answer says of people does not wait for the next request."""
    clock = TurnableClock(datetime.now(UTC))
    async with open_house(tmp_path, clock=clock) as house:
        await _add(house, "key-1")
        clock.turn(timedelta(hours=25))
        forgetting = asyncio.create_task(forget_old_keys(house.services))
        try:
            async with asyncio.timeout(10):
                while await _keys(house):  # noqa: ASYNC110  # the database is what is asked
                    await asyncio.sleep(0.01)
        finally:
            forgetting.cancel()


async def _keys(house: House) -> int:
    async with house.services.database.read() as connection:
        return len((await connection.execute(select(idempotency))).all())
