"""Boxes of MP4."""

from array import array

from webrtc.isobmff import big_endian, box, full_box, mdat_head, run_lengths, table


def test_a_box_counts_its_own_head() -> None:
    """ISO/IEC 14496-12, 4.2: the size is that of the whole box."""
    assert box(b"free").hex() == "0000000866726565"
    assert box(b"free", b"ab", b"c").hex() == "0000000b66726565616263"
    assert full_box(b"vmhd", 1, 2).hex() == "0000000c766d686401000002"
    assert table(b"stss", 1, b"\0\0\0\x05").hex() == "000000147374737300000000" + "0000000100000005"


def test_the_media_box_gets_a_long_size_where_it_must() -> None:
    """Up to 4 GiB with its head the size has 32 bits; above, 64 follow the name."""
    assert mdat_head(2**32 - 9).hex() == "ffffffff6d646174"
    assert mdat_head(2**32 - 8).hex() == "000000016d646174" + "0000000100000008"


def test_numbers_are_written_in_network_order() -> None:
    """Whatever the machine's own order is; the array stays as it was."""
    values = array("I", [1, 2**31])
    assert big_endian(values).hex() == "0000000180000000"
    assert list(values) == [1, 2**31]


def test_equal_neighbours_become_one_run() -> None:
    """Time tables of even media take one row."""
    assert run_lengths([3, 3, 3, 4, 3]) == [(3, 3), (1, 4), (1, 3)]
