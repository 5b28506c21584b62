"""Sealing and opening in 64 KiB segments against one long AES-GCM message of the same library.

The long message is the ceiling: one call, one tag, buffers made beforehand. Ours pays for a tag and a
call per segment and for a fresh `bytes` per megabyte, as uploads and playback do. Rounds of all
measures are interleaved, so that a slow moment of the machine falls on each of them alike.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crypto.keys import DataKey
from crypto.streaming import HEADER_BYTES, Layout, Opener, RangeOpener, Sealer, open_sealed, seal

SEGMENT_BYTES: Final = 65_536
MESSAGE_BYTES: Final = 16 << 20
PIECE_BYTES: Final = 1 << 20  # what a caller hands over at a time
ROUNDS: Final = 15
GOAL: Final = 0.6
AAD: Final = b"benchmark\n"


def _pieces(message: bytes) -> list[memoryview]:
    view = memoryview(message)
    return [view[at : at + PIECE_BYTES] for at in range(0, len(view), PIECE_BYTES)]


def _measures() -> dict[str, Callable[[], object]]:
    plain, key = os.urandom(MESSAGE_BYTES), DataKey.generate()
    aead, nonce = AESGCM(key.reveal()), bytes(12)
    long_sealed, long_plain = bytearray(MESSAGE_BYTES + 16), bytearray(MESSAGE_BYTES)
    aead.encrypt_into(nonce, plain, None, long_sealed)
    sealed = seal(key, plain, associated_data=AAD, segment_bytes=SEGMENT_BYTES)
    layout = Layout(len(sealed), SEGMENT_BYTES)
    ranges = RangeOpener(key, sealed[:HEADER_BYTES], associated_data=AAD, layout=layout)
    fetches = [layout.sealed_range(at, at + PIECE_BYTES) for at in range(0, MESSAGE_BYTES, PIECE_BYTES)]

    def seal_pieces() -> None:
        sealer = Sealer(key, associated_data=AAD, segment_bytes=SEGMENT_BYTES)
        for piece in _pieces(plain):
            sealer.update(piece)
        sealer.finish()

    def open_pieces() -> None:
        opener = Opener(key, associated_data=AAD, segment_bytes=SEGMENT_BYTES)
        for piece in _pieces(sealed):
            opener.update(piece)
        opener.finish()

    def open_ranges() -> None:
        view = memoryview(sealed)
        for first, start, stop in fetches:
            ranges.open_segments(first, view[start:stop])

    return {
        "encrypt one long message": lambda: aead.encrypt_into(nonce, plain, None, long_sealed),
        "decrypt one long message": lambda: aead.decrypt_into(nonce, long_sealed, None, long_plain),
        "seal": seal_pieces,
        "open": open_pieces,
        "open ranges": open_ranges,
        "seal in one call": lambda: seal(key, plain, associated_data=AAD, segment_bytes=SEGMENT_BYTES),
        "open in one call": lambda: open_sealed(
            key, sealed, associated_data=AAD, segment_bytes=SEGMENT_BYTES
        ),
    }


def _medians(measures: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Gigabytes per second of each measure."""
    seconds: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(ROUNDS):
        for name, measure in measures.items():
            begin_s = time.perf_counter()
            measure()
            seconds[name].append(time.perf_counter() - begin_s)
    return {name: MESSAGE_BYTES / statistics.median(taken) / 1e9 for name, taken in seconds.items()}


def run() -> Iterator[dict[str, object]]:
    """The ratio of each way of sealing and opening to the long message, with both throughputs."""
    speed = _medians(_measures())
    for name, ceiling in (
        ("seal", "encrypt one long message"),
        ("open", "decrypt one long message"),
        ("open ranges", "decrypt one long message"),
        ("seal in one call", "encrypt one long message"),
        ("open in one call", "decrypt one long message"),
    ):
        ratio = speed[name] / speed[ceiling]
        yield {
            "name": f"{name} at 64 KiB",
            "value": round(ratio, 3),
            "unit": "ratio",
            "against": f"{ceiling} ({speed[ceiling]:.2f} GB/s; ours {speed[name]:.2f} GB/s)",
            "goal": GOAL,
            "met": ratio >= GOAL,
        }
