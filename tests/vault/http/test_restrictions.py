"""Restriction over HTTP: placed, refused meanwhile, ended playbacks, lifted after the person was told."""

import asyncio
from typing import Any

import pytest

from tests.vault.http.house import House
from tests.vault.http.players import sign_in
from tests.vault.http.recordings import record, record_bytes
from tests.vault.http.test_playback_cut import EXPECTED_S, SIZE, watching
from vault.model import Role

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/restrictions"


def body(object_id: str, **more: Any) -> dict[str, Any]:
    """What it takes."""
    asked = {"object_id": object_id, "ground": "objection", "subject": "visitor", "reason": "objects"}
    return asked | more


async def test_a_restriction_from_its_placing_to_its_end(shared_house: House) -> None:
    """Shown as such; reading and erasing are 409 restricted; lifted only once they were told."""
    house, recorded = shared_house, await record(shared_house)
    status, made, response = await house.ask("POST", PATH, role=Role.AUDITOR, json=body(recorded.id))
    assert (status, response.headers["Location"]) == (201, f"{PATH}/{made['id']}")
    item, one = f"/v1/media/{recorded.id}", f"{PATH}/{made['id']}"
    assert (await house.ask("GET", item, role=Role.AGENT))[1]["restricted_at"] is not None
    for method, path, asked in (
        ("POST", f"{item}/links", {"purpose": "a question"}),
        ("DELETE", f"{item}?reason=legal", None),
        ("POST", "/v1/deletion-requests", {"media_id": recorded.id, "reason": "visitor_request"}),
    ):
        status, problem, _ = await house.ask(method, path, role=Role.ADMIN, json=asked)
        assert (status, problem["code"]) == (409, "restricted"), path
    assert (await house.ask("GET", PATH, role=Role.SUPERVISOR))[1]["items"][0] == made
    assert (await house.ask("POST", f"{one}/lifting", role=Role.ADMIN, json={}))[0] == 422
    told = {"subject_informed": True}
    status, lifted, _ = await house.ask("POST", f"{one}/lifting", role=Role.ADMIN, json=told)
    assert (status, lifted["lifted_at"] is not None) == (200, True)
    assert (await house.ask("GET", one, role=Role.AUDITOR))[1] == lifted
    assert (await house.ask("GET", item, role=Role.AGENT))[1]["restricted_at"] is None


async def test_restrictions_of_one_call_are_listed_while_they_last(shared_house: House) -> None:
    """Of another call none; a lifted one only where ended ones are asked for."""
    house, one, other = shared_house, await record(shared_house), await record(shared_house)
    _, first, _ = await house.ask("POST", PATH, role=Role.ADMIN, json=body(one.id))
    _, second, _ = await house.ask("POST", PATH, role=Role.ADMIN, json=body(one.call_id))
    await house.ask("POST", PATH, role=Role.ADMIN, json=body(other.id))
    told = {"subject_informed": True}
    await house.ask("POST", f"{PATH}/{first['id']}/lifting", role=Role.ADMIN, json=told)
    of_call = f"{PATH}?call_id={one.call_id}"
    _, all_of_it, _ = await house.ask("GET", of_call, role=Role.AUDITOR)
    assert [placed["id"] for placed in all_of_it["items"]] == [second["id"], first["id"]]
    _, lasting, _ = await house.ask("GET", f"{of_call}&lasting=true", role=Role.AUDITOR)
    assert [placed["id"] for placed in lasting["items"]] == [second["id"]]


async def test_a_restricted_call_is_not_opened_either(shared_house: House) -> None:
    """Who called and what was written stay closed."""
    house, recorded = shared_house, await record(shared_house)
    await house.ask("POST", PATH, role=Role.ADMIN, json=body(recorded.call_id))
    status, problem, _ = await house.ask("GET", f"/v1/calls/{recorded.call_id}/dossier", role=Role.ADMIN)
    assert (status, problem["code"]) == (409, "restricted")
    _, told, _ = await house.ask("GET", f"/v1/calls/{recorded.call_id}/retention", role=Role.AGENT)
    assert {one["why"] for one in told["items"]} == {"restricted"}


async def test_a_running_playback_ends_when_it_is_restricted(shared_house: House) -> None:
    """Within seconds, and what was not read by then is never read."""
    house, film = shared_house, await record_bytes(shared_house, SIZE)
    player = await sign_in(house)
    link = await player.link(film.id)
    async with watching(player, link["urls"]["media"]) as slow:
        status, _, _ = await house.ask("POST", PATH, role=Role.ADMIN, json=body(film.id))
        assert status == 201
        async with asyncio.timeout(EXPECTED_S):
            while await slow.sip():
                pass
        assert slow.read_bytes < SIZE / 8
