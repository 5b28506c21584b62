"""Opening, answering and reading a call: which pages may, what they are told, and the order of things."""

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.vault.http.house import House, open_house
from tests.vault.http.recordings import a_button, a_call, erase_now, visitor_headers
from tests.vault.http.visitors import PAGE
from vault.calls.buttons import Button
from vault.clock import SystemClock, TurnableClock
from vault.model import ConsentChoice, ErasureReason, Role, is_id, new_id

pytestmark = pytest.mark.asyncio(loop_scope="module")

WISH: dict[str, Any] = {"language": "en", "media": ["audio"]}
ELSEWHERE = [
    "https://evil.example",
    "http://shop.example",
    "https://www.shop.example",
    "https://shop.example.evil.example",
    "https://shop.example:443",
    "https://SHOP.example",
    "https://shop.example/",
    "null",
    "*",
]


async def _press(
    house: House, button: Button, *, origin: str | None = PAGE, **wish: Any
) -> tuple[int, Any, Any]:
    """Open a call as the widget on a page does."""
    headers = {} if origin is None else {"Origin": origin}
    return await house.ask("POST", f"/v1/buttons/{button.id}/calls", json=WISH | wish, headers=headers)


async def test_a_press_opens_a_call_and_tells_all_the_visitor_must_know(shared_house: House) -> None:
    """201 with address, token and notice; the notice's hash is of the very text that is shown."""
    button = await a_button(shared_house)
    status, opened, response = await _press(shared_house, button, language="fr", media=["audio", "video"])
    assert (status, opened["state"], opened["ice_servers"]) == (201, "open", [])
    assert response.headers["Location"] == f"/v1/calls/{opened['id']}"
    notice = opened["notice"]
    digest = hashlib.sha256(f"{notice['version']}\nfr\n{notice['text']}".encode())
    assert notice["hash"] == digest.hexdigest()
    assert (notice["tenant_name"], notice["retention_days"]) == ("Tenant A", 30)
    assert notice["records"] == ["audio", "video"]
    headers = {"Authorization": f"Bearer {opened['token']}", "Origin": PAGE}
    status, call, response = await shared_house.ask("GET", f"/v1/calls/{opened['id']}", headers=headers)
    assert (status, call["state"], call["consent"]) == (200, "open", None)
    assert response.headers["Access-Control-Allow-Origin"] == PAGE


async def test_a_picture_is_never_sent_without_sound_in_the_notice(shared_house: House) -> None:
    """Who asks for video alone is told of both."""
    _, opened, _ = await _press(shared_house, await a_button(shared_house), media=["video"])
    assert opened["notice"]["records"] == ["audio", "video"]


async def test_a_button_that_does_not_record_says_so(shared_house: House) -> None:
    """No word of recording where nothing is recorded."""
    button = await a_button(shared_house, records=False)
    _, opened, _ = await _press(shared_house, button)
    assert opened["notice"]["records"] == []
    assert "not recorded" in opened["notice"]["text"]
    _, told, _ = await shared_house.ask("GET", f"/v1/buttons/{button.id}/widget")
    assert told["records"] is False


@pytest.mark.parametrize("origin", [None, *ELSEWHERE])
async def test_only_a_page_on_the_list_opens_a_call(shared_house: House, origin: str | None) -> None:
    """ASVS 3.4.2, 4.4.2: letter for letter; nothing is opened for another scheme, port, sub-domain, null."""
    button = await a_button(shared_house)
    status, problem, response = await _press(shared_house, button, origin=origin)
    assert (status, problem["code"]) == (403, "origin_refused")
    assert response.headers.get("Access-Control-Allow-Origin") == origin
    assert await _calls_of(shared_house, button) == 0


