"""The contract of ``storage.debts`` as tests: a list passes when a class of its own inherits this one.

The class gives the fixtures ``debts`` (empty) and ``turn``, which lets so many seconds pass.
"""

from collections.abc import Callable

from storage.debts import CLAIM_S, Act, Debts, Lag
from storage.store import ObjectKey

KEY = ObjectKey("media/a/1/media")
OTHER = ObjectKey("media/b/1/media")
Turn = Callable[[float], None]


class DebtsContract:
    """What every list of debts does."""

    async def test_a_debt_is_for_each_place_until_it_is_settled(self, debts: Debts) -> None:
        """Settling one leaves the other."""
        ticket = await debts.owe(Act.COPY, KEY, ["lyon", "metz"])
        assert {(one.place, one.act, one.ticket) for one in await debts.of(KEY)} == {
            ("lyon", Act.COPY, ticket),
            ("metz", Act.COPY, ticket),
        }
        (due,) = await debts.due("lyon", 9)
        claimed = await debts.claim(due)
        assert claimed is not None
        assert not claimed.inherited
        assert await debts.settle(claimed)
        assert not await debts.settle(claimed)
        assert [one.place for one in await debts.of(KEY)] == ["metz"]

    async def test_what_waits_is_not_due(self, debts: Debts, turn: Turn) -> None:
        """Until its time has come, or it is hastened; the longest due comes first."""
        ticket = await debts.owe(Act.COPY, KEY, ["lyon"], wait_s=60)
        assert await debts.due("lyon", 9) == []
        turn(1)
        assert await debts.hasten(KEY, "another") == 0
        assert await debts.hasten(KEY, ticket) == 1
        turn(1)
        await debts.owe(Act.ERASE, OTHER, ["lyon"])
        assert [one.key for one in await debts.due("lyon", 9)] == [KEY, OTHER]
        assert len(await debts.due("lyon", 1)) == 1
        assert await debts.due("metz", 9) == []

    async def test_a_newer_sentence_takes_the_older_one_s_place(self, debts: Debts) -> None:
        """Whoever began with the older one cannot settle it, and keeps the claim until it is given back."""
        await debts.owe(Act.COPY, KEY, ["lyon"])
        claimed = await debts.claim((await debts.of(KEY))[0])
        assert claimed is not None
        assert await debts.renew(claimed)
        await debts.owe(Act.ERASE, KEY, ["lyon"])
        (newer,) = await debts.of(KEY)
        assert newer.act is Act.ERASE
        assert not await debts.renew(claimed)
        assert not await debts.settle(claimed)
        assert await debts.claim(newer) is None
        assert await debts.due("lyon", 9) == []
        await debts.release(claimed, wait_s=60, failed=True)
        (newer,) = await debts.due("lyon", 9)
        assert newer.attempts == 0
        assert await debts.claim(newer) is not None

    async def test_what_is_owed_gently_changes_nothing(self, debts: Debts) -> None:
        """An erasure that is owed stays an erasure."""
        ticket = await debts.owe(Act.ERASE, KEY, ["lyon"])
        await debts.owe(Act.COPY, KEY, ["lyon", "metz"], gently=True)
        lyon, metz = sorted(await debts.of(KEY), key=lambda one: one.place)
        assert (lyon.act, lyon.ticket, metz.act) == (Act.ERASE, ticket, Act.COPY)

    async def test_one_at_a_time_is_at_work(self, debts: Debts, turn: Turn) -> None:
        """A claim that nobody renews ends, and its heir is told."""
        await debts.owe(Act.COPY, KEY, ["lyon"])
        (debt,) = await debts.of(KEY)
        first = await debts.claim(debt)
        assert first is not None
        assert await debts.claim(debt) is None
        turn(CLAIM_S - 1)
        assert await debts.renew(first)
        turn(CLAIM_S - 1)
        assert await debts.claim(debt) is None
        turn(2)
        (due,) = await debts.due("lyon", 9)
        second = await debts.claim(due)
        assert second is not None
        assert second.inherited
        assert not await debts.renew(first)
        assert not await debts.settle(first)
        await debts.release(first)
        assert await debts.renew(second)

    async def test_a_failure_is_counted_and_waits(self, debts: Debts, turn: Turn) -> None:
        """The lag tells how many are owed, since when, and how many have failed."""
        assert await debts.lag() == {}
        await debts.owe(Act.COPY, KEY, ["lyon"])
        turn(5)
        await debts.owe(Act.COPY, OTHER, ["lyon", "metz"])
        claimed = await debts.claim((await debts.of(KEY))[0])
        assert claimed is not None
        await debts.release(claimed, wait_s=30, failed=True)
        turn(5)
        assert await debts.lag() == {"lyon": Lag(2, 10.0, 1), "metz": Lag(1, 5.0, 0)}
        assert [one.key for one in await debts.due("lyon", 9)] == [OTHER]
        turn(30)
        assert [(one.key, one.attempts) for one in await debts.due("lyon", 9)] == [(OTHER, 0), (KEY, 1)]
