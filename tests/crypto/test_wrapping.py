"""The key wrap: each field of its context binds, and the commitment names one key."""

import base64
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crypto.errors import CommitmentError, ParameterError, UnwrapError
from crypto.keys import WRAPPED_KEY_BYTES, DataKey, TenantKey, WrappedKey
from crypto.streaming import media_associated_data
from crypto.wrapping import COMMITMENT_BYTES, WrapContext, check_commitment, commitment, unwrap, wrap

TENANT = "01980000-0000-7000-8000-000000000001"
OBJECT = "01980000-0000-7000-8000-000000000002"
DATA_KEY = DataKey(bytes(range(32)))
TENANT_KEY = TenantKey(bytes(range(32, 64)))
AAD = media_associated_data(tenant=TENANT, object_id=OBJECT, part="media", gen=1, segment_bytes=65_536)
RECORDING = WrapContext(TENANT, OBJECT, gen=1, epoch=7, commitment=commitment(DATA_KEY, AAD))
DONE = replace(RECORDING, sealed_bytes=123_456, sealed_sha256=b"d" * 32)
CHANGES = {
    "tenant": "01980000-0000-7000-8000-000000000003",
    "object_id": "01980000-0000-7000-8000-000000000003",
    "gen": 2,
    "epoch": 8,
    "commitment": b"c" * 32,
    "sealed_bytes": 123_457,
    "sealed_sha256": b"e" * 32,
}


@pytest.mark.parametrize("context", [RECORDING, DONE])
def test_a_wrapped_key_comes_back_under_its_context(context: WrapContext) -> None:
    """Wrap and unwrap are inverses, while recording and after it."""
    wrapped = wrap(DATA_KEY, TENANT_KEY, context=context)
    assert (len(bytes(wrapped)), wrapped.epoch) == (WRAPPED_KEY_BYTES, 7)
    assert unwrap(WrappedKey(bytes(wrapped)), TENANT_KEY, context=context) == DATA_KEY


def test_the_wrap_authenticates_the_documented_lines() -> None:
    """FORMAT.md, Wrap record: what a foreign program must build to unwrap."""
    lines = (
        f"vault-dek/1\ntenant={TENANT}\nobject={OBJECT}\ngen=1\nepoch=7\n"
        f"commit={base64.b64encode(RECORDING.commitment).decode()}\n"
    )
    assert RECORDING.associated_data() == (lines + "ctlen=-\nctsha256=-\n").encode()
    digest = base64.b64encode(b"d" * 32).decode()
    assert DONE.associated_data() == (lines + f"ctlen=123456\nctsha256={digest}\n").encode()
    wrapped = bytes(wrap(DATA_KEY, TENANT_KEY, context=DONE))
    assert wrapped[:6] == b"\x01\x01\x00\x00\x00\x07"
    aead = AESGCM(TENANT_KEY.reveal())
    assert aead.decrypt(wrapped[6:18], wrapped[18:], DONE.associated_data()) == DATA_KEY.reveal()


@pytest.mark.parametrize("field", CHANGES)
def test_every_field_of_the_context_binds(field: str) -> None:
    """Editing one column of a key's row makes the unwrap fail."""
    wrapped = wrap(DATA_KEY, TENANT_KEY, context=DONE)
    with pytest.raises(UnwrapError):
        unwrap(wrapped, TENANT_KEY, context=replace(DONE, **{field: CHANGES[field]}))  # type: ignore[arg-type]


def test_length_and_digest_cannot_be_taken_away_again() -> None:
    """A finished object cannot be passed off as one still being recorded, nor the reverse."""
    with pytest.raises(UnwrapError):
        unwrap(wrap(DATA_KEY, TENANT_KEY, context=DONE), TENANT_KEY, context=RECORDING)
    with pytest.raises(UnwrapError):
        unwrap(wrap(DATA_KEY, TENANT_KEY, context=RECORDING), TENANT_KEY, context=DONE)


@pytest.mark.parametrize("position", range(WRAPPED_KEY_BYTES))
def test_a_flipped_bit_anywhere_in_the_record_is_refused(position: int) -> None:
    """Version, epoch, nonce, key and tag."""
    record = bytearray(bytes(wrap(DATA_KEY, TENANT_KEY, context=DONE)))
    record[position] ^= 1
    with pytest.raises(UnwrapError):
        unwrap(WrappedKey(bytes(record)), TENANT_KEY, context=DONE)


def test_another_epoch_in_record_and_context_is_refused() -> None:
    """Editing both the record and its row consistently still fails: the epoch is authenticated."""
    record = bytearray(bytes(wrap(DATA_KEY, TENANT_KEY, context=DONE)))
    record[5] = 8
    with pytest.raises(UnwrapError):
        unwrap(WrappedKey(bytes(record)), TENANT_KEY, context=replace(DONE, epoch=8))


def test_another_tenant_key_is_refused() -> None:
    """A record copied to another tenant stays shut."""
    wrapped = wrap(DATA_KEY, TENANT_KEY, context=DONE)
    with pytest.raises(UnwrapError):
        unwrap(wrapped, TenantKey.generate(), context=DONE)


def test_two_wraps_of_one_key_differ() -> None:
    """A fresh nonce each time: equal keys cannot be recognised in the store."""
    wraps = {bytes(wrap(DATA_KEY, TENANT_KEY, context=DONE))[6:18] for _ in range(500)}
    assert len(wraps) == 500


def test_a_commitment_names_one_key_and_one_stream() -> None:
    """HKDF of the data key; another key or other associated data gives another value."""
    value = commitment(DATA_KEY, AAD)
    assert len(value) == COMMITMENT_BYTES
    check_commitment(DATA_KEY, AAD, value)
    for key, aad, expected in (
        (DataKey.generate(), AAD, value),
        (DATA_KEY, AAD + b"x", value),
        (DATA_KEY, AAD, value[:-1]),
        (DATA_KEY, AAD, bytes([value[0] ^ 1]) + value[1:]),
        (DATA_KEY, AAD, b""),
    ):
        with pytest.raises(CommitmentError):
            check_commitment(key, aad, expected)


def test_a_commitment_is_the_documented_derivation() -> None:
    """HMAC by hand (RFC 5869 with an empty salt and one block): what an auditor recomputes."""
    import hashlib
    import hmac

    extracted = hmac.digest(bytes(32), DATA_KEY.reveal(), hashlib.sha256)
    expected = hmac.digest(extracted, b"vault-dek-commit/1\n" + AAD + b"\x01", hashlib.sha256)
    assert commitment(DATA_KEY, AAD) == expected


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": TENANT.upper() + "A"},
        {"object_id": "rec_1"},
        {"gen": -1},
        {"gen": 1 << 32},
        {"epoch": 1 << 32},
        {"commitment": b"short"},
        {"sealed_bytes": None},
        {"sealed_sha256": None},
        {"sealed_bytes": -1},
        {"sealed_sha256": b"short"},
    ],
)
def test_a_context_that_cannot_be_is_refused(change: dict[str, object]) -> None:
    """One object has one context: other spellings and half-filled ones are refused at once."""
    with pytest.raises(ParameterError):
        replace(DONE, **change)  # type: ignore[arg-type]
