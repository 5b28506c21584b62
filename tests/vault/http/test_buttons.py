"""Buttons over HTTP: what they may say, where they may stand, and that a change bites at once."""

from typing import Any

import pytest

from tests.vault.http.house import House
from tests.vault.http.recordings import a_button
from tests.vault.http.visitors import PAGE
from vault.model import Role, is_id

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEW: dict[str, Any] = {
    "name": "Shop",
    "label": {"fr": "Appelez-nous", "en": "Call us"},
    "purpose": {"fr": "vous aider", "en": "to help you"},
    "media": ["audio", "video"],
    "allowed_origins": [PAGE],
    "records": True,
    "retention_days": 14,
}


async def _make(house: House, **change: Any) -> tuple[int, Any, Any]:
    body = {name: value for name, value in (NEW | change).items() if value is not ...}
    return await house.ask("POST", "/v1/buttons", role=Role.ADMIN, json=body)


async def _press(house: House, button_id: str, origin: str) -> int:
    body = {"language": "fr", "media": ["audio"]}
    path = f"/v1/buttons/{button_id}/calls"
    return (await house.ask("POST", path, json=body, headers={"Origin": origin}))[0]


async def test_a_button_that_is_made_is_listed_and_can_be_pressed(shared_house: House) -> None:
    """201 with its address; the same in the list of whoever may read buttons; nothing elsewhere."""
    status, made, response = await _make(shared_house)
    assert status == 201
    assert is_id(made["id"], "btn")
    assert response.headers["Location"] == f"/v1/buttons/{made['id']}"
    routing = {
        "to": "everyone",
        "person_ids": [],
        "team_ids": [],
        "strategy": "all",
        "ring_s": 30,
        "callbacks": "inviter",
    }
    own = {"id": made["id"], "disabled": False, "routing": routing, "requires_visitor_token": False}
    assert made == NEW | own
    for role in set(Role) - {Role.VISITOR}:
        _, listed, _ = await shared_house.ask("GET", "/v1/buttons", role=role)
        assert made in listed["items"]
    _, listed, _ = await shared_house.ask("GET", "/v1/buttons", role=Role.ADMIN, tenant="b")
    assert made["id"] not in str(listed)
    assert await _press(shared_house, made["id"], PAGE) == 201


async def test_what_is_left_out_is_the_careful_choice(shared_house: House) -> None:
    """Nothing is recorded unless asked for; retention is the tenant's; sound goes with every picture."""
    status, made, _ = await _make(shared_house, records=..., retention_days=..., media=["video"])
    assert status == 201
    assert made["records"] is False
    assert made["retention_days"] == 30  # the house makes its tenants so
    assert made["media"] == ["audio", "video"]


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "x" * 101},
        {"label": {"fr": "x"}},
        {"label": {"fr": "x", "en": "x", "de": "x"}},
        {"purpose": {"fr": "", "en": "x"}},
        {"purpose": {"fr": "x" * 301, "en": "x"}},
        {"media": []},
        {"media": ["screen"]},
        {"allowed_origins": []},
        {"allowed_origins": [PAGE] * 51},
        {"records": "yes"},
        {"retention_days": 0},
        {"retention_days": 3_651},
        {"tenant_id": "ten_" + "0" * 32},
        {"disabled": True},
    ],
    ids=lambda change: str(change)[:40],
)
async def test_a_button_outside_its_limits_is_refused(shared_house: House, change: dict[str, Any]) -> None:
    """422 at the member."""
    status, problem, _ = await _make(shared_house, **change)
    assert (status, problem["code"]) == (422, "invalid")
    assert problem["errors"][0]["pointer"].startswith(f"#/{next(iter(change))}")


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "https://*",
        "https://*.shop.example",
        "https://",
        "https://shop.example/",
        "https://shop.example/help",
        "https://shop.example?x",
        "https://SHOP.example",
        "HTTPS://shop.example",
        "https://user@shop.example",
        "https://user:secret@shop.example",
        "https://shop.example:443",
        "http://shop.example:80",
        "https://shop.example:0",
        "https://shop.example:99999",
        "https://shop.example:",
        "https://[",
        "http://[::1",
        "https://shop example",
        "https://shop.example\n",
        " https://shop.example",
        "ftp://shop.example",
        "file:///home",
        "shop.example",
        "https://boutique-é.example",
        "https://" + "x" * 300,
    ],
)
async def test_an_origin_no_browser_would_send_is_refused_by_its_place(
    shared_house: House, origin: str
) -> None:
    """422 when a button is made and when it is changed; never a wildcard, never a fault of ours."""
    status, problem, _ = await _make(shared_house, allowed_origins=[PAGE, origin])
    assert (status, problem["code"]) == (422, "invalid")
    assert problem["errors"][0]["pointer"] == "#/allowed_origins/1"
    button = await a_button(shared_house)
    status, _, _ = await shared_house.ask(
        "PATCH", f"/v1/buttons/{button.id}", role=Role.ADMIN, json={"allowed_origins": [origin]}
    )
    assert status == 422


@pytest.mark.parametrize(
    "origin",
    [
        "https://shop.example",
        "http://localhost:8080",
        "http://127.0.0.1:1",
        "http://[::1]:8080",
        "https://xn--boutique-i1a.example",
        "https://a.b-c.example:8443",
        "https://shop.example:80",
    ],
)
async def test_an_origin_as_browsers_write_it_is_taken(shared_house: House, origin: str) -> None:
    """And the page it names can press the button."""
    status, made, _ = await _make(shared_house, allowed_origins=[origin])
    assert (status, made["allowed_origins"]) == (201, [origin])
    assert await _press(shared_house, made["id"], origin) == 201


async def test_a_change_takes_effect_with_the_next_call(shared_house: House) -> None:
    """Origins are replaced; off is off; on again is as before."""
    button, other = await a_button(shared_house), "https://other.example"
    path = f"/v1/buttons/{button.id}"

    async def change(**what: Any) -> Any:
        status, changed, _ = await shared_house.ask("PATCH", path, role=Role.ADMIN, json=what)
        assert status == 200
        return changed

    assert (await change(allowed_origins=[other]))["allowed_origins"] == [other]
    assert await _press(shared_house, button.id, PAGE) == 403
    assert await _press(shared_house, button.id, other) == 201
    assert (await change(disabled=True))["disabled"] is True
    assert await _press(shared_house, button.id, other) == 404
    changed = await change(disabled=False)
    assert (changed["disabled"], changed["allowed_origins"]) == (False, [other])
    assert await change() == changed
    assert await _press(shared_house, button.id, other) == 201


async def test_only_administrators_make_and_change_buttons(shared_house: House) -> None:
    """403 for every other role."""
    button = await a_button(shared_house)
    for role in set(Role) - {Role.VISITOR, Role.ADMIN}:
        status, _, _ = await shared_house.ask("POST", "/v1/buttons", role=role, json=NEW)
        assert status == 403
        status, _, _ = await shared_house.ask(
            "PATCH", f"/v1/buttons/{button.id}", role=role, json={"disabled": True}
        )
        assert status == 403


async def test_a_button_asked_for_twice_with_one_key_is_one_button(shared_house: House) -> None:
    """Idempotency-Key: one button, the same answer."""
    answers = []
    for _ in range(2):
        status, made, _ = await shared_house.ask(
            "POST", "/v1/buttons", role=Role.ADMIN, json=NEW, headers={"Idempotency-Key": "button-1"}
        )
        answers.append((status, made))
    assert answers[0] == answers[1]