@pytest.mark.parametrize("origin", ELSEWHERE)
async def test_a_page_that_is_not_listed_may_read_that_and_nothing_else(
    shared_house: House, origin: str
) -> None:
    """The widget can show why; a preflight stays refused, other answers stay unreadable, headers too."""
    button, asked = await a_button(shared_house), {"Origin": origin}
    for method, path in (("GET", "widget"), ("POST", "calls")):
        url = f"/v1/buttons/{button.id}/{path}"
        more: dict[str, Any] = {"json": WISH} if method == "POST" else {}
        status, problem, response = await shared_house.ask(method, url, headers=asked, **more)
        assert (status, problem["code"]) == (403, "origin_refused")
        assert response.headers["Access-Control-Allow-Origin"] == origin
        assert response.headers["Vary"] == "Origin"
        assert "Access-Control-Expose-Headers" not in response.headers
        assert "Access-Control-Allow-Credentials" not in response.headers
        preflight = asked | {"Access-Control-Request-Method": method}
        status, _, response = await shared_house.ask("OPTIONS", url, headers=preflight)
        assert status == 403
        assert "Access-Control-Allow-Origin" not in response.headers
    for button_id, wish in ((button.id, {}), (new_id("btn"), WISH)):
        url = f"/v1/buttons/{button_id}/calls"
        status, _, response = await shared_house.ask("POST", url, headers=asked, json=wish)
        assert status in {404, 422}
        assert "Access-Control-Allow-Origin" not in response.headers


async def test_our_own_page_asks_for_a_button_without_naming_an_origin(shared_house: House) -> None:
    """A browser sends no Origin with a GET of the same origin."""
    button = await a_button(shared_house)
    for headers in ({}, {"Origin": PAGE}):
        status, told, _ = await shared_house.ask("GET", f"/v1/buttons/{button.id}/widget", headers=headers)
        assert status == 200
        assert told == {
            "label": {"fr": "Appeler", "en": "Call"},
            "media": ["audio", "video"],
            "tenant_name": "Tenant A",
            "languages": ["en", "fr"],
            "records": True,
        }


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/buttons/{button}/calls", {"POST"}),
        ("/v1/calls/{call}", {"GET", "HEAD"}),
        ("/v1/calls/{call}/consents", {"POST"}),
        ("/v1/calls/{call}/legs", {"GET", "HEAD", "POST"}),
        ("/v1/calls/{call}/legs/{leg}", {"PATCH", "DELETE"}),
    ],
)
async def test_a_preflight_allows_what_the_widget_sends(
    shared_house: House, path: str, methods: set[str]
) -> None:
    """The button's page, by the button or by its call; the methods of the path, the headers of WHIP."""
    button = await a_button(shared_house)
    call = await a_call(shared_house, button=button)
    url = path.format(button=button.id, call=call.id, leg=new_id("leg"))
    asked = {"Origin": PAGE, "Access-Control-Request-Method": min(methods)}
    status, _, response = await shared_house.ask("OPTIONS", url, headers=asked)
    assert status == 204
    assert response.headers["Access-Control-Allow-Origin"] == PAGE
    assert set(response.headers["Access-Control-Allow-Methods"].split(", ")) == methods
    allowed = {name.strip().lower() for name in response.headers["Access-Control-Allow-Headers"].split(",")}
    assert {"authorization", "content-type", "if-match"} <= allowed
    for origin in ELSEWHERE[:3]:
        status, _, response = await shared_house.ask("OPTIONS", url, headers=asked | {"Origin": origin})
        assert status == 403
        assert "Access-Control-Allow-Origin" not in response.headers


async def test_a_header_does_not_tell_that_anothers_call_exists(shared_house: House) -> None:
    """P5: foreign and missing are one, to the last header, also for who guesses the page of the call."""
    foreign, mine = await a_call(shared_house, "b"), await a_call(shared_house)
    neighbour = await a_call(shared_house)
    visitor = visitor_headers(shared_house, mine)
    agent = {"Authorization": f"Bearer {shared_house.token(Role.AGENT)}", "Origin": PAGE}
    for headers, theirs in ((agent, foreign), (visitor, foreign), (visitor, neighbour)):
        seen = []
        for call_id in (theirs.id, new_id("call")):
            status, _, response = await shared_house.ask("GET", f"/v1/calls/{call_id}", headers=headers)
            seen.append((status, "Access-Control-Allow-Origin" in response.headers))
        assert seen == [(404, False)] * 2


