"""The output buffer: filled in place, handed out once, wiped on error."""

import pytest

from crypto.buffers import Filled


def test_filled_slices_leave_as_one_piece() -> None:
    """What was written into the slices is what `take` returns."""
    with Filled(6) as out:
        out.slice(0, 2)[:] = b"ab"
        out.slice(2, 6)[:] = b"cdef"
    assert out.take() == b"abcdef"


def test_an_empty_buffer_gives_empty_bytes() -> None:
    """A call that completes no segment returns nothing."""
    with Filled(0) as out:
        pass
    assert out.take() == b""


def test_an_error_wipes_what_was_filled_so_far() -> None:
    """Segments opened before an altered one do not stay in memory with it."""
    out = Filled(4)

    def fill_and_fail() -> None:
        with out:
            out.slice(0, 4)[:] = b"late"
            raise LookupError

    with pytest.raises(LookupError):
        fill_and_fail()
    assert out.take() == bytes(4)
