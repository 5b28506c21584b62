"""Where everybody stands in the composed picture. Pure numbers, all even: chroma has half the resolution."""

from typing import Final, NamedTuple

WIDTH: Final = 1280
TALL: Final = 720
FLAT: Final = 480  # two people and no screen: side by side, 4:3 each, and nothing is wasted
COLUMN: Final = 320  # of the people beside a shared screen


class Rect(NamedTuple):
    """A place in the picture, in pixels."""

    x: int
    y: int
    width: int
    height: int


def height_for(seats: int, *, has_screen: bool) -> int:
    """How tall the whole picture is; it never changes in the middle of a file."""
    two = 2
    return FLAT if seats == two and not has_screen else TALL


def places(seats: int, height: int, *, screen: bool) -> tuple[tuple[Rect, ...], Rect | None]:
    """The people's places, and the screen's while one is shown.

    One person has everything, more stand in a grid; beside a screen they stand in one column.
    """
    if screen:
        tall = _even(min(height // max(seats, 1), COLUMN * 3 // 4))
        column = tuple(Rect(WIDTH - COLUMN, at * tall, COLUMN, tall) for at in range(seats))
        return column, Rect(0, 0, WIDTH - COLUMN if seats else WIDTH, height)
    columns = next(side for side in range(1, seats + 2) if side * side >= seats)
    rows = -(-seats // columns)
    wide, tall = _even(WIDTH // max(columns, 1)), _even(height // max(rows, 1))
    return tuple(Rect(at % columns * wide, at // columns * tall, wide, tall) for at in range(seats)), None


def fitted(width: int, height: int, place: Rect) -> Rect:
    """The largest rectangle of this shape in the middle of a place."""
    scale = min(place.width / width, place.height / height)
    wide = min(place.width, max(2, _even(round(width * scale))))
    tall = min(place.height, max(2, _even(round(height * scale))))
    x, y = _even((place.width - wide) // 2), _even((place.height - tall) // 2)
    return Rect(place.x + x, place.y + y, wide, tall)


def _even(number: int) -> int:
    return number - number % 2
