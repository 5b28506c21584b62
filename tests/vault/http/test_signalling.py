"""Legs over HTTP in the shape of WHIP (RFC 9725), driven by a stock peer connection that really talks."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.vault.http.house import House, open_house
from tests.vault.http.recordings import a_button, a_call, finish, publishing, visitor_headers
from tests.vault.http.visitors import PAGE
from tests.webrtc.publisher import Publisher, PublisherPlan
from vault.calls.calls import OpenedCall
from vault.db.tables import calls, legs, media
from vault.model import ConsentChoice, Id, Role, new_id
from vault.policy import GRANTS, Permission

pytestmark = pytest.mark.asyncio(loop_scope="module")

SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}
SOUND = PublisherPlan(video=None)
SMALL = PublisherPlan(width=160, height=90, fps=15, bit_rate=100_000)  # quick to encode
MOBILE = "a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\n"


@dataclass
class Visitor:
    """Who speaks to one call's addresses."""

    house: House
    call: OpenedCall

    async def ask(self, method: str, path: str = "/legs", **more: Any) -> tuple[int, Any, Any]:
        """Send a request below the call as its visitor."""
        headers = visitor_headers(self.house, self.call) | more.pop("headers", {})
        return await self.house.ask(method, f"/v1/calls/{self.call.id}{path}", headers=headers, **more)

    async def offer(self, text: str | bytes) -> tuple[int, Any, Any]:
        """Send an offer."""
        return await self.ask("POST", headers=SDP, data=text)


async def _visitor(house: House, choice: ConsentChoice | None = ConsentChoice.ACCEPTED) -> Visitor:
    return Visitor(house, await a_call(house, choice=choice))


@pytest.fixture(scope="module")
def offer() -> str:
    """An honest offer of a stock client."""

    async def make() -> str:
        async with Publisher(SOUND) as publisher:
            return await publisher.offer()

    return asyncio.run(make())


async def _media_of(house: House, call_id: Id) -> list[Id]:
    async with house.rooms.database.read() as connection:
        rows = await connection.execute(select(media.c.id).where(media.c.call_id == call_id))
        return [row.id for row in rows]


async def test_a_visitor_talks_hangs_up_and_the_recording_is_there(shared_house: House) -> None:
    """201 with answer, Location and ETag; live while it lasts; DELETE 200; then a recording is finished."""
    visitor = await _visitor(shared_house)
    async with publishing(shared_house, visitor.call, SMALL) as publisher:
        assert re.search(rf"/v1/calls/{visitor.call.id}/legs/leg_[0-9a-f]{{32}}$", publisher.location)
        assert re.fullmatch(r'"[!#-~]{8,}"', publisher.etag)
        await asyncio.sleep(1.5)
        _, call, _ = await visitor.ask("GET", "")
        assert (call["state"], call["ended_at"]) == ("live", None)
        assert await publisher.unpublish() == 200
        assert await publisher.unpublish() == 404
    _, call, _ = await visitor.ask("GET", "")
    assert (call["state"], call["end_reason"]) == ("ended", "hangup")
    (media_id,) = await _media_of(shared_house, visitor.call.id)
    await finish(shared_house, media_id)
    status, item, _ = await shared_house.ask("GET", f"/v1/media/{media_id}", role=Role.AGENT)
    assert (status, item["state"], item["codecs"]) == (200, "ready", ["opus", "vp8"])
    assert item["leg_id"] == publisher.location.rsplit("/", 1)[1]
    assert item["duration_ms"] > 1_000


@pytest.mark.parametrize("records", [True, False])
async def test_without_a_yes_nothing_is_captured(shared_house: House, *, records: bool) -> None:
    """P11: refused, or a button that records nothing: the call goes on and leaves no media."""
    button = await a_button(shared_house, records=records)
    choice = ConsentChoice.REFUSED if records else ConsentChoice.ACCEPTED
    call = await a_call(shared_house, choice=choice, button=button)
    async with publishing(shared_house, call, SOUND) as publisher:
        await asyncio.sleep(1.5)
        assert publisher.audio is not None
        assert publisher.audio.sent > 20
        assert await publisher.unpublish() == 200
    assert await _media_of(shared_house, call.id) == []


