"""The spool: in order, each fragment bound to its place, everything shredded."""

import random

import pytest

from storage.store import ObjectKey
from tests.vault.media.workshop import Workshop, scene
from vault.media.capture import Begun
from vault.media.places import spool_key, spool_prefix
from vault.media.spool import Spool, SpooledLeg


async def opened(work: Workshop, begun: Begun, **other: object) -> list[int]:
    """The numbers that open, in the order they come."""
    spool = Spool(work.store)
    numbers = await spool.numbers(tenant_id=begun.tenant_id, media_id=begun.media_id)
    leg = SpooledLeg(begun.tenant_id, begun.media_id, begun.leg_id, begun.key)
    return [fragment.number async for fragment in spool.fragments(leg, numbers)]


async def test_fragments_come_in_the_order_of_their_numbers(work: Workshop) -> None:
    """Whatever order they were stored in, and beyond the tenth."""
    begun = await work.begun()
    plains = list(enumerate(scene(12, codec="none")))
    random.Random(7).shuffle(plains)
    for number, plain in plains:
        await work.put_fragment(begun, number, plain)
    assert len(plains) > 10
    assert await opened(work, begun) == list(range(len(plains)))


async def test_a_fragment_of_another_leg_or_recording_does_not_open(work: Workshop) -> None:
    """Splicing across recordings of one tenant shows nothing, under whichever key."""
    begun, other = await work.begun(), await work.begun()
    await work.spool(begun, scene())
    await work.spool(other, scene())
    for number in range(2):
        stolen = await work.store.read(
            spool_key(tenant_id=other.tenant_id, media_id=other.media_id, number=number), limit_bytes=1 << 24
        )
        await work.store.put(
            spool_key(tenant_id=begun.tenant_id, media_id=begun.media_id, number=number), stolen
        )
    assert await opened(work, begun) == list(range(2, len(scene())))


async def test_only_numbers_count_and_everything_is_shredded(work: Workshop) -> None:
    """Strangers in the folder are no fragments; the neighbour's folder is not touched."""
    begun, neighbour = await work.begun(), await work.begun()
    await work.spool(begun, scene())
    await work.spool(neighbour, scene())
    folder = spool_prefix(tenant_id=begun.tenant_id, media_id=begun.media_id)
    for name in ("1", "000000001", "0000000x", "sub/00000001"):
        await work.store.put(ObjectKey(folder + name), b"stranger")
    spool = Spool(work.store)
    named = {"tenant_id": begun.tenant_id, "media_id": begun.media_id}
    assert list(await spool.numbers(**named)) == list(range(len(scene())))
    assert set(await spool.recordings()) == {begun.media_id, neighbour.media_id}
    assert await spool.shred(**named) == len(scene()) + 4
    assert await spool.shred(**named) == 0
    assert list(await spool.recordings()) == [neighbour.media_id]


async def test_many_fragments_are_shredded_a_few_at_a_time(work: Workshop) -> None:
    """More than one batch, none forgotten."""
    begun = await work.begun()
    await work.spool(begun, [b"x"] * 35)
    assert await Spool(work.store).shred(tenant_id=begun.tenant_id, media_id=begun.media_id) == 35
    assert await work.objects() == []


@pytest.mark.parametrize("key", ["spool/readme", "spool/a/b/00000000"])
async def test_what_lies_in_the_spool_without_a_folder_is_nobodys(work: Workshop, key: str) -> None:
    """A start does not stumble over it."""
    await work.store.put(ObjectKey(key), b"stranger")
    assert list(await Spool(work.store).recordings()) == []
