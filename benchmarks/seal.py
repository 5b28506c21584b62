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
from crypto.streaming import HEADER_BYTES, Layout, Opener, RangeOpener, Sealer, seal

SEGMENT_BYTES: Final = 65_536
MESSAGE_BYTES: Final = 16 << 20
PIECE_BYTES: Final = 1 << 20  # what a caller hands over at a time
FRAGMENT_BYTES: Final = 160 << 10  # a second of 1.2 Mbit/s video: one stream, one salt, one HKDF each
ROUNDS: Final = 15
GOAL: Final = 0.6
ENCRYPT: Final = "encrypt one long message"
DECRYPT: Final = "decrypt one long message"
COMPARED: Final = {"seal": ENCRYPT, "seal fragments": ENCRYPT, "open": DECRYPT, "open ranges": DECRYPT}
AAD: Final = b"benchmark\n"


def _pieces(message: bytes, piece_bytes: int = PIECE_BYTES) -> list[memoryview]:
    view = memoryview(message)
    return [view[at : at + piece_bytes] for at in range(0, len(view), piece_bytes)]


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

    def seal_fragments() -> None:
        for fragment in _pieces(plain, FRAGMENT_BYTES):
            seal(key, fragment, associated_data=AAD, segment_bytes=SEGMENT_BYTES)

    def open_pieces() -> None:
        opener = Opener(key, associated_data=AAD, segment_bytes=SEGMENT_BYTES)
        for piece in _pieces(sealed):
            opener.update(piece)
        opener.finish()

    def open_ranges() -> None:
        for first, start, stop in fetches:
            ranges.open_segments(first, memoryview(sealed)[start:stop])

    return {
        "seal": seal_pieces,
        ENCRYPT: lambda: aead.encrypt_into(nonce, plain, None, long_sealed),
        "seal fragments": seal_fragments,
        "open": open_pieces,
        DECRYPT: lambda: aead.decrypt_into(nonce, long_sealed, None, long_plain),
        "open ranges": open_ranges,
    }


def _rounds(measures: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Gigabytes per second of each measure, round by round."""
    speeds: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(ROUNDS):
        for name, measure in measures.items():
            begin_s = time.perf_counter()
            measure()
            speeds[name].append(MESSAGE_BYTES / (time.perf_counter() - begin_s) / 1e9)
    return speeds


def run() -> Iterator[dict[str, object]]:
    """Each way of sealing and opening: the median over the rounds of its ratio to the long message."""
    speeds = _rounds(_measures())
    for name, ceiling in COMPARED.items():
        ratio = statistics.median(
            ours / long for ours, long in zip(speeds[name], speeds[ceiling], strict=True)
        )
        ours, long = statistics.median(speeds[name]), statistics.median(speeds[ceiling])
        yield {
            "name": f"{name} at 64 KiB",
            "value": round(ratio, 3),
            "unit": "ratio",
            "against": f"{ceiling} ({long:.2f} GB/s; ours {ours:.2f} GB/s)",
            "goal": GOAL,
            "met": ratio >= GOAL,
        }