@pytest.mark.parametrize(
    "wish",
    [
        {"language": "de"},
        {"language": None},
        {"media": []},
        {"media": ["audio", "video", "audio"]},
        {"media": ["screen"]},
        {"media": "audio"},
        {"visitor": {"name": ""}},
        {"visitor": {"name": "x" * 201}},
        {"visitor": {"reference": "x" * 201}},
        {"visitor": {"email": "x" * 255}},
        {"visitor": {"phone": "1" * 41}},
        {"visitor": {"phone": 33}},
        {"visitor": {"name": "a\u0000b"}},
        {"visitor": {"name": "a\u202eb"}},
        {"visitor": {"address": "x"}},
        {"page_url": "https://shop.example/" + "x" * 2_000},
        {"tenant_id": "ten_" + "0" * 32},
        {"records": True},
    ],
    ids=lambda wish: str(wish)[:40],
)
async def test_a_wish_outside_its_limits_is_refused_with_the_place(
    shared_house: House, wish: dict[str, Any]
) -> None:
    """Languages, media, lengths, unknown members: 422 at a JSON pointer, readable by the page."""
    status, problem, response = await _press(shared_house, await a_button(shared_house), **wish)
    assert (status, problem["code"]) == (422, "invalid")
    assert any(f"/{next(iter(wish))}" in fault["pointer"] for fault in problem["errors"])
    assert response.headers["Access-Control-Allow-Origin"] == PAGE


async def test_a_button_offers_no_more_than_it_has(shared_house: House) -> None:
    """Video of a button without video: 422."""
    button = await a_button(shared_house, media=("audio",))
    status, problem, _ = await _press(shared_house, button, media=["audio", "video"])
    assert (status, problem["code"]) == (422, "invalid")
    assert (await _press(shared_house, button))[0] == 201


async def test_a_button_that_is_off_or_unknown_is_not_there(shared_house: House) -> None:
    """404 for both, for every page."""
    button = await a_button(shared_house)
    await shared_house.rooms.buttons.change(button.id, by=shared_house.by(), disabled=True)
    for button_id in (button.id, new_id("btn")):
        for method, path in (("GET", "widget"), ("POST", "calls")):
            more: dict[str, Any] = {"json": WISH} if method == "POST" else {}
            status, problem, _ = await shared_house.ask(
                method, f"/v1/buttons/{button_id}/{path}", headers={"Origin": PAGE}, **more
            )
            assert (status, problem["code"]) == (404, "not_found")


async def test_the_first_answer_to_the_notice_counts(shared_house: House) -> None:
    """Repeating it is harmless, another one is a conflict, one to another notice is told apart."""
    call = await a_call(shared_house, choice=None)
    headers, path = visitor_headers(shared_house, call), f"/v1/calls/{call.id}/consents"
    answer = {"choice": "accepted", "notice_hash": call.notice.hash, "language": "en"}

    async def say(**change: Any) -> tuple[int, Any]:
        status, body, _ = await shared_house.ask("POST", path, json=answer | change, headers=headers)
        return status, body

    status, problem = await say(notice_hash="0" * 64)
    assert (status, problem["code"]) == (409, "notice_changed")
    for change in ({"notice_hash": "0" * 63}, {"choice": "maybe"}, {"language": "de"}, {"by": "me"}):
        assert (await say(**change))[0] == 422
    status, first = await say()
    assert status == 201
    assert is_id(first["id"], "con")
    assert await say() == (201, first)
    status, problem = await say(choice="refused")
    assert (status, problem["code"]) == (409, "conflict")
    _, shown, _ = await shared_house.ask("GET", f"/v1/calls/{call.id}", headers=headers)
    assert shown["consent"] == "accepted"


