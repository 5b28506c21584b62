"""Prometheus metrics: base units in names, bounded labels, no identifiers."""

import asyncio
import platform
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from vault.clock import Clock

LATENCY_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
# Audio frames come every 20 ms: the buckets are finest around the lag that begins to be heard.
LAG_BUCKETS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 5)
LAG_EVERY_S: Final = 0.1
KNOWN_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """All metrics of one process, in a registry of their own."""

    def __init__(self, *, version: str, clock: Clock) -> None:
        self.registry = CollectorRegistry()
        self._clock = clock
        build = Gauge(
            "callvault_build_info", "The running program.", ("version", "python"), registry=self.registry
        )
        build.labels(version, platform.python_version()).set(1)
        self._requests = Counter(
            "callvault_http_requests", "Answers.", ("method", "route", "status"), registry=self.registry
        )
        self._durations = Histogram(
            "callvault_http_request_duration_seconds",
            "Time to an answer.",
            ("method", "route"),
            registry=self.registry,
            buckets=LATENCY_BUCKETS_S,
        )
        self._refusals = Counter(
            "callvault_auth_failures", "Refused credentials.", ("reason",), registry=self.registry
        )
        self._lag = Histogram(
            "callvault_event_loop_lag_seconds",
            "How late the event loop woke; over 0.02 audio suffers.",
            registry=self.registry,
            buckets=LAG_BUCKETS_S,
        )

    def http_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer; ``route`` is a template."""
        method = method if method in KNOWN_METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._durations.labels(method, route).observe(seconds)

    def credential_refused(self, reason: str) -> None:
        """Count a refused credential; ``reason`` is one of the identity room's own words."""
        self._refusals.labels(reason).inc()

    def watch(self, name: str, description: str, read: Callable[[], float]) -> None:
        """Register a gauge that is read when it is asked for: calls that run, bytes in the spool."""
        Gauge(f"callvault_{name}", description, registry=self.registry).set_function(read)

    async def measure_lag(self) -> None:
        """Watch the event loop until cancelled; the caller owns the task."""
        while True:
            due_s = self._clock.monotonic() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            self._lag.observe(max(0.0, self._clock.monotonic() - due_s))

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Write all metrics in the format the scraper asks for, and name that format."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type
