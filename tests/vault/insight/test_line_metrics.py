"""Lines as histograms: each sample once, and nothing that names a call."""

from prometheus_client import CollectorRegistry

from vault.calls.quality import Sample
from vault.insight.line_metrics import LineMetrics


def test_a_sample_is_counted_once_and_what_nobody_told_is_not() -> None:
    """Loss, unrepaired sound, jitter; a round trip only where there is one."""
    registry = CollectorRegistry()
    metrics = LineMetrics(registry)
    sample = Sample(2.0, 0.05, 0.01, 0.0, 0.03, 1e6, 0.0, None, None)
    metrics.count(sample)

    def value(name: str) -> float | None:
        return registry.get_sample_value(f"callvault_leg_{name}")

    assert value("loss_ratio_count") == value("sound_lost_ratio_count") == value("jitter_seconds_count") == 1
    assert value("loss_ratio_sum") == 0.05
    assert value("round_trip_seconds_count") == 0
