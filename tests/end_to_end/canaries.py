"""The search for plaintext: known words and known media, in every usual spelling, in raw bytes of files."""

import base64
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import numpy as np

SAMPLE_BYTES = 16  # of a payload: by chance once in 2^128
PIECE_BYTES = 16 * 1024 * 1024
OVERLAP_BYTES = 4096  # more than the longest spelling, which would hide between two pieces
_WINDOW = 4
MAGICS = {
    # With what must follow, so that four bytes of ciphertext do not match by chance.
    "EBML header": rb"\x1a\x45\xdf\xa3.{1,8}?(?:\x42\x86|\x42\xf7|\x42\x82)",
    "Matroska cluster": rb"\x1f\x43\xb6\x75.{1,8}?\xe7[\x81-\x88]",
    "OpusHead": rb"OpusHead",
    "MP4 ftyp": rb"ftyp(?:isom|iso[2-9]|mp4[12]|avc1|M4A )",
    "MP4 moof": rb"moof.{4}mfhd",
    "MP4 moov": rb"moov.{4}mvhd",
    "WebP": rb"RIFF.{4}WEBP",
    "plain fragment": rb"CVFR\x01[\x00-\x10]\x00",
    "manifest": rb'"gaps_not_listed":|"fragments":\{"stored":',
    "waveform": rb'"peaks_per_s":',
}
_MAGIC = re.compile(
    b"|".join(b"(?P<m%d>%b)" % (n, pattern) for n, pattern in enumerate(MAGICS.values())), re.DOTALL
)


@dataclass(frozen=True)
class Hit:
    """Plaintext where none may be."""

    path: Path
    offset: int
    what: str


@dataclass
class Canaries:
    """What must never be found, and how much was looked at. Files that did not change are looked at once."""

    files: int = 0
    scanned_bytes: int = 0
    _patterns: dict[bytes, str] = field(default_factory=dict)
    _seen: dict[Path, tuple[int, int, int]] = field(default_factory=dict)
    _keys: "np.ndarray" = field(default_factory=lambda: np.zeros(0, np.uint32))
    _pairs: "np.ndarray" = field(default_factory=lambda: np.zeros(65536, bool))

    def add_word(self, name: str, text: str) -> None:
        """Look for a text in UTF-8, UTF-16, base64 at each alignment, hex, percent and JSON spelling."""
        for spelling, form in spellings(text):
            self._add(form, f"{name} in {spelling}")

    def add_media(self, name: str, payloads: Iterable[bytes]) -> None:
        """Look for the inside of each encoded frame, raw, and of some in base64 and hex."""
        for number, payload in enumerate(payloads):
            if len(payload) < SAMPLE_BYTES + 8:
                continue
            at = (len(payload) - SAMPLE_BYTES) // 2
            sample = payload[at : at + SAMPLE_BYTES]
            self._add(sample, f"{name} {number}")
            if number % 50 == 0:
                for spelling, form in _bytes_spellings(sample):
                    self._add(form, f"{name} {number} in {spelling}")

    def scan(self, *roots: Path) -> list[Hit]:
        """Look through every file under the roots that changed since it was last looked at."""
        hits: list[Hit] = []
        for root in roots:
            paths = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
            for path in paths:
                with suppress(FileNotFoundError):  # a living program deletes and renames meanwhile
                    hits += self._in(path)
        return hits

    def find(self, whole: bytes) -> Iterator[tuple[int, str]]:
        """Name each canary and each magic in some bytes, with its place."""
        for found in _MAGIC.finditer(whole):
            yield found.start(), list(MAGICS)[int((found.lastgroup or "m0")[1:])]
        if len(whole) < _WINDOW:
            return
        octets = np.frombuffer(whole, np.uint8)
        pairs = octets[:-1].astype(np.uint16) | octets[1:].astype(np.uint16) << 8
        places = np.flatnonzero(self._pairs[pairs[:-2]])
        windows = pairs[places].astype(np.uint32) | pairs[places + 2].astype(np.uint32) << 16
        for place in places[np.isin(windows, self._keys)]:
            for pattern in self._beginning(whole[place : place + _WINDOW]):
                if whole.startswith(pattern, int(place)):
                    yield int(place), self._patterns[pattern]

    def _beginning(self, start: bytes) -> list[bytes]:
        return [pattern for pattern in self._patterns if pattern.startswith(start)]

    def _in(self, path: Path) -> list[Hit]:
        status = path.stat()
        mark = (status.st_ino, status.st_size, status.st_mtime_ns)
        if self._seen.get(path) == mark:
            return []
        found: dict[tuple[int, str], None] = {}
        self.files += 1
        for start, piece in pieces_of(path):
            self.scanned_bytes += len(piece)
            found |= {(start + offset, what): None for offset, what in self.find(piece)}
        self._seen[path] = mark
        return [Hit(path, offset, what) for offset, what in found]

    def _add(self, pattern: bytes, what: str) -> None:
        if pattern in self._patterns:
            return
        self._patterns[pattern] = what
        key = np.frombuffer(pattern[:_WINDOW], "<u4")
        self._keys = np.union1d(self._keys, key)
        self._pairs[int(key[0]) & 0xFFFF] = True
        self._seen.clear()  # what was clean of the old canaries may hold the new one


def pieces_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """What is written in a file, in pieces that overlap: a store's disk has gigabytes, most of them holes."""
    with path.open("rb") as file:
        end = 0
        while True:
            try:
                start = os.lseek(file.fileno(), end, os.SEEK_DATA)
                end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            except OSError:  # nothing but holes from here on, or it was cut short meanwhile
                return
            for at in range(start, end, PIECE_BYTES):
                piece = os.pread(file.fileno(), min(end - at, PIECE_BYTES + OVERLAP_BYTES), at)
                yield at, piece


def spellings(text: str) -> Iterator[tuple[str, bytes]]:
    """The forms in which a text usually ends up in a file."""
    plain = text.encode()
    yield "UTF-8", plain
    yield "UTF-16 LE", text.encode("utf-16-le")
    yield "UTF-16 BE", text.encode("utf-16-be")
    yield "percent", quote(text, safe="").encode()
    yield "JSON", json.dumps(text)[1:-1].encode()
    yield from _bytes_spellings(plain)


def _bytes_spellings(plain: bytes) -> Iterator[tuple[str, bytes]]:
    yield "hex", plain.hex().encode()
    yield "HEX", plain.hex().upper().encode()
    for shift in range(3):
        # The first and last characters also carry bits of what stands beside the text.
        inside = base64.b64encode(b"\0" * shift + plain)[4 if shift else 0 :].rstrip(b"=")[:-1]
        yield f"base64+{shift}", inside
        yield f"base64url+{shift}", inside.replace(b"+", b"-").replace(b"/", b"_")
