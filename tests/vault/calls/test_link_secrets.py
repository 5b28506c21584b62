"""The secrets of links: of full length, never the same, and not to be read off what is kept."""

import hashlib
import re

from vault.calls.link_secrets import hash_of, new_secret


def test_a_secret_has_128_bits_and_no_two_are_alike() -> None:
    """22 characters that need no escape in an address."""
    made = {new_secret() for _ in range(500)}
    assert len(made) == 500
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", secret) for secret in made)


def test_what_is_kept_is_the_hash_alone() -> None:
    """SHA-256 of the text as it stands in the link."""
    secret = new_secret()
    assert hash_of(secret) == hashlib.sha256(secret.encode()).digest()
    assert hash_of(secret) != hash_of(new_secret())
