"""How a call's lines did, over HTTP: numbers of the legs that have ended, for those who may see the call."""

from typing import Any

import pytest
from sqlalchemy import insert

from tests.vault.http.house import House
from tests.vault.http.recordings import a_call, publishing, visitor_headers
from tests.webrtc.publisher import PublisherPlan
from vault.db.tables import leg_quality
from vault.model import Role

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_calls_lines_are_told_leg_by_leg(shared_house: House) -> None:
    """Empty while it runs; what is kept is shown as it is, to the tenant's people and the visitor."""
    house, call = shared_house, await a_call(shared_house)
    path = f"/v1/calls/{call.id}/quality"
    async with publishing(house, call, PublisherPlan(video=None)) as publisher:
        leg_id = publisher.location.rsplit("/", 1)[1]
        assert (await house.ask("GET", path, role=Role.AGENT))[:2] == (200, {"items": []})
        assert await publisher.unpublish() == 200
    async with house.services.database.write() as connection:
        row = {"leg_id": leg_id, "tenant_id": call.tenant_id, "call_id": call.id, "samples": 3, "still_ms": 0}
        await connection.execute(
            insert(leg_quality).values(**row, worst_missed_permille=51, worst_picture_lost_permille=7)
        )
    whos: tuple[dict[str, Any], ...] = ({"role": Role.AGENT}, {"headers": visitor_headers(house, call)})
    for who in whos:
        status, told, _ = await house.ask("GET", path, **who)
        assert status == 200
        (leg,) = told["items"]
        assert (leg["leg_id"], leg["role"], leg["samples"]) == (leg_id, "visitor", 3)
        assert (leg["worst_missed_permille"], leg["mean_round_trip_ms"]) == (51, None)
        assert (leg["worst_picture_lost_permille"], leg["mean_picture_lost_permille"]) == (7, None)
