"""Sealing to a recovery key: only its private half opens, only our own records, only in their place."""

import hashlib
import hmac
from dataclasses import replace

import pytest

from crypto.errors import ParameterError, UnwrapError
from crypto.keys import AnchorKey, DataKey, RecoveryKey
from crypto.recovery import (
    RECOVERY_RECORD_BYTES,
    open_from_recovery,
    public_key_of,
    seal_to_recovery,
    vouch,
    vouches,
)
from crypto.wrapping import WrapContext
from tests.crypto.reference_hpke import open_base
from tests.crypto.test_wrapping import CHANGES, DATA_KEY, DONE, RECORDING

SEED = RecoveryKey(bytes(range(64, 96)))
PUBLIC = public_key_of(SEED)
ANCHOR = AnchorKey(bytes(range(96, 128)))
# The X-Wing draft's way from seed to public key, as this pair has it: it must not drift with a library.
PUBLIC_SHA256 = "16d45093092340243d45658677c5da16fdb08ba7cfdbfcf24f43f1535a84ab27"
RECORD = seal_to_recovery(DATA_KEY, PUBLIC, ANCHOR, context=DONE)
PLACES = [0, 1, 2, 5, 6, 37, 38, 1125, 1126, 1157, 1158, RECOVERY_RECORD_BYTES - 1]


@pytest.mark.parametrize("context", [RECORDING, DONE], ids=["recording", "done"])
def test_a_sealed_key_comes_back_under_its_context(context: WrapContext) -> None:
    """Sealing needs the public half alone; opening gives the same key."""
    record = seal_to_recovery(DATA_KEY, PUBLIC, ANCHOR, context=context)
    assert (len(record), record[:6]) == (RECOVERY_RECORD_BYTES, b"\x01\x02\x00\x00\x00\x07")
    assert DATA_KEY.reveal() not in record
    assert open_from_recovery(record, SEED, ANCHOR, context=context) == DATA_KEY
    assert record != seal_to_recovery(DATA_KEY, PUBLIC, ANCHOR, context=context)


def test_a_foreign_program_opens_it_by_the_documented_format() -> None:
    """FORMAT.md, Recovery record: head, voucher, HPKE; checked against an implementation by the letter."""
    head, voucher, sealed = RECORD[:6], RECORD[6:38], RECORD[38:]
    text = b"vault-recovery-record/1\n" + DONE.associated_data() + head + sealed
    assert voucher == hmac.digest(ANCHOR.reveal(), text, hashlib.sha256)
    assert open_base(SEED.reveal(), sealed, info=DONE.associated_data()) == DATA_KEY.reveal()


@pytest.mark.parametrize("field", CHANGES)
def test_every_field_of_the_context_binds(field: str) -> None:
    """Editing one column of a key's row makes the opening fail."""
    with pytest.raises(UnwrapError):
        open_from_recovery(RECORD, SEED, ANCHOR, context=replace(DONE, **{field: CHANGES[field]}))  # type: ignore[arg-type]


@pytest.mark.parametrize("position", PLACES)
def test_a_flipped_bit_in_any_part_is_refused(position: int) -> None:
    """Head, voucher, encapsulated key, sealed key and tag."""
    changed = bytearray(RECORD)
    changed[position] ^= 1
    with pytest.raises(UnwrapError):
        open_from_recovery(bytes(changed), SEED, ANCHOR, context=DONE)


@pytest.mark.parametrize("spoilt", [b"", RECORD[:-1], RECORD + b"\0", RECORD[:66]], ids=len)
def test_another_length_is_refused(spoilt: bytes) -> None:
    """Less, more, nothing."""
    with pytest.raises(UnwrapError):
        open_from_recovery(spoilt, SEED, ANCHOR, context=DONE)


def test_who_has_the_public_key_alone_makes_no_record() -> None:
    """P4: the public key lies in the open, so that anybody can seal to it; only the vault vouches."""
    forged = seal_to_recovery(DataKey.generate(), PUBLIC, AnchorKey.generate(), context=DONE)
    with pytest.raises(UnwrapError, match="vouch"):
        open_from_recovery(forged, SEED, ANCHOR, context=DONE)


def test_another_epochs_private_key_opens_nothing() -> None:
    """A key that was destroyed takes along what was sealed to it."""
    with pytest.raises(UnwrapError):
        open_from_recovery(RECORD, RecoveryKey.generate(), ANCHOR, context=DONE)


def test_a_public_key_is_vouched_for_with_its_epoch() -> None:
    """One that was put in its place, or in another epoch's, is not sealed to."""
    voucher = vouch(PUBLIC, ANCHOR, epoch=7)
    assert vouches(voucher, PUBLIC, ANCHOR, epoch=7)
    assert not vouches(voucher, PUBLIC, ANCHOR, epoch=8)
    assert not vouches(voucher, public_key_of(RecoveryKey.generate()), ANCHOR, epoch=7)
    assert not vouches(voucher, PUBLIC, AnchorKey.generate(), epoch=7)


def test_the_public_key_follows_from_the_seed_as_the_draft_says() -> None:
    """A pair is its seed of 32 bytes, whatever library makes the halves."""
    assert len(PUBLIC) == 1216
    assert hashlib.sha256(PUBLIC).hexdigest() == PUBLIC_SHA256


@pytest.mark.parametrize(
    "public",
    [b"", PUBLIC[:-1], b"\xff" * 1216, PUBLIC[:1184] + bytes(32)],
    ids=["none", "short", "no modulus", "no point"],
)
def test_what_is_no_public_key_is_refused(public: bytes) -> None:
    """Nothing is sealed to it."""
    with pytest.raises(ParameterError):
        seal_to_recovery(DATA_KEY, public, ANCHOR, context=DONE)
