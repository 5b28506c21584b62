"""Whatever people, crashes and restores do in whatever order: what is kept plays, what is erased is gone.

    CALLVAULT_TEST_SEED=… pytest tests/vault/rights/test_lifetimes.py

Hypothesis draws the order and prints it. Some thousand steps look at one thing each, and at everything now
and then; in `make soak` ten thousand do, and as many look at everything each time.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.vault.rights.lifetimes import Life
from tests.vault.rights.looking import every_way, glance, look, look_back, require_receipts

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

STEPS = 40  # of one life that is looked at whole after each
STEPS_OF_MANY = 100  # of one of those that are glanced at
LIVES_AT_A_TIME = 15
SHORT_HALF, HALF = 1_250, 5_000  # steps
COUNTED = ("steps", "crashes", "restores", "refused", "receipts")
MOST_ITEMS = 8  # of one life that live
MOST_BACKUPS = 6  # each is brought up in every way at the end
DIES = st.none() | st.integers(1, 60)
WHERE = st.integers(0, 1_000)


class Lifetimes(RuleBasedStateMachine):
    """One vault, from its first process on; after every rule the model is held against it."""

    looks_every: ClassVar[int] = 1
    counted: ClassVar[dict[str, int]] = dict.fromkeys(COUNTED, 0)

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="lifetimes-"))
        self.runner = asyncio.Runner()
        self.life = Life(self.folder)

    def run(self, act: Coroutine[Any, Any, Any]) -> Any:
        """Do something, then hold the vault against the model."""
        self.counted["steps"] += 1
        return self.runner.run(self._looked(act))

    async def _looked(self, act: Coroutine[Any, Any, Any]) -> Any:
        told = await act
        await self.life.note_published()
        if self.counted["steps"] % self.looks_every == 0:
            await look(self.life)
        else:
            await glance(self.life, self.counted["steps"])
        return told

    @initialize()
    def begin(self) -> None:
        """Two tenants, and a recording of each."""
        self.runner.run(self.life.begin())
        for tenant in (0, 1):
            self.run(self.life.record(tenant, None))

    def item(self, where: int) -> Any:
        """One of the recordings that rows know."""
        known = [one for one in self.life.items.values() if one.media_id in self.life.state.known]
        return known[where % len(known)]

    def has_items(self) -> bool:
        """Whether rows know any recording."""
        return any(one in self.life.state.known for one in self.life.items)

    @precondition(lambda self: len(set(self.life.items) - self.life.state.erased) < MOST_ITEMS)
    @rule(tenant=st.integers(0, 1), dies=DIES)
    def record(self, tenant: int, dies: int | None) -> None:
        """A recording is made."""
        self.run(self.life.record(tenant, dies))

    @precondition(has_items)
    @rule(where=WHERE)
    def note(self, where: int) -> None:
        """A note is written."""
        self.run(self.life.note(self.item(where)))

    @precondition(has_items)
    @rule(where=WHERE, whole=st.booleans(), dies=DIES)
    def erase(self, where: int, dies: int | None, *, whole: bool) -> None:
        """Somebody asks for an erasure."""
        self.run(self.life.erase(self.item(where), dies, whole=whole))

    @precondition(has_items)
    @rule(where=WHERE, whole=st.booleans(), days=st.integers(1, 4))
    def hold(self, where: int, days: int, *, whole: bool) -> None:
        """A hold is placed."""
        self.run(self.life.hold(self.item(where), whole=whole, days=days))

    def holds(self) -> list[str]:
        """The holds that rows know."""
        state = self.life.state
        return sorted(name for name, (what, _) in state.holds.items() if what in state.known)

    @precondition(lambda self: bool(self.holds()))
    @rule(where=WHERE)
    def release(self, where: int) -> None:
        """Two people release a hold."""
        self.run(self.life.release(self.holds()[where % len(self.holds())]))

    @precondition(has_items)
    @rule(where=WHERE, whole=st.booleans())
    def restrict(self, where: int, *, whole: bool) -> None:
        """A restriction is placed."""
        self.run(self.life.restrict(self.item(where), whole=whole))

    def restrictions(self) -> list[str]:
        """The restrictions that rows know."""
        state = self.life.state
        return sorted(name for name, what in state.restrictions.items() if what in state.known)

    @precondition(lambda self: bool(self.restrictions()))
    @rule(where=WHERE)
    def lift(self, where: int) -> None:
        """A restriction is lifted."""
        self.run(self.life.lift(self.restrictions()[where % len(self.restrictions())]))

    @rule(hours=st.integers(1, 50))
    def wait(self, hours: int) -> None:
        """Time passes."""
        self.run(self.life.wait(hours))

    @rule(dies=DIES)
    def keep(self, dies: int | None) -> None:
        """The keeper's turn."""
        self.run(self.life.settle(dies))

    @rule(dies=DIES)
    def turn(self, dies: int | None) -> None:
        """An epoch turns."""
        self.run(self.life.turn_epoch(dies))

    @rule()
    def publish(self) -> None:
        """The ledger is laid outside."""
        self.run(self.life.publish())

    @precondition(lambda self: len(self.life.past) < MOST_BACKUPS)
    @rule()
    def back_up(self) -> None:
        """A backup of both databases."""
        self.run(self.life.back_up())

    @rule(main=WHERE, keys=WHERE, which=st.integers(0, 3), published=st.booleans(), dies=DIES)
    def restore(self, main: int, keys: int, which: int, dies: int | None, *, published: bool) -> None:
        """The main database, the key store or both are set back, to one moment or two."""
        past = self.life.past
        of_main, of_keys = past[main % len(past)], past[keys % len(past)]
        first, second = ((of_main, None), (None, of_keys), (of_main, of_main), (of_main, of_keys))[which]
        done = self.run(self.life.restore(first, second, dies, published=published))
        self.counted["restores" if done else "refused"] += 1

    @rule(where=WHERE, which=st.integers(0, 2))
    def look_back(self, where: int, which: int) -> None:
        """One of the backups is brought up beside the vault."""
        past = self.life.past[where % len(self.life.past)]
        self.run(look_back(self.life, past, every_way()[which]))

    def teardown(self) -> None:
        """Every backup in every way, and every receipt; then nothing is left."""
        try:
            self.runner.run(self._end())
        finally:
            self.runner.close()
            shutil.rmtree(self.folder)

    async def _end(self) -> None:
        life = self.life
        try:
            if not life.items:
                return
            await life.settle()
            await look(life)
            for past in life.past:
                for which in every_way():
                    await look_back(life, past, which)
            self.counted["receipts"] += await require_receipts(life)
        finally:
            self.counted["crashes"] += life.crashes
            await life.end()


