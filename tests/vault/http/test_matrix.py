"""Every route, every role, both tenants: generated from the table, so that no new route escapes."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.vault.http.house import House
from tests.vault.http.samples import sample_of
from tests.vault.http.visitors import visitor_token
from vault.http.route import PATH_IDS, Limit, Route
from vault.http.routes import ROUTES
from vault.http.wire import JSON_TYPE
from vault.model import Role, new_id
from vault.policy import GRANTS, Permission

GUARDED = [route for route in ROUTES.routes if route.needs is not Permission.PUBLIC]
OPEN = [route for route in ROUTES.routes if route.needs is Permission.PUBLIC]


def _label(route: Route) -> str:
    return route.label


def _path(route: Route, ids: Mapping[str, str]) -> str:
    """Fill the path with identifiers: those given, else ones nobody has."""
    path = route.path
    for place in route.places:
        value = ids.get(place) or (new_id(PATH_IDS[place]) if place in PATH_IDS else _guess(route, place))
        path = path.replace("{" + place + "}", value)
    return path


def _guess(route: Route, place: str) -> str:
    """Find a text that fits a parameter's own pattern."""
    pattern = route.pattern_of(place)
    guesses = ("999999", "a" * 22, "a.js", *(choice.replace("\\", "") for choice in pattern.split("|")))
    return next(guess for guess in guesses if re.fullmatch(pattern, guess))


def _request(route: Route) -> dict[str, Any]:
    """A body that fits the route's schema, so that nothing but the right to ask is in question."""
    if isinstance(route.body, type):
        return {"data": sample_of(route.body), "headers": {"Content-Type": JSON_TYPE}}
    if isinstance(route.body, str):
        return {"data": b"v=0\r\n", "headers": {"Content-Type": route.body}}
    return {}


@pytest.mark.parametrize("route", GUARDED, ids=_label)
async def test_a_route_answers_each_role_as_the_policy_says(house: House, route: Route) -> None:
    """Without credentials 401, without the permission 403, with it neither (THREATS.md, rights)."""
    more = _request(route)
    status, body, _ = await house.ask(route.method, _path(route, {}), **more)
    assert (status, body["code"]) == (401, "unauthenticated")
    for role in Role:
        headers = dict(more.get("headers", {}))
        if role is Role.VISITOR:
            headers["Authorization"] = f"Bearer {await visitor_token(house)}"
        else:
            headers["Authorization"] = f"Bearer {house.token(role)}"
        status, body, _ = await house.ask(route.method, _path(route, {}), **(more | {"headers": headers}))
        if route.needs in GRANTS[role]:
            assert status not in {401, 403, 500}, (role, status, body)
        else:
            assert (status, body["code"]) == (403, "forbidden"), (role, body)


@pytest.mark.parametrize(
    "route",
    [route for route in GUARDED if set(route.places) - {"kind"}],  # a kind of things is nobody's
    ids=_label,
)
async def test_another_tenants_things_are_not_there(house: House, route: Route) -> None:
    """For every role that may use the route, a foreign identifier answers exactly like a missing one."""
    foreign = {
        "person_id": house.people["b", Role.AGENT].id,
    }
    for role in Role:
        if role is Role.VISITOR or route.needs not in GRANTS[role]:
            continue
        answers = []
        for ids in (foreign, {}):
            status, body, _ = await house.ask(route.method, _path(route, ids), role=role, **_request(route))
            told = {key: value for key, value in body.items() if key != "instance"}
            answers.append((status, told))
        assert answers[0] == answers[1], role
        assert answers[0][0] in {404, 412, 422, 428}, (role, answers)


@pytest.mark.parametrize("route", OPEN, ids=_label)
async def test_a_public_route_does_not_mind_stale_credentials(house: House, route: Route) -> None:
    """A page with an old cookie or token can still sign in, look at health, or start a call."""
    if route.limit is Limit.SIGN_IN:
        return  # there a refusal is about the code that was brought, with the same status
    more = _request(route)
    headers = {**more.pop("headers", {}), "Authorization": "Bearer stale"}
    status, _, _ = await house.ask(route.method, _path(route, {}), headers=headers, **more)
    assert status != 401
