"""The visitor's own page over HTTP: a link made, a visit, what is kept, withdrawal, erasure, receipt."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from tests.vault.http.house import House, open_house
from tests.vault.http.recordings import (
    Recorded,
    a_call,
    erase_now,
    record,
    visitor_headers,
)
from tests.vault.http.samples import sample_of
from tests.vault.http.visitors import PAGE
from vault.calls.calls import OpenedCall
from vault.db import tables
from vault.http.route import PATH_IDS, Route
from vault.http.routes import ROUTES
from vault.http.wire import JSON_TYPE
from vault.model import ErasureReason, Role, StopRule, new_id
from vault.policy import GRANTS, VISIT, Permission, Principal

pytestmark = pytest.mark.asyncio(loop_scope="module")

OF_VISITORS = [
    route
    for route in ROUTES.routes
    if route.needs in GRANTS[Role.VISITOR] and route.needs is not Permission.PUBLIC
]


def token_of(house: House, call: OpenedCall | Recorded) -> dict[str, str]:
    """What the widget sends for a call, opened or recorded."""
    if isinstance(call, OpenedCall):
        return visitor_headers(house, call)
    minted = house.rooms.identity.mint_visitor_token(
        call_id=call.call_id, tenant_id=house.tenants[call.tenant]
    )
    return {"Authorization": f"Bearer {minted.token}", "Origin": PAGE}


def id_of(call: OpenedCall | Recorded) -> str:
    """The call's identifier."""
    return call.id if isinstance(call, OpenedCall) else call.call_id


async def own_link(house: House, call: OpenedCall | Recorded) -> str:
    """The secret of a new link, taken from its address."""
    status, made, response = await house.ask(
        "POST", f"/v1/calls/{id_of(call)}/own-link", headers=token_of(house, call)
    )
    assert status == 201, made
    assert response.headers["Access-Control-Allow-Origin"] == PAGE
    address, secret = made["url"].split("#")
    assert address == f"{house.url}/v/{id_of(call)}"
    return str(secret)


async def visit(house: House, call_id: str, secret: str) -> tuple[int, Any]:
    """What comes of bringing a secret."""
    status, made, _ = await house.ask("POST", f"/v1/calls/{call_id}/visits", json={"secret": secret})
    made.pop("instance", None)
    return status, made


async def visiting(house: House, call: OpenedCall | Recorded) -> dict[str, str]:
    """What the visitor's own page sends."""
    status, made = await visit(house, id_of(call), await own_link(house, call))
    assert status == 201, made
    return {"Authorization": f"Bearer {made['token']}"}


async def keep_on_withdrawal(house: House, rule: StopRule) -> None:
    """Set the company's rule."""
    status, _, _ = await house.ask("PATCH", "/v1/tenant", role=Role.ADMIN, json={"on_withdrawal": rule.value})
    assert status == 200


async def test_a_visitor_comes_back_and_reads_what_is_kept(shared_house: House) -> None:
    """Each side with its length and its last day, the rule, what the page told; no id of a recording."""
    house = shared_house
    await keep_on_withdrawal(house, StopRule.KEEP)
    kept = await record(house, reference="customer 4711")
    headers = await visiting(house, kept)
    status, told, _ = await house.ask("GET", f"/v1/calls/{kept.call_id}/kept", headers=headers)
    assert status == 200, told
    (item,) = told["items"]
    assert (item["side"], item["kind"], item["state"], item["erased_at"]) == (
        "visitor",
        "camera",
        "kept",
        None,
    )
    assert item["duration_ms"] > 0
    assert (told["chat"], told["details"], told["requests"]) == ("nothing", "kept", [])
    assert (told["consent"], told["on_withdrawal"], told["tenant_name"]) == ("accepted", "keep", "Tenant A")
    assert kept.id not in str(told)
    assert "4711" not in str(told)
    _, same, _ = await house.ask("GET", f"/v1/calls/{kept.call_id}/kept", headers=token_of(house, kept))
    assert same == told


async def write_down(house: House, call: OpenedCall) -> None:
    """A message as the chat leaves it."""
    chat_id, now = new_id("chat"), house.rooms.clock.now()
    await house.rooms.keys.create_data_key(tenant_id=call.tenant_id, object_id=chat_id)
    row = {
        "id": new_id("msg"),
        "tenant_id": call.tenant_id,
        "call_id": call.id,
        "chat_id": chat_id,
        "n": 1,
        "role": "visitor",
        "key_hash": bytes(32),
        "sealed": b"sealed",
        "at": now,
    }
    async with house.rooms.database.write() as connection:
        await connection.execute(insert(tables.messages).values(row))
        await connection.execute(
            update(tables.calls).where(tables.calls.c.id == call.id).values(chat_id=chat_id)
        )