async def test_a_visitor_s_token_is_good_for_its_own_call_only(shared_house: House) -> None:
    """Another visitor's call, of the same tenant or another, is not there."""
    mine = await a_call(shared_house, choice=None)
    headers = visitor_headers(shared_house, mine)
    for other in (await a_call(shared_house, choice=None), await a_call(shared_house, "b", choice=None)):
        answer = {"choice": "refused", "notice_hash": other.notice.hash, "language": "en"}
        asked: tuple[tuple[str, str, dict[str, Any]], ...] = (
            ("GET", "", {}),
            ("POST", "/consents", {"json": answer}),
        )
        for method, path, more in asked:
            status, problem, _ = await shared_house.ask(
                method, f"/v1/calls/{other.id}{path}", headers=headers, **more
            )
            assert (status, problem["code"]) == (404, "not_found")
        _, shown, _ = await shared_house.ask(
            "GET", f"/v1/calls/{other.id}", headers=visitor_headers(shared_house, other)
        )
        assert shown["consent"] is None


async def test_staff_read_a_call_but_do_not_answer_for_the_visitor(shared_house: House) -> None:
    """Only the visitor may say yes."""
    call = await a_call(shared_house, choice=None)
    answer = {"choice": "accepted", "notice_hash": call.notice.hash, "language": "en"}
    for role in set(Role) - {Role.VISITOR}:
        assert (await shared_house.ask("GET", f"/v1/calls/{call.id}", role=role))[0] == 200
        status, problem, _ = await shared_house.ask(
            "POST", f"/v1/calls/{call.id}/consents", role=role, json=answer
        )
        assert (status, problem["code"]) == (403, "forbidden")


async def test_a_call_that_is_erased_takes_its_visitor_s_token_with_it(shared_house: House) -> None:
    """401 for the visitor; what the page sees is a problem it may read."""
    call = await a_call(shared_house, choice=ConsentChoice.REFUSED)
    headers = visitor_headers(shared_house, call)
    await shared_house.rooms.deletion_requests.of_call(call.id, ErasureReason.OTHER, by=shared_house.by())
    await erase_now(shared_house)
    status, problem, response = await shared_house.ask("GET", f"/v1/calls/{call.id}", headers=headers)
    assert (status, problem["code"]) == (401, "token_refused")
    assert response.headers["Access-Control-Allow-Origin"] == PAGE


async def test_a_visitor_s_token_ends_with_its_time(tmp_path: Path) -> None:
    """Hours, as the settings say; then 401."""
    clock = TurnableClock(SystemClock().now().replace(microsecond=0))
    async with open_house(tmp_path, clock=clock) as house:
        call = await a_call(house)
        headers = visitor_headers(house, call)
        clock.turn(timedelta(seconds=house.services.settings.sessions.visitor_token_s - 60))
        assert (await house.ask("GET", f"/v1/calls/{call.id}", headers=headers))[0] == 200
        clock.turn(timedelta(seconds=120))
        status, problem, _ = await house.ask("GET", f"/v1/calls/{call.id}", headers=headers)
        assert (status, problem["code"]) == (401, "token_refused")


async def test_one_address_cannot_press_a_button_without_end(tmp_path: Path) -> None:
    """Each button of each address has its own count; 429 says when to come back, and the page may read it."""
    async with open_house(tmp_path, limits={"calls_per_minute": 2}) as house:
        button, other = await a_button(house), await a_button(house)
        for _ in range(2):
            assert (await _press(house, button))[0] == 201
        status, problem, response = await _press(house, button)
        assert (status, problem["code"]) == (429, "too_many_requests")
        assert 0 < int(response.headers["Retry-After"]) <= 60
        assert response.headers["Access-Control-Allow-Origin"] == PAGE
        assert "Retry-After" in response.headers["Access-Control-Expose-Headers"]
        assert (await _press(house, other))[0] == 201


async def _calls_of(house: House, button: Button) -> int:
    from sqlalchemy import func, select

    from vault.db.tables import calls

    query = select(func.count()).select_from(calls).where(calls.c.button_id == button.id)
    async with house.rooms.database.read() as connection:
        return int((await connection.execute(query)).scalar_one())
