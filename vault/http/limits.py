"""Rate limits: per address before we know who speaks, per principal afterwards.

A refused credential counts against its address, so that guessing is slow; a valid one counts against its
owner alone, so that a whole office behind one address is not one caller. Nor does a stranger there lock the
others out: over the limit of refusals a credential is still looked at, and only a bad one gets 429.
Looking costs, so beyond a second, higher limit only credentials that were good lately are looked at.

Visitors count against their address: their tokens are free for the asking.

Whatever a stranger asks for counts against the address as well: with the count of each button alone, made-up
buttons would be free. A window begins with a caller's first request, so a minute can hold the end of one and
the beginning of the next: twice the limit at most, as with a bucket that refills while it is emptied.
"""

import hashlib
import math
from collections import OrderedDict
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
from vault.model import Role
from vault.policy import Permission
from vault.settings import LimitSettings

WINDOW_S: Final = 60
KNOWN_MAX: Final = 10_000  # credentials in use at one time; about 2 MB


class RateLimits:
    """The limits of one process; several processes each count their own."""

    def __init__(self, settings: LimitSettings, clock: Clock) -> None:
        self._clock = clock
        self._limiter = FixedWindowRateLimiter(CounterStore(clock))
        self._api = RateLimitItemPerMinute(settings.requests_per_minute)
        self._calls = RateLimitItemPerMinute(settings.calls_per_minute)
        self._sign_in = RateLimitItemPerMinute(settings.sign_in_per_minute)
        self._evidence = RateLimitItemPerMinute(settings.evidence_per_minute)
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def before(self, route: Route, request: web.Request, info: RequestInfo) -> None:
        """Count an anonymous request; raises TooManyRequestsError. Runs before any cryptography or query."""
        who = limited_as(info.client)
        match route.limit:
            case Limit.NONE:
                return
            case Limit.SIGN_IN:
                self._hit(self._api, "api", who, info)
                self._require_no_flood(who)
            case Limit.CALLS:
                self._hit(self._api, "api", who, info)
                self._hit(self._calls, "calls", f"{who} {request.match_info.get('button_id', '')}", info)
            case Limit.VISITS:
                self._hit(self._api, "api", who, info)
                self._hit(self._calls, "visits", who, info)
                self._hit(self._api, "visits-of-call", request.match_info["call_id"], info)
            case Limit.API if route.needs is Permission.PUBLIC:
                self._hit(self._api, "api", who, info)
            case _:
                if _credential(request) not in self._known:
                    self._require_no_flood(who)

    def after_refusal(self, info: RequestInfo) -> None:
        """Count a refused credential against its address; raises TooManyRequestsError over the limit."""
        who = limited_as(info.client)
        self._limiter.hit(self._api, "refused-flood", who)
        if not self._limiter.hit(self._sign_in, "refused", who):
            _, reset_s = self._state(self._sign_in, "refused", who)
            raise TooManyRequestsError("too many refused credentials", retry_after_s=reset_s)

    def of_preflight(self, info: RequestInfo) -> None:
        """Count a preflight against its address; raises TooManyRequestsError."""
        self._hit(self._api, "preflight", limited_as(info.client), info)

    def remember(self, request: web.Request) -> None:
        """Note that a request's credential was good: a flood of others' bad ones does not shut it out."""
        credential = _credential(request)
        self._known[credential] = None
        self._known.move_to_end(credential)
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)

    def of_principal(self, route: Route, info: RequestInfo) -> None:
        """Count a request of someone known; raises TooManyRequestsError."""
        principal = info.principal
        if principal is None or route.needs is Permission.PUBLIC:
            return
        if route.limit in {Limit.API, Limit.EVIDENCE}:
            who = limited_as(info.client) if principal.role is Role.VISITOR else principal.id
            self._hit(self._api, "api", who, info)
        if route.limit is Limit.EVIDENCE and principal.may(route.needs):
            self._hit(self._evidence, "evidence", principal.tenant_id, info)

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

    def _require_no_flood(self, who: str) -> None:
        if not self._limiter.test(self._api, "refused-flood", who):
            _, reset_s = self._state(self._api, "refused-flood", who)
            raise TooManyRequestsError("too many refused credentials", retry_after_s=reset_s)

    def _state(self, item: RateLimitItemPerMinute, name: str, who: str) -> tuple[int, int]:
        stats = self._limiter.get_window_stats(item, name, who)
        return stats.remaining, max(1, math.ceil(stats.reset_time - self._clock.monotonic()))


def _credential(request: web.Request) -> bytes:
    # Only the hash is kept: whoever reads this process's memory later finds no token in it.
    sent = request.headers.get("Authorization", "") or request.headers.get("Cookie", "")
    return hashlib.sha256(str(sent).encode("utf-8", "surrogateescape")).digest()
