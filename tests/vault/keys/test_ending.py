"""The end of an epoch's key: of ours, shown to be ours; what never was there ends nothing."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from tests.vault.keys.test_turning import Copied, Told, some_keys, states, turn_of
from tests.vault.media.crashes import Crash, Wire
from tests.vault.media.workshop import Workshop
from vault.db.key_tables import epochs, tenant_keys
from vault.errors import ConflictError, KeyProviderError, NotFoundError
from vault.keys.ending import DECLARED, INTENT
from vault.keys.epochs import EpochState
from vault.keys.file_provider import FileKeyProvider
from vault.keys.probes import PROBE
from vault.keys.provider import Destruction, EpochKeyState
from vault.keys.ring_file import RingFile
from vault.keys.store import KeyStore

AS_IT_WAS = [EpochState.RETIRED, EpochState.CURRENT]
NOW = timedelta(0)


async def retired(work: Workshop) -> Told:
    """An epoch that waits for its end."""
    await some_keys(work)
    told = Told()
    turn = turn_of(work, told)
    await turn.begin()
    await turn.carry()
    assert await states(work) == AS_IT_WAS
    return told


async def changed(work: Workshop, epoch: int, **values: Any) -> None:
    """Change what an epoch's row has as evidence; None takes it out."""
    this = epochs.c.epoch == epoch
    async with work.key_database.write() as connection:
        now = (await connection.execute(select(epochs.c.evidence).where(this))).scalar_one() | values
        evidence = {name: value for name, value in now.items() if value is not None}
        await connection.execute(update(epochs).where(this).values(evidence=evidence))


async def evidence_of(work: Workshop, epoch: int) -> Mapping[str, str]:
    """What an epoch's row has."""
    return next(each.evidence for each in await work.keys.epochs.all() if each.epoch == epoch)


async def others(folder: Path, *numbers: int) -> FileKeyProvider:
    """The ring of another deployment."""
    FileKeyProvider.create(folder / "other" / "root.key")
    provider = FileKeyProvider.open(folder / "other" / "root.key")
    for number in numbers:
        await provider.create_epoch(number)
    return provider


@pytest.mark.parametrize("numbers", [(), (1,), (1, 2)], ids="{}".format)
@pytest.mark.parametrize("has_probes", [True, False], ids=["probes", "tenant-keys"])
async def test_a_key_that_is_not_ours_is_not_destroyed_and_ends_nothing(
    any_work: Workshop, tmp_path: Path, numbers: tuple[int, ...], *, has_probes: bool
) -> None:
    """A ring of another deployment, with our numbers or without: theirs stay, and so does ours."""
    work, told = any_work, await retired(any_work)
    if not has_probes:  # epochs that an older version began
        for epoch in (1, 2):
            await changed(work, epoch, **{PROBE: None})
    theirs = await others(tmp_path, *numbers)
    keys = KeyStore(work.key_database, theirs, work.clock)
    with pytest.raises(KeyProviderError):
        await turn_of(work, told, keys=keys).carry(grace=NOW)
    assert await states(work) == AS_IT_WAS
    for number in numbers:
        assert await theirs.state(number) is EpochKeyState.USABLE
    assert await work.keys.epochs.key_state(1) is EpochKeyState.USABLE
    await turn_of(work, told).carry(grace=NOW)
    assert told.ends == [1]


async def test_another_key_under_our_number_is_not_destroyed(any_work: Workshop) -> None:
    """The current key is ours, that of the epoch that is to end is not."""
    told, ring = await retired(any_work), RingFile(any_work.ground.root_key)
    ours = ring.read()
    ring.write({**ours, 1: bytes(32)})
    with pytest.raises(KeyProviderError):
        await turn_of(any_work, told).carry(grace=NOW)
    assert ring.read()[1] == bytes(32)
    ring.write(ours)
    await turn_of(any_work, told).carry(grace=NOW)
    assert told.ends == [1]


async def test_a_key_that_never_was_there_ends_nothing_and_keeps_no_other_from_its_end(
    any_work: Workshop,
) -> None:
    """Gone, and nobody here had it destroyed: no proof. Where its end was told before, it is one.

    A later key is destroyed all the same, and told to be only then: what lay under it lay under this one.
    """
    told, ring = await retired(any_work), RingFile(any_work.ground.root_key)
    ring.change(lambda keys: keys.pop(1))
    turn = turn_of(any_work, told)
    await turn.begin()
    with pytest.raises(KeyProviderError, match="nobody here had it destroyed"):
        await turn.carry(grace=NOW)
    await turn.carry(grace=timedelta(days=1))
    assert (await states(any_work))[:2] == [EpochState.RETIRED, EpochState.DESTROYED]
    assert told.ends == []
    told.at[1] = before = any_work.clock.now() - timedelta(days=3)
    (first, *_) = await turn.carry(grace=NOW)
    assert (first.state, told.ends) == (EpochState.DESTROYED, [2])
    assert first.destroyed_at is not None
    assert abs(first.destroyed_at - before) < timedelta(milliseconds=1)


class Counting(Copied):
    """Counts how often all backups were read."""

    reads = 0

    async def read_back(self, since: datetime, /) -> int:
        """One more."""
        self.reads += 1
        return await super().read_back(since)


