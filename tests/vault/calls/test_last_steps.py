"""Steps that end something: how often they are tried, and what ends the trying."""

import asyncio

import pytest

from storage.errors import UnavailableError
from vault.calls import last_steps
from vault.calls.last_steps import LastSteps
from vault.errors import ConflictError, DependencyError
from vault.model import new_id


class Step:
    """Fails as often as the test says, or for ever."""

    def __init__(self, error: Exception, times: int | None = None) -> None:
        self.error, self.times, self.tries = error, times, 0

    async def __call__(self) -> str:
        """Take it, or do not."""
        self.tries += 1
        if self.times is None or self.tries <= self.times:
            raise self.error
        return "taken"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """As quick as a test."""
    monkeypatch.setattr(last_steps, "PAUSES_S", (0.01, 0.01))
    monkeypatch.setattr(last_steps, "AGAIN_S", 0.02)


@pytest.mark.parametrize("error", [DependencyError("away"), UnavailableError("away")])
async def test_what_is_away_is_waited_for_until_it_is_back(error: Exception) -> None:
    """Long after the first pauses."""
    step = Step(error, times=8)
    assert await LastSteps().take(new_id("leg"), step) == "taken"
    assert step.tries == 9


async def test_what_will_never_do_is_tried_a_few_times() -> None:
    """A refusal is the same in an hour."""
    step = Step(ConflictError("no"))
    assert await LastSteps().take(new_id("leg"), step) is None
    assert step.tries == 3


async def test_a_process_that_ends_tries_once_more_and_leaves_the_rest_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At once, whatever pause it is in."""
    monkeypatch.setattr(last_steps, "AGAIN_S", 60.0)
    last, step = LastSteps(), Step(DependencyError("away"))
    trying = asyncio.create_task(last.take(new_id("leg"), step), name="trying")
    async with asyncio.timeout(10):
        while step.tries < 3:  # noqa: ASYNC110  # it has no event
            await asyncio.sleep(0.01)
        last.hurry()
        assert await trying is None
    assert step.tries == 4