async def test_the_notice_is_answered_before_a_leg_joins(shared_house: House, offer: str) -> None:
    """409 consent_missing; nothing is set up."""
    visitor = await _visitor(shared_house, None)
    status, problem, response = await visitor.offer(offer)
    assert (status, problem["code"]) == (409, "consent_missing")
    assert response.headers["Access-Control-Allow-Origin"] == PAGE
    assert shared_house.rooms.legs.live == 0


async def test_an_answer_is_sdp_that_names_its_leg(shared_house: House, offer: str) -> None:
    """RFC 9725, 4.2: application/sdp, Location and ETag, which the page may read."""
    visitor = await _visitor(shared_house)
    status, answer, response = await visitor.offer(offer)
    try:
        assert status == 201
        assert response.headers["Content-Type"] == "application/sdp"
        assert answer.startswith(b"v=0\r\n")
        assert b"a=setup:passive\r\n" in answer or b"a=setup:active\r\n" in answer
        assert b"a=recvonly\r\n" in answer
        exposed = response.headers["Access-Control-Expose-Headers"]
        assert {"Location", "ETag"} <= set(exposed.split(", "))
    finally:
        leg = response.headers["Location"].partition(visitor.call.id)[2]
        assert (await visitor.ask("DELETE", leg))[0] == 200


@pytest.mark.parametrize(
    ("headers", "raw", "status", "code"),
    [
        ({"Content-Type": "application/json"}, b"{}", 415, "unsupported_media_type"),
        ({"Content-Type": "text/plain"}, b"v=0\r\n", 415, "unsupported_media_type"),
        ({"Content-Type": "application/sdp;charset=latin-1"}, b"v=0\r\n", 415, "unsupported_media_type"),
        (SDP | {"Content-Encoding": "gzip"}, b"\x1f\x8b", 415, "unsupported_media_type"),
        (SDP, b"v=0\r\n" + b"a=x\r\n" * 14_000, 413, "too_large"),
        (SDP, b"\xff\xfe", 400, "malformed"),
    ],
)
async def test_a_body_that_is_no_offer_is_refused(
    shared_house: House, headers: dict[str, str], raw: bytes, status: int, code: str
) -> None:
    """Type, size and text are checked before the gate sees a line."""
    visitor = await _visitor(shared_house)
    found, problem, _ = await visitor.ask("POST", headers=headers, data=raw)
    assert (found, problem["code"]) == (status, code)
    assert shared_house.rooms.legs.live == 0


def _without(line: str) -> Any:
    return lambda text: re.sub(rf"a={line}.*\r\n", "", text)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda _: "", "malformed_offer"),
        (lambda _: "v=0\r\n", "no_media_sent"),
        (lambda text: text.replace("v=0", "v=1", 1), "malformed_offer"),
        (lambda text: text + "\0", "malformed_offer"),
        (_without("fingerprint"), "fingerprint_required"),
        (_without("ice-ufrag"), "ice_credentials_required"),
        (_without("rtcp-mux"), "rtcp_mux_required"),
        (lambda text: text.replace("a=sendrecv", "a=recvonly"), "no_media_sent"),
        (lambda text: text.replace("opus/48000", "other/48000"), "unsupported_codec"),
        (lambda text: text + "m=audio 9 UDP/TLS/RTP/SAVPF 96\r\n" * 40, "too_many_media"),
        (
            lambda text: text + "a=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n" * 200,
            "too_many_candidates",
        ),
    ],
)
async def test_a_hostile_offer_is_refused_with_the_gate_s_reason(
    shared_house: House, offer: str, spoil: Any, reason: str
) -> None:
    """F7: 422 offer_refused; the sentence is ours, nothing of the offer comes back; the call is unharmed."""
    visitor = await _visitor(shared_house)
    status, problem, _ = await visitor.offer(spoil(offer))
    assert (status, problem["code"], problem["reason"]) == (422, "offer_refused", reason)
    assert "10.0.0.1" not in str(problem)
    assert shared_house.rooms.legs.live == 0
    async with shared_house.rooms.database.read() as connection:
        found = await connection.execute(select(legs.c.id).where(legs.c.call_id == visitor.call.id))
        assert found.all() == []
    _, call, _ = await visitor.ask("GET", "")
    assert call["state"] == "open"