async def test_each_thing_is_told_by_its_side(shared_house: House) -> None:
    """An agent's camera and screen, a file made of several, one that was lost: what it is, and whose."""
    house = shared_house
    kept = await record(house)
    rows = [("agent", "camera", "recording", "capturing"), ("agent", "screen", "recording", "erased")]
    rows += [("visitor", "screen", "recording", "lost"), ("visitor", "camera", "export", "erasing")]
    async with house.rooms.database.write() as connection:
        media, legs = tables.media, tables.legs
        known = (await connection.execute(select(media).where(media.c.id == kept.id))).mappings().one()
        leg = (await connection.execute(select(legs).where(legs.c.id == kept.leg_id))).mappings().one()
        for role, leg_kind, kind, state in rows:
            of = dict(leg) | {"id": new_id("leg"), "role": role, "kind": leg_kind}
            await connection.execute(insert(legs).values(of))
            one = {"id": new_id("rec"), "leg_id": of["id"], "kind": kind, "state": state}
            await connection.execute(insert(media).values(dict(known) | one))
    headers = await visiting(house, kept)
    _, told, _ = await house.ask("GET", f"/v1/calls/{kept.call_id}/kept", headers=headers)
    assert [(one["side"], one["kind"], one["state"]) for one in told["items"]] == [
        ("visitor", "camera", "kept"),
        ("agent", "camera", "being_made"),
        ("agent", "screen", "erased"),
        ("visitor", "screen", "nothing"),
        ("both", "copy", "being_erased"),
    ]


async def test_what_was_written_is_told_and_its_erasure_found_again(shared_house: House) -> None:
    """A call with messages and no recording: withdrawn, they go, and the receipt is this call's."""
    house = shared_house
    await keep_on_withdrawal(house, StopRule.ERASE)
    call = await a_call(house)
    await write_down(house, call)
    headers, path = await visiting(house, call), f"/v1/calls/{call.id}"
    assert (await house.ask("GET", f"{path}/kept", headers=headers))[1]["chat"] == "kept"
    await house.ask("POST", f"{path}/consents/withdrawal", headers=headers)
    assert (await house.ask("GET", f"{path}/kept", headers=headers))[1]["chat"] == "being_erased"
    await erase_now(house)
    _, told, _ = await house.ask("GET", f"{path}/kept", headers=headers)
    assert (told["chat"], len(told["requests"])) == ("nothing", 1)
    status, written, _ = await house.ask("GET", told["requests"][0]["receipt_url"], headers=headers)
    assert (status, written["status"]) == (200, "complete")


async def test_withdrawing_there_keeps_or_erases_as_the_rule_says(shared_house: House) -> None:
    """Under *keep* the recording stays; under *erase* it goes, and the receipt names this call's objects."""
    house = shared_house
    for rule, state in ((StopRule.KEEP, "kept"), (StopRule.ERASE, "erased")):
        await keep_on_withdrawal(house, rule)
        kept = await record(house)
        headers, path = await visiting(house, kept), f"/v1/calls/{kept.call_id}"
        status, stopped, _ = await house.ask("POST", f"{path}/consents/withdrawal", headers=headers)
        assert (status, stopped["recorded"]) == (200, rule.value)
        await erase_now(house)
        _, told, _ = await house.ask("GET", f"{path}/kept", headers=headers)
        assert (told["consent"], told["items"][0]["state"]) == ("withdrawn", state)
        assert [one["reason"] for one in told["requests"]] == ["consent_withdrawn"] * (state == "erased")


async def test_erasure_is_asked_for_followed_and_proven_after_the_call_is_gone(shared_house: House) -> None:
    """The widget's own token dies with the call; the visit sees the end, and its receipt is complete."""
    house = shared_house
    await keep_on_withdrawal(house, StopRule.KEEP)
    kept = await record(house, reference="customer 4712")
    secret = await own_link(house, kept)
    _, made = await visit(house, kept.call_id, secret)
    headers, path = {"Authorization": f"Bearer {made['token']}"}, f"/v1/calls/{kept.call_id}"
    status, asked, response = await house.ask("POST", f"{path}/erasure", headers=headers)
    assert (status, asked["reason"], asked["receipt_url"]) == (202, "visitor_request", None)
    assert response.headers["Location"] == f"{path}/kept"
    receipt = f"{path}/receipts/{asked['id']}"
    assert (await house.ask("GET", receipt, headers=headers))[0] == 409
    assert (await house.ask("POST", f"{path}/erasure", headers=headers))[1]["id"] == asked["id"]
    await erase_now(house)
    _, told, _ = await house.ask("GET", f"{path}/kept", headers=headers)
    assert (told["items"][0]["state"], told["details"]) == ("erased", "nothing")
    assert (told["requests"][0]["receipt_url"], told["erased_at"] is None) == (receipt, False)
    status, written, response = await house.ask("GET", receipt, headers=headers)
    assert (status, written["status"], len(written["entries"])) == (200, "complete", 2)
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert (await house.ask("GET", f"{path}/kept", headers=token_of(house, kept)))[0] == 401
    assert (await visit(house, kept.call_id, secret))[0] == 201
    assert (await house.ask("POST", f"{path}/erasure", headers=headers))[0] == 410


