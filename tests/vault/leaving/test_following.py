"""The follow-up link: derived, good for one exit, and good until its receipt is there."""

import re

import pytest

from crypto.receipts import verify_receipt
from tests.vault.leaving.house import leaving_of
from tests.vault.media.workshop import Workshop
from tests.vault.rights.test_emptying import furnished
from vault.errors import NotFoundError
from vault.leaving.exits import NewExit
from vault.leaving.following import FollowUps
from vault.model import ExitState, new_id


async def test_an_exit_is_followed_to_its_receipt(any_work: Workshop) -> None:
    """Nothing is counted before the erasure, everything after it; the receipt is the file that verifies."""
    await furnished(any_work)
    leaving = leaving_of(any_work)
    begun = await leaving.exits.begin(NewExit(None, None, 0), by=any_work.by())
    secret = leaving.follow_ups.secret_of(begun.id)
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", secret)
    first = await leaving.follow_ups.follow(begun.id, secret)
    assert (first.how_far.state, first.erasing_since, first.receipt) == (ExitState.EXPORTING, None, None)
    for _ in range(2):
        await leaving.leaver.turn()
    shut = await leaving.follow_ups.follow(begun.id, secret)
    assert (shut.how_far.state, shut.receipt) == (ExitState.LEAVING, None)
    assert shut.erasing_since is not None
    for _ in range(5):
        await any_work.keeper.turn()
        await leaving.leaver.turn()
    gone = await leaving.follow_ups.follow(begun.id, secret)
    assert gone.how_far.state is ExitState.GONE
    assert gone.how_far.erased["versions"] > 0
    assert gone.how_far.erased["rows"] > 0
    assert gone.receipt is not None
    proven = verify_receipt(gone.receipt.encode(), any_work.ledger_keys.verifiers)
    assert (proven.request, proven.status) == (gone.how_far.request_id, "complete")


async def test_only_an_exits_own_secret_shows_it(work: Workshop) -> None:
    """Another exit's, another deployment's, a made-up one, an exit that is not there: all the same answer."""
    leaving = leaving_of(work)
    mine = await leaving.exits.begin(NewExit(None, None, 30), by=work.by())
    follow_ups, nobodys = leaving.follow_ups, new_id("xit")
    elsewhere = FollowUps(work.database, work.requests, work.receipts, b"of another deployment")
    wrong = (
        (mine.id, follow_ups.secret_of(nobodys)),
        (mine.id, elsewhere.secret_of(mine.id)),
        (mine.id, "A" * 22),
        (nobodys, follow_ups.secret_of(nobodys)),
    )
    for exit_id, secret in wrong:
        with pytest.raises(NotFoundError) as refused:
            await follow_ups.follow(exit_id, secret)
        assert str(refused.value) == str(NotFoundError())
    assert repr(follow_ups) == "FollowUps()"


async def test_an_exit_that_was_taken_back_is_told_as_such(work: Workshop) -> None:
    """Whoever keeps the link learns that nothing was erased."""
    leaving = leaving_of(work)
    begun = await leaving.exits.begin(NewExit(None, None, 30), by=work.by())
    await leaving.exits.cancel(by=work.by())
    told = await leaving.follow_ups.follow(begun.id, leaving.follow_ups.secret_of(begun.id))
    assert (told.how_far.state, told.receipt) == (ExitState.CANCELLED, None)
