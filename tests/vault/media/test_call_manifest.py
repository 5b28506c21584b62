"""A whole call on one clock: offsets, gaps and events of every side, and nothing of what is erased."""

import pytest

from tests.vault.media.talks import Side, talk
from tests.vault.media.workshop import Workshop
from vault.errors import ErasedError, ForbiddenError, NotFoundError
from vault.model import ErasureReason, Id, LegKind, Role

VISITOR = Side(Role.VISITOR, 1.0, 1.0, 440, codec="none")
AGENT = Side(Role.AGENT, 0.0, 1.0, 880, codec="none")
SCREEN = Side(Role.AGENT, 1.5, 1.0, 0, kind=LegKind.SCREEN)


async def test_every_side_lies_where_it_was(work: Workshop) -> None:
    """The earliest frame is zero, whoever sent it; people are numbered, not named."""
    told = await talk(work, VISITOR, AGENT, SCREEN)
    manifest = await work.whole_calls.manifests.of(told.call.id, by=work.by(Role.AGENT))
    sides = manifest["recordings"]
    assert [side["recording"] for side in sides] == [side.media_id for side in told.sides]
    assert [side["offset_ms"] for side in sides] == pytest.approx([1_000, 0, 1_500], abs=5)
    assert [side["participant"] for side in sides] == ["visitor", "agent-1", "agent-2"]
    assert [side["kind"] for side in sides] == ["camera", "camera", "screen"]
    assert manifest["duration_ms"] == pytest.approx(2_500, abs=50)
    assert manifest["accuracy_ms"] == 20
    events = [(event["type"], event.get("participant")) for event in manifest["events"]]
    for wanted in (("joined", "visitor"), ("screen_began", "agent-2"), ("screen_ended", "agent-2")):
        assert wanted in events
    moments = [event["at_ms"] for event in manifest["events"]]
    assert moments == sorted(moments)


async def test_a_gap_of_a_side_is_told_on_the_calls_clock(work: Workshop) -> None:
    """A fragment that the store lost: the gap of the later side lies later."""
    late = Side(Role.AGENT, 10.0, 4.0, 880, codec="none", lost=(2,))
    told = await talk(work, Side(Role.VISITOR, 0.0, 1.0, 440, codec="none"), late)
    manifest = await work.whole_calls.manifests.of(told.call.id, by=work.by())
    own = (await work.manifest(told.sides[1]))["gaps"]
    side = manifest["recordings"][1]
    assert side["offset_ms"] == pytest.approx(10_000, abs=5)
    assert {gap["cause"] for gap in side["gaps"]} == {"crash"}
    assert [gap["from_ms"] - side["offset_ms"] for gap in side["gaps"]] == [gap["from_ms"] for gap in own]
    assert all(gap["to_ms"] > gap["from_ms"] >= side["offset_ms"] for gap in side["gaps"])


async def test_an_erased_side_is_erased_and_nothing_more(work: Workshop) -> None:
    """Its place, its length and whose it was are gone; the other sides stay on a clock of their own."""
    told = await talk(work, VISITOR, AGENT)
    await work.requests.of_media(told.sides[1].media_id, ErasureReason.LEGAL, by=work.by())
    manifest = await work.whole_calls.manifests.of(told.call.id, by=work.by())
    kept, erased = manifest["recordings"]
    assert erased == {"recording": told.sides[1].media_id, "state": "erased"}
    assert kept["offset_ms"] == 0


async def test_a_call_that_is_foreign_or_erased_has_none(work: Workshop) -> None:
    """P5: foreign is missing; erased is told; a visitor has no right to it."""
    call = await work.consented()
    manifests = work.whole_calls.manifests
    assert (await manifests.of(call.id, by=work.by()))["recordings"] == []
    with pytest.raises(NotFoundError):
        await manifests.of(call.id, by=work.by(tenant_id=Id("ten_" + "0" * 32)))
    with pytest.raises(ForbiddenError):
        await manifests.of(call.id, by=work.visitor(call))
    await work.requests.of_call(call.id, ErasureReason.LEGAL, by=work.by())
    assert await work.keeper.turn() == 0
    with pytest.raises(ErasedError):
        await manifests.of(call.id, by=work.by())
