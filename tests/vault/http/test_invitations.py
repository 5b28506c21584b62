"""Call-back links over HTTP: made by agents, opened by whoever holds one, one answer for all else."""

import pytest
from sqlalchemy import select

from tests.vault.http.house import House
from tests.vault.http.recordings import a_button
from vault.db.tables import calls
from vault.model import Role, new_id

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRESS = {"language": "en", "media": ["audio"]}


async def a_link(house: House, **more: object) -> tuple[str, str]:
    """A link's identifier and its secret, taken from its address."""
    button = await a_button(house)
    body = {"button_id": button.id, **more}
    status, made, _ = await house.ask("POST", "/v1/invitations", role=Role.AGENT, json=body)
    assert status == 201, made
    address, secret = made["url"].split("#")
    assert address.endswith(f"/i/{made['id']}")
    return made["id"], secret


async def test_a_link_is_made_opened_listed_and_revoked(shared_house: House) -> None:
    """Its address is told once; what was said of the visitor is shown to its maker; revoked is over."""
    ask = shared_house.ask
    link, secret = await a_link(shared_house, visitor={"name": "Zoé"}, lifetime_s=3_600)
    status, told, _ = await ask("POST", f"/v1/invitations/{link}/looks", json={"secret": secret})
    assert (status, told["tenant_name"]) == (200, "Tenant A")
    status, opened, _ = await ask("POST", f"/v1/invitations/{link}/calls", json={"secret": secret, **PRESS})
    assert (status, opened["notice"]["language"]) == (201, "en")
    assert opened["token"]
    _, listed, _ = await ask("GET", "/v1/invitations", role=Role.AGENT)
    (shown,) = [item for item in listed["items"] if item["id"] == link]
    assert (shown["state"], shown["visitor"]) == ("opened", {"name": "Zoé"})
    assert secret not in str(listed)
    _, others, _ = await ask("GET", "/v1/invitations", role=Role.SUPERVISOR)
    assert link not in str(others)
    assert (await ask("DELETE", f"/v1/invitations/{link}", role=Role.SUPERVISOR))[0] == 403
    assert (await ask("DELETE", f"/v1/invitations/{link}", role=Role.AGENT))[0] == 204
    assert (await ask("POST", f"/v1/invitations/{link}/looks", json={"secret": secret}))[0] == 404


async def test_strangers_who_guess_get_one_answer(shared_house: House) -> None:
    """The same status, code and words for a link that is, one that was, and one that never was."""
    link, secret = await a_link(shared_house)
    revoked, its_secret = await a_link(shared_house)
    await shared_house.ask("DELETE", f"/v1/invitations/{revoked}", role=Role.AGENT)
    answers = []
    for path, guess in ((link, "A" * 22), (new_id("inv"), secret), (revoked, its_secret)):
        for act, body in (("looks", {}), ("calls", PRESS)):
            status, problem, _ = await shared_house.ask(
                "POST", f"/v1/invitations/{path}/{act}", json={"secret": guess, **body}
            )
            del problem["instance"]
            answers.append((status, problem))
    assert answers.count(answers[0]) == len(answers)
    assert (answers[0][0], answers[0][1]["code"]) == (404, "link_dead")


async def test_the_page_is_the_same_for_every_link(shared_house: House) -> None:
    """It may use camera and microphone, loads nothing from elsewhere, and says nothing of the link."""
    link, _ = await a_link(shared_house)
    pages = []
    for one in (link, new_id("inv")):
        status, body, response = await shared_house.ask("GET", f"/i/{one}", headers={"Accept-Language": "fr"})
        assert status == 200
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert "unsafe" not in response.headers["Content-Security-Policy"]
        assert response.headers["Permissions-Policy"].startswith("camera=(self), microphone=(self)")
        assert response.headers["Referrer-Policy"] == "no-referrer"
        pages.append(body.replace(one.encode(), b""))
    assert pages[0] == pages[1]
    assert b'lang="fr"' in pages[0]


async def test_what_is_asked_for_is_checked(shared_house: House) -> None:
    """422: a life under five minutes or over a week, another tenant's button, a secret of another shape."""
    own, foreign = await a_button(shared_house), await a_button(shared_house, "b")
    for wrong in (
        {"button_id": own.id, "lifetime_s": 299},
        {"button_id": own.id, "lifetime_s": 604_801},
        {"button_id": foreign.id},
        {"button_id": new_id("btn")},
        {},
    ):
        status, _, _ = await shared_house.ask("POST", "/v1/invitations", role=Role.AGENT, json=wrong)
        assert status == 422
    link, _ = await a_link(shared_house)
    for secret in ("", "short", "A" * 23, "A" * 21 + "!"):
        status, _, _ = await shared_house.ask(
            "POST", f"/v1/invitations/{link}/looks", json={"secret": secret}
        )
        assert status == 422


async def test_a_server_that_takes_no_calls_takes_none_by_a_link(
    shared_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 with a time to come back at, before the notice is shown; the link stays as good as it was."""
    link, secret = await a_link(shared_house)
    path, body = f"/v1/invitations/{link}/calls", {"secret": secret, **PRESS}
    with monkeypatch.context() as patched:
        patched.setattr(shared_house.rooms.legs.seats, "_draining", True)
        status, problem, response = await shared_house.ask("POST", path, json=body)
    assert (status, problem["code"]) == (503, "busy")
    assert int(response.headers["Retry-After"]) > 0
    async with shared_house.rooms.database.read() as connection:
        opened = await connection.execute(select(calls.c.id).where(calls.c.invitation_id == link))
        assert opened.all() == []
    assert (await shared_house.ask("POST", path, json=body))[0] == 201
