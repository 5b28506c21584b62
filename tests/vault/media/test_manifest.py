"""The manifest: what a recording holds, what it lacks, on whose consent it rests."""

import json

from tests.vault.calls.writers import Writers
from tests.vault.media.workshop import Workshop, scene
from tests.vault.rights.traces import PLAIN
from vault.model import Part


async def test_a_manifest_tells_the_call_the_legs_and_the_consent(any_work: Workshop) -> None:
    """By identifier, hash and time; it names nobody."""
    call = await any_work.consented()
    begun = await any_work.ready(call=call)
    told = await any_work.manifest(begun)
    assert (told["v"], told["recording"], told["call"], told["leg"]) == (
        1,
        begun.media_id,
        call.id,
        begun.leg_id,
    )
    assert told["consent"]["choice"] == "accepted"
    assert told["consent"]["notice_hash"] == call.notice.hash
    assert [leg["leg"] for leg in told["legs"]] == [begun.leg_id]
    assert (told["end_reason"], told["recovered"]) == ("peer_left", False)
    text = json.dumps(told).encode()
    assert not [needle for needle in PLAIN if needle in text]


async def test_a_manifest_tells_when_something_was_written_and_not_what(work: Workshop) -> None:
    """Time and role: the words can be erased apart from the recording."""
    writers = Writers(work)
    talk = await writers.talk()
    await writers.chat.post(talk.call.id, "under the blue door", key="1", by=talk.visitor)
    await work.spool(talk.begun, scene(1))
    await writers.hang_up(talk)
    await work.finish.finish(talk.begun.media_id)
    told = await work.manifest(talk.begun)
    assert [(set(one), one["role"]) for one in told["messages"]] == [({"at", "role"}, "visitor")]
    assert "blue door" not in json.dumps(told)


async def test_a_manifest_tells_tracks_clock_and_what_is_missing(work: Workshop) -> None:
    """Two tracks, all frames, no gap; its times lie on the file's clock."""
    begun = await work.ready(scene(3))
    told = await work.manifest(begun)
    assert {track["codec"]: track["frames"] for track in told["tracks"]} == {"vp8": 90, "opus": 150}
    assert told["fragments"] == {"stored": len(scene(3)), "missing": 0}
    assert (told["gaps"], told["gaps_not_listed"]) == ([], 0)
    assert set(told["clock"]) == {"audio", "video"}
    for track in told["tracks"]:
        assert 0 <= track["first_ms"] < track["last_ms"] <= told["duration_ms"]
        assert len(track["sha256"]) == 64


async def test_a_sealed_manifest_is_read_like_any_part(work: Workshop) -> None:
    """Same bytes through the reader as in the store."""
    begun = await work.ready()
    stored = await work.reader.part(begun.media_id, Part.MANIFEST)
    assert json.loads(await work.reader.read(stored)) == await work.manifest(begun)
    assert stored.content_type == "application/json"
