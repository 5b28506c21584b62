"""SDP text to sections of lines, with the limits that bound every later step (RFC 8866, 5 and 9)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from webrtc.errors import OfferFault, OfferRefusedError

if TYPE_CHECKING:
    from webrtc.limits import OfferLimits

LINE: Final = re.compile(r"([a-z])=(.*)")
MEDIA: Final = re.compile(
    r"(audio|video|application|text|message|image) (\d{1,5})(?:/\d+)? (\S{1,64}) (\S.*)"
)
CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(slots=True)
class Section:
    """The session part or one m-line: its attributes in order, as (name, value)."""

    kind: str = ""
    port: int = 0
    protocol: str = ""
    formats: str = ""
    attributes: list[tuple[str, str]] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        """Every value of an attribute."""
        return [value for each, value in self.attributes if each == name]

    def first(self, name: str) -> str | None:
        """The first value of an attribute, or None."""
        return next(iter(self.all(name)), None)

    def has(self, name: str) -> bool:
        """Whether the attribute is there."""
        return any(each == name for each, _ in self.attributes)


def malformed(text: str) -> OfferRefusedError:
    """The refusal of an offer that is no SDP of WebRTC."""
    return OfferRefusedError(OfferFault.MALFORMED, text)


def split_sections(offer: str, limits: OfferLimits) -> tuple[Section, list[Section]]:
    """Split an offer into its session part and m-lines, or refuse it."""
    session, media = _sections(_lines(offer, limits))
    if not media:
        raise OfferRefusedError(
            OfferFault.NO_MEDIA, "the offer has no m-line: add a microphone or camera track"
        )
    if len(media) > limits.media:
        raise OfferRefusedError(
            OfferFault.TOO_MANY_MEDIA, f"the offer has over {limits.media} m-lines: send one audio, one video"
        )
    return session, media


def _lines(offer: str, limits: OfferLimits) -> list[str]:
    if len(offer) > limits.size_bytes or len(offer.encode(errors="replace")) > limits.size_bytes:
        raise OfferRefusedError(
            OfferFault.TOO_LARGE, f"the offer is over {limits.size_bytes} bytes: offer fewer codecs or tracks"
        )
    if CONTROL.search(offer):
        raise malformed("the offer holds control characters: send plain SDP text")
    lines = offer.replace("\r\n", "\n").rstrip("\n").split("\n")
    if len(lines) > limits.lines or max(map(len, lines)) > limits.line_bytes:
        raise OfferRefusedError(OfferFault.TOO_LARGE, "the offer has too many or too long lines")
    if lines[0] != "v=0":
        raise malformed("the offer does not begin with v=0: send an SDP offer (RFC 8866)")
    return lines[1:]


def _sections(lines: list[str]) -> tuple[Section, list[Section]]:
    session = section = Section()
    media: list[Section] = []
    for line in lines:
        match = LINE.fullmatch(line)
        if match is None:
            raise malformed("the offer has a line that is not of the form x=value")
        if match[1] == "m":
            section = _media_line(match[2])
            media.append(section)
        elif match[1] == "a":
            name, _, value = match[2].partition(":")
            section.attributes.append((name, value))
    return session, media


def _media_line(value: str) -> Section:
    match = MEDIA.fullmatch(value)
    if match is None:
        raise malformed("an m-line of the offer cannot be read")
    return Section(kind=match[1], port=int(match[2]), protocol=match[3], formats=match[4])
