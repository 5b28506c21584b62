"""Cookies, other sites' pages, and the pages a button is embedded in."""

from pathlib import Path
from typing import Any

import pytest

from tests.vault.http.house import House, open_house
from tests.vault.http.visitors import PAGE, add_button, add_call
from vault.http.ask import Answer, Ask
from vault.http.route import Cors, Route
from vault.model import Role
from vault.policy import Permission

PUBLIC_URL = "https://vault.example"


async def _nothing(_ask: Ask[Any, Any]) -> Answer:
    return Answer(status=204)


def _widget_route(path: str, method: Any = "POST") -> Route:
    return Route(
        method=method,
        path=path,
        handler=_nothing,
        needs=Permission.PUBLIC,
        summary="For a test.",
        responses={204: None},
        cors=Cors.BUTTON,
        hidden=True,
    )


async def _sign_in(house: House, role: Role = Role.ADMIN) -> str:
    person = house.people["a", role]
    code = await house.rooms.identity.sessions.make_code(person_id=person.id, tenant_id=person.tenant_id)
    status, _, response = await house.ask("POST", "/v1/sessions", json={"code": code})
    assert status == 201
    return response.headers["Set-Cookie"]


async def test_the_session_cookie_is_bound_to_host_https_and_its_own_site(tmp_path: Path) -> None:
    """__Host-, Secure, HttpOnly, SameSite=Strict, Path=/ and no Domain (ASVS 3.3)."""
    async with open_house(tmp_path, server={"public_url": PUBLIC_URL}) as house:
        cookie = await _sign_in(house)
        name, _, attributes = cookie.partition("=")
        assert name == "__Host-callvault"
        parts = {part.strip() for part in attributes.split(";")[1:]}
        assert {"Path=/", "Secure", "HttpOnly", "SameSite=Strict"} <= parts
        assert not any(part.startswith("Domain") for part in parts)


async def test_a_development_server_without_https_uses_another_name(house: House) -> None:
    """A browser would drop a Secure cookie on plain http; the plain one is never taken elsewhere."""
    cookie = await _sign_in(house)
    assert cookie.startswith("callvault-dev=")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


async def test_a_session_reads_and_writes_from_our_own_pages(house: House) -> None:
    """Same origin, by Sec-Fetch-Site or by Origin."""
    cookie = (await _sign_in(house)).split(";")[0]
    status, me, _ = await house.ask("GET", "/v1/me", headers={"Cookie": cookie})
    assert (status, me["role"]) == (200, "admin")
    for proof in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": house.url}):
        headers = {"Cookie": cookie, **proof}
        body = {"role": "agent", "name": "x"}
        status, _, _ = await house.ask("POST", "/v1/people", json=body, headers=headers)
        assert status == 201, proof


@pytest.mark.parametrize(
    "proof",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "self"},
    ],
    ids=str,
)
async def test_another_sites_page_cannot_act_with_the_cookie(house: House, proof: dict[str, str]) -> None:
    """Unsafe methods with a cookie need proof of the same origin (ASVS 3.5)."""
    cookie = (await _sign_in(house)).split(";")[0]
    proof = {name: house.url if value == "self" else value for name, value in proof.items()}
    body = {"role": "agent", "name": "x"}
    headers = {"Cookie": cookie, **proof}
    status, problem, _ = await house.ask("POST", "/v1/people", json=body, headers=headers)
    assert (status, problem["code"]) == (403, "cross_site")


