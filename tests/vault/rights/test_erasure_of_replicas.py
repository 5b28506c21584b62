"""An erasure reaches every place of the store, and is not complete before it has."""

from pathlib import Path

import pytest

from storage.debts import MemoryDebts
from storage.replicated import ReplicatedStore
from tests.storage.test_replicated import Place
from tests.vault.media.workshop import Workshop, open_workshop
from tests.vault.rights.traces import receipt_of, shredded, states
from vault.media.places import media_prefix
from vault.model import ErasureReason

NAMES = ("primary", "lyon", "metz")


class Case:
    """A workshop over three places, and a finished recording that is at all of them."""

    def __init__(self) -> None:
        self.places = {name: Place() for name in NAMES}
        self.store = ReplicatedStore(self.places, MemoryDebts(), single=("spool/",))

    async def catch_up(self) -> None:
        """Carry what is owed."""
        for name in NAMES:
            while await self.store.catch_up.turn(name):
                pass

    async def left(self, work: Workshop, media_id: str) -> dict[str, int]:
        """Count what each place has of a recording."""
        prefix = media_prefix(tenant_id=work.tenant_id, media_id=media_id)
        return {name: len(await place.remains(prefix)) for name, place in self.places.items()}


@pytest.fixture
async def case() -> Case:
    """Three empty places."""
    return Case()


@pytest.mark.usefixtures("quick_child")
@pytest.mark.parametrize("away", NAMES)
async def test_a_place_that_is_away_keeps_the_erasure_pending_and_is_named(
    case: Case, away: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Key and rows first, the other places at once, that one when it is back; the receipt names them all."""
    async with open_workshop(tmp_path, store=case.store) as work:
        begun = await work.ready()
        await case.catch_up()
        assert len(set((await case.left(work, begun.media_id)).values())) == 1
        case.places[away].is_away = True
        request = await work.requests.of_media(begun.media_id, ErasureReason.VISITOR_REQUEST, by=work.by())
        assert await work.keeper.turn() == 1
        assert "erasure.store_waits" in (told := capsys.readouterr().out)
        assert away in told
        assert not await shredded(work, begun.media_id)
        assert (await states(work))[begun.media_id] == "key_forgotten"
        case.places[away].is_away = False
        left = await case.left(work, begun.media_id)
        assert left.pop(away) > 0
        if away != "primary":  # while the primary is away nobody knows what there is
            assert set(left.values()) == {0}
        await case.catch_up()
        assert await work.keeper.turn() == 0
        assert set((await case.left(work, begun.media_id)).values()) == {0}
        (entry,) = (await receipt_of(work, request.id)).entries
        assert entry.fields["places"] == "primary, lyon, metz"
        assert await case.store.remains("spool/") == ()


@pytest.mark.usefixtures("quick_child")
async def test_a_copy_that_is_still_owed_is_never_made_after_an_erasure(case: Case, tmp_path: Path) -> None:
    """The recording was ready, its replicas behind; it is erased; they have nothing, now or later."""
    async with open_workshop(tmp_path, store=case.store) as work:
        begun = await work.ready()
        await work.requests.of_media(begun.media_id, ErasureReason.VISITOR_REQUEST, by=work.by())
        assert await work.keeper.turn() == 0
        await case.catch_up()
        assert set((await case.left(work, begun.media_id)).values()) == {0}
        copied = [await place.remains("") for name, place in case.places.items() if name != "primary"]
        assert not [line for lines in copied for line in lines if " ledger/" not in line]