class ManyLifetimes(Lifetimes):
    """The same, with a glance after each step."""

    looks_every: ClassVar[int] = 25
    counted: ClassVar[dict[str, int]] = dict.fromkeys(COUNTED, 0)


def live(machine: type[Lifetimes], *, lives: int, steps: int, otherwise: int | None = None) -> None:
    """Live so many lives of so many steps each, in an order that the printed seed gives again."""
    first = int(os.environ.get("CALLVAULT_TEST_SEED", "0")) or otherwise
    first = first or random.SystemRandom().randrange(1, 1 << 32)
    sys.stdout.write(f"CALLVAULT_TEST_SEED={first}\n")
    how = settings(
        max_examples=lives,
        stateful_step_count=steps,
        database=None,
        print_blob=True,
        phases=(Phase.generate,),  # shrinking lives of seconds takes hours
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(first)(machine), settings=how)
    sys.stdout.write(f"{machine.counted}\n")


@pytest.mark.slow
@pytest.mark.timeout(7_200)
@pytest.mark.usefixtures("quick_child")
def test_whatever_happens_what_is_kept_plays_and_what_is_erased_is_gone(
    rounds: Callable[[int, int], int],
) -> None:
    """Two tenants, crashes at any step, holds, restrictions, epochs, backups and restores, in any order."""
    Lifetimes.counted.update(dict.fromkeys(COUNTED, 0))
    lives = rounds(4, 300)
    live(Lifetimes, lives=lives, steps=STEPS, otherwise=rounds(1_128, 0))
    assert Lifetimes.counted["steps"] >= lives * 2


@pytest.mark.slow
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("half", [1, 2])  # a worker each
@pytest.mark.usefixtures("quick_child")
def test_thousands_of_steps_of_any_kind_leave_what_is_kept_and_nothing_that_is_erased(
    half: int, rounds: Callable[[int, int], int]
) -> None:
    """As above, with more of each life: an erasure, a crash or a restore comes upon a longer past.

    The same orders in each run, others in `make soak`: what finds a fault is not to be whoever comes next.
    """
    begins, steps = rounds(half * 1_000_000, 0), rounds(SHORT_HALF, HALF)
    ManyLifetimes.counted.update(dict.fromkeys(COUNTED, 0))
    while ManyLifetimes.counted["steps"] < steps:
        otherwise = begins + ManyLifetimes.counted["steps"] if begins else None
        live(ManyLifetimes, lives=LIVES_AT_A_TIME, steps=STEPS_OF_MANY, otherwise=otherwise)
