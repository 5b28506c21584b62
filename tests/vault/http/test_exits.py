"""A company leaves over HTTP: begun by an administrator, fetched sealed, taken back in time."""

import hashlib

import pyrage
import pytest

from tests.vault.http.house import House
from tests.vault.http.recordings import record
from vault.model import Role

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
    assert (made["state"], made["grace_days"]) == ("exporting", 30)
    assert (await house.ask("POST", PATH, role=Role.ADMIN, json=asked))[0] == 409
    for _ in range(5):
        await house.rooms.leaver.turn()
    _, now, _ = await house.ask("GET", PATH, role=Role.AUDITOR)
    assert (now["state"], len(now["volumes"])) == ("ready", 2)
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