async def test_nothing_is_read_back_for_an_epoch_that_cannot_end(any_work: Workshop) -> None:
    """Each minute, whole backups of millions of keys: the holder is asked first."""
    told, ring, copies = await retired(any_work), RingFile(any_work.ground.root_key), Counting()
    ours = ring.read()
    ring.change(lambda keys: keys.pop(1))
    turn = turn_of(any_work, told, copies=copies)
    with pytest.raises(KeyProviderError):
        await turn.carry(grace=NOW)
    assert copies.reads == 0
    ring.write(ours)
    await turn.carry(grace=NOW)
    assert (copies.reads, told.ends) == (1, [1])


async def test_a_key_that_a_killed_process_destroyed_is_known_to_have_been_ours(any_work: Workshop) -> None:
    """The intent is written first, so nobody has to guess what became of it."""
    told, number = await retired(any_work), 0
    while await states(any_work) == AS_IT_WAS:
        number += 1
        dying = Workshop(any_work.ground, Wire(number), any_work.tenant_id)
        try:
            await turn_of(dying, told).carry(grace=NOW)
        except Crash:
            if await any_work.keys.epochs.key_state(1) is EpochKeyState.GONE:
                break
    assert INTENT in await evidence_of(any_work, 1)
    assert await states(any_work) == AS_IT_WAS
    await turn_of(any_work, told).carry(grace=NOW)
    assert told.ends == [1]


async def test_an_epoch_with_nothing_in_it_ends_by_its_probe(any_work: Workshop) -> None:
    """The only company left: no tenant key is there, and its receipt waits for the end of the epoch."""
    told = await retired(any_work)
    async with any_work.key_database.write() as connection:
        await connection.execute(delete(tenant_keys))
    await turn_of(any_work, told).carry(grace=NOW)
    assert told.ends == [1]


async def test_where_nothing_shows_whose_keys_these_are_none_is_destroyed(any_work: Workshop) -> None:
    """Epochs of an older version, and no tenant: the next turn makes a probe, and then it goes on."""
    told = await retired(any_work)
    for epoch in (1, 2):
        await changed(any_work, epoch, **{PROBE: None})
    async with any_work.key_database.write() as connection:
        await connection.execute(delete(tenant_keys))
    turn = turn_of(any_work, told)
    with pytest.raises(KeyProviderError, match="before the next turn"):
        await turn.carry(grace=NOW)
    assert await states(any_work) == AS_IT_WAS


class Hanging(FileKeyProvider):
    """Answers about its keys, and not when it is to destroy one."""

    def __init__(self, file: RingFile, work: Workshop) -> None:
        super().__init__(file)
        self._work = work

    async def destroy_epoch(
        self, epoch: int, *, now: datetime, made: Mapping[str, str] | None = None
    ) -> Destruction:
        """Meanwhile others go on; then nothing comes."""
        await some_keys(self._work, 1)
        raise KeyProviderError(f"made not to answer about {epoch} at {now}, {len(made or {})}")


async def test_a_provider_that_does_not_answer_keeps_nobody_from_making_keys(any_work: Workshop) -> None:
    """No transaction of the key store is open while it is asked."""
    told = await retired(any_work)
    provider = Hanging(RingFile(any_work.ground.root_key), any_work)
    keys = KeyStore(any_work.key_database, provider, any_work.clock)
    with pytest.raises(KeyProviderError, match="made not to answer"):
        await turn_of(any_work, told, keys=keys).carry(grace=NOW)
    assert await states(any_work) == AS_IT_WAS


async def test_a_key_that_somebody_else_destroyed_ends_by_an_operators_word_alone(any_work: Workshop) -> None:
    """Not before its holder has it no more; then later ends wait no longer, and say what that is worth."""
    told, ring = await retired(any_work), RingFile(any_work.ground.root_key)
    turn, ending = turn_of(any_work, told), any_work.keys.ending
    for epoch in (1, 2):
        with pytest.raises(ConflictError):
            await ending.declare(epoch)
    with pytest.raises(NotFoundError):
        await ending.declare(9)
    ring.change(lambda keys: keys.pop(1))
    with pytest.raises(KeyProviderError):
        await turn.carry(grace=NOW)
    await ending.declare(1)
    assert (await evidence_of(any_work, 1))["assurance"] == DECLARED
    await turn.carry()
    await turn.begin()
    await turn.carry(grace=NOW)
    assert told.ends == [1, 2]
    assert [await any_work.keys.assurance(epoch) for epoch in (1, 2)] == [DECLARED, DECLARED]
    with pytest.raises(ConflictError):
        await ending.declare(1)


async def test_nobodys_word_counts_in_the_ring_of_another_deployment(
    any_work: Workshop, tmp_path: Path
) -> None:
    """It has no key of that epoch either, and that says nothing about ours."""
    await retired(any_work)
    other = await others(tmp_path, 2)
    keys = KeyStore(any_work.key_database, other, any_work.clock, any_work.ledger_keys.anchor)
    with pytest.raises(KeyProviderError):
        await keys.ending.declare(1)
    assert await states(any_work) == AS_IT_WAS
