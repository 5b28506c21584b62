"""The circuit breaker's three positions."""

import pytest

from storage.breaker import Breaker
from storage.errors import UnavailableError


class Watch:
    """A clock to turn."""

    now_s = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


def test_failures_in_a_row_open_it_and_a_success_between_does_not() -> None:
    """Only an unbroken row of failures counts."""
    breaker = Breaker(failures_to_open=2, rest_s=5, monotonic=Watch())
    for _ in range(5):
        breaker.failed()
        breaker.succeeded()
    breaker.check()
    breaker.failed()
    breaker.failed()
    with pytest.raises(UnavailableError):
        breaker.check()


def test_after_the_rest_one_call_tries() -> None:
    """One call passes; the others wait for what it tells, or for another rest."""
    watch = Watch()
    breaker = Breaker(failures_to_open=1, rest_s=5, monotonic=watch)
    breaker.failed()
    watch.now_s = 5.1
    breaker.check()
    with pytest.raises(UnavailableError):
        breaker.check()
    watch.now_s = 10.2
    breaker.check()
    breaker.succeeded()
    breaker.check()
    breaker.check()
