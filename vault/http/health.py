"""Is the process alive, and may it be sent work: ``/livez``, ``/readyz`` and ``/healthz``."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal

import structlog
from pydantic import Field

from vault.http.ask import Answer, Ask
from vault.http.route import Limit, Route
from vault.http.wire import In, Out
from vault.policy import Permission

CHECK_TIMEOUT_S: Final = 5.0  # a check that takes longer is a failed check
KEPT_S: Final = 1.0  # anybody may ask; the databases and the store are asked once in this time at most
_log = structlog.get_logger("vault.http")

State = Literal["ok", "away", "fail"]
Check = Callable[[], Awaitable[State | None]]


class Health:
    """The checks that make the process ready. A check passes unless it raises or takes too long.

    One may answer that what it looks for is ``away``: the process is to be sent work all the same.
    """

    def __init__(self, *, version: str, checks: Mapping[str, Check]) -> None:
        self.version = version
        self.draining = False
        self._checks = dict(checks)
        self._running = asyncio.Lock()
        self._newest: dict[str, State] = {}
        self._until_s = float("-inf")

    async def run(self) -> dict[str, State]:
        """Tell each check's outcome: those of the last second, else of now; who comes meanwhile waits."""
        async with self._running:
            loop = asyncio.get_running_loop()
            if loop.time() >= self._until_s:
                self._newest = await self._all()
                self._until_s = loop.time() + KEPT_S
            return dict(self._newest)

    async def _all(self) -> dict[str, State]:
        outcomes = await asyncio.gather(*(self._outcome(name, check) for name, check in self._checks.items()))
        return dict(zip(self._checks, outcomes, strict=True))

    async def _outcome(self, name: str, check: Check) -> State:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                return await check() or "ok"
        except Exception as error:  # noqa: BLE001  # whatever a check meets means: not ready
            _log.warning("check failed", check=name, error=type(error).__name__)
            return "fail"


class HealthReport(Out):
    """The state of the process; ``checks`` only where it was asked for.

    ``calls`` says whether a new call would find room; a process without room is ready for all else. So is one
    whose ``retention`` is halted, because the clock jumped; one that lacks ``key_copies``, good backups of
    the key store, which the end of an epoch waits for; and one whose ``keys`` are in ``recovery``: calls
    begin and are recorded, what is sealed stays closed until the key provider answers. ``keys_in_recovery``
    counts what waits for that, where the checks were asked for; ``key_holders`` tells how those of tenants
    are. One that is away is its tenants' matter: the process is ready for all others, and records them, too.
    """

    status: Literal["ok", "fail"]
    version: str
    checks: dict[str, State] | None = None
    calls: Literal["taken", "refused"] | None = None
    retention: Literal["running", "halted"] | None = None
    keys: Literal["open", "recovery", "closed"] | None = None
    keys_in_recovery: int | None = None
    key_holders: dict[str, str] | None = None
    key_copies: Literal["enough", "lacking"] | None = None


class ReadyQuery(In):
    """``verbose`` lists the checks."""

    verbose: Literal["", "true", "false"] = Field("false", description="List each check.")


async def livez(ask: Ask[None, None]) -> Answer:
    """Say that the process turns."""
    return Answer(body=HealthReport(status="ok", version=ask.services.health.version))


async def readyz(ask: Ask[None, ReadyQuery]) -> Answer:
    """Say whether the process may be sent work; 503 while it drains or something it needs is away."""
    health = ask.services.health
    checks = await health.run()
    ready = not health.draining and "fail" not in checks.values()
    verbose = ask.query.verbose != "false"
    report = HealthReport(
        status="ok" if ready else "fail",
        version=health.version,
        checks=checks if verbose else None,
        calls="taken" if ask.services.legs.seats.has_room else "refused",
        retention="halted" if ask.services.custody.sentry.is_halted else "running",
        keys=ask.services.key_watch.standing.value,
        keys_in_recovery=ask.services.keys.recovering.waiting if verbose else None,
        key_holders=dict(ask.services.key_watch.holders) or None if verbose else None,
        key_copies="lacking" if ask.services.turn.copies_lacking else "enough",
    )
    return Answer(status=200 if ready else 503, body=report)


def _route(path: str, summary: str) -> Route:
    return Route(
        method="GET",
        path=path,
        handler=livez,
        needs=Permission.PUBLIC,
        summary=summary,
        tag="health",
        limit=Limit.NONE,
        logged=False,
        responses={200: HealthReport},
    )


ROUTES: Final = (
    _route("/livez", "The process turns."),
    _route("/healthz", "The same as /livez."),
    Route(
        method="GET",
        path="/readyz",
        handler=readyz,
        needs=Permission.PUBLIC,
        summary="The process may be sent work.",
        tag="health",
        limit=Limit.NONE,
        logged=False,
        query=ReadyQuery,
        responses={200: HealthReport, 503: HealthReport},
    ),
)
