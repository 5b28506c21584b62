"""The picture size in an H.264 sequence parameter set (ITU-T H.264, 7.3.2.1.1), and nothing else of it."""

from __future__ import annotations

from typing import Final

# Profiles whose parameter set tells the chroma format and scaling lists (7.3.2.1.1).
HIGH_PROFILES: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
YUV_444: Final = 3
MACROBLOCK: Final = 16
LARGEST_SIDE: Final = 16_384
LONGEST_SET_BYTES: Final = 512
MAX_LEADING_ZEROS: Final = 31  # ue(v) of 32 bits (9.1)


class _Bits:
    """Reads bits of a unit freed of emulation prevention bytes; raises ValueError past its end."""

    def __init__(self, plain: bytes) -> None:
        self._value = int.from_bytes(plain, "big")
        self._left = 8 * len(plain)

    def take(self, count: int) -> int:
        if count > self._left:
            raise ValueError("the parameter set ends early")
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def unsigned(self) -> int:
        """Exp-Golomb (9.1)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > MAX_LEADING_ZEROS:
                raise ValueError("a number of the parameter set is too long")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        """Exp-Golomb, signed (9.1.1)."""
        number = self.unsigned()
        return (number + 1) // 2 if number & 1 else -(number // 2)


def picture_size(unit: bytes) -> tuple[int, int] | None:
    """Width and height in pixels after cropping, or None for a set that cannot be read."""
    try:
        size = _read(_Bits(unit[1:LONGEST_SET_BYTES].replace(b"\x00\x00\x03", b"\x00\x00")))
    except ValueError:
        return None
    return size if all(0 < side <= LARGEST_SIDE for side in size) else None


def _read(bits: _Bits) -> tuple[int, int]:
    profile = bits.take(8)
    bits.take(16)  # constraint flags and level
    bits.unsigned()  # seq_parameter_set_id
    chroma = _read_chroma(bits) if profile in HIGH_PROFILES else 1
    bits.unsigned()  # log2_max_frame_num_minus4
    _skip_order_count(bits)
    bits.unsigned()  # max_num_ref_frames
    bits.take(1)  # gaps_in_frame_num_value_allowed_flag
    width = (bits.unsigned() + 1) * MACROBLOCK
    map_height = bits.unsigned() + 1
    frames_only = bits.take(1)
    if not frames_only:
        bits.take(1)  # mb_adaptive_frame_field_flag
    height = (2 - frames_only) * map_height * MACROBLOCK
    bits.take(1)  # direct_8x8_inference_flag
    if bits.take(1):  # frame_cropping_flag; units by table 6-1
        unit_x = 2 if chroma in {1, 2} else 1
        unit_y = (2 if chroma == 1 else 1) * (2 - frames_only)
        width -= unit_x * (bits.unsigned() + bits.unsigned())
        height -= unit_y * (bits.unsigned() + bits.unsigned())
    return width, height


def _read_chroma(bits: _Bits) -> int:
    chroma = bits.unsigned()
    if chroma == YUV_444:
        bits.take(1)  # separate_colour_plane_flag
    bits.unsigned()  # bit_depth_luma_minus8
    bits.unsigned()  # bit_depth_chroma_minus8
    bits.take(1)  # qpprime_y_zero_transform_bypass_flag
    if bits.take(1):  # seq_scaling_matrix_present_flag
        for place in range(12 if chroma == YUV_444 else 8):
            if bits.take(1):
                _skip_scaling_list(bits, 16 if place < 6 else 64)  # noqa: PLR2004 - six 4x4 lists come first
    return chroma


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _skip_order_count(bits: _Bits) -> None:
    kind = bits.unsigned()
    if kind == 0:
        bits.unsigned()  # log2_max_pic_order_cnt_lsb_minus4
    elif kind == 1:
        bits.take(1)
        bits.signed()
        bits.signed()
        for _ in range(min(bits.unsigned(), 255)):
            bits.signed()
