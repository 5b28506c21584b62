"""Trying again is bounded, and spread out."""

import pytest

from storage.errors import RefusedError, UnavailableError
from storage.retrying import Patience, retried


async def test_the_last_failure_is_raised() -> None:
    """After the set attempts the caller gets the store's last words."""
    seen: list[int] = []

    async def failing(failures: int) -> None:
        seen.append(failures)
        raise UnavailableError(f"attempt {failures}")

    with pytest.raises(UnavailableError, match="attempt 2"):
        await retried(failing, Patience(attempts=3, first_wait_s=0.001))
    assert seen == [0, 1, 2]


async def test_a_refusal_is_final() -> None:
    """What a retry cannot heal is not retried."""
    seen: list[int] = []

    async def refusing(failures: int) -> None:
        seen.append(failures)
        raise RefusedError("no")

    with pytest.raises(RefusedError):
        await retried(refusing, Patience(first_wait_s=0.001))
    assert seen == [0]


def test_waits_grow_to_a_bound_and_differ() -> None:
    """Each wait is random below a doubling bound, so that callers do not come back together."""
    patience = Patience(first_wait_s=1, longest_wait_s=4)
    for failures, bound in [(1, 1), (2, 2), (3, 4), (4, 4), (9, 4)]:
        waits = [patience.wait_s(failures) for _ in range(200)]
        assert 0 <= min(waits) < max(waits) <= bound
        assert max(waits) - min(waits) > bound / 2
