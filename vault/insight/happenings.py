"""What happens in the rooms, as counters: read off the ledger's entries, so that the two cannot disagree."""

from prometheus_client import CollectorRegistry, Counter

from vault.ledger.leaf import Entry, EntryType


class Happenings:
    """Calls, recordings and erasures of this process; ``Ledger.watch`` tells it of each durable entry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls_opened = Counter("callvault_calls_opened", "Pressed buttons.", registry=registry)
        self._calls_ended = Counter(
            "callvault_calls_ended", "Calls that ended, and why.", ("reason",), registry=registry
        )
        self._recordings = Counter(
            "callvault_recordings", "Recordings ready, or lost.", ("outcome",), registry=registry
        )
        self._recorded_bytes = Counter(
            "callvault_recorded_bytes", "Sealed bytes of ready recordings.", registry=registry
        )
        self._erased = Counter(
            "callvault_erasures_completed", "Proven erasures.", ("kind",), registry=registry
        )

    def count(self, entry: Entry) -> None:
        """Count what an entry says; its facts are the rooms' own few words, never a caller's."""
        match entry.type:
            case EntryType.CALL_OPENED:
                self._calls_opened.inc()
            case EntryType.CALL_ENDED:
                self._calls_ended.labels(entry.facts["reason"]).inc()
            case EntryType.RECORDING_READY:
                self._recordings.labels("ready").inc()
                self._recorded_bytes.inc(int(entry.facts["ct_len"]))
            case EntryType.RECORDING_LOST:
                self._recordings.labels("lost").inc()
            case EntryType.OBJECT_SHREDDED:
                self._erased.labels(entry.facts["kind"]).inc()
