"""Cursors of lists: opaque, signed, and good only for the list and filters that gave them.

A cursor holds the sort values of the last item shown (keyset pagination), so a page costs the same however
deep it lies. The signature keeps callers from steering the query.
"""

import base64
import binascii
import hashlib
import hmac
import json
from typing import Final

from vault.errors import Fault, InvalidError

MAC_BYTES: Final = 16  # 128 bits: a forged cursor could only skip within the caller's own tenant anyway


class Cursors:
    """Writes and reads cursors under one secret; all nodes share it."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def write(self, scope: str, position: list[str | int]) -> str:
        """Make a cursor. ``scope`` names the list, the tenant and every filter of the request."""
        body = json.dumps(position, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._mac(scope, body) + body).rstrip(b"=").decode("ascii")

    def read(self, scope: str, cursor: str) -> list[str | int]:
        """Return the position; raises InvalidError for one that is forged or of another list."""
        fault = InvalidError(
            "the cursor is not of this list", [Fault("cursor", "cursor", "not of this list")]
        )
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as cause:
            raise fault from cause
        mac, body = raw[:MAC_BYTES], raw[MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(scope, body)):
            raise fault
        position: list[str | int] = json.loads(body)
        return position

    def _mac(self, scope: str, body: bytes) -> bytes:
        bound = hashlib.sha256(scope.encode()).digest() + body
        return hmac.digest(self._secret, bound, hashlib.sha256)[:MAC_BYTES]
