"""Chat, notes, search and the opened call over HTTP, with a visitor whom the company signed for."""

import base64
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.vault.http.house import House
from tests.vault.http.recordings import visitor_headers, visitor_of
from tests.vault.http.visitors import PAGE, add_button
from vault.calls.calls import OpenedCall
from vault.calls.participants import take_part
from vault.model import ConsentChoice, Id, Role, new_id

NAME = "https://shop.example/accounts"


async def test_a_call_from_its_visitors_token_to_its_dossier(house: House) -> None:
    """Signed for, answered, written in, noted, ended, found by the number, opened, and marked as verified."""
    token = await _company(house)
    button_id = await add_button(house)
    change = {"requires_visitor_token": True}
    status, shown, _ = await house.ask("PATCH", f"/v1/buttons/{button_id}", role=Role.ADMIN, json=change)
    assert (status, shown["requires_visitor_token"]) == (200, True)
    status, refused, _ = await _press(house, button_id)
    assert (status, refused["code"], refused["reason"]) == (403, "visitor_token", "missing")
    signed = token(button_id, jti="once")
    status, opened, _ = await _press(house, button_id, visitor_token=signed)
    assert status == 201
    status, refused, _ = await _press(house, button_id, visitor_token=signed)
    assert (status, refused["reason"]) == (403, "used")
    call = await _live(house, opened["id"], opened["notice"]["hash"])
    await _write(house, call)
    await _note(house, call.id)
    search = {"field": "phone", "value": "0033 6 12 34 56 78"}
    status, found, _ = await house.ask("POST", "/v1/calls/search", role=Role.SERVICE, json=search)
    assert (status, [item["id"] for item in found["items"]]) == (200, [call.id])
    assert found["items"][0]["disposition"] == "resolved"
    status, dossier, _ = await house.ask("GET", f"/v1/calls/{call.id}/dossier", role=Role.AGENT)
    assert (status, dossier["visitor"]["name"], dossier["page_url"]) == (200, "Grace Hopper", f"{PAGE}/cart")
    assert dossier["visitor"]["verified"] == ["name", "phone", "reference"]
    assert dossier["visitor"]["email"] == "page@example.org"
    assert [message["text"] for message in dossier["messages"]] == ["Good morning", "Hello Grace"]
    assert [(note["text"], note["author"]["name"]) for note in dossier["notes"]] == [("calm", "agent of a")]


async def test_a_list_pages_by_cursor_and_a_search_holds_no_value_in_its_own(house: House) -> None:
    """A cursor is good for the list that gave it alone."""
    button_id = await add_button(house)
    for _ in range(3):
        assert (await _press(house, button_id))[0] == 201
    status, first, response = await house.ask("GET", "/v1/calls?limit=2&state=open", role=Role.AUDITOR)
    assert (status, len(first["items"])) == (200, 2)
    assert 'rel="next"' in response.headers["Link"]
    more = f"/v1/calls?limit=2&state=open&cursor={first['next_cursor']}"
    status, second, _ = await house.ask("GET", more, role=Role.AUDITOR)
    assert (status, len(second["items"]), second["next_cursor"]) == (200, 1, None)
    assert not {item["id"] for item in first["items"]} & {item["id"] for item in second["items"]}
    search: dict[str, Any] = {"field": "email", "value": "PAGE@example.org", "limit": 2}
    status, found, _ = await house.ask("POST", "/v1/calls/search", role=Role.AGENT, json=search)
    assert (status, len(found["items"])) == (200, 2)
    assert b"page@" not in base64.urlsafe_b64decode(found["next_cursor"] + "===").lower()
    rest = search | {"cursor": found["next_cursor"]}
    status, found, _ = await house.ask("POST", "/v1/calls/search", role=Role.AGENT, json=rest)
    assert (status, len(found["items"])) == (200, 1)
    wrong = rest | {"cursor": first["next_cursor"]}
    assert (await house.ask("POST", "/v1/calls/search", role=Role.AGENT, json=wrong))[0] == 422


async def test_the_rules_for_notes_are_an_administrators(house: House) -> None:
    """Defaults first; a list of one's own afterwards; who answers may read it."""
    status, rules, _ = await house.ask("GET", "/v1/note-rules", role=Role.AGENT)
    assert (status, rules["retention_days"]) == (200, 365)
    assert "resolved" in [one["code"] for one in rules["dispositions"]]
    own = {"retention_days": 30, "dispositions": [{"code": "sold", "label": {"en": "Sold", "fr": "Vendu"}}]}
    assert (await house.ask("PUT", "/v1/note-rules", role=Role.SUPERVISOR, json=own))[0] == 403
    status, rules, _ = await house.ask("PUT", "/v1/note-rules", role=Role.ADMIN, json=own)
    assert (status, rules) == (200, own)
    twice = own | {"dispositions": own["dispositions"] * 2}  # type: ignore[operator]
    assert (await house.ask("PUT", "/v1/note-rules", role=Role.ADMIN, json=twice))[0] == 422


