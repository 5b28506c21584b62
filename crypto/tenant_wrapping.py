"""Tenant keys wrapped by an epoch key, for providers whose epoch key is at hand (docs/FORMAT.md, keys).

The record is ``nonce (12) || ciphertext (32) || tag (16)``, AES-256-GCM with the context as associated data
(NIST SP 800-38D). Security modules and key services wrap in their own form instead.
"""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crypto.errors import UnwrapError
from crypto.keys import KEY_BYTES, TenantKey

__all__ = ["WRAPPED_TENANT_KEY_BYTES", "unwrap_tenant_key", "wrap_tenant_key"]

NONCE_BYTES: Final = 12
WRAPPED_TENANT_KEY_BYTES: Final = NONCE_BYTES + KEY_BYTES + 16


def wrap_tenant_key(tenant_key: TenantKey, epoch_key: bytes, *, context: bytes) -> bytes:
    """Wrap a tenant key, bound to a context. One epoch key wraps one key per tenant: far from 2^32 nonces."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(epoch_key).encrypt(nonce, tenant_key.reveal(), context)


def unwrap_tenant_key(wrapped: bytes, epoch_key: bytes, *, context: bytes) -> TenantKey:
    """Unwrap a tenant key; raises UnwrapError for another key or context, or changed bytes."""
    if len(wrapped) != WRAPPED_TENANT_KEY_BYTES:
        raise UnwrapError(f"a wrapped tenant key has {WRAPPED_TENANT_KEY_BYTES} bytes")
    try:
        plain = AESGCM(epoch_key).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], context)
    except InvalidTag as cause:
        raise UnwrapError(
            "the tenant key does not unwrap: another epoch key or context, or changed bytes"
        ) from cause
    return TenantKey.from_bytes(plain)
