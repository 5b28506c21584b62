"""Which codec of an m-line we take, and what the answer says about it.

One codec per m-line, so it cannot change in mid-call. VP8 before H.264: its picture size may change. Of
several profiles of H.264 the one that everybody can decode: who joins later has to take it as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from webrtc.frames import Codec, MediaKind
from webrtc.sdp_lines import malformed

if TYPE_CHECKING:
    from webrtc.offer import Side
    from webrtc.sdp_lines import Section

RTPMAP: Final = re.compile(r"(\d{1,3}) ([A-Za-z0-9_.-]{1,40})/(\d{1,6})(?:/(\d{1,2}))?")
PAYLOAD_TYPE: Final = re.compile(r"\d{1,3}")
PROFILE: Final = re.compile(r"[0-9A-Fa-f]{6}")

# By rtpmap name, clock rate and channels (RFC 7741, 6.2.1; RFC 6184, 8.2.1; RFC 7587, 7).
KNOWN: Final = {
    ("VP8", "90000", None): Codec.VP8,
    ("H264", "90000", None): Codec.H264,
    ("OPUS", "48000", "2"): Codec.OPUS,
}
PREFERENCE: Final = {"audio": (Codec.OPUS,), "video": (Codec.VP8, Codec.H264)}

# A payload type in this range would look like RTCP (RFC 5761, 4).
RTCP_LOOKALIKES: Final = range(64, 96)
MAX_PAYLOAD_TYPE: Final = 127
DEFAULT_H264_PROFILE: Final = "42e01f"  # constrained baseline 3.1, what WebRTC takes for granted
# What bits of a profile's first two bytes have to be: said as baseline, as main and as extended profile.
CONSTRAINED_BASELINE: Final = ((0xFF4F, 0x4240), (0xFF8F, 0x4D80), (0xFFCF, 0x58C0))


@dataclass(frozen=True, slots=True)
class Choice:
    """The codec of one m-line."""

    codec: Codec
    payload_type: int
    rtx_payload_type: int | None
    format_parameters: str
    feedback: tuple[str, ...]


def choose(section: Section, side: Side, only: Codec | None = None) -> Choice | None:
    """The codec we agree on for an m-line, `only` this one if it is given; None if it has none of ours."""
    types = _payload_types(section)
    maps = {}
    for value in section.all("rtpmap"):
        match = RTPMAP.fullmatch(value)
        if match is None:
            raise malformed("an rtpmap of the offer cannot be read")
        if int(match[1]) in types:
            maps[int(match[1])] = (match[2].upper(), match[3], match[4])
    formats = _format_parameters(section)
    for codec in PREFERENCE[section.kind] if only is None else (only,):
        usable = [
            each
            for each in types
            if KNOWN.get(maps.get(each, ("", "", None))) is codec and _is_usable(codec, formats.get(each, {}))
        ]
        if usable:
            payload_type = min(usable, key=lambda each: not _is_common(codec, formats.get(each, {})))
            return Choice(
                codec,
                payload_type,
                _resend_type(payload_type, maps, formats) if side.resends else None,
                _answered_parameters(codec, formats.get(payload_type, {})),
                _answered_feedback(section, payload_type, side),
            )
    return None


def _payload_types(section: Section) -> list[int]:
    types = []
    for each in section.formats.split():
        if not PAYLOAD_TYPE.fullmatch(each) or int(each) > MAX_PAYLOAD_TYPE:
            raise malformed("an m-line of the offer names a payload type that is no number below 128")
        types.append(int(each))
    return [each for each in types if each not in RTCP_LOOKALIKES]


def _format_parameters(section: Section) -> dict[int, dict[str, str]]:
    formats: dict[int, dict[str, str]] = {}
    for value in section.all("fmtp"):
        payload_type, _, parameters = value.partition(" ")
        if PAYLOAD_TYPE.fullmatch(payload_type):
            pairs = (each.strip().partition("=") for each in parameters.split(";"))
            formats[int(payload_type)] = {name.lower(): text for name, _, text in pairs if name}
    return formats


def _is_usable(codec: Codec, parameters: dict[str, str]) -> bool:
    """H.264 only with packetization mode 1, which every browser offers (RFC 7742, 6.2)."""
    if codec is not Codec.H264:
        return True
    profile = parameters.get("profile-level-id", DEFAULT_H264_PROFILE)
    return parameters.get("packetization-mode") == "1" and PROFILE.fullmatch(profile) is not None


def _is_common(codec: Codec, parameters: dict[str, str]) -> bool:
    """Constrained baseline, which every browser can decode (RFC 7742, 6.2); profiles by RFC 6184, 8.1."""
    if codec is not Codec.H264:
        return True
    profile = int(parameters.get("profile-level-id", DEFAULT_H264_PROFILE)[:4], 16)
    return any(profile & mask == value for mask, value in CONSTRAINED_BASELINE)


def _resend_type(
    payload_type: int, maps: dict[int, tuple[str, str, str | None]], formats: dict[int, dict[str, str]]
) -> int | None:
    """The payload type in which this one is resent (RFC 4588, 8.6)."""
    for each, (name, _, _) in maps.items():
        if name == "RTX" and formats.get(each, {}).get("apt") == str(payload_type):
            return each
    return None


def _answered_parameters(codec: Codec, parameters: dict[str, str]) -> str:
    if codec is Codec.H264:
        profile = parameters.get("profile-level-id", DEFAULT_H264_PROFILE).lower()
        return f"level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={profile}"
    return "minptime=10;useinbandfec=1" if codec is Codec.OPUS else ""


def _answered_feedback(section: Section, payload_type: int, side: Side) -> tuple[str, ...]:
    offered = {
        value
        for scope, _, value in (each.partition(" ") for each in section.all("rtcp-fb"))
        if scope in {"*", str(payload_type)}
    }
    return tuple(each for each in side.feedback[MediaKind(section.kind)] if each in offered)
