"""Rate limits: per address before we know who speaks, per principal afterwards.

A refused credential counts against its address, so that guessing is slow; a valid one counts against its
owner alone, so that a whole office behind one address is not one caller.
"""

import math
from typing import Final

from aiohttp import web
from limits import RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter

from vault.clock import Clock
from vault.errors import TooManyRequestsError
from vault.http.counter_store import CounterStore
from vault.http.proxies import limited_as
from vault.http.request_info import RequestInfo
from vault.http.route import Limit, Route
from vault.policy import Permission
from vault.settings import LimitSettings

WINDOW_S: Final = 60


class RateLimits:
    """The limits of one process; several processes each count their own."""

    def __init__(self, settings: LimitSettings, clock: Clock) -> None:
        self._clock = clock
        self._limiter = FixedWindowRateLimiter(CounterStore(clock))
        self._api = RateLimitItemPerMinute(settings.requests_per_minute)
        self._calls = RateLimitItemPerMinute(settings.calls_per_minute)
        self._sign_in = RateLimitItemPerMinute(settings.sign_in_per_minute)

    def before(self, route: Route, request: web.Request, info: RequestInfo) -> None:
        """Count an anonymous request; raises TooManyRequestsError. Runs before any cryptography or query."""
        who = limited_as(info.client)
        match route.limit:
            case Limit.NONE:
                return
            case Limit.SIGN_IN:
                self._hit(self._sign_in, "sign-in", who, info)
            case Limit.CALLS:
                self._hit(self._calls, "calls", f"{who} {request.match_info.get('button_id', '')}", info)
            case Limit.API if route.needs is Permission.PUBLIC:
                self._hit(self._api, "api", who, info)
            case _:
                self._require_room(self._sign_in, "refused", who)

    def after_refusal(self, info: RequestInfo) -> None:
        """Count a refused credential against the address it came from."""
        self._limiter.hit(self._sign_in, "refused", limited_as(info.client))

    def of_principal(self, route: Route, info: RequestInfo) -> None:
        """Count a request of someone known; raises TooManyRequestsError."""
        if info.principal is not None and route.limit is Limit.API and route.needs is not Permission.PUBLIC:
            self._hit(self._api, "api", info.principal.id, info)

    def _hit(self, item: RateLimitItemPerMinute, name: str, who: str, info: RequestInfo) -> None:
        allowed = self._limiter.hit(item, name, who)
        remaining, reset_s = self._state(item, name, who)
        # draft-ietf-httpapi-ratelimit-headers-11: quota and window, then what remains and for how long.
        info.limit_headers = {
            "RateLimit-Policy": f'"{name}";q={item.amount};w={WINDOW_S}',
            "RateLimit": f'"{name}";r={remaining};t={reset_s}',
        }
        if not allowed:
            raise TooManyRequestsError("over the limit of this caller", retry_after_s=reset_s)

    def _require_room(self, item: RateLimitItemPerMinute, name: str, who: str) -> None:
        if not self._limiter.test(item, name, who):
            _, reset_s = self._state(item, name, who)
            raise TooManyRequestsError("too many refused credentials", retry_after_s=reset_s)

    def _state(self, item: RateLimitItemPerMinute, name: str, who: str) -> tuple[int, int]:
        stats = self._limiter.get_window_stats(item, name, who)
        return stats.remaining, max(1, math.ceil(stats.reset_time - self._clock.monotonic()))
