"""Rate limits: who is counted, what they are told, and that counting costs nothing that grows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from limits import RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter

from tests.vault.http.house import open_house
from vault.clock import TurnableClock
from vault.http.counter_store import CounterStore
from vault.model import Role, new_id


def _clock() -> TurnableClock:
    return TurnableClock(datetime(2026, 1, 31, tzinfo=UTC))


async def test_a_caller_over_the_limit_waits_as_told_and_is_let_in_again(tmp_path: Path) -> None:
    """429 with Retry-After; after the window there is room again."""
    clock = TurnableClock(datetime.now(UTC))
    async with open_house(tmp_path, limits={"requests_per_minute": 3}, clock=clock) as house:
        for remaining in (2, 1, 0):
            status, _, response = await house.ask("GET", "/v1/me", role=Role.AGENT)
            assert status == 200
            assert f"r={remaining};" in response.headers["RateLimit"]
        status, body, response = await house.ask("GET", "/v1/me", role=Role.AGENT)
        assert (status, body["code"]) == (429, "too_many_requests")
        assert 1 <= int(response.headers["Retry-After"]) <= 60
        assert "q=3;w=60" in response.headers["RateLimit-Policy"]
        assert (await house.ask("GET", "/v1/me", role=Role.SUPERVISOR))[
            0
        ] == 200  # another caller, same address
        clock.turn(timedelta(seconds=61))
        assert (await house.ask("GET", "/v1/me", role=Role.AGENT))[0] == 200


async def test_guessing_credentials_is_slowed(tmp_path: Path) -> None:
    """Refused credentials count against their address."""
    async with open_house(tmp_path, limits={"sign_in_per_minute": 3}) as house:
        for _ in range(3):
            status, _, _ = await house.ask("GET", "/v1/me", headers={"Authorization": "Bearer guess"})
            assert status == 401
        status, _, _ = await house.ask("GET", "/v1/me", headers={"Authorization": "Bearer guess"})
        assert status == 429


async def test_sign_in_is_limited_by_address(tmp_path: Path) -> None:
    """One-time codes cannot be tried out."""
    async with open_house(tmp_path, limits={"sign_in_per_minute": 2}) as house:
        statuses = [(await house.ask("POST", "/v1/sessions", json={"code": "x"}))[0] for _ in range(3)]
        assert statuses == [401, 401, 429]


async def test_made_up_buttons_are_no_way_around_the_limit(tmp_path: Path) -> None:
    """Each button has a count of its own, and the address has one over all of them."""
    async with open_house(tmp_path, limits={"requests_per_minute": 3}) as house:
        paths = [f"/v1/buttons/{new_id('btn')}/calls" for _ in range(4)]
        call = {"language": "en", "media": ["audio"]}
        statuses = [(await house.ask("POST", path, json=call))[0] for path in paths]
        assert statuses == [404, 404, 404, 429]


async def test_sign_ins_that_make_no_sense_are_counted_too(tmp_path: Path) -> None:
    """Reading a body is work, also where no code is in it."""
    async with open_house(tmp_path, limits={"requests_per_minute": 2}) as house:
        statuses = [(await house.ask("POST", "/v1/sessions", json={}))[0] for _ in range(3)]
        assert statuses == [422, 422, 429]


async def test_health_is_never_limited(tmp_path: Path) -> None:
    """A probe is not a caller."""
    async with open_house(tmp_path, limits={"requests_per_minute": 1}) as house:
        assert {(await house.ask("GET", "/livez"))[0] for _ in range(5)} == {200}


@given(st.lists(st.integers(0, 50), max_size=200))
def test_the_counters_never_outgrow_their_bound(keys: list[int]) -> None:
    """However many callers there are, memory is bounded; the oldest window goes first."""
    store = CounterStore(_clock(), max_counters=10)
    for key in keys:
        assert store.incr(str(key), 60) >= 1
    assert store.reset() <= 10


def test_no_minute_holds_more_than_twice_the_limit() -> None:
    """A caller who waits for the window's last second and goes on in the next gets that much, and no more."""
    clock = _clock()
    limiter, item = FixedWindowRateLimiter(CounterStore(clock)), RateLimitItemPerMinute(10)
    passed = []
    for second in range(600):
        wants = 100 if second % 60 in {59, 0} else 1
        passed.append(sum(limiter.hit(item, "a") for _ in range(wants)))
        clock.turn(timedelta(seconds=1))
    assert max(sum(passed[at : at + 60]) for at in range(600)) <= 20


def test_a_window_ends_on_time_and_starts_anew() -> None:
    """Fixed windows: counted from the first hit."""
    clock = _clock()
    store = CounterStore(clock)
    assert [store.incr("a", 60), store.incr("a", 60)] == [1, 2]
    clock.turn(timedelta(seconds=60))
    assert store.get("a") == 0
    assert store.incr("a", 60) == 1
