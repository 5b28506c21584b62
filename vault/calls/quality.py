"""How well a connection does, judged from counters: what people notice, in few words, and numbers to keep.

Pure computation. The thresholds are here and nowhere else, each with its reason.

A picture that stands still is counted as the server can know it: of what a participant sends, before it
goes on to the others. It stands still when its packets come and make no new picture, and when the sender's
own reports tell of a picture of which nothing comes (a path that drops large packets). A sender that sends
none, and says so, may have switched its camera off or have nothing new to show: that is no trouble of the
line, and not counted. Nor is what only a browser sees: a picture that reached it and froze on its screen.
Of the way there, the server knows what its viewers report: the share that did not arrive
(``received_lost``).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SOUND_LOST: Final = (
    0.02  # not repaired: two of a hundred 20 ms pieces are heard as clicks (ITU-T G.113, App. I)
)
PICTURE_LOST: Final = 0.02  # not repaired: each costs the picture until the next keyframe
ON_THE_WAY: Final = 0.10  # lost and repaired: repair costs the rate, and comes too late for some
JITTER_S: Final = 0.08  # above it browsers' buffers grow past what a talk bears (ITU-T G.114: 150 ms one way)
ROUND_TRIP_S: Final = 0.6  # people begin to talk over each other (ITU-T G.114: 400 ms one way, less our part)
STILL_S: Final = 1.0  # of a sample without one new picture, while the sender sends


class Trouble(StrEnum):
    """What somebody notices, the worst for a talk first, as people are told no more than two at once.

    ``sent`` is what a participant sends, ``received`` what reaches it.
    """

    SOUND_SENT = "sound_sent"
    PICTURE_SENT = "picture_sent"
    SOUND_RECEIVED = "sound_received"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Counted:
    """What a leg's receivers counted so far; each number rises."""

    expected: int = 0  # packets of sound and picture
    missed: int = 0  # of these, not there at first
    sound: int = 0  # packets of sound taken
    sound_lost: int = 0  # never came, however often asked for
    picture: int = 0
    picture_lost: int = 0
    pictures: int = 0  # whole frames
    payload_bytes: int = 0
    vanished: int = 0  # reports of a picture's sender of which nothing has come
    is_followed: bool = True  # somebody takes the pictures; else none is counted


@dataclass(frozen=True, slots=True)
class Sample:
    """A leg over some seconds. What nobody could tell is None."""

    seconds: float
    missed: float
    sound_lost: float
    picture_lost: float
    jitter_s: float
    bits_per_s: float
    still_s: float
    round_trip_s: float | None
    received_lost: float | None

    def troubles(self) -> frozenset[Trouble]:
        """What people notice of it."""
        found = {
            Trouble.SOUND_SENT: self.sound_lost > SOUND_LOST or self.missed > ON_THE_WAY,
            Trouble.PICTURE_SENT: self.picture_lost > PICTURE_LOST or self.still_s >= STILL_S,
            Trouble.SOUND_RECEIVED: (self.received_lost or 0.0) > ON_THE_WAY,
            Trouble.LATE: (self.round_trip_s or 0.0) > ROUND_TRIP_S or self.jitter_s > JITTER_S,
        }
        return frozenset(trouble for trouble, noticed in found.items() if noticed)


def between(
    before: Counted,
    now: Counted,
    seconds: float,
    *,
    jitter_s: float,
    round_trip_s: float | None,
    received_lost: float | None,
) -> Sample:
    """Judge what happened between two readings of the counters."""
    return Sample(
        seconds=seconds,
        missed=_share(now.missed - before.missed, now.expected - before.expected),
        sound_lost=_lost(now.sound_lost - before.sound_lost, now.sound - before.sound),
        picture_lost=_lost(now.picture_lost - before.picture_lost, now.picture - before.picture),
        jitter_s=jitter_s,
        bits_per_s=max(0, now.payload_bytes - before.payload_bytes) * 8 / seconds,
        still_s=seconds if _stands_still(before, now) else 0.0,
        round_trip_s=round_trip_s,
        received_lost=received_lost,
    )


def _stands_still(before: Counted, now: Counted) -> bool:
    """Whether a picture was sent and none came whole. While nobody takes pictures, nobody misses one."""
    if now.pictures != before.pictures or not (before.is_followed and now.is_followed):
        return False
    return now.picture > before.picture or now.vanished > before.vanished


def _share(part: int, whole: int) -> float:
    return min(1.0, max(0, part) / whole) if whole > 0 else 0.0


def _lost(lost: int, came: int) -> float:
    """The share of what was sent and never came."""
    return _share(lost, max(0, lost) + max(0, came))


class Summary:
    """All samples of a leg, as sums: what is kept when it ends. Holds nothing personal."""

    def __init__(self) -> None:
        self.samples = 0
        self._seconds = 0.0
        self._sums: dict[str, float] = {}
        self._worst: dict[str, float] = {}
        self._times: dict[str, float] = {}
        self.still_s = 0.0

    def add(self, sample: Sample) -> None:
        """Count a sample."""
        self.samples += 1
        self._seconds += sample.seconds
        self.still_s += sample.still_s
        for name in (
            "missed",
            "sound_lost",
            "picture_lost",
            "jitter_s",
            "bits_per_s",
            "round_trip_s",
            "received_lost",
        ):
            value = getattr(sample, name)
            if value is not None:
                self._times[name] = self._times.get(name, 0.0) + sample.seconds
                self._sums[name] = self._sums.get(name, 0.0) + value * sample.seconds
                self._worst[name] = max(self._worst.get(name, 0.0), value)

    def mean(self, name: str) -> float | None:
        """The mean over time of a number; None where it was never told."""
        return self._sums[name] / self._times[name] if self._times.get(name) else None

    def worst(self, name: str) -> float | None:
        """Its highest value."""
        return self._worst.get(name)


class Told:
    """What the people of the call were told last: a trouble is told when it lasts, and when it has passed."""

    def __init__(self) -> None:
        self.troubles: frozenset[Trouble] = frozenset()
        self._recent: list[frozenset[Trouble]] = []

    @property
    def worst_first(self) -> list[Trouble]:
        """The troubles as they are told: what is lost comes before what is late."""
        return [each for each in Trouble if each in self.troubles]

    def news(self, found: frozenset[Trouble]) -> bool:
        """Take a sample's troubles; tells whether there is something new to say."""
        self._recent = [*self._recent[-2:], found]
        if len(self._recent) < LASTING:
            return False
        lasting = frozenset(each for each in Trouble if sum(each in one for one in self._recent) >= LASTING)
        passed = frozenset(each for each in self.troubles if any(each in one for one in self._recent))
        now = lasting | passed
        is_new, self.troubles = now != self.troubles, now
        return is_new


LASTING: Final = 2  # of three samples: one bad moment is no news
