"""How callers' lines do, as histograms without labels: no call and no tenant can be told from them."""

from typing import Final

from prometheus_client import CollectorRegistry, Histogram

from vault.calls.quality import Sample

# Finest around what begins to be noticed (vault.calls.quality).
SHARES: Final = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
SECONDS: Final = (0.01, 0.02, 0.05, 0.08, 0.15, 0.3, 0.6, 1.0, 2.0)


class LineMetrics:
    """Counts samples of lines; ``Qualities.watch`` brings them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._missed = Histogram(
            "callvault_leg_loss_ratio", "Packets not there at first.", buckets=SHARES, registry=registry
        )
        self._lost = Histogram(
            "callvault_leg_sound_lost_ratio", "Sound that never came.", buckets=SHARES, registry=registry
        )
        self._jitter = Histogram(
            "callvault_leg_jitter_seconds", "How unevenly packets come.", buckets=SECONDS, registry=registry
        )
        self._round_trip = Histogram(
            "callvault_leg_round_trip_seconds",
            "To a participant and back.",
            buckets=SECONDS,
            registry=registry,
        )

    def count(self, sample: Sample) -> None:
        """Count a sample."""
        self._missed.observe(sample.missed)
        self._lost.observe(sample.sound_lost)
        self._jitter.observe(sample.jitter_s)
        if sample.round_trip_s is not None:
            self._round_trip.observe(sample.round_trip_s)
