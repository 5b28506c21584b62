"""Lists of media, single items, their history: whole, once, and nothing of anybody else's."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio

from tests.vault.http.house import House
from tests.vault.http.players import sign_in
from tests.vault.http.recordings import erase_now, list_down, record, record_bytes
from vault.model import ErasureReason, Id, MediaState, Role, new_id

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY = datetime(2026, 3, 1, tzinfo=UTC)


def _stamp(minutes: float) -> str:
    return (DAY + timedelta(minutes=minutes)).isoformat()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stock(shared_house: House) -> dict[str, list[Id]]:
    """Three calls' recordings on one day; several share a moment, so that the id must decide."""
    ready = await list_down(shared_house, [DAY + timedelta(minutes=at // 3) for at in range(20)])
    lost = await list_down(
        shared_house, [DAY + timedelta(minutes=at) for at in range(7)], state=MediaState.LOST
    )
    foreign = await list_down(shared_house, [DAY + timedelta(minutes=at) for at in range(9)], "b")
    return {"ready": ready, "lost": lost, "foreign": foreign}


async def _pages(house: House, query: dict[str, Any], role: Role = Role.AGENT) -> list[list[dict[str, Any]]]:
    """Follow next_cursor to the end; the Link header must lead the same way."""
    pages, path = [], f"/v1/media?{urlencode(query)}"
    while path:
        status, page, response = await house.ask("GET", path, role=role)
        assert status == 200, page
        pages.append(page["items"])
        link = response.headers.get("Link", "")
        assert (page["next_cursor"] is None) == (not link)
        path = link.partition("<")[2].partition(">")[0]
        assert len(pages) < 100
    return pages


def _ids(pages: list[list[dict[str, Any]]]) -> list[str]:
    return [item["id"] for page in pages for item in page]


@pytest.mark.parametrize("order", ["created_at.desc", "created_at.asc"])
@pytest.mark.parametrize("limit", [1, 3, 4, 200])
async def test_following_the_pages_shows_every_item_once(
    shared_house: House, stock: dict[str, list[Id]], limit: int, order: str
) -> None:
    """Keyset pages by (created_at, id), both ways, whatever the page's size."""
    query = {"limit": limit, "order": order, "from": _stamp(0), "to": _stamp(60)}
    pages = await _pages(shared_house, query)
    items = [item for page in pages for item in page]
    assert sorted(_ids(pages)) == sorted(stock["ready"] + stock["lost"])
    keys = [(item["created_at"], item["id"]) for item in items]
    assert keys == sorted(keys, reverse=order.endswith("desc"))
    assert all(len(page) == limit for page in pages[:-1])


@pytest.mark.parametrize("order", ["created_at.desc", "created_at.asc"])
async def test_new_items_while_paging_neither_hide_nor_repeat_the_old(
    shared_house: House, order: str
) -> None:
    """Recordings arrive before, at and after the reader's place; the old ones are each shown once."""
    day = DAY + timedelta(days=10 if order.endswith("asc") else 20)
    old = await list_down(shared_house, [day + timedelta(minutes=at // 2) for at in range(12)])
    seen: list[str] = []
    query = {"limit": 3, "order": order, "from": day.isoformat()}
    query["to"] = (day + timedelta(days=1)).isoformat()
    path = f"/v1/media?{urlencode(query)}"
    while path:
        _, page, response = await shared_house.ask("GET", path, role=Role.AGENT)
        seen += [item["id"] for item in page["items"]]
        at = datetime.fromisoformat(page["items"][-1]["created_at"])
        await list_down(shared_house, [at - timedelta(minutes=1), at, at + timedelta(minutes=1)])
        path = response.headers.get("Link", "").partition("<")[2].partition(">")[0]
        assert len(seen) < 100
    assert len(seen) == len(set(seen))
    assert set(old) <= set(seen)


async def test_each_filter_shows_what_it_says_and_nothing_else(
    shared_house: House, stock: dict[str, list[Id]]
) -> None:
    """State, button, call, time: alone and together; from is inclusive, to is not."""
    _, item, _ = await shared_house.ask("GET", f"/v1/media/{stock['ready'][0]}", role=Role.AGENT)
    here = {"from": _stamp(0), "to": _stamp(60)}
    table: list[tuple[dict[str, Any], list[Id]]] = [
        ({"state": "ready"}, stock["ready"]),
        ({"state": "lost"}, stock["lost"]),
        ({"state": "capturing"}, []),
        ({"button_id": item["button_id"]}, stock["ready"]),
        ({"call_id": item["call_id"]}, stock["ready"]),
        ({"call_id": item["call_id"], "state": "lost"}, []),
        ({"call_id": new_id("call")}, []),
        ({"from": _stamp(5)}, stock["ready"][15:] + stock["lost"][5:]),
        ({"to": _stamp(1)}, stock["ready"][:3] + stock["lost"][:1]),
        (
            {"from": "2026-03-01T01:01:00+01:00", "to": "2026-03-01T00:02:00Z"},
            [*stock["ready"][3:6], stock["lost"][1]],
        ),
        ({"from": _stamp(1), "to": _stamp(1)}, []),
    ]
    for filters, expected in table:
        found = _ids(await _pages(shared_house, {"limit": 50} | here | filters))
        assert sorted(found) == sorted(expected), filters


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "201"),
        ("limit", "ten"),
        ("limit", "1e1"),
        ("state", "READY"),
        ("state", ""),
        ("button_id", "btn_1"),
        ("call_id", "btn_" + "0" * 32),
        ("from", "yesterday"),
        ("from", "2026-03-01"),
        ("from", "2026-03-01T00:00:00"),
        ("to", "2026-13-01T00:00:00Z"),
        ("order", "created_at"),
        ("order", "id.desc; drop table media"),
        ("tenant_id", "ten_" + "0" * 32),
        ("cursor", "x" * 1_001),
        ("cursor", "AAAA"),
    ],
)
async def test_a_query_outside_its_limits_is_refused_by_name(
    shared_house: House, name: str, value: str
) -> None:
    """422 with the parameter's name; unknown parameters too."""
    path = f"/v1/media?{urlencode({name: value})}"
    status, problem, _ = await shared_house.ask("GET", path, role=Role.AGENT)
    assert (status, problem["code"]) == (422, "invalid")
    assert name in {fault["parameter"] for fault in problem["errors"]}


async def test_a_cursor_is_good_for_its_own_list_only(
    shared_house: House, stock: dict[str, list[Id]]
) -> None:
    """Another filter, order, tenant, list or a changed byte: 422. Another page size is fine."""
    here = {"limit": 2, "from": _stamp(0), "to": _stamp(60)}
    _, page, _ = await shared_house.ask("GET", f"/v1/media?{urlencode(here)}", role=Role.AGENT)
    cursor = page["next_cursor"]
    changed = cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB")
    for path, tenant in (
        (f"/v1/media?{urlencode(here | {'state': 'ready', 'cursor': cursor})}", "a"),
        (f"/v1/media?{urlencode(here | {'order': 'created_at.asc', 'cursor': cursor})}", "a"),
        (f"/v1/media?{urlencode(here | {'to': _stamp(61), 'cursor': cursor})}", "a"),
        (f"/v1/media?{urlencode(here | {'cursor': cursor})}", "b"),
        (f"/v1/media?{urlencode(here | {'cursor': changed})}", "a"),
        (f"/v1/deletion-requests?cursor={cursor}", "a"),
        (f"/v1/people?cursor={cursor}", "a"),
        (f"/v1/media/{stock['ready'][0]}/access?cursor={cursor}", "a"),
    ):
        status, problem, _ = await shared_house.ask("GET", path, role=Role.ADMIN, tenant=tenant)
        assert (status, problem["code"]) == (422, "invalid"), path
    path = f"/v1/media?{urlencode(here | {'limit': 7, 'cursor': cursor})}"
    assert len((await shared_house.ask("GET", path, role=Role.ADMIN))[1]["items"]) == 7


async def test_an_item_says_what_a_console_needs(shared_house: House) -> None:
    """Every member, of a real recording; the same in the list."""
    recorded = await record(shared_house)
    status, item, _ = await shared_house.ask("GET", f"/v1/media/{recorded.id}", role=Role.SERVICE)
    assert status == 200
    assert (item["id"], item["call_id"], item["leg_id"]) == (recorded.id, recorded.call_id, recorded.leg_id)
    assert (item["kind"], item["state"], item["recovered"]) == ("recording", "ready", False)
    assert item["has"] == ["manifest", "media", "thumb", "wave"]
    assert item["irrecoverable_by"] > item["created_at"]
    path = f"/v1/media?call_id={recorded.call_id}"
    listed = (await shared_house.ask("GET", path, role=Role.AGENT))[1]["items"]
    moving = {"irrecoverable_by"}
    assert [{k: v for k, v in one.items() if k not in moving} for one in listed] == [
        {k: v for k, v in item.items() if k not in moving}
    ]


async def test_an_erased_item_answers_410_with_what_may_be_known(shared_house: House) -> None:
    """The owner sees when and under which request, in the list and alone; others see a missing item."""
    house = shared_house
    recorded = await record_bytes(house, 1_000)
    path = f"/v1/media/{recorded.id}"
    request = await house.rooms.deletion_requests.of_media(
        recorded.id, ErasureReason.LEGAL, by=house.by(Role.ADMIN)
    )
    status, item, _ = await house.ask("GET", path, role=Role.AGENT)
    assert (status, item["state"], item["deletion_request_id"]) == (200, "erasing", request.id)
    await erase_now(house)
    status, problem, _ = await house.ask("GET", path, role=Role.AGENT)
    assert (status, problem["code"], problem["deletion_request_id"]) == (410, "erased", request.id)
    listed = (await house.ask("GET", f"/v1/media?call_id={recorded.call_id}", role=Role.AGENT))[1]["items"]
    assert (listed[0]["state"], listed[0]["erased_at"]) == ("erased", problem["erased_at"])
    assert (listed[0]["has"], listed[0]["deletion_request_id"]) == ([], request.id)
    late: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("POST", f"{path}/links", {"json": {"purpose": "too late"}}),
        ("DELETE", f"{path}?reason=legal", {}),
    )
    for method, url, more in late:
        status, problem, _ = await house.ask(method, url, role=Role.ADMIN, **more)
        assert (status, problem["code"]) == (410, "erased")
    assert (await house.ask("GET", path, role=Role.AGENT, tenant="b"))[0] == 404


async def test_history_names_people_only_to_who_may_read_people(shared_house: House) -> None:
    """An agent sees its own name and pseudonyms; a supervisor names; a service reads no history."""
    recorded = await record(shared_house)
    curious, other = await sign_in(shared_house), await sign_in(shared_house)
    await curious.link(recorded.id, "curiosity")
    await other.link(recorded.id, "a complaint")
    path = f"/v1/media/{recorded.id}/access"

    async def actors(**who: Any) -> dict[str, str]:
        status, page, _ = await shared_house.ask("GET", path, **who)
        assert status == 200
        return {item["purpose"]: item["actor"] for item in page["items"] if item["type"] == "link.made"}

    _, page, _ = await curious.ask("GET", path)
    seen = {item["purpose"]: item["actor"] for item in page["items"] if item["type"] == "link.made"}
    assert seen["curiosity"] == curious.person.name
    hidden = seen["a complaint"]
    assert hidden not in {other.person.name, other.person.id}
    for role in (Role.SUPERVISOR, Role.ADMIN, Role.AUDITOR):
        named = await actors(role=role)
        assert named == {"curiosity": curious.person.name, "a complaint": other.person.name}
    assert set((await actors(role=Role.AGENT)).values()).isdisjoint({curious.person.name, other.person.name})
    assert (await shared_house.ask("GET", path, role=Role.SERVICE))[0] == 403
    types = [item["type"] for item in page["items"]]
    assert types[-3:] == ["recording.ready", "capture.ended", "capture.begun"]


async def test_history_has_pages_and_outlives_the_recording(shared_house: House) -> None:
    """Newest first without gap; after erasure the entries stay, the purposes and names are gone."""
    recorded = await record(shared_house)
    player = await sign_in(shared_house)
    for number in range(5):
        await player.link(recorded.id, f"purpose {number}")
    indexes, path = [], f"/v1/media/{recorded.id}/access?limit=3"
    while path:
        _, page, response = await shared_house.ask("GET", path, role=Role.ADMIN)
        indexes += [item["index"] for item in page["items"]]
        path = response.headers.get("Link", "").partition("<")[2].partition(">")[0]
    assert len(indexes) == 8
    assert indexes == sorted(set(indexes), reverse=True)
    reason = ErasureReason.CONSENT_WITHDRAWN
    await shared_house.rooms.deletion_requests.of_media(recorded.id, reason, by=shared_house.by())
    await erase_now(shared_house)
    _, page, _ = await shared_house.ask("GET", f"/v1/media/{recorded.id}/access", role=Role.ADMIN)
    assert [item["index"] for item in page["items"]][-8:] == indexes
    assert {item["purpose"] for item in page["items"]} == {None}
    assert player.person.name not in str(page)
    assert page["items"][0]["type"] == "object.shredded"
    assert page["items"][0]["result"] == reason


@pytest.mark.parametrize("purpose", ["", "no", "x" * 201, None, 3, "a\u0000b"])
async def test_a_link_needs_a_purpose_somebody_can_read_later(
    shared_house: House, stock: dict[str, list[Id]], purpose: Any
) -> None:
    """Three letters to two hundred."""
    path = f"/v1/media/{stock['ready'][0]}/links"
    status, problem, _ = await shared_house.ask("POST", path, role=Role.AGENT, json={"purpose": purpose})
    assert (status, problem["code"]) == (422, "invalid")


async def test_a_recording_that_is_not_ready_has_no_link(
    shared_house: House, stock: dict[str, list[Id]]
) -> None:
    """409: lost, capturing or finishing."""
    path = f"/v1/media/{stock['lost'][0]}/links"
    body = {"purpose": "to see"}
    status, problem, _ = await shared_house.ask("POST", path, role=Role.AGENT, json=body)
    assert (status, problem["code"]) == (409, "conflict")


async def test_a_link_that_is_asked_for_twice_with_one_key_is_one_link(shared_house: House) -> None:
    """Idempotency-Key: the first answer again, path and all."""
    recorded = await record_bytes(shared_house, 1_000)
    path, key = f"/v1/media/{recorded.id}/links", {"Idempotency-Key": "once"}
    answers = []
    for _ in range(2):
        status, made, response = await shared_house.ask(
            "POST", path, role=Role.AGENT, json={"purpose": "to see"}, headers=key
        )
        answers.append((status, made))
    assert answers[0] == answers[1]
    assert answers[0][0] == 201
    assert response.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("query", ["", "?reason=because", "?reason=legal&reason=other", "?reason=legal&x=1"])
async def test_an_erasure_names_one_of_the_grounds(
    shared_house: House, stock: dict[str, list[Id]], query: str
) -> None:
    """422, and nothing is erased."""
    path = f"/v1/media/{stock['ready'][1]}"
    status, problem, _ = await shared_house.ask("DELETE", path + query, role=Role.ADMIN)
    assert (status, problem["code"]) == (422, "invalid")
    assert (await shared_house.ask("GET", path, role=Role.AGENT))[1]["state"] == "ready"
