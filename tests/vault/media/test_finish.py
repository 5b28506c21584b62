"""Finishing: fragments become one sealed, seekable file, whatever is missing from them."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from crypto.errors import CryptoError
from storage.memory import MemoryStore
from storage.store import ObjectKey, StoredObject
from tests.vault.media.workshop import Workshop, open_workshop, scene
from tests.webrtc.studio import frame_counts, probe
from vault.errors import KeyForgottenError, TamperedError
from vault.media.capture import Begun
from vault.media.places import spool_key, spool_prefix
from vault.model import MediaState, Part
from webrtc.fragments import FragmentWriter


async def test_a_finished_recording_is_ready_and_its_spool_is_empty(any_work: Workshop) -> None:
    """Fragments in, four parts out, nothing left behind; the ledger says so."""
    begun = await any_work.ready()
    item = await any_work.library.get(begun.media_id, by=any_work.by())
    assert item.state is MediaState.READY
    assert set(item.parts) == set(Part)
    assert [key.rsplit("/", 1)[-1] for key in await any_work.objects()] == [
        "manifest",
        "media",
        "thumb",
        "wave",
    ]
    told = [entry.type for entry in await any_work.ledger.history(begun.media_id)]
    assert told == ["recording.ready", "capture.ended", "capture.begun"]


@pytest.mark.parametrize(
    ("codec", "sound", "content_type", "parts", "frames"),
    [
        ("vp8", True, "video/webm", {"media", "thumb", "wave", "manifest"}, {"vp8": 90, "opus": 150}),
        ("h264", True, "video/mp4", {"media", "thumb", "wave", "manifest"}, {"h264": 90, "opus": 150}),
        ("none", True, "audio/webm", {"media", "wave", "manifest"}, {"opus": 150}),
        ("vp8", False, "video/webm", {"media", "thumb", "manifest"}, {"vp8": 90}),
    ],
)
async def test_each_kind_of_call_becomes_a_file_that_plays_whole(
    work: Workshop,
    tmp_path: Path,
    codec: str,
    sound: bool,  # noqa: FBT001  # a column of the table
    content_type: str,
    parts: set[str],
    frames: dict[str, int],
) -> None:
    """Every frame that was stored is decoded by a stock player; what cannot be made is not claimed."""
    begun = await work.ready(scene(3, codec=codec, sound=sound))
    item = await work.library.get(begun.media_id, by=work.by())
    assert item.content_type == content_type
    assert set(item.parts) == parts
    played = tmp_path / "played"
    played.write_bytes(await work.plain(begun))
    assert frame_counts(probe(played)) == frames
    assert item.duration_ms == pytest.approx(3_000, abs=60)
    assert item.size_bytes == played.stat().st_size


async def test_finishing_twice_changes_nothing(work: Workshop) -> None:
    """A finish that is asked for again only looks whether there is anything left to shred."""
    begun = await work.ready()
    before = {key: (await work.store.head(ObjectKey(key))).etag for key in await work.objects()}
    assert await work.finish.finish(begun.media_id) is MediaState.READY
    after = {key: (await work.store.head(ObjectKey(key))).etag for key in await work.objects()}
    assert after == before


Spoil = Callable[[Workshop, Begun], Awaitable[object]]


def _key(begun: Begun, number: int) -> ObjectKey:
    return spool_key(tenant_id=begun.tenant_id, media_id=begun.media_id, number=number)


async def _flip(work: Workshop, begun: Begun) -> None:
    sealed = bytearray(await work.store.read(_key(begun, 1), limit_bytes=1 << 20))
    sealed[len(sealed) // 2] ^= 1
    await work.store.put(_key(begun, 1), bytes(sealed))


async def _truncate(work: Workshop, begun: Begun) -> None:
    sealed = await work.store.read(_key(begun, 1), limit_bytes=1 << 20)
    await work.store.put(_key(begun, 1), sealed[:-1])


async def _repeat(work: Workshop, begun: Begun) -> None:
    sealed = await work.store.read(_key(begun, 0), limit_bytes=1 << 20)
    await work.store.put(_key(begun, 1), sealed)


async def _blow_up(work: Workshop, begun: Begun) -> None:
    await work.store.put(_key(begun, 1), b"\0" * (17 * 1024 * 1024))


async def _wrong_inside(work: Workshop, begun: Begun) -> None:
    await work.put_fragment(begun, 1, scene()[2])


async def _garbage_inside(work: Workshop, begun: Begun) -> None:
    await work.put_fragment(begun, 1, b"not a fragment")


SPOILT: dict[str, Spoil] = {
    "a fragment is missing": lambda work, begun: work.store.erase(_key(begun, 1)),
    "a fragment was flipped": _flip,
    "a fragment was cut short": _truncate,
    "a fragment stands at another's place": _repeat,
    "a fragment was blown up": _blow_up,
    "a fragment says it is another": _wrong_inside,
    "a fragment holds garbage under the right key": _garbage_inside,
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
async def test_a_fragment_that_cannot_be_used_is_a_declared_gap(work: Workshop, spoil: Spoil) -> None:
    """What is left of the call plays, and the manifest says what is missing."""
    begun = await work.ended()
    await spoil(work, begun)
    assert await work.finish.finish(begun.media_id) is MediaState.READY
    manifest = await work.manifest(begun)
    assert manifest["fragments"] == {"stored": len(scene()) - 1, "missing": 1}
    assert any(gap["cause"] == "crash" for gap in manifest["gaps"])
    assert await work.objects() == [key for key in await work.objects() if not key.startswith("spool")]


async def test_a_stranger_in_the_spool_is_ignored_and_shredded(work: Workshop) -> None:
    """A name that no fragment has must not stop the finishing, nor stay."""
    begun = await work.ended()
    folder = spool_prefix(tenant_id=begun.tenant_id, media_id=begun.media_id)
    await work.store.put(ObjectKey(f"{folder}readme.txt"), b"hello")
    assert await work.finish.finish(begun.media_id) is MediaState.READY
    assert len(await work.objects()) == 4


@pytest.mark.parametrize(
    "plains", [(), (FragmentWriter().close(),)], ids=["nothing was stored", "nothing can be played"]
)
async def test_a_recording_without_a_frame_is_lost_and_its_key_forgotten(
    any_work: Workshop, plains: tuple[bytes, ...]
) -> None:
    """It is said plainly, once, and what was stored cannot be opened any more."""
    begun = await any_work.ended(plains)
    for _ in range(2):
        assert await any_work.finish.finish(begun.media_id) is MediaState.LOST
    with pytest.raises(KeyForgottenError):
        await any_work.keys.data_key(tenant_id=begun.tenant_id, object_id=begun.media_id)
    assert await any_work.objects() == []
    told = [entry.type for entry in await any_work.ledger.history(begun.media_id)]
    assert told.count("recording.lost") == 1


async def test_a_recording_that_cannot_be_read_is_not_thrown_away(work: Workshop) -> None:
    """What is authentic but unreadable is our defect: key and spool stay until somebody looked."""
    begun = await work.ended((b"a fragment of another version",))
    with pytest.raises(TamperedError):
        await work.finish.finish(begun.media_id)
    assert (await work.library.get(begun.media_id, by=work.by())).state is MediaState.FINISHING
    assert len(await work.objects()) == 1
    key = await work.keys.data_key(tenant_id=begun.tenant_id, object_id=begun.media_id)
    assert key == begun.key


class ForgetfulStore(MemoryStore):
    """A store that keeps another byte than it was given, once."""

    def __init__(self) -> None:
        super().__init__(country="FR")
        self.corrupts = True

    async def put(self, key: ObjectKey, body: object, *, if_absent: bool = False) -> StoredObject:
        """Store; the media part with its last byte changed."""
        stored = await super().put(key, body, if_absent=if_absent)  # type: ignore[arg-type]
        if key.endswith("/media") and self.corrupts:
            whole = bytearray(await self.read(key, limit_bytes=1 << 30))
            whole[-1] ^= 1
            await super().put(key, bytes(whole))
        return stored


async def test_a_store_that_gives_back_other_bytes_gets_no_ready_row(tmp_path: Path) -> None:
    """Reading back comes before the row and before the shredding: the fragments are still there."""
    store = ForgetfulStore()
    async with open_workshop(tmp_path, store=store) as work:
        begun = await work.ended()
        with pytest.raises((TamperedError, CryptoError)):
            await work.finish.finish(begun.media_id)
        item = await work.library.get(begun.media_id, by=work.by())
        assert item.state is MediaState.FINISHING
        assert sum(key.startswith("spool/") for key in await work.objects()) == len(scene())
        store.corrupts = False
        assert await work.finish.finish(begun.media_id) is MediaState.READY


async def test_the_receipt_of_a_recording_binds_what_the_store_holds(work: Workshop) -> None:
    """recording.ready names the digest and length that a deletion receipt will name again."""
    begun = await work.ready()
    ready = (await work.ledger.history(begun.media_id))[0]
    (record,) = await work.keys.records(object_id=begun.media_id)
    assert record.sealed_sha256 is not None
    assert (ready.facts["ct_sha256"], ready.facts["ct_len"]) == (
        record.sealed_sha256.hex(),
        record.sealed_bytes,
    )
