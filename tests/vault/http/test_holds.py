"""Legal holds over HTTP: placed, shown with the erasure that waits, released by two people."""

from typing import Any

import pytest

from tests.vault.http.house import House
from tests.vault.http.recordings import erase_now, record
from vault.model import Role

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/holds"


def body(object_id: str, **more: Any) -> dict[str, Any]:
    """What it takes."""
    return {"object_id": object_id, "ground": "legal_claim", "reason": "a claim", "days": 30} | more


async def test_a_hold_from_its_placing_to_its_end(shared_house: House) -> None:
    """The erasure that was asked for meanwhile says held, and goes on when two people released it."""
    house, recorded = shared_house, await record(shared_house)
    status, hold, response = await house.ask("POST", PATH, role=Role.AUDITOR, json=body(recorded.id))
    assert (status, hold["state"], response.headers["Location"]) == (201, "lasting", f"{PATH}/{hold['id']}")
    asked = {"reason": "visitor_request", "media_id": recorded.id}
    _, erasure, _ = await house.ask("POST", "/v1/deletion-requests", role=Role.SERVICE, json=asked)
    await erase_now(house)
    where = f"/v1/deletion-requests/{erasure['id']}"
    _, shown, _ = await house.ask("GET", where, role=Role.SERVICE)
    assert (shown["state"], [item["held"] for item in shown["items"]]) == ("pending", ["legal_claim"])
    _, why, _ = await house.ask("GET", f"/v1/media/{recorded.id}/retention", role=Role.AGENT)
    assert why["why"] == "held"
    one = f"{PATH}/{hold['id']}"
    assert (await house.ask("GET", f"{PATH}?lasting=true", role=Role.SUPERVISOR))[1]["items"][0] == hold
    assert (await house.ask("POST", f"{one}/release", role=Role.AUDITOR))[1]["state"] == "release_asked"
    status, problem, _ = await house.ask("POST", f"{one}/release/confirmation", role=Role.AUDITOR)
    assert (status, problem["code"]) == (409, "second_person")
    assert (await house.ask("POST", f"{one}/release/confirmation", role=Role.ADMIN))[1]["state"] == "released"
    await erase_now(house)
    _, shown, _ = await house.ask("GET", where, role=Role.SERVICE)
    assert (shown["state"], [item["held"] for item in shown["items"]]) == ("complete", [None])
    assert (await house.ask("GET", one, role=Role.ADMIN))[1]["state"] == "released"


async def test_holds_of_one_call_are_listed(shared_house: House) -> None:
    """Those on the call and on what hangs from it; of another call, or of one that is not there, none."""
    house, one, other = shared_house, await record(shared_house), await record(shared_house)
    for object_id in (one.id, one.call_id, other.id):
        await house.ask("POST", PATH, role=Role.ADMIN, json=body(object_id))
    _, listed, _ = await house.ask("GET", f"{PATH}?lasting=true&call_id={one.call_id}", role=Role.AUDITOR)
    assert [hold["media_id"] for hold in listed["items"]] == [None, one.id]
    _, listed, _ = await house.ask("GET", f"{PATH}?call_id=call_{'0' * 32}", role=Role.AUDITOR)
    assert listed["items"] == []
    assert (await house.ask("GET", f"{PATH}?call_id=x", role=Role.AUDITOR))[0] == 422


async def test_what_is_no_hold_is_refused(shared_house: House) -> None:
    """A ground of the list, a reason, days, a thing that is there."""
    house, recorded = shared_house, await record(shared_house)
    for wrong in ({"ground": "spite"}, {"reason": ""}, {"days": 0}, {"object_id": "x"}, {"more": 1}):
        asked = body(recorded.id) | wrong
        assert (await house.ask("POST", PATH, role=Role.ADMIN, json=asked))[0] == 422, wrong
    asked = body("rec_" + "0" * 32)
    assert (await house.ask("POST", PATH, role=Role.ADMIN, json=asked))[0] == 404
