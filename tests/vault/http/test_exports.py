"""A call as a whole over HTTP: its manifest, and files made of it that are played through the usual links."""

import asyncio
import io
import wave
from typing import Any

import pytest

from tests.vault.http.house import House
from tests.vault.http.players import sign_in
from tests.vault.http.recordings import Recorded, erase_now, record, running
from vault.model import Role


async def made(house: House, kept: Recorded, format_: str) -> dict[str, Any]:
    """An export that is ready, as the API shows it."""
    path = f"/v1/calls/{kept.call_id}/exports"
    status, asked, response = await house.ask("POST", path, role=Role.SUPERVISOR, json={"format": format_})
    assert (status, asked["state"], asked["progress"]) == (202, "queued", 0)
    assert response.headers["Location"] == f"/v1/exports/{asked['id']}"
    exporter = house.rooms.whole_calls.exporter
    async with running(exporter.run(), "exporter"), asyncio.timeout(120):
        await exporter.drained()
    _, shown, _ = await house.ask("GET", f"/v1/exports/{asked['id']}", role=Role.AGENT)
    return dict(shown)


async def test_an_export_is_asked_for_made_and_played_through_a_link(house: House) -> None:
    """202, then ready; a link with a purpose opens it, under its own type, and the ledger says so."""
    kept = await record(house)
    shown = await made(house, kept, "wav")
    assert (shown["state"], shown["progress"], shown["content_type"]) == ("ready", 100, "audio/wav")
    assert shown["sources"] == [kept.id]
    player = await sign_in(house, role=Role.SUPERVISOR)
    link = await player.link(shown["id"])
    assert link["urls"]["media"].endswith("/media.wav")
    status, body, response = await player.ask("GET", link["urls"]["media"])
    assert (status, response.headers["Content-Type"]) == (200, "audio/wav")
    with wave.open(io.BytesIO(body)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 48_000, 2)
        assert file.getnframes() / 48_000 == pytest.approx(2.0, abs=0.1)
    path = f"/v1/media/{shown['id']}/access"
    _, history, _ = await house.ask("GET", path, role=Role.SUPERVISOR)
    types = [entry["type"] for entry in history["items"]]
    assert types == ["media.viewed", "link.made", "export.ready", "export.begun"]


async def test_a_calls_exports_are_listed_and_no_side_of_it(house: House) -> None:
    """The list of media tells the two apart; an export has no leg."""
    kept = await record(house)
    shown = await made(house, kept, "mp3")
    path = f"/v1/calls/{kept.call_id}/exports"
    _, listed, _ = await house.ask("GET", path, role=Role.AGENT)
    assert [one["id"] for one in listed["items"]] == [shown["id"]]
    for kind, wanted in (("recording", [kept.id]), ("export", [shown["id"]])):
        path = f"/v1/media?kind={kind}&call_id={kept.call_id}"
        _, page, _ = await house.ask("GET", path, role=Role.AGENT)
        assert [item["id"] for item in page["items"]] == wanted
    assert (page["items"][0]["leg_id"], page["items"][0]["leg_role"]) == (None, None)


async def test_an_export_goes_with_its_recording_in_one_request(house: House) -> None:
    """The receipt of the recording's erasure has the export as an object of its own."""
    kept = await record(house)
    shown = await made(house, kept, "wav")
    path = f"/v1/media/{kept.id}?reason=legal"
    status, asked, _ = await house.ask("DELETE", path, role=Role.SUPERVISOR)
    assert status == 202
    kinds = {item["object_id"]: item["kind"] for item in asked["items"]}
    assert kinds == {kept.id: "recording", shown["id"]: "export"}
    await erase_now(house)
    _, gone, _ = await house.ask("GET", f"/v1/exports/{shown['id']}", role=Role.AGENT)
    assert gone["state"] == "erased"
    status, _, _ = await house.ask("GET", f"/v1/media/{shown['id']}", role=Role.AGENT)
    assert status == 410
    _, told, _ = await house.ask("GET", f"/v1/calls/{kept.call_id}/manifest", role=Role.AGENT)
    assert told["recordings"][0]["state"] == "erased"
    assert told["recordings"][0]["leg"] is None


async def test_a_manifest_tells_the_whole_call_without_a_name(house: House) -> None:
    """Sides with offsets, consent, who came and went; nothing of what was said, and no person."""
    kept = await record(house, reference="customer-9")
    _, told, _ = await house.ask("GET", f"/v1/calls/{kept.call_id}/manifest", role=Role.AUDITOR)
    (side,) = told["recordings"]
    assert (side["recording"], side["participant"], side["kind"]) == (kept.id, "visitor", "camera")
    assert (side["offset_ms"], sorted(side["tracks"])) == (0, ["audio", "video"])
    assert told["duration_ms"] == side["duration_ms"]
    assert told["accuracy_ms"] == 20
    assert told["consent"]["choice"] == "accepted"
    types = [event["type"] for event in told["events"]]
    assert types[0] == "consent_given"
    assert {"joined", "left"} <= set(types)
    assert "customer-9" not in str(told)


async def test_the_same_is_not_made_twice_at_once(house: House) -> None:
    """A second request for what is being made is told so; an agent may not ask at all."""
    kept = await record(house)
    path = f"/v1/calls/{kept.call_id}/exports"
    body = {"format": "wav"}
    assert (await house.ask("POST", path, role=Role.AGENT, json=body))[0] == 403
    assert (await house.ask("POST", path, role=Role.ADMIN, json=body))[0] == 202
    status, told, _ = await house.ask("POST", path, role=Role.ADMIN, json=body)
    assert (status, told["code"]) == (409, "conflict")
