"""The access log: who, what, when; never a query, a token, a path or a whole address."""

from pathlib import Path

import structlog

from tests.vault.http.house import House, open_house
from vault.http.routes import ROUTES
from vault.model import Role


async def test_a_line_names_the_route_and_the_caller_but_repeats_nothing_sent(house: House) -> None:
    """No query string, no credential, no Referer, no path beyond the template, no host part of an address."""
    person = house.people["a", Role.AGENT]
    headers = {"Referer": "https://x.example/p/REFERER-SECRET", "User-Agent": "AGENT-SECRET"}
    with structlog.testing.capture_logs() as lines:
        await house.ask(
            "GET", f"/v1/people/{person.id}?secret=QUERY-SECRET", role=Role.ADMIN, headers=headers
        )
        await house.ask("GET", "/nowhere/PATH-SECRET")
    requests = [line for line in lines if line["event"] == "request"]
    assert requests[0]["route"] == "/v1/people/{person_id}"
    assert requests[0]["principal_id"] == house.people["a", Role.ADMIN].id
    assert requests[0]["network"] == "127.0.0.0/24"
    assert requests[1]["route"] == "(none)"
    written = repr(lines)
    for secret in ("SECRET", person.id, house.token(Role.ADMIN)[:20], "127.0.0.1"):
        assert secret not in written


async def test_probes_are_not_logged(house: House) -> None:
    """Health checks would drown the rest."""
    with structlog.testing.capture_logs() as lines:
        await house.ask("GET", "/livez")
        await house.ask("GET", "/readyz")
    assert not [line for line in lines if line["event"] == "request"]


async def test_a_refusal_for_the_role_is_in_the_ledger(tmp_path: Path) -> None:
    """Who asked for what they may not is recorded, without saying who to those who read the leaf."""
    async with open_house(tmp_path) as house:
        await house.ask("GET", "/v1/issuers", role=Role.AGENT)
        from sqlalchemy import select

        from vault.db.tables import leaves

        async with house.services.database.read() as connection:
            rows = (await connection.execute(select(leaves).where(leaves.c.type == "access.refused"))).all()
    assert len(rows) == 1
    assert '"route":"/v1/issuers"' in rows[0].leaf
    assert house.people["a", Role.AGENT].id not in rows[0].leaf


def test_every_path_that_holds_a_secret_is_known_by_its_template() -> None:
    """Link paths are routes of the table, so the log writes their template."""
    assert all(route.path.count("{") == len(route.places) for route in ROUTES.routes)
