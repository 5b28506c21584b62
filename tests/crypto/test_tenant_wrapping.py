"""Tenant keys under an epoch key: bound to their context, refused when anything changed."""

import pytest

from crypto.errors import UnwrapError
from crypto.keys import TenantKey
from crypto.tenant_wrapping import WRAPPED_TENANT_KEY_BYTES, unwrap_tenant_key, wrap_tenant_key

EPOCH_KEY = bytes(range(32))
CONTEXT = b"vault:tenant=a\nvault:epoch=1\n"


def test_a_wrapped_tenant_key_comes_back_the_same() -> None:
    """Wrap and unwrap are inverses, and the record has its documented size."""
    key = TenantKey.generate()
    wrapped = wrap_tenant_key(key, EPOCH_KEY, context=CONTEXT)
    assert len(wrapped) == WRAPPED_TENANT_KEY_BYTES
    assert unwrap_tenant_key(wrapped, EPOCH_KEY, context=CONTEXT) == key


@pytest.mark.parametrize("position", range(WRAPPED_TENANT_KEY_BYTES))
def test_a_flipped_bit_anywhere_is_refused(position: int) -> None:
    """Nonce, ciphertext and tag are all authenticated."""
    wrapped = bytearray(wrap_tenant_key(TenantKey.generate(), EPOCH_KEY, context=CONTEXT))
    wrapped[position] ^= 1
    with pytest.raises(UnwrapError):
        unwrap_tenant_key(bytes(wrapped), EPOCH_KEY, context=CONTEXT)


def test_another_context_key_or_length_is_refused() -> None:
    """A record moved to another tenant or epoch does not unwrap."""
    wrapped = wrap_tenant_key(TenantKey.generate(), EPOCH_KEY, context=CONTEXT)
    for sealed, key, context in (
        (wrapped, EPOCH_KEY, CONTEXT + b"x"),
        (wrapped, bytes(32), CONTEXT),
        (wrapped[:-1], EPOCH_KEY, CONTEXT),
    ):
        with pytest.raises(UnwrapError):
            unwrap_tenant_key(sealed, key, context=context)
