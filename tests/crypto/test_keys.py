"""Keys as types: they do not print, do not travel, and do not stand in for each other."""

import copy
import pickle

import pytest

from crypto.errors import ParameterError, UnwrapError
from crypto.keys import KEY_BYTES, WRAPPED_KEY_BYTES, DataKey, TenantKey, WrappedKey

SECRET = bytes(range(32))


@pytest.mark.parametrize("kind", [DataKey, TenantKey])
def test_a_key_does_not_print_its_bytes(kind: type[DataKey] | type[TenantKey]) -> None:
    """`repr` and `str` show four hex digits of a hash: enough to tell two keys apart."""
    key = kind.from_bytes(SECRET)
    for text in (repr(key), str(key), f"{key}"):
        assert text == f"{kind.__name__}({key.fingerprint})"
        assert SECRET.hex() not in text
    assert len(key.fingerprint) == 4
    assert key.fingerprint not in SECRET.hex()


@pytest.mark.parametrize("kind", [DataKey, TenantKey])
def test_generated_keys_are_whole_and_differ(kind: type[DataKey] | type[TenantKey]) -> None:
    """32 bytes from the system's generator, new each time."""
    first, second = kind.generate(), kind.generate()
    assert len(first.reveal()) == KEY_BYTES
    assert first != second
    assert first == kind.from_bytes(first.reveal())


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    """No padding, no truncation."""
    with pytest.raises(ParameterError):
        DataKey.from_bytes(bytes(length))


def test_a_data_key_is_never_equal_to_a_tenant_key() -> None:
    """The two kinds cannot be swapped, even with the same bytes; nor compared with bytes."""
    assert DataKey(SECRET) != TenantKey(SECRET)
    assert DataKey(SECRET) != SECRET


def test_a_key_is_neither_pickled_nor_copied_nor_hashed() -> None:
    """A secret does not travel by accident into a queue, a cache or a set."""
    key = DataKey.generate()
    for clone in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="neither pickled nor copied"):
            clone(key)
    with pytest.raises(TypeError, match="unhashable"):
        hash(key)


def test_wiping_a_key_overwrites_its_bytes() -> None:
    """Forgetting is more than dropping a reference where Python allows it."""
    key = DataKey(SECRET)
    key.wipe()
    assert key.reveal() == bytes(KEY_BYTES)


def test_a_wrapped_key_record_names_its_parts() -> None:
    """0x01 0x01, epoch, nonce, sealed key: 66 bytes (FORMAT.md, Wrap record)."""
    wrapped = WrappedKey.assemble(epoch=7, nonce=b"n" * 12, sealed_key=b"k" * 48)
    assert bytes(wrapped) == b"\x01\x01\x00\x00\x00\x07" + b"n" * 12 + b"k" * 48
    assert (wrapped.epoch, wrapped.nonce, wrapped.sealed_key) == (7, b"n" * 12, b"k" * 48)
    assert repr(wrapped) == "WrappedKey(epoch=7)"
    again = WrappedKey(bytes(wrapped))
    assert again == wrapped
    assert hash(again) == hash(wrapped)
    assert wrapped != bytes(wrapped)


@pytest.mark.parametrize(
    "record",
    [
        b"",
        bytes(WRAPPED_KEY_BYTES),
        b"\x01\x02" + bytes(64),
        b"\x02\x01" + bytes(64),
        b"\x01\x01" + bytes(63),
        b"\x01\x01" + bytes(65),
    ],
)
def test_a_record_of_another_version_or_length_is_refused(record: bytes) -> None:
    """A newer format is refused by name, not misread."""
    with pytest.raises(UnwrapError, match="damaged or newer"):
        WrappedKey(record)
