"""Deletion requests on the wire: each item is named by what it is."""

from tests.vault.http.house import House
from tests.vault.http.recordings import a_call
from vault.model import Role


async def test_an_item_names_its_object_whatever_kind_it_is(house: House) -> None:
    """A call stands under ``object_id`` beside ``kind``; nothing calls it a recording."""
    call = await a_call(house)
    asked = {"call_id": call.id, "reason": "visitor_request"}
    status, made, _ = await house.ask("POST", "/v1/deletion-requests", role=Role.ADMIN, json=asked)
    assert status == 202
    (item,) = made["items"]
    assert (item["object_id"], item["kind"]) == (call.id, "call")
    assert "media_id" not in item
