"""An exit after a restore: who stayed is not erased, who leaves takes no call, and every start succeeds."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pyrage
import pytest

from storage.filesystem import FilesystemStore
from tests.vault.leaving.conftest import a_day
from tests.vault.leaving.house import leaving_of, packed, taken_by, turned_to, until
from tests.vault.media.crashes import Crash, Wire
from tests.vault.media.workshop import Ground, Workshop, open_workshop
from tests.vault.rights.test_emptying import furnished, require_gone, rows_left
from tests.vault.rights.test_fence import copied, fence_of, set_back
from vault.errors import ConflictError, NotFoundError
from vault.leaving.exits import NewExit
from vault.model import ErasureReason, ExitState, uuid_of

KEY = pyrage.x25519.Identity.generate()
MONTH = NewExit(str(KEY.to_public()), None, 30)
NOTHING_ALONG = NewExit(None, None, 30)

SetBack = Callable[[Workshop, Path], AbstractAsyncContextManager[Workshop]]

pytestmark = pytest.mark.usefixtures("quick_child")


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Workshop]:
    """A vault whose objects outlive its databases."""
    store = await FilesystemStore.create(tmp_path / "objects", country="FR")
    async with open_workshop(tmp_path / "vault", store=store, clock=a_day()) as opened:
        yield opened


@pytest.fixture
def back_to(tmp_path: Path) -> SetBack:
    """The vault with its main database as it was, behind the fence, on the same clock."""
    return partial(_back, tmp_path)


class _back:  # noqa: N801  # read like a verb
    def __init__(self, folder: Path, work: Workshop, copy: Path) -> None:
        self._folder, self._work, self._copy = folder, work, copy

    async def __aenter__(self) -> Workshop:
        await self._work.checkpoints.publish_now()
        self._opened = set_back(self._work, self._copy, self._folder / "back", "main.db")
        opened = await self._opened.__aenter__()
        ground = opened.ground
        same = Ground(ground.folder, ground.main, ground.keys, ground.store, self._work.clock)
        back = Workshop(same, Wire(), self._work.tenant_id)
        await fence_of(back).let_through()
        return back

    async def __aexit__(self, *error: object) -> None:
        await self._opened.__aexit__(*error)  # type: ignore[arg-type]


async def test_an_exit_that_was_taken_back_stays_so(kept: Workshop, tmp_path: Path, back_to: SetBack) -> None:
    """The company was answered that it stays: calls begin, and no time that goes by erases anything."""
    await furnished(kept)
    leaving = leaving_of(kept)
    await leaving.exits.begin(NOTHING_ALONG, by=kept.by())
    ready = await until(leaving, kept, ExitState.READY)
    copy = await copied(kept, tmp_path / "copy")
    await leaving.exits.cancel(by=kept.by())
    async with back_to(kept, copy) as back:
        again = leaving_of(back)
        with pytest.raises(NotFoundError):
            await again.exits.current(by=back.by())
        before = await rows_left(back, back.tenant_id)
        assert ready.ends_at is not None
        turned_to(back, ready.ends_at)
        await again.leaver.turn()
        await back.eraser.pending()
        assert await rows_left(back, back.tenant_id) == before
        await back.call()
        await again.exits.begin(MONTH, by=back.by())


async def test_an_exit_that_the_copy_lacks_takes_no_call_and_waits(
    kept: Workshop, tmp_path: Path, back_to: SetBack
) -> None:
    """To which key is not known any more: it says so, erases nothing, and is taken back or begun anew."""
    await furnished(kept)
    copy = await copied(kept, tmp_path / "copy")
    leaving = leaving_of(kept)
    await leaving.exits.begin(MONTH, by=kept.by())
    await until(leaving, kept, ExitState.READY)
    async with back_to(kept, copy) as back:
        again = leaving_of(back)
        with pytest.raises(NotFoundError):
            await back.call()
        found = await packed_for_once(back)
        assert (found, (await again.exits.current(by=back.by())).volumes) == ("restored", [])
        with pytest.raises(ConflictError):
            await again.exits.begin(MONTH, by=back.by())
        await again.exits.cancel(by=back.by())
        await again.leaver.turn()
        assert [key for key in await back.objects() if key.startswith("archive/")] == []
        await again.exits.begin(MONTH, by=back.by())
        await until(again, back, ExitState.READY)


async def packed_for_once(work: Workshop) -> str | None:
    """What an exit waits for after a turn."""
    leaving = leaving_of(work)
    await leaving.leaver.turn()
    return (await leaving.exits.current(by=work.by())).waits_for


async def test_an_exit_that_takes_nothing_along_goes_on_after_a_restore(
    kept: Workshop, tmp_path: Path, back_to: SetBack
) -> None:
    """All that it needs stands in its entry; its days begin anew."""
    await furnished(kept)
    copy = await copied(kept, tmp_path / "copy")
    await leaving_of(kept).exits.begin(NOTHING_ALONG, by=kept.by())
    async with back_to(kept, copy) as back:
        found = await until(leaving_of(back), back, ExitState.GONE)
        assert found.request_id is not None
        await require_gone(back, found.request_id)


async def test_a_backup_from_the_middle_of_a_call_of_a_company_that_left_can_be_restored(
    kept: Workshop, tmp_path: Path, back_to: SetBack
) -> None:
    """Nobody is in that call: the start ends it, shuts the company out and erases it again."""
    call = await kept.consented()
    live = await kept.begun(call)
    copy = await copied(kept, tmp_path / "copy")
    await kept.recordings.end(live.media_id, reason="peer_left")
    await kept.calls.leg_ended(call.id, live.leg_id, reason="peer_left")
    asked = await kept.requests.of_tenant(kept.tenant_id)
    while await kept.keeper.turn():
        continue
    async with back_to(kept, copy) as back:
        while await back.keeper.turn():
            continue
        await require_gone(back, asked.id, counted=False)


async def test_an_exit_whose_end_the_copy_lacks_ends_again_and_cannot_be_taken_back(
    kept: Workshop, tmp_path: Path, back_to: SetBack
) -> None:
    """The row of the copy says ready, the ledger that everything is erased."""
    await furnished(kept)
    leaving = leaving_of(kept)
    await leaving.exits.begin(NewExit(None, None, 0), by=kept.by())
    await leaving.leaver.turn()
    copy = await copied(kept, tmp_path / "copy")
    gone = await until(leaving, kept, ExitState.GONE)
    async with back_to(kept, copy) as back:
        again = leaving_of(back)
        assert (await again.exits.current(by=back.by())).state is ExitState.LEAVING
        with pytest.raises(ConflictError):
            await again.exits.cancel(by=back.by())
        found = await until(again, back, ExitState.GONE)
        assert found.request_id == gone.request_id
        await require_gone(back, found.request_id or "", counted=False)  # the objects went the first time


async def test_volumes_of_before_a_restore_hold_nothing_that_was_erased_since(
    kept: Workshop, tmp_path: Path, back_to: SetBack
) -> None:
    """The copy's rows name volumes that are gone and lack those made since: all are made anew, without it."""
    erased, other = await kept.ready(), await kept.ready()
    leaving = leaving_of(kept)
    await leaving.exits.begin(MONTH, by=kept.by())
    await until(leaving, kept, ExitState.READY)
    copy = await copied(kept, tmp_path / "copy")
    await kept.requests.of_media(erased.media_id, ErasureReason.VISITOR_REQUEST, by=kept.by())
    assert await kept.keeper.turn() == 0
    await packed(leaving, kept)
    async with back_to(kept, copy) as back:
        assert await back.keeper.turn() == 0
        assert [key for key in await back.objects() if key.startswith("archive/")] == []
        again = leaving_of(back)
        await packed(again, back)
        names = await taken_by(back, again, KEY)
        assert f"media/{other.media_id}/media.webm" in names
        assert not any(erased.media_id in name for name in names)


async def test_a_start_that_dies_while_an_exit_is_given_back_is_finished_by_the_next(
    kept: Workshop, tmp_path: Path
) -> None:
    """At each step of the fence: the exit is there once, or taken back once."""
    await furnished(kept)
    copy = await copied(kept, tmp_path / "copy")
    leaving = leaving_of(kept)
    await leaving.exits.begin(NOTHING_ALONG, by=kept.by())
    await kept.checkpoints.publish_now()
    number = 0
    while True:
        number += 1
        async with set_back(kept, copy, tmp_path / f"back{number}", "main.db") as back:
            dying = Workshop(back.ground, Wire(number), back.tenant_id)
            try:
                await fence_of(dying).let_through()
            except Crash:
                await fence_of(back).let_through()
            else:
                break
            found = await leaving_of(back).exits.current(by=back.by())
            assert (found.state, uuid_of(found.id)) == (ExitState.EXPORTING, uuid_of(found.id))
            with pytest.raises(NotFoundError):
                await back.call()
    assert number > 2
