"""Teams over HTTP: their rows, who reads and who changes them, and buttons that ring them."""

import pytest

from tests.vault.http.house import House
from tests.vault.http.test_buttons import NEW
from vault.model import Role, new_id

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_team_from_its_making_to_its_end(shared_house: House) -> None:
    """Made, filled, shown to a supervisor, renamed, emptied, deleted."""
    ask, agent = shared_house.ask, shared_house.people["a", Role.AGENT].id
    status, made, response = await ask("POST", "/v1/teams", role=Role.ADMIN, json={"name": "Heating"})
    path = response.headers["Location"]
    assert (status, made, path) == (201, {**made, "person_ids": []}, f"/v1/teams/{made['id']}")
    for _ in range(2):
        assert (await ask("PUT", f"{path}/members/{agent}", role=Role.ADMIN))[0] == 204
    status, shown, _ = await ask("GET", path, role=Role.SUPERVISOR)
    assert (status, shown["person_ids"]) == (200, [agent])
    assert (await ask("PATCH", path, role=Role.ADMIN, json={"name": "Boilers"}))[1]["name"] == "Boilers"
    assert (await ask("GET", "/v1/teams", role=Role.AUDITOR))[1]["items"] == [{**shown, "name": "Boilers"}]
    assert (await ask("DELETE", f"{path}/members/{agent}", role=Role.ADMIN))[0] == 204
    assert (await ask("DELETE", f"{path}/members/{agent}", role=Role.ADMIN))[0] == 404
    assert (await ask("DELETE", path, role=Role.ADMIN))[0] == 204
    assert (await ask("GET", path, role=Role.ADMIN))[0] == 404


async def test_a_name_is_asked_for_and_is_the_only_one(shared_house: House) -> None:
    """422 without one, 409 for another team's."""
    for wrong in ({}, {"name": ""}, {"name": "x" * 101}, {"name": "x", "person_ids": []}):
        assert (await shared_house.ask("POST", "/v1/teams", role=Role.ADMIN, json=wrong))[0] == 422
    for expected in (201, 409):
        status, _, _ = await shared_house.ask("POST", "/v1/teams", role=Role.ADMIN, json={"name": "Twice"})
        assert status == expected


async def test_a_button_rings_teams(shared_house: House) -> None:
    """The setting comes back without repeats; a team that is none is told in both languages."""
    ask = shared_house.ask
    team = (await ask("POST", "/v1/teams", role=Role.ADMIN, json={"name": "Sales"}))[1]["id"]
    routing = {"to": "teams", "team_ids": [team, team]}
    status, made, _ = await ask("POST", "/v1/buttons", role=Role.ADMIN, json={**NEW, "routing": routing})
    assert (status, made["routing"]["to"], made["routing"]["team_ids"]) == (201, "teams", [team])
    assert (await ask("DELETE", f"/v1/teams/{team}", role=Role.ADMIN))[0] == 409
    bad = {**NEW, "routing": {"to": "teams", "team_ids": [new_id("team")]}}
    for language, words in (("en", "name a team of yours"), ("fr", "Nommez une équipe de votre société")):
        status, problem, _ = await ask(
            "POST", "/v1/buttons", role=Role.ADMIN, json=bad, headers={"Accept-Language": language}
        )
        assert (status, problem["errors"][0]["detail"]) == (422, words)
