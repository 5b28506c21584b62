"""The wall between tenants, at every route that takes an identifier: foreign looks exactly like missing (P5).

The routes come from the table and the foreign things are real: a recording, a call with a running leg, a
link, an erasure, a button, a person, an identity provider. A new kind of identifier fails until it has one.
"""

import base64
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.vault.http.house import House
from tests.vault.http.players import sign_in
from tests.vault.http.recordings import (
    Recorded,
    a_call,
    answering,
    erase_now,
    publishing,
    record,
    visitor_headers,
)
from tests.vault.http.samples import sample_of
from tests.vault.http.visitors import PAGE
from tests.webrtc.publisher import PublisherPlan, WhipPublisher
from tests.webrtc.spectator import Spectator
from vault.calls.calls import OpenedCall
from vault.calls.visitors import Visitor
from vault.http.route import PATH_IDS, Route
from vault.http.routes import ROUTES
from vault.http.wire import JSON_TYPE
from vault.model import (
    ErasureReason,
    ExportFormat,
    HoldGround,
    RestrictionGround,
    RestrictionSubject,
    Role,
    RuleKind,
    new_id,
)
from vault.policy import GRANTS, Permission
from vault.rights.changes import Wanted
from vault.rights.holds import NewHold
from vault.rights.restrictions import NewRestriction

pytestmark = pytest.mark.asyncio(loop_scope="module")

GUARDED = [
    route
    for route in ROUTES.routes
    if route.needs is not Permission.PUBLIC and set(route.places) & set(PATH_IDS)
]
OF_EACH_ANSWER = {"x-request-id", "date", "ratelimit", "ratelimit-policy"}


@dataclass
class Foreign:
    """What tenant B has: an identifier for each kind, the leg's tag, and ids that stand in bodies."""

    ids: dict[str, str]
    etag: str
    link_path: str
    reference: str
    erased_media_id: str


async def _feed(house: House, publisher: WhipPublisher, spectator: Spectator) -> str:
    """What tenant B's agent, who took the call, sees of its visitor."""
    path = f"{publisher.location.removeprefix(house.url)}/feeds"
    offer = {"data": await spectator.offer(), "headers": {"Content-Type": "application/sdp"}}
    status, _, response = await house.ask("POST", path, role=Role.AGENT, tenant="b", **offer)
    assert status == 201
    return str(response.headers["Location"]).rsplit("/", 1)[1]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def foreign(shared_house: House) -> AsyncIterator[Foreign]:
    """Real things of tenant B, one of each kind, with a call that goes on meanwhile."""
    house = shared_house
    admin = house.by(Role.ADMIN, "b")
    recorded, gone = await record(house, "b", reference="theirs"), await record(house, "b")
    deletion = await house.rooms.deletion_requests.of_media(gone.id, ErasureReason.LEGAL, by=admin)
    await erase_now(house)
    made = await (await sign_in(house, tenant="b")).link(recorded.id)
    export = await house.rooms.whole_calls.exports.ask(recorded.call_id, ExportFormat.WAV, by=admin)
    call = await a_call(house, "b")
    async with (
        publishing(house, call, PublisherPlan(video=None)) as publisher,
        answering(house, call, tenant="b"),
        Spectator(("audio",)) as spectator,
    ):
        pause = await house.rooms.control.pauses.begin(call.id, by=house.by(Role.SERVICE, "b"))
        yield Foreign(
            ids={
                "feed_id": await _feed(house, publisher, spectator),
                "ask_id": await _ask(house, call),
                "button_id": recorded.button_id,
                "call_id": call.id,
                "deletion_id": deletion.id,
                "export_id": export.id,
                **await _custody(house, recorded),
                "invitation_id": await _invitation(house, recorded.button_id),
                "issuer_id": await _issuer(house),
                "leg_id": publisher.location.rsplit("/", 1)[1],
                "link_id": made["id"],
                "media_id": recorded.id,
                "pause_id": pause.id,
                "person_id": house.people["b", Role.AGENT].id,
                "team_id": (await house.rooms.teams.create("Theirs", by=admin)).id,
            },
            etag=publisher.etag,
            link_path=made["urls"]["media"],
            reference="theirs",
            erased_media_id=gone.id,
        )
        assert await publisher.unpublish() == 200


