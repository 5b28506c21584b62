"""A call as a whole, wired: its manifest, and the files made of its recordings."""

from dataclasses import dataclass

from vault.media.call_manifest import CallManifests
from vault.media.exporter import Exporter, Tells
from vault.media.exporting import Exporting, Grounds
from vault.media.exports import Exports
from vault.settings import Settings


@dataclass(frozen=True, slots=True)
class WholeCalls:
    """What there is to ask of a call as a whole."""

    manifests: CallManifests
    exports: Exports
    exporter: Exporter


def make_whole_calls(grounds: Grounds, tells: Tells, settings: Settings) -> WholeCalls:
    """Wire the three of them."""
    exports = Exports(grounds.database, grounds.keys, grounds.ledger, grounds.clock, settings.exports)
    exporting = Exporting(grounds, settings.exports, settings.recording)
    exporter = Exporter(exporting, exports, tells, workers=settings.exports.workers)
    return WholeCalls(CallManifests(grounds.database, grounds.reader), exports, exporter)