async def test_candidates_come_with_the_answer_s_tag(shared_house: House) -> None:
    """RFC 9725, 4.3.1: no If-Match 428, a stale one 412, the right one 204; RFC 8840 fragments only."""
    visitor = await _visitor(shared_house)
    async with publishing(shared_house, visitor.call, SOUND) as publisher:
        leg = publisher.location.partition(visitor.call.id)[2]
        done = "a=mid:0\r\na=end-of-candidates\r\n"

        async def send(data: str | bytes, **headers: str) -> tuple[int, Any]:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            status, body, _ = await visitor.ask("PATCH", leg, headers=FRAGMENT | named, data=data)
            return status, body if status == 204 else body["code"]

        tag = publisher.etag
        assert await send(done) == (428, "precondition_required")
        for stale in ('"another"', f"W/{tag}"):
            assert await send(done, If_Match=stale) == (412, "precondition_failed"), stale
        for good in (tag, "*"):
            assert await send(done, If_Match=good) == (204, b""), good
        assert await send(b"\xff", If_Match=tag) == (400, "malformed")
        assert await send("a=candidate:nonsense\r\n", If_Match=tag) == (400, "malformed")
        restart = MOBILE.format(ufrag="abcd", password="x" * 24) + done
        assert await send(restart, If_Match=tag) == (409, "conflict")
        assert await send(done * 400, If_Match=tag) == (413, "too_large")
        assert await send(done, If_Match=tag, Content_Type="application/sdp") == (
            415,
            "unsupported_media_type",
        )
        _, call, _ = await visitor.ask("GET", "")
        assert call["state"] == "live"  # whatever was refused, the call goes on
        assert await publisher.unpublish() == 200
        assert await send(done, If_Match=tag) == (404, "not_found")


async def test_a_new_leg_takes_the_place_of_the_old_one_and_none_comes_after_the_end(
    shared_house: House, offer: str
) -> None:
    """One leg at a time: a second offer replaces the first leg, whose address is gone; too late is 409."""
    visitor = await _visitor(shared_house)
    async with publishing(shared_house, visitor.call, SOUND) as publisher:
        status, _, response = await visitor.offer(offer)
        assert status == 201
        assert shared_house.rooms.legs.live == 1
        assert await publisher.unpublish() == 404
    assert (await visitor.ask("DELETE", response.headers["Location"].partition(visitor.call.id)[2]))[0] == 200
    assert shared_house.rooms.legs.live == 0
    status, problem, _ = await visitor.offer(offer)
    assert (status, problem["code"]) == (409, "conflict")


async def test_a_leg_obeys_its_own_visitor_only(shared_house: House) -> None:
    """Another visitor, another tenant's, staff, a wrong pair of call and leg: 404 or 403. The leg goes on."""
    visitor = await _visitor(shared_house)
    neighbour = await _visitor(shared_house)
    stranger = Visitor(shared_house, await a_call(shared_house, "b"))
    async with publishing(shared_house, visitor.call, SOUND) as publisher:
        leg = publisher.location.partition(visitor.call.id)[2]
        path = f"/v1/calls/{visitor.call.id}{leg}"
        patch: dict[str, Any] = {
            "headers": FRAGMENT | {"If-Match": publisher.etag},
            "data": "a=end-of-candidates\r\n",
        }
        for other in (neighbour, stranger):
            own = visitor_headers(shared_house, other.call)
            both: tuple[tuple[str, dict[str, Any]], ...] = (("PATCH", patch), ("DELETE", {}))
            for method, more in both:
                asked = {**more, "headers": own | more.get("headers", {})}
                assert (await shared_house.ask(method, path, **asked))[0] == 404
                assert (await other.ask(method, leg, **more))[0] == 404
        for role in set(Role) - {Role.VISITOR}:
            no = 404 if Permission.CALL_JOIN in GRANTS[role] else 403
            assert (await shared_house.ask("DELETE", path, role=role))[0] == no
            assert (await shared_house.ask("PATCH", path, role=role, **patch))[0] == no
        assert (await visitor.ask("DELETE", f"/legs/{new_id('leg')}"))[0] == 404
        assert shared_house.rooms.legs.live == 1
        assert await publisher.unpublish() == 200