async def _hold(house: House, media_id: str) -> str:
    until = house.rooms.clock.now() + timedelta(days=1)
    new = NewHold(media_id, HoldGround.LEGAL_CLAIM, "a claim", until)
    return (await house.rooms.custody.holds.place(new, by=house.by(Role.ADMIN, "b"))).id


async def _restriction(house: House) -> str:
    new = NewRestriction(
        (await record(house, "b")).id, RestrictionGround.OBJECTION, RestrictionSubject.VISITOR, "an objection"
    )
    return (await house.rooms.custody.restrictions.place(new, by=house.by(Role.ADMIN, "b"))).id


async def _custody(house: House, recorded: Recorded) -> dict[str, str]:
    """What keeps things, and what shortens that."""
    return {
        "change_id": await _change(house, recorded.button_id),
        "hold_id": await _hold(house, recorded.id),
        "restriction_id": await _restriction(house),
    }


async def _change(house: House, button_id: str) -> str:
    changes, by = house.rooms.custody.changes, house.by(Role.ADMIN, "b")
    wanted = Wanted(RuleKind.RECORDING, 3, button_id)
    moves = (await changes.preview(wanted, by=by)).moves
    return (await changes.ask(wanted, moves=moves, by=by)).id


async def _invitation(house: House, button_id: str) -> str:
    by = house.by(Role.AGENT, "b")
    return (await house.rooms.invitations.make(button_id, Visitor(), by=by)).id


async def _ask(house: House, call: OpenedCall) -> str:
    """What tenant B's agent asked of a supervisor who is not there."""
    path, asked = f"/v1/calls/{call.id}/joins", {"person_id": house.people["b", Role.SUPERVISOR].id}
    status, made, _ = await house.ask("POST", path, role=Role.AGENT, tenant="b", json=asked)
    assert (status, made["state"]) == (201, "nobody")
    return str(made["id"])


async def _issuer(house: House) -> str:
    public = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    x = base64.urlsafe_b64encode(public).rstrip(b"=").decode()
    key = {"kty": "OKP", "crv": "Ed25519", "kid": "1", "alg": "EdDSA", "x": x}
    body = {
        "name": "Theirs",
        "issuer": "https://login.b.example",
        "audience": "callvault",
        "algorithm": "EdDSA",
        "jwks": {"keys": [key]},
        "default_role": "agent",
    }
    status, made, _ = await house.ask("POST", "/v1/issuers", role=Role.ADMIN, tenant="b", json=body)
    assert status == 201, made
    return str(made["id"])


def _path(route: Route, ids: Mapping[str, str]) -> str:
    path = route.path
    for place in route.places:
        path = path.replace("{" + place + "}", ids[place])
    return path + ("?reason=legal" if route.label == "DELETE /v1/media/{media_id}" else "")


def _missing(route: Route) -> dict[str, str]:
    return {place: new_id(PATH_IDS[place]) for place in route.places}


def _more(route: Route, foreign: Foreign) -> dict[str, Any]:
    """A body and headers that fit, so that only whose thing it is remains in question."""
    if isinstance(route.body, type):
        return {"data": sample_of(route.body), "headers": {"Content-Type": JSON_TYPE}}
    if isinstance(route.body, str):
        return {"data": b"v=0\r\n", "headers": {"Content-Type": route.body, "If-Match": foreign.etag}}
    return {"headers": {}}


async def _seen(house: House, method: str, path: str, **more: Any) -> tuple[int, Any, dict[str, str]]:
    """An answer without what is each answer's own."""
    status, body, response = await house.ask(method, path, **more)
    told = {key: value for key, value in body.items() if key != "instance"} if body else body
    headers = {name.lower(): value for name, value in response.headers.items()}
    return status, told, {name: value for name, value in headers.items() if name not in OF_EACH_ANSWER}


async def test_every_kind_of_identifier_has_a_foreign_thing_here(foreign: Foreign) -> None:
    """A route with a new kind of identifier is not left out."""
    assert {place for route in GUARDED for place in route.places} <= set(foreign.ids)


