"""What is left of an offer after the gate: plain values, everything else is gone."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from webrtc.frames import MediaKind
from webrtc.rtp import ABS_SEND_TIME_URI, AUDIO_LEVEL_URI, MID_URI, TRANSPORT_CC_URI

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webrtc.frames import Codec
    from webrtc.rtp import ExtensionIds


class DtlsRole(StrEnum):
    """Our side of the DTLS handshake, as the answer's `a=setup` says it (RFC 8842, 5.2)."""

    SERVER = "passive"
    CLIENT = "active"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A hash of the peer's certificate: the algorithm's SDP name and upper-case hex pairs with colons."""

    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class Side:
    """Our part in the media of an offer, and what we agree on for it.

    `used` are the offered directions that suit us, `answered` is ours. `resends` takes resending streams
    (RFC 4588) too. `keeps_first`: the first m-line is not refused for its kind, it goes without media.
    """

    used: frozenset[str]
    answered: str
    extensions: frozenset[str]
    feedback: Mapping[MediaKind, tuple[str, ...]]
    resends: bool
    keeps_first: bool


OUR_SIDE_RECEIVES: Final = Side(
    used=frozenset({"sendrecv", "sendonly"}),
    answered="recvonly",
    extensions=frozenset({MID_URI, AUDIO_LEVEL_URI, TRANSPORT_CC_URI}),
    feedback={
        MediaKind.AUDIO: ("transport-cc",),
        # goog-remb beside transport-cc: the sender's own estimate, and what its viewers can take.
        MediaKind.VIDEO: ("nack", "nack pli", "goog-remb", "transport-cc"),
    },
    resends=True,
    keeps_first=False,  # who sends offers what it sends, and is refused what it may not
)
OUR_SIDE_SENDS: Final = Side(
    used=frozenset({"sendrecv", "recvonly"}),
    answered="sendonly",
    # With the time of sending in each packet, and no transport-cc, a browser tells its estimate by REMB.
    extensions=frozenset({ABS_SEND_TIME_URI}),
    feedback={
        MediaKind.AUDIO: ("nack",),
        MediaKind.VIDEO: ("nack", "nack pli", "ccm fir", "goog-remb"),
    },
    resends=False,
    keeps_first=True,  # who watches offers both kinds, whatever there is to see
)


@dataclass(frozen=True, slots=True)
class AcceptedMedia:
    """An m-line whose codec we know; `is_used` where its direction lets us do our part.

    `sources` are the SSRCs it declared, `rtx_sources` maps its resending SSRCs to what they resend.
    `feedback` holds the rtcp-fb values to answer, `format_parameters` the fmtp or nothing, `extensions` pairs
    of id and URI.
    """

    mid: str
    codec: Codec
    payload_type: int
    rtx_payload_type: int | None
    is_used: bool
    format_parameters: str = ""
    feedback: tuple[str, ...] = ()
    sources: tuple[int, ...] = ()
    rtx_sources: dict[int, int] = field(default_factory=dict)
    extensions: tuple[tuple[int, str], ...] = ()
    reduced_size: bool = False

    @property
    def payload_types(self) -> tuple[int, ...]:
        """Every payload type of this m-line."""
        return (
            (self.payload_type,)
            if self.rtx_payload_type is None
            else (self.payload_type, self.rtx_payload_type)
        )


@dataclass(frozen=True, slots=True)
class RefusedMedia:
    """An m-line that is answered with port 0."""

    kind: str
    protocol: str
    formats: str
    mid: str | None


@dataclass(frozen=True, slots=True)
class Offer:
    """A checked offer. `media` keeps the order of m-lines, which the answer repeats (RFC 8829, 5.3.1)."""

    media: tuple[AcceptedMedia | RefusedMedia, ...]
    accepted: tuple[AcceptedMedia, ...]
    is_bundled: bool
    ufrag: str
    password: str
    fingerprints: tuple[Fingerprint, ...]
    our_role: DtlsRole
    extensions: ExtensionIds
    candidates: int
