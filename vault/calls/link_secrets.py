"""What stands in the fragment of a link that a visitor holds: told once, kept as a hash."""

import hashlib
import secrets
from typing import Final

SECRET_BYTES: Final = 16  # 128 bits from the system's generator


def new_secret() -> str:
    """Make a secret: 22 characters of URL-safe base64 (RFC 4648, 5)."""
    return secrets.token_urlsafe(SECRET_BYTES)


def hash_of(secret: str) -> bytes:
    """Give what is kept. A fast hash is right here: the text is 128 random bits, not a password."""
    return hashlib.sha256(secret.encode()).digest()
