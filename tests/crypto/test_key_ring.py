"""A ring under its key, and that key under a passphrase: what opens them, and what does not."""

import pytest

from crypto.errors import ParameterError, UnwrapError
from crypto.key_ring import Stretching, lock_ring_key, open_ring, seal_ring, unlock_ring_key
from crypto.keys import RingKey

QUICK = Stretching(salt=bytes(range(16)), passes=1, memory_kib=32, lanes=4)
KEY = RingKey.from_bytes(bytes(range(32)))


def test_a_ring_opens_under_its_key_and_no_other() -> None:
    """What was sealed comes back; another key, a flip anywhere, less or more is refused."""
    sealed = seal_ring(b"ring", KEY)
    assert open_ring(sealed, KEY) == b"ring"
    assert sealed != seal_ring(b"ring", KEY)
    with pytest.raises(UnwrapError):
        open_ring(sealed, RingKey.generate())
    for bad in (
        *(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))),
        b"",
    ):
        with pytest.raises(UnwrapError):
            open_ring(bad, KEY)


def test_a_lock_opens_with_its_passphrase_and_parameters_alone() -> None:
    """Whoever edits the file's parameters opens nothing: they are bound, beside making another key."""
    locked = lock_ring_key(KEY, "corr\u00e8ct horse", QUICK)
    assert unlock_ring_key(locked, "corre\u0300ct horse", QUICK) == KEY  # the same accent, written in two
    for passphrase, stretching in (
        ("Corrèct horse", QUICK),
        ("corrèct horse", Stretching(salt=bytes(16), passes=1, memory_kib=32, lanes=4)),
        ("corrèct horse", Stretching(salt=QUICK.salt, passes=2, memory_kib=32, lanes=4)),
    ):
        with pytest.raises(UnwrapError):
            unlock_ring_key(locked, passphrase, stretching)
    for bad in (locked[:-1], locked + b"\0", b""):
        with pytest.raises(UnwrapError):
            unlock_ring_key(bad, "corrèct horse", QUICK)


def test_a_passphrase_is_stretched_to_the_same_key_for_ever() -> None:
    """The default costs 64 MiB in three passes over four lanes; a value once made is made for ever."""
    assert (Stretching().passes, Stretching().memory_kib, Stretching().lanes) == (3, 65_536, 4)
    assert len({Stretching().salt for _ in range(3)}) == 3
    assert QUICK.key("password").hex() == "747c33ed662de7a2fe76928a145df0bfaf051f5c81be8f22ceb3e681495dab02"


@pytest.mark.parametrize(
    "asked",
    [
        {"salt": b"short"},
        {"salt": bytes(17)},
        {"passes": 0},
        {"passes": 17},
        {"memory_kib": 31},
        {"memory_kib": 1024 * 1024 + 1},
        {"lanes": 0},
        {"lanes": 17},
    ],
)
def test_parameters_from_a_file_are_capped(asked: dict[str, int]) -> None:
    """A file must not make the start compute for hours, nor take all memory."""
    with pytest.raises(ParameterError):
        Stretching(**asked)  # type: ignore[arg-type]  # a column of the table