@pytest.mark.parametrize("origin", [None, PAGE], ids=["program", "page"])
@pytest.mark.parametrize("route", GUARDED, ids=lambda route: route.label)
async def test_a_foreign_thing_is_answered_like_a_missing_one(
    shared_house: House, foreign: Foreign, route: Route, origin: str | None
) -> None:
    """Status, body and headers, for each role the route lets in; a page of theirs changes nothing."""
    more = _more(route, foreign)
    if origin is not None:
        more["headers"]["Origin"] = origin
    own_call = await a_call(shared_house)
    for role in Role:
        if route.needs not in GRANTS[role]:
            continue
        who: dict[str, Any] = {**more, "role": role}
        if role is Role.VISITOR:
            token = visitor_headers(shared_house, own_call)["Authorization"]
            who = {**more, "headers": {**more["headers"], "Authorization": token}}
        answers = [
            await _seen(shared_house, route.method, _path(route, ids), **who)
            for ids in (foreign.ids, _missing(route))
        ]
        assert answers[0] == answers[1], role
        assert answers[0][0] == 404, (role, answers[0])


@pytest.mark.parametrize("member", ["media_id", "erased", "call_id", "visitor_reference", "visitor_phone"])
async def test_a_foreign_thing_cannot_be_named_in_a_body(
    shared_house: House, foreign: Foreign, member: str
) -> None:
    """A request for erasure of another tenant's data is one of nothing."""
    theirs, missing = {
        "media_id": (foreign.ids["media_id"], new_id("rec")),
        "erased": (foreign.erased_media_id, new_id("rec")),
        "call_id": (foreign.ids["call_id"], new_id("call")),
        "visitor_reference": (foreign.reference, "nobody"),
        "visitor_phone": ("+33612345678", "+33000000000"),
    }[member]
    name = "media_id" if member == "erased" else member
    for role in (Role.SERVICE, Role.ADMIN, Role.AUDITOR):
        answers = [
            await _seen(
                shared_house,
                "POST",
                "/v1/deletion-requests",
                role=role,
                json={name: value, "reason": "visitor_request"},
            )
            for value in (theirs, missing)
        ]
        assert answers[0] == answers[1]
        assert answers[0][0] == 404


async def test_a_filter_by_a_foreign_thing_finds_nothing(shared_house: House, foreign: Foreign) -> None:
    """An empty list, as for one that is not there."""
    for name, prefix in (("button_id", "btn"), ("call_id", "call")):
        answers = [
            await _seen(shared_house, "GET", f"/v1/media?{name}={value}", role=Role.ADMIN)
            for value in (foreign.ids[name], new_id(prefix))
        ]
        assert answers[0] == answers[1]
        assert answers[0][1] == {"items": [], "next_cursor": None}


async def test_no_list_of_one_tenant_names_a_thing_of_the_other(
    shared_house: House, foreign: Foreign
) -> None:
    """Every list, every role: none of their identifiers, none of their names."""
    secrets = {*foreign.ids.values(), foreign.erased_media_id, shared_house.tenants["b"], "Tenant B", " of b"}
    lists = [
        route.path
        for route in ROUTES.routes
        if route.method == "GET" and route.path.startswith("/v1/") and not route.places
    ]
    assert len(lists) >= 5
    for path in lists:
        for role in set(Role) - {Role.VISITOR}:
            _, body, response = await shared_house.ask("GET", path, role=role)
            written = str(body) + str(response.headers)
            assert not [secret for secret in secrets if secret in written], (path, role)


async def test_their_things_are_unharmed_after_all_that(shared_house: House, foreign: Foreign) -> None:
    """Nothing of what was asked above had an effect: it all still works for its owner."""
    house = shared_house
    leg, call = foreign.ids["leg_id"], foreign.ids["call_id"]
    assert house.rooms.legs.live == 2
    for path, member, value in (
        (f"/v1/media/{foreign.ids['media_id']}", "state", "ready"),
        (f"/v1/people/{foreign.ids['person_id']}", "disabled_at", None),
        (f"/v1/calls/{call}", "state", "live"),
    ):
        status, body, _ = await house.ask("GET", path, role=Role.ADMIN, tenant="b")
        assert (status, body[member]) == (200, value), (path, leg)
    _, page, _ = await house.ask("GET", "/v1/deletion-requests", role=Role.ADMIN, tenant="b")
    assert [item["id"] for item in page["items"]] == [foreign.ids["deletion_id"]]
    _, found, _ = await house.ask("GET", "/v1/buttons", role=Role.ADMIN, tenant="b")
    assert {item["disabled"] for item in found["items"]} == {False}
    _, found, _ = await house.ask("GET", "/v1/issuers", role=Role.ADMIN, tenant="b")
    assert [item["disabled_at"] for item in found["items"]] == [None]
