"""The composed picture inside the child: one frame that is drawn into and encoded again and again."""

from enum import StrEnum
from functools import cache
from typing import Any, Final

import av
from PIL import Image, ImageDraw

from vault.media.composing.layout import Rect, fitted

BLACK: Final = 16  # of limited-range luma (ITU-T H.273)
GREY: Final = 128  # chroma without colour
BACK: Final = 30
FRONT: Final = 78
STRIPE: Final = 48  # between two lines of the hatching


class Card(StrEnum):
    """What stands where there is no picture."""

    ABSENT = "absent"  # not in the call now
    VOICE = "voice"  # there, without a camera
    GAP = "gap"  # the manifest declares a gap


class Canvas:
    """A picture in planes: luma, and chroma of half the size."""

    def __init__(self, width: int, height: int) -> None:
        self.frame: Any = av.VideoFrame(width, height, "yuv420p")
        self._whole = Rect(0, 0, width, height)
        self.clear(self._whole)

    def clear(self, place: Rect | None = None) -> None:
        """Make a place black."""
        where = place or self._whole
        self._fill(where, bytes((BLACK,)) * (where.width * where.height))

    def card(self, card: Card, place: Rect) -> None:
        """Draw a card over a whole place."""
        self._fill(place, _drawn(card, place.width, place.height))

    def picture(self, frame: Any, place: Rect) -> None:
        """Draw a decoded picture as large as the place lets it be; around it stays what is there."""
        where = fitted(frame.width, frame.height, place)
        size = {"width": where.width, "height": where.height}
        scaled = frame.reformat(**size, format="yuv420p", interpolation="BILINEAR")
        for number, plane in enumerate(scaled.planes):
            self._copy(number, where, memoryview(plane), plane.line_size)

    def _fill(self, place: Rect, luma: bytes) -> None:
        self._copy(0, place, memoryview(luma), place.width)
        chroma = memoryview(bytes((GREY,)) * (place.width * place.height // 4))
        for number in (1, 2):
            self._copy(number, place, chroma, place.width // 2)

    def _copy(self, number: int, place: Rect, source: memoryview, line: int) -> None:
        plane = self.frame.planes[number]
        half = 2 if number else 1
        target, stride = memoryview(plane), plane.line_size
        x, y, width, height = (side // half for side in place)
        for row in range(height):
            at = (y + row) * stride + x
            target[at : at + width] = source[row * line : row * line + width]


@cache
def _drawn(card: Card, width: int, height: int) -> bytes:
    image = Image.new("L", (width, height), BACK)
    pen = ImageDraw.Draw(image)
    size, middle = min(width, height), (width // 2, height // 2)
    if card is Card.GAP:
        for x in range(-height, width, STRIPE):
            pen.line((x, height, x + height, 0), fill=FRONT, width=STRIPE // 6)
    if card is Card.VOICE:
        head, body = size // 9, size // 5
        x, y = middle
        pen.ellipse((x - head, y - 2 * head, x + head, y), fill=FRONT)
        pen.pieslice((x - body, y + head // 3, x + body, y + head // 3 + 2 * body), 180, 360, fill=FRONT)
    pen.rectangle((0, 0, width - 1, height - 1), outline=BLACK)
    return image.tobytes()