async def test_signing_out_kills_the_session_and_clears_the_browser(house: House) -> None:
    """The cookie is worth nothing afterwards, also to who kept a copy."""
    cookie = (await _sign_in(house)).split(";")[0]
    headers = {"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}
    status, _, response = await house.ask("DELETE", "/v1/sessions/current", headers=headers)
    assert status == 204
    assert "cookies" in response.headers["Clear-Site-Data"]
    assert "Max-Age=0" in response.headers["Set-Cookie"]
    status, problem, _ = await house.ask("GET", "/v1/me", headers={"Cookie": cookie})
    assert (status, problem["code"]) == (401, "token_refused")


async def test_a_bearer_token_decides_alone(house: House) -> None:
    """A cookie beside a bad token does not save it, and a good token needs no proof of origin."""
    cookie = (await _sign_in(house)).split(";")[0]
    headers = {"Cookie": cookie, "Authorization": "Bearer bad"}
    assert (await house.ask("GET", "/v1/me", headers=headers))[0] == 401
    body = {"role": "agent", "name": "x"}
    assert (await house.ask("POST", "/v1/people", role=Role.ADMIN, json=body))[0] == 201


async def test_a_sign_in_code_opens_one_session_only(house: House) -> None:
    """Single use; any bad code gets the same answer."""
    person = house.people["a", Role.AGENT]
    code = await house.rooms.identity.sessions.make_code(person_id=person.id, tenant_id=person.tenant_id)
    assert (await house.ask("POST", "/v1/sessions", json={"code": code}))[0] == 201
    for bad in (code, "never made"):
        status, problem, _ = await house.ask("POST", "/v1/sessions", json={"code": bad})
        assert (status, problem["code"]) == (401, "token_refused")


async def test_a_token_can_be_exchanged_for_a_session_but_not_a_services(house: House) -> None:
    """People may; a program has no browser."""
    assert (await house.ask("POST", "/v1/sessions", json={"token": house.token(Role.AGENT)}))[0] == 201
    assert (await house.ask("POST", "/v1/sessions", json={"token": house.token(Role.SERVICE)}))[0] == 401


@pytest.mark.parametrize("by_call", [False, True])
async def test_a_page_on_the_buttons_list_may_call_and_read(tmp_path: Path, *, by_call: bool) -> None:
    """The exact origin comes back, on the preflight and on the answer; problems can be read too."""
    path = "/test/calls/{call_id}" if by_call else "/test/buttons/{button_id}"
    async with open_house(tmp_path, routes=[_widget_route(path)]) as house:
        button = await add_button(house)
        call = await add_call(house, button)
        url = path.replace("{button_id}", button).replace("{call_id}", call)
        asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
        status, _, response = await house.ask("OPTIONS", url, headers=asked)
        assert status == 204
        assert response.headers["Access-Control-Allow-Origin"] == PAGE
        assert response.headers["Access-Control-Allow-Methods"] == "POST"
        status, _, response = await house.ask("POST", url, headers={"Origin": PAGE})
        assert status == 204
        assert response.headers["Access-Control-Allow-Origin"] == PAGE
        assert "Access-Control-Allow-Credentials" not in response.headers
        assert response.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://shop.example.evil.example",
        "http://shop.example",
        "null",
        f"{PAGE}:444",
    ],
)
async def test_any_other_page_reads_nothing(tmp_path: Path, origin: str) -> None:
    """Origins are compared letter for letter; another button's list does not help."""
    async with open_house(tmp_path, routes=[_widget_route("/test/buttons/{button_id}")]) as house:
        button = await add_button(house)
        await add_button(house, "b", origins=(origin,))
        status, _, response = await house.ask(
            "OPTIONS", f"/test/buttons/{button}", headers={"Origin": origin}
        )
        assert status == 403
        assert "Access-Control-Allow-Origin" not in response.headers
        _, _, response = await house.ask("POST", f"/test/buttons/{button}", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in response.headers


async def test_routes_of_the_console_answer_no_other_origin(house: House) -> None:
    """No CORS beyond the widget's routes: a preflight is just a wrong method."""
    headers = {"Origin": PAGE, "Access-Control-Request-Method": "GET"}
    status, _, response = await house.ask("OPTIONS", "/v1/people", headers=headers)
    assert status == 405
    assert "Access-Control-Allow-Origin" not in response.headers