async def test_staff_joins_what_it_took_only_and_a_stranger_needs_a_token(
    shared_house: House, offer: str
) -> None:
    """409 for those who could take it and did not, 403 for others, 401 without or with a spoilt token."""
    visitor = await _visitor(shared_house)
    path = f"/v1/calls/{visitor.call.id}/legs"
    for role in set(Role) - {Role.VISITOR}:
        status, problem, _ = await shared_house.ask("POST", path, role=role, data=offer, headers=SDP)
        joins = Permission.CALL_JOIN in GRANTS[role]
        assert (status, problem["code"]) == ((409, "conflict") if joins else (403, "forbidden"))
    token = visitor_headers(shared_house, visitor.call)["Authorization"]
    for headers in ({}, {"Authorization": token[:-2] + "xx"}, {"Authorization": token[7:]}):
        status, _, _ = await shared_house.ask("POST", path, data=offer, headers=SDP | headers)
        assert status == 401
    assert shared_house.rooms.legs.live == 0


async def test_a_full_house_asks_to_come_back(tmp_path: Path, offer: str) -> None:
    """503 with Retry-After, which the page may read; the next one is let in when somebody hangs up."""
    async with open_house(tmp_path, media={"max_legs": 2}) as house:
        first, second = await _visitor(house), await _visitor(house)
        status, _, response = await first.offer(offer)
        assert status == 201
        status, problem, busy = await second.offer(offer)
        assert (status, problem["code"]) == (503, "busy")
        assert int(busy.headers["Retry-After"]) > 0
        assert busy.headers["Access-Control-Allow-Origin"] == PAGE
        leg = response.headers["Location"].partition(first.call.id)[2]
        assert (await first.ask("DELETE", leg))[0] == 200
        assert (await second.offer(offer))[0] == 201
        house.rooms.legs.drain()
        status, problem, _ = await (await _visitor(house)).offer(offer)
        assert (status, problem["code"]) == (503, "busy")


async def test_an_address_with_its_fill_of_calls_is_told_so(tmp_path: Path, offer: str) -> None:
    """429 with Retry-After; the address is the caller's own, as a trusted proxy tells it."""
    limits, server = {"legs_per_address": 1}, {"trusted_proxies": ("127.0.0.1",)}
    crowd, other = ({"X-Forwarded-For": address} for address in ("192.0.2.7", "192.0.2.8"))
    async with open_house(tmp_path, limits=limits, server=server) as house:
        first, second = await _visitor(house), await _visitor(house)
        assert (await first.ask("POST", data=offer, headers=SDP | crowd))[0] == 201
        status, problem, refused = await second.ask("POST", data=offer, headers=SDP | crowd)
        assert (status, problem["code"]) == (429, "too_many_legs")
        assert int(refused.headers["Retry-After"]) > 0
        assert (await second.ask("POST", data=offer, headers=SDP | other))[0] == 201


@pytest.mark.parametrize(
    ("limit", "refusal"),
    [
        pytest.param("legs_per_button", (503, "busy"), id="button"),
        pytest.param("legs_per_tenant", (503, "busy"), id="tenant"),
        pytest.param("legs_per_address", (429, "too_many_legs"), id="address"),
    ],
)
async def test_no_room_is_told_before_the_visitor_is_asked_anything(
    tmp_path: Path, offer: str, limit: str, refusal: tuple[int, str]
) -> None:
    """Whichever share is full, the press of the button says so: no notice, no camera, no row."""
    async with open_house(tmp_path, limits={limit: 2}) as house:
        button = await a_button(house)
        callers = [Visitor(house, await a_call(house, button=button)) for _ in range(2)]
        for caller in callers[: 2 if limit == "legs_per_address" else 1]:
            assert (await caller.offer(offer))[0] == 201
        wish, path = {"language": "en", "media": ["audio"]}, f"/v1/buttons/{button.id}/calls"
        status, problem, answer = await house.ask("POST", path, json=wish, headers={"Origin": PAGE})
        assert (status, problem["code"]) == refusal
        assert int(answer.headers["Retry-After"]) > 0
        async with house.rooms.database.read() as connection:
            assert len((await connection.execute(select(calls.c.id))).all()) == len(callers)
