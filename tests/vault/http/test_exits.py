"""A company leaves over HTTP: begun by an administrator, fetched sealed, taken back in time."""

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

import pyrage
import pytest

from crypto.receipts import verify_receipt
from tests.vault.http.house import House, open_house
from tests.vault.http.players import Player, sign_in
from tests.vault.http.recordings import record
from vault.leaving.exits import NewExit
from vault.model import Role, new_id

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/exit"
KEY = pyrage.x25519.Identity.generate()


async def test_an_exit_from_its_beginning_to_its_being_taken_back(shared_house: House) -> None:
    """Not under the vault's own grace; volumes as they were stored; nobody else's business."""
    house = shared_house
    await record(house)
    asked = {"recipient": str(KEY.to_public()), "grace_days": 3}
    assert (await house.ask("GET", PATH, role=Role.ADMIN))[0] == 404
    assert (await house.ask("POST", PATH, role=Role.SUPERVISOR, json=asked))[0] == 403
    status, made, response = await house.ask("POST", PATH, role=Role.ADMIN, json=asked)
    assert (status, response.headers["Location"]) == (201, PATH)
    assert (made["state"], made["grace_days"], made["items_left"]) == ("exporting", 30, 1)
    assert (await house.ask("POST", PATH, role=Role.ADMIN, json=asked))[0] == 409
    for _ in range(5):
        await house.rooms.leaver.turn()
    _, now, _ = await house.ask("GET", PATH, role=Role.AUDITOR)
    assert (now["state"], len(now["volumes"]), now["items_left"]) == ("ready", 2, None)
    for volume in now["volumes"]:
        assert (await house.ask("GET", volume["url"], role=Role.AUDITOR))[0] == 403
        _, sealed, _ = await house.ask("GET", volume["url"], role=Role.ADMIN)
        assert hashlib.sha256(sealed).hexdigest() == volume["sha256"]
        assert pyrage.decrypt(sealed, [KEY])
    for number in ("0", "3", "x", "9999999"):
        assert (await house.ask("GET", f"{PATH}/volumes/{number}", role=Role.ADMIN))[0] == 404
    status, now, _ = await house.ask("DELETE", PATH, role=Role.ADMIN)
    assert (status, now["state"]) == (200, "cancelled")
    assert (await house.ask("DELETE", PATH, role=Role.ADMIN))[0] == 404
    await record(house)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"recipient": "age1"},
        {"recipient": "AGE-SECRET-KEY-1QQ"},
        {"recipient": None, "notify": "nobody"},
        {"recipient": None, "notify": "a@b\nBcc: c@d"},
        {"recipient": None, "notify": "dpo@example.org"},  # no mail is set up here
        {"recipient": None, "grace_days": 366},
    ],
)
async def test_what_does_not_fit_begins_nothing(shared_house: House, asked: dict[str, object]) -> None:
    """422, and the company stays."""
    assert (await shared_house.ask("POST", PATH, role=Role.ADMIN, json=asked))[0] == 422
    assert (await shared_house.ask("GET", PATH, role=Role.ADMIN))[0] == 404


async def test_whoever_may_see_the_exit_reads_what_may_be_asked_for(shared_house: House) -> None:
    """Days of grace and whether mail can be sent: a form offers nothing that would be refused."""
    status, terms, _ = await shared_house.ask("GET", f"{PATH}/terms", role=Role.AUDITOR)
    assert (status, terms) == (200, {"grace_days": 30, "grace_days_max": 365, "notifies": False})
    assert (await shared_house.ask("GET", f"{PATH}/terms", role=Role.AGENT))[0] == 403


async def test_everybody_of_the_company_reads_in_the_console_that_it_leaves(shared_house: House) -> None:
    """An agent too, on every page; nobody of another company; nobody any more once it was taken back."""
    house = shared_house
    agent, neighbour = await sign_in(house, Role.AGENT), await sign_in(house, Role.AGENT, tenant="b")

    async def bar(who: Player) -> list[bool]:
        pages = [await who.ask("GET", path) for path in ("/console", "/console/calls")]
        return [b"data-ends-at=" in page for _, page, _ in pages]

    assert await bar(agent) == [False, False]
    await house.ask("POST", PATH, role=Role.ADMIN, json={"recipient": None})
    await house.rooms.leaver.turn()
    _, now, _ = await house.ask("GET", PATH, role=Role.ADMIN)
    _, page, _ = await agent.ask("GET", "/console")
    assert f'data-state="ready" data-ends-at="{now["ends_at"]}"' in page.decode()
    assert await bar(agent) == [True, True]
    assert await bar(neighbour) == [False, False]
    await house.ask("DELETE", PATH, role=Role.ADMIN)
    assert await bar(agent) == [False, False]


async def test_the_end_is_seen_by_its_link_when_nobody_is_let_in(tmp_path: Path) -> None:
    """No credential, nothing that opens or changes anything; the receipt is there, and verifies."""
    async with open_house(tmp_path) as house:
        await record(house)
        await _ended_and_seen(house)


async def _ended_and_seen(house: House) -> None:
    await house.rooms.exits.begin(NewExit(None, None, 0), by=house.by())
    _, begun, _ = await house.ask("GET", PATH, role=Role.ADMIN)
    link = urlsplit(begun["follow_url"])
    assert (link.query, link.path) == ("", f"/console/leaving/{begun['id']}")
    path, body = f"/v1/exits/{begun['id']}/follow", {"secret": link.fragment}
    for _ in range(2):
        await house.rooms.leaver.turn()
    assert (await house.ask("GET", PATH, role=Role.ADMIN))[0] == 401
    status, now, response = await house.ask("POST", path, json=body)
    assert (status, now["state"], now["receipt"]) == (200, "leaving", None)
    assert response.headers["Cache-Control"] == "no-store"
    for _ in range(5):
        await house.rooms.keeper.turn()
        await house.rooms.leaver.turn()
    _, gone, _ = await house.ask("POST", path, json=body)
    assert (gone["state"], gone["erased"]["versions"] > 0, gone["erased"]["rows"] > 0) == ("gone", True, True)
    verifiers = house.rooms.checkpoints.keys.verifiers
    assert verify_receipt(gone["receipt"].encode(), verifiers).request == gone["request_id"]
    status, page, _ = await house.ask("GET", link.path)
    assert (status, begun["id"].encode() in page) == (200, True)


@pytest.mark.parametrize("secret", ["A" * 22, "A" * 21, "", "é" * 22, 7], ids=str)
async def test_a_wrong_secret_is_like_an_exit_that_is_not_there(shared_house: House, secret: object) -> None:
    """One that could be right is 404 with and without an exit; one that cannot is 422."""
    house = shared_house
    _, made, _ = await house.ask("POST", PATH, role=Role.ADMIN, json={"recipient": None})
    answers = []
    for exit_id in (made["id"], new_id("xit")):
        status, body, _ = await house.ask("POST", f"/v1/exits/{exit_id}/follow", json={"secret": secret})
        answers.append((status, {name: value for name, value in body.items() if name != "instance"}))
    assert answers[0] == answers[1]
    assert answers[0][0] == (404 if secret == "A" * 22 else 422)
    await house.ask("DELETE", PATH, role=Role.ADMIN)
