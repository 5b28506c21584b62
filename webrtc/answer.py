"""The answer to a checked offer, written from our own values (RFC 8829, 5.3; RFC 9725, 4.2)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from webrtc.offer import OUR_SIDE_RECEIVES, AcceptedMedia

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from webrtc.offer import Fingerprint, Offer, RefusedMedia, Side


@dataclass(frozen=True, slots=True)
class HostCandidate:
    """One address of ours as the answer names it (RFC 8839, 5.1)."""

    foundation: str
    priority: int
    host: str
    port: int

    def __str__(self) -> str:
        return f"candidate:{self.foundation} 1 udp {self.priority} {self.host} {self.port} typ host"


@dataclass(frozen=True, slots=True)
class LocalTransport:
    """Our end: ICE credentials, certificate and addresses."""

    ufrag: str
    password: str
    fingerprint: Fingerprint
    candidates: Sequence[HostCandidate]


@dataclass(frozen=True, slots=True)
class Source:
    """One track that we send. Tracks of the same `cname` and `stream` are played in sync."""

    ssrc: int
    cname: str
    stream: str


NO_SOURCES: Final[Mapping[str, Source]] = {}


def write_answer(
    offer: Offer,
    local: LocalTransport,
    side: Side = OUR_SIDE_RECEIVES,
    sources: Mapping[str, Source] = NO_SOURCES,
) -> str:
    """The whole answer: every address at once, so nothing is trickled from us.

    `sources` tells what we send in which m-line, by its mid.
    """
    lines = [
        "v=0",
        f"o=- {secrets.randbits(62)} 1 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
    ]
    if offer.is_bundled:
        lines.append("a=group:BUNDLE " + " ".join(media.mid for media in offer.accepted))
    lines.append("a=msid-semantic:WMS *")
    for media in offer.media:
        if isinstance(media, AcceptedMedia):
            lines += _accepted(media, offer, local, side)
            lines += _source(sources.get(media.mid))
        else:
            lines += _refused(media)
    return "\r\n".join(lines) + "\r\n"


def _accepted(media: AcceptedMedia, offer: Offer, local: LocalTransport, side: Side) -> list[str]:
    main = local.candidates[0]
    family = "IP6" if ":" in main.host else "IP4"
    formats = " ".join(map(str, media.payload_types))
    lines = [
        f"m={media.codec.kind} {main.port} UDP/TLS/RTP/SAVPF {formats}",
        f"c=IN {family} {main.host}",
        f"a=mid:{media.mid}",
        f"a={side.answered}" if media.is_used else "a=inactive",
        "a=rtcp-mux",
    ]
    if media.reduced_size:
        lines.append("a=rtcp-rsize")
    lines += [f"a=extmap:{number} {uri}" for number, uri in media.extensions]
    lines += _codec(media)
    # RFC 8843, 7.3.1 asks for candidates in the first m-line only; some agents read them from the last.
    lines += [f"a={candidate}" for candidate in local.candidates]
    lines.append("a=end-of-candidates")
    return [
        *lines,
        f"a=ice-ufrag:{local.ufrag}",
        f"a=ice-pwd:{local.password}",
        f"a=fingerprint:{local.fingerprint.algorithm} {local.fingerprint.value}",
        f"a=setup:{offer.our_role}",
    ]


def _source(source: Source | None) -> list[str]:
    """What we send: one SSRC, named with its stream (RFC 5576, 6.1; RFC 8830)."""
    if source is None:
        return []
    stream = f"{source.stream} {source.stream}-{source.ssrc}"
    return [
        f"a=msid:{stream}",
        f"a=ssrc:{source.ssrc} cname:{source.cname}",
        f"a=ssrc:{source.ssrc} msid:{stream}",
    ]


NAMES = {"vp8": "VP8/90000", "h264": "H264/90000", "opus": "opus/48000/2"}


def _codec(media: AcceptedMedia) -> list[str]:
    number = media.payload_type
    lines = [f"a=rtpmap:{number} {NAMES[media.codec]}"]
    if media.format_parameters:
        lines.append(f"a=fmtp:{number} {media.format_parameters}")
    lines += [f"a=rtcp-fb:{number} {feedback}" for feedback in media.feedback]
    if media.rtx_payload_type is not None:
        lines += [
            f"a=rtpmap:{media.rtx_payload_type} rtx/{media.codec.clock_rate_hz}",
            f"a=fmtp:{media.rtx_payload_type} apt={number}",
        ]
    return lines


def _refused(media: RefusedMedia) -> list[str]:
    """Port 0 says no (RFC 3264, 6); the m-line keeps its place."""
    lines = [f"m={media.kind} 0 {media.protocol} {media.formats}", "c=IN IP4 0.0.0.0", "a=inactive"]
    if media.mid is not None:
        lines.append(f"a=mid:{media.mid}")
    return lines
