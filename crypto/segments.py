"""The cipher of one stream: its header, its file key, and one segment at a time.

Wire format of Tink's AesGcmHkdfStreamingKey, exactly:

    header   = u8(length of header) || salt || nonce prefix (7 bytes)
    file key = HKDF(key, salt = salt, info = associated data)
    nonce i  = nonce prefix || u32 big-endian i || u8(1 if i is the last segment, else 0)
    segment  = AES-GCM(file key, nonce i, plain, no associated data)

The counter in the nonce forbids reordering, the flag forbids truncation, and the random salt gives
each stream its own file key, so one data key may carry many streams.
"""

import os
import struct
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crypto.errors import ParameterError, TamperedStreamError
from crypto.layout import MAX_SEGMENTS

__all__ = ["VAULT_SUITE", "SegmentCipher", "Suite"]

_NONCE_PREFIX_BYTES: Final = 7
_COUNTER: Final = struct.Struct(">IB")


@dataclass(frozen=True, slots=True)
class Suite:
    """The key size and hash of a stream; not written into it, so both sides must agree beforehand."""

    key_bytes: int
    hash_algorithm: hashes.HashAlgorithm

    @property
    def header_bytes(self) -> int:
        """The length of the header: one length byte, a salt as long as the key, the nonce prefix."""
        return 1 + self.key_bytes + _NONCE_PREFIX_BYTES

    def new_header(self) -> bytes:
        """A fresh random header; using one twice under one key would repeat nonces."""
        return bytes([self.header_bytes]) + os.urandom(self.header_bytes - 1)


VAULT_SUITE: Final = Suite(key_bytes=32, hash_algorithm=hashes.SHA256())  # AES256_GCM_HKDF, SHA-256


class SegmentCipher:
    """Seals and opens single segments of the stream that `header` begins.

    Raises `TamperedStreamError` if `header` is not one of this suite. Safe to share between
    threads: nothing changes after construction.
    """

    __slots__ = ("_aead", "_nonce_prefix", "header")

    def __init__(
        self, key: bytes, header: bytes, *, associated_data: bytes, suite: Suite = VAULT_SUITE
    ) -> None:
        if len(header) != suite.header_bytes or header[0] != suite.header_bytes:
            raise TamperedStreamError("the stream does not begin with a header of this format")
        self.header = bytes(header)
        salt = self.header[1 : 1 + suite.key_bytes]
        self._nonce_prefix = self.header[1 + suite.key_bytes :]
        derivation = HKDF(suite.hash_algorithm, length=suite.key_bytes, salt=salt, info=associated_data)
        self._aead = AESGCM(derivation.derive(key))

    def _nonce(self, index: int, *, is_last: bool) -> bytes:
        if index >= MAX_SEGMENTS:
            raise ParameterError("the stream has used up its segment counter: begin a new one")
        return self._nonce_prefix + _COUNTER.pack(index, is_last)

    def seal_into(self, index: int, plain: bytes | memoryview, out: memoryview, *, is_last: bool) -> None:
        """Seal one segment into `out`, which must be 16 bytes longer than `plain`.

        The caller owes two things: one (index, is_last) is used for one plaintext only, and nothing
        follows a last segment.
        """
        self._aead.encrypt_into(self._nonce(index, is_last=is_last), plain, None, out)

    def open_into(self, index: int, sealed: bytes | memoryview, out: memoryview, *, is_last: bool) -> None:
        """Open one segment into `out`, which must be 16 bytes shorter than `sealed`.

        Raises `TamperedStreamError` after filling `out` with zeros: the library leaves
        unauthenticated plain bytes there when the tag is wrong.
        """
        try:
            self._aead.decrypt_into(self._nonce(index, is_last=is_last), sealed, None, out)
        except InvalidTag as cause:
            out[:] = bytes(len(out))
            raise TamperedStreamError(f"segment {index} failed authentication") from cause