async def test_a_request_that_reaches_other_calls_shows_no_receipt(shared_house: House) -> None:
    """One for everything of a visitor names other calls: it is told that it is done, not what it was."""
    house = shared_house
    both = [await record(house, reference="a family") for _ in range(2)]
    headers = await visiting(house, both[0])
    asked = await house.rooms.deletion_requests.of_visitor(
        "a family", ErasureReason.VISITOR_REQUEST, by=house.by(Role.ADMIN)
    )
    await erase_now(house)
    path = f"/v1/calls/{both[0].call_id}"
    _, told, _ = await house.ask("GET", f"{path}/kept", headers=headers)
    assert [(one["id"], one["receipt_url"]) for one in told["requests"]] == [(asked.id, None)]
    assert told["requests"][0]["completed_at"] is not None
    assert (await house.ask("GET", f"{path}/receipts/{asked.id}", headers=headers))[0] == 404


async def test_strangers_who_guess_get_one_answer(shared_house: House) -> None:
    """The same for a call that never was, one without a link, and a wrong, a voided or another's secret."""
    house = shared_house
    mine, other, bare = await a_call(house), await a_call(house, "b"), await a_call(house)
    first, others = await own_link(house, mine), await own_link(house, other)
    second = await own_link(house, mine)
    guesses = [
        (new_id("call"), second),
        (bare.id, second),
        (mine.id, "A" * 22),
        (mine.id, first),
        (mine.id, others),
    ]
    answers = [await visit(house, call_id, secret) for call_id, secret in guesses]
    assert answers.count(answers[0]) == len(answers)
    assert (answers[0][0], answers[0][1]["code"]) == (404, "not_found")
    assert (await visit(house, mine.id, second))[0] == 201


async def test_a_new_link_takes_the_visits_of_the_old_one_with_it(shared_house: House) -> None:
    """Whoever holds a link that leaked makes another one from the widget, and is alone again."""
    house, call = shared_house, await a_call(shared_house)
    old = await visiting(house, call)
    new = await visiting(house, call)
    path = f"/v1/calls/{call.id}/kept"
    assert (await house.ask("GET", path, headers=old))[0] == 401
    assert (await house.ask("GET", path, headers=new))[0] == 200


@pytest.mark.parametrize("route", OF_VISITORS, ids=lambda route: route.label)
async def test_a_visit_may_look_withdraw_and_erase_and_nothing_else(
    shared_house: House, route: Route
) -> None:
    """P17: every route that a visitor has: no leg, no feed, no message, no event, no other link."""
    house, call = shared_house, await a_call(shared_house)
    headers, path = await visiting(house, call), route.path
    for place in route.places:
        path = path.replace("{" + place + "}", call.id if place == "call_id" else new_id(PATH_IDS[place]))
    more: dict[str, Any] = {"headers": headers}
    if isinstance(route.body, type):
        more = {"data": sample_of(route.body), "headers": {**headers, "Content-Type": JSON_TYPE}}
    elif isinstance(route.body, str):
        more = {"data": b"v=0\r\n", "headers": {**headers, "Content-Type": route.body, "If-Match": "*"}}
    status, told, _ = await house.ask(route.method, path, **more)
    if route.needs in VISIT:
        assert status not in {401, 403}, told
    else:
        assert (status, told["code"]) == (403, "forbidden")


async def test_guesses_are_slowed_by_network_and_by_call(tmp_path: Path) -> None:
    """429 for whoever tries too often; no other limit is touched by it."""
    async with open_house(tmp_path, limits={"calls_per_minute": 3}) as house:
        call = await a_call(house)
        statuses = [(await visit(house, new_id("call"), "A" * 22))[0] for _ in range(4)]
        assert statuses == [404, 404, 404, 429]
    async with open_house(tmp_path / "second", limits={"requests_per_minute": 3}) as house:
        call = await a_call(house)
        statuses = [(await visit(house, call.id, "A" * 22))[0] for _ in range(4)]
        assert statuses == [404, 404, 404, 429]


async def test_a_visit_outlives_no_request(shared_house: House) -> None:
    """What goes on asks again whether it may; a visit may not."""
    house, call = shared_house, await a_call(shared_house)
    by = Principal(call.id, call.tenant_id, Role.VISITOR, call_id=call.id, is_visit=True)
    assert await house.rooms.identity.may_go_on(by) is None


async def test_the_page_is_the_same_for_every_call(shared_house: House) -> None:
    """It loads nothing from elsewhere, asks for no device, and says nothing of the call."""
    house, call = shared_house, await a_call(shared_house)
    pages = []
    for one in (call.id, new_id("call")):
        status, body, response = await house.ask("GET", f"/v/{one}", headers={"Accept-Language": "fr"})
        assert status == 200
        csp = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in csp
        assert "unsafe" not in csp
        assert "camera=()" in response.headers["Permissions-Policy"]
        assert response.headers["Referrer-Policy"] == "no-referrer"
        pages.append(body.replace(one.encode(), b""))
    assert pages[0] == pages[1]
    assert b'lang="fr"' in pages[0]
