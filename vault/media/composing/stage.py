"""Who is to be seen when: decoded pictures and cards, drawn to their places on the canvas."""

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from vault.media.composing.canvas import Canvas, Card
from vault.media.composing.inputs import decoded
from vault.media.composing.layout import WIDTH, Rect, height_for, places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault.media.composing.inputs import Opened
    from vault.media.composing.job import Job

NEAR_MS: Final = 17.0  # half a frame: the nearest moment of the grid shows a picture


class Sight:
    """One input's picture as time goes on."""

    def __init__(self, opened: "Opened") -> None:
        self.opened = opened
        self._coming: deque[Any] = deque()
        self._shown: Any = None

    def at(self, at_ms: float) -> Any:
        """Give the picture of this moment; None where there is none yet."""
        self.opened.until(at_ms)
        packets, due_ms = self.opened.pictures, at_ms + NEAR_MS
        while packets and self.opened.ms(packets[0]) <= due_ms:
            self._coming += decoded(packets.popleft())
        while self._coming and self.opened.ms(self._coming[0]) <= due_ms:
            self._shown = self._coming.popleft()
        return self._shown

    def is_on(self, at_ms: float) -> bool:
        """Tell whether the recording runs at this moment."""
        told = self.opened.told
        return told.offset_ms <= at_ms < told.offset_ms + told.duration_ms

    def in_gap(self, at_ms: float) -> bool:
        """Tell whether the recording declares a gap there."""
        return any(start <= at_ms < stop for start, stop in self.opened.told.gaps)


class Stage:
    """The whole picture."""

    def __init__(self, job: "Job", inputs: "Sequence[Opened]") -> None:
        self.height = height_for(job.seats, has_screen=job.has_screen)
        self._canvas = Canvas(WIDTH, self.height)
        sights = [Sight(opened) for opened in inputs]
        self._screens = [sight for sight in sights if sight.opened.told.seat is None]
        self._seats = [
            [sight for sight in sights if sight.opened.told.seat == seat] for seat in range(job.seats)
        ]
        self._has_screen = False
        self._drawn: dict[Rect, Any] = {}

    def at(self, at_ms: float) -> tuple[Any, bool]:
        """Draw what this moment shows; gives the frame, and whether it is another than before."""
        screens = [sight for sight in self._screens if sight.is_on(at_ms)]
        if bool(screens) != self._has_screen:
            self._has_screen = bool(screens)
            self._drawn.clear()
            self._canvas.clear()
        seats, screen = places(len(self._seats), self.height, screen=self._has_screen)
        changed = [
            self._draw(place, self._seen(sights, at_ms))
            for place, sights in zip(seats, self._seats, strict=True)
        ]
        if screen is not None:
            changed.append(self._draw(screen, self._seen(screens, at_ms)))
        return self._canvas.frame, any(changed)

    def _seen(self, sights: "Sequence[Sight]", at_ms: float) -> Any:
        """A picture or a card: of recordings of one person that run at once, the latest."""
        pictures = [(sight, sight.at(at_ms)) for sight in sights if sight.is_on(at_ms)]
        if not pictures:
            return Card.ABSENT
        sight, picture = pictures[-1]
        if sight.in_gap(at_ms):
            return Card.GAP
        return Card.VOICE if picture is None else picture

    def _draw(self, place: Rect, shown: Any) -> bool:
        before = self._drawn.get(place)
        if before is shown:
            return False
        if isinstance(shown, Card):
            self._canvas.card(shown, place)
        else:
            if isinstance(before, Card) or before is None or _shape(before) != _shape(shown):
                self._canvas.clear(place)
            self._canvas.picture(shown, place)
        self._drawn[place] = shown
        return True


def _shape(frame: Any) -> tuple[int, int]:
    return frame.width, frame.height