@pytest.mark.parametrize("given", [None, 'W/"1"', '"x"', '"0"'])
async def test_a_note_is_written_only_over_the_one_that_was_read(house: House, given: str | None) -> None:
    """RFC 9110, 13.1.1: without If-Match 428, with any but the current strong tag 412."""
    call = await _live(house, (await _press(house, await add_button(house)))[1]["id"])
    path = f"/v1/calls/{call.id}/notes"
    await _note(house, call.id)
    headers = {} if given is None else {"If-Match": given}
    body = {"text": "lost", "disposition": None}
    status, problem, _ = await house.ask("PUT", path, role=Role.AGENT, json=body, headers=headers)
    assert (status, problem["code"]) == (
        (428, "precondition_required") if given is None else (412, "precondition_failed")
    )
    assert (await house.ask("GET", path, role=Role.AGENT))[1]["text"] == "calm"


async def _company(house: House) -> Any:
    """A company whose program signs for its visitors; gives what makes a token."""
    key = Ed25519PrivateKey.generate()
    x = base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).rstrip(b"=").decode()
    registration = {
        "name": "Shop",
        "issuer": NAME,
        "audience": "callvault",
        "algorithm": "EdDSA",
        "jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "1", "alg": "EdDSA", "x": x}]},
    }
    status, made, _ = await house.ask("POST", "/v1/issuers", role=Role.ADMIN, json=registration)
    assert status == 201, made
    now_s = int(house.rooms.clock.now().timestamp())

    def token(button_id: Id, **more: Any) -> str:
        claims: dict[str, Any] = {"iss": NAME, "aud": button_id, "sub": "customer-7", "name": "Grace Hopper"}
        claims |= {"phone_number": "+33612345678", "iat": now_s, "exp": now_s + 300, **more}
        return jwt.encode(claims, key, algorithm="EdDSA", headers={"typ": "visitor+jwt", "kid": "1"})

    return token


async def _press(house: House, button_id: Id, **more: Any) -> tuple[int, Any, Any]:
    body = {
        "language": "en",
        "media": ["audio"],
        "visitor": {"name": "Somebody", "email": "page@example.org"},
        "page_url": f"{PAGE}/cart",
        **more,
    }
    return await house.ask("POST", f"/v1/buttons/{button_id}/calls", json=body, headers={"Origin": PAGE})


async def _live(house: House, call_id: Id, notice_hash: str | None = None) -> OpenedCall:
    """The visitor agreed and is there, and tenant A's agent took the call."""
    rooms, tenant_id = house.rooms, house.tenants["a"]
    call = OpenedCall(call_id, tenant_id, None, None)  # type: ignore[arg-type]
    visitor = visitor_of(call)
    if notice_hash is not None:
        await rooms.calls.answer_notice(
            call_id, ConsentChoice.ACCEPTED, notice_hash=notice_hash, language="en", by=visitor
        )
        leg_id = new_id("leg")
        view = await rooms.calls.ready_for_leg(call_id, by=visitor)
        await rooms.calls.leg_joined(view, leg_id, visitor)
        await rooms.calls.leg_connected(call_id, leg_id)
    agent = house.people["a", Role.AGENT]
    async with rooms.database.write() as connection:
        await take_part(
            connection, tenant_id=tenant_id, call_id=call_id, person_id=agent.id, at=rooms.clock.now()
        )
    return call


async def _write(house: House, call: OpenedCall) -> None:
    path = f"/v1/calls/{call.id}/messages"
    first = {"text": "Good morning", "key": "1"}
    status, sent, response = await house.ask("POST", path, json=first, headers=visitor_headers(house, call))
    assert (status, sent["n"], sent["mine"], sent["kept"]) == (201, 1, True, True)
    assert response.headers["Access-Control-Allow-Origin"] == PAGE
    status, _, _ = await house.ask("POST", path, role=Role.AGENT, json={"text": "Hello Grace", "key": "1"})
    assert status == 201
    status, read, _ = await house.ask("GET", f"{path}?after=1", headers=visitor_headers(house, call))
    assert (status, [(one["text"], one["name"]) for one in read["items"]]) == (
        200,
        [("Hello Grace", "agent of a")],
    )


async def _note(house: House, call_id: Id) -> None:
    path = f"/v1/calls/{call_id}/notes"
    status, note, response = await house.ask("GET", path, role=Role.AGENT)
    assert (status, note["text"], response.headers["ETag"]) == (200, "", '"0"')
    body = {"text": "calm", "disposition": "resolved"}
    headers = {"If-Match": response.headers["ETag"]}
    status, note, response = await house.ask("PUT", path, role=Role.AGENT, json=body, headers=headers)
    assert (status, note["text"], response.headers["ETag"]) == (200, "calm", '"1"')
