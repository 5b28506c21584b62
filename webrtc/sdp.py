"""The gate for offers: what passes is small, complete and of one meaning; the rest is refused with a reason.

Nothing of the offer's text goes to a library. Candidates are counted and dropped: the peer's own checks make
the pair, so an offer cannot point us at an address.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from webrtc.codecs import choose
from webrtc.errors import OfferFault, OfferRefusedError
from webrtc.frames import BOTH_KINDS, Codec, MediaKind
from webrtc.offer import (
    OUR_SIDE_RECEIVES,
    AcceptedMedia,
    DtlsRole,
    Fingerprint,
    Offer,
    RefusedMedia,
    Side,
)
from webrtc.rtp import ABS_SEND_TIME_URI, AUDIO_LEVEL_URI, MID_URI, TRANSPORT_CC_URI, ExtensionIds
from webrtc.sdp_lines import malformed, split_sections

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from webrtc.limits import OfferLimits
    from webrtc.sdp_lines import Section

TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,32}")
UFRAG: Final = re.compile(r"[A-Za-z0-9+/]{4,256}")  # RFC 8839, 5.4
PASSWORD: Final = re.compile(r"[A-Za-z0-9+/]{22,256}")
EXTMAP: Final = re.compile(r"(\d{1,3})(?:/[a-z]+)? (\S{1,256})(?: .*)?")
SSRC: Final = re.compile(r"(\d{1,10})(?: .*)?")
CANDIDATE: Final = re.compile(
    r"[A-Za-z0-9+/]{1,32} \d{1,5} \S{1,16} \d{1,10} \S{1,255} \d{1,5} typ [a-z]+(?: .*)?"
)

MEDIA_PROTOCOLS: Final = frozenset({"UDP/TLS/RTP/SAVPF", "RTP/SAVPF"})
DIRECTIONS: Final = ("sendrecv", "sendonly", "recvonly", "inactive")
STRONG_HASHES: Final = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
MAX_EXTENSION_ID: Final = 255
MAX_SSRC: Final = 0xFFFFFFFF
MAX_SOURCES: Final = 16  # declared by one m-line: two per layer
MAX_FINGERPRINTS: Final = 4

NO_CODECS: Final[Mapping[MediaKind, Codec]] = {}
WORDS: Final = {Codec.OPUS: "Opus", Codec.VP8: "VP8", Codec.H264: "H.264 with packetization-mode=1"}
KIND_WORDS: Final = {"audio": WORDS[Codec.OPUS], "video": f"{WORDS[Codec.VP8]}, or {WORDS[Codec.H264]}"}


class _Terms(NamedTuple):
    """What the caller of the gate said."""

    kinds: AbstractSet[MediaKind]
    codecs: Mapping[MediaKind, Codec]
    side: Side


def read_offer(
    text: str,
    limits: OfferLimits,
    *,
    kinds: AbstractSet[MediaKind] = BOTH_KINDS,
    codecs: Mapping[MediaKind, Codec] = NO_CODECS,
    side: Side = OUR_SIDE_RECEIVES,
) -> Offer:
    """Check an offer. Raises OfferRefusedError, and nothing else, for one we do not answer.

    `kinds` is what the connection may carry; an m-line of another kind is answered with port 0, or without
    media where it carries the bundle's transport. A kind that stands in `codecs` is taken in that codec only.
    `side` is what we do with the media.
    """
    session, sections = split_sections(text, limits)
    if session.has("ice-lite"):
        raise OfferRefusedError(
            OfferFault.ICE_LITE,
            "the offer is from an ICE-lite agent: send the checks yourself, as full ICE does",
        )
    candidates = _count_candidates([session, *sections], limits)
    terms = _Terms(kinds, codecs, side)
    media = _sort_media(sections, terms)
    accepted = [(s, m) for s, m in zip(sections, media, strict=True) if isinstance(m, AcceptedMedia)]
    if not any(each.is_used for _, each in accepted):
        raise _no_media(sections, terms, media)
    group = _bundle(session)
    _check_bundle(group, [each for _, each in accepted])
    tagged = next((s for s in sections if s.first("mid") == group[0]), None) if group else None
    transport = [accepted[0][0], session] + ([tagged] if tagged is not None else [])
    ufrag, password = _credentials(transport)
    return Offer(
        media=tuple(media),
        accepted=tuple(each for _, each in accepted),
        is_bundled=bool(group),
        ufrag=ufrag,
        password=password,
        fingerprints=_fingerprints(transport),
        our_role=_role(transport),
        extensions=_extension_ids([each for _, each in accepted]),
        candidates=candidates,
    )


def _count_candidates(sections: list[Section], limits: OfferLimits) -> int:
    candidates = [value for section in sections for value in section.all("candidate")]
    if len(candidates) > limits.candidates:
        raise OfferRefusedError(
            OfferFault.TOO_MANY_CANDIDATES,
            f"the offer has over {limits.candidates} candidates: leave them out, they are not needed",
        )
    if not all(map(CANDIDATE.fullmatch, candidates)):
        raise malformed("a candidate of the offer cannot be read: leave candidates out, they are not needed")
    return len(candidates)


# the m-lines


def _no_media(
    sections: list[Section], terms: _Terms, media: list[AcceptedMedia | RefusedMedia]
) -> OfferRefusedError:
    """Tell whether nothing is sent, nothing that this leg may carry, or nothing in the call's codec."""
    for section, each in zip(sections, media, strict=True):
        if isinstance(each, RefusedMedia) and each.kind in terms.codecs and not _is_off(section):
            return _unsupported(section, terms)
    if {section.kind for section in sections} & (BOTH_KINDS - terms.kinds):
        taken = " and ".join(sorted(terms.kinds)) or "nothing"
        return OfferRefusedError(OfferFault.KIND_REFUSED, f"this leg takes {taken} only: offer that")
    used = " or ".join(sorted(terms.side.used))
    return OfferRefusedError(OfferFault.NO_MEDIA, f"nothing of the offer suits: make a track {used}")


def _sort_media(sections: list[Section], terms: _Terms) -> list[AcceptedMedia | RefusedMedia]:
    """Take the first m-line of each of the kinds; all others are answered with port 0.

    So is one that has not the call's codec: who cannot show the call's pictures can still listen and speak.
    """
    media: list[AcceptedMedia | RefusedMedia] = []
    taken: set[str] = set()
    mids: set[str] = set()
    for number, section in enumerate(sections):
        mid = section.first("mid")
        if mid is not None and (not TOKEN.fullmatch(mid) or mid in mids):
            raise malformed("the offer's mids must be short tokens and differ from one another")
        found = None
        if section.kind not in taken and section.kind in terms.kinds and not _is_off(section):
            taken.add(section.kind)
            found = _accept(section, mid or str(number), terms)
        elif number == 0 and terms.side.keeps_first and section.kind in BOTH_KINDS and not _is_off(section):
            found = _idle(section, mid or str(number), terms)
        media.append(found or RefusedMedia(section.kind, section.protocol, section.formats, mid))
        mids.add(mid or str(number))
    return media


def _idle(section: Section, mid: str, terms: _Terms) -> AcceptedMedia | None:
    """Take an m-line without its media: Chromium loses a bundle whose first one is refused."""
    found = _accept(section, mid, terms) if choose(section, terms.side, None) is not None else None
    return None if found is None else replace(found, is_used=False)


def _is_off(section: Section) -> bool:
    return section.port == 0 and not section.has("bundle-only")


def _unsupported(section: Section, terms: _Terms) -> OfferRefusedError:
    only = terms.codecs.get(MediaKind(section.kind))
    wanted = WORDS[only] if only is not None else KIND_WORDS[section.kind]
    return OfferRefusedError(
        OfferFault.UNSUPPORTED_CODEC, f"no {section.kind} codec of the offer is supported: offer {wanted}"
    )


def _accept(section: Section, mid: str, terms: _Terms) -> AcceptedMedia | None:
    """Read an m-line; None for one that has not the codec the call is in."""
    if section.protocol not in MEDIA_PROTOCOLS:
        raise malformed("audio and video must be offered as UDP/TLS/RTP/SAVPF")
    if not section.has("rtcp-mux"):
        raise OfferRefusedError(
            OfferFault.RTCP_MUX_REQUIRED, "offer a=rtcp-mux in each m-line (RFC 8834, 4.5)"
        )
    only = terms.codecs.get(MediaKind(section.kind))
    choice = choose(section, terms.side, only)
    if choice is None and only is not None:
        return None
    if choice is None:
        raise _unsupported(section, terms)
    directions = [name for name, _ in section.attributes if name in DIRECTIONS]
    if len(directions) > 1:
        raise malformed("an m-line of the offer has more than one direction")
    sources, resending = _sources(section)
    return AcceptedMedia(
        mid=mid,
        codec=choice.codec,
        payload_type=choice.payload_type,
        rtx_payload_type=choice.rtx_payload_type,
        is_used=(directions or ["sendrecv"])[0] in terms.side.used,  # RFC 8866, 6.7: none means sendrecv
        format_parameters=choice.format_parameters,
        feedback=choice.feedback,
        sources=sources,
        rtx_sources=resending,
        extensions=_extensions(section, terms.side),
        reduced_size=section.has("rtcp-rsize"),
    )


def _sources(section: Section) -> tuple[tuple[int, ...], dict[int, int]]:
    """The declared SSRCs (RFC 5576, 4.1) and which of them resend which (FID groups, RFC 4588, 8.7)."""
    declared = [_ssrc(value) for value in section.all("ssrc")]
    resending = {}
    for value in section.all("ssrc-group"):
        semantics, *members = value.split(" ")
        if semantics == "FID" and len(members) == 2:  # noqa: PLR2004 - a source and the one that resends it
            resending[_ssrc(members[1])] = _ssrc(members[0])
    sources = tuple(dict.fromkeys([*declared, *resending, *resending.values()]))
    if len(sources) > MAX_SOURCES:
        raise malformed(f"an m-line of the offer declares over {MAX_SOURCES} sources")
    return sources, resending


def _ssrc(value: str) -> int:
    match = SSRC.fullmatch(value)
    if match is None or int(match[1]) > MAX_SSRC:
        raise malformed("an SSRC of the offer cannot be read")
    return int(match[1])


def _extensions(section: Section, side: Side) -> tuple[tuple[int, str], ...]:
    found: dict[str, int] = {}
    for value in section.all("extmap"):
        match = EXTMAP.fullmatch(value)
        if match is None or not 0 < int(match[1]) <= MAX_EXTENSION_ID:
            raise malformed("an extmap of the offer cannot be read")
        if match[2] in side.extensions:
            found.setdefault(match[2], int(match[1]))
    return tuple((number, uri) for uri, number in found.items())


def _extension_ids(accepted: list[AcceptedMedia]) -> ExtensionIds:
    """One map for the bundle; an id means the same in each of its m-lines (RFC 8843, 9.1)."""
    by_uri: dict[str, int] = {}
    for media in accepted:
        for number, uri in media.extensions:
            if by_uri.setdefault(uri, number) != number:
                raise malformed("an extmap id of the offer differs between bundled m-lines")
    if len(set(by_uri.values())) != len(by_uri):
        raise malformed("two header extensions of the offer share an id")
    return ExtensionIds(
        mid=by_uri.get(MID_URI, 0),
        audio_level=by_uri.get(AUDIO_LEVEL_URI, 0),
        transport_cc=by_uri.get(TRANSPORT_CC_URI, 0),
        abs_send_time=by_uri.get(ABS_SEND_TIME_URI, 0),
    )


# the transport under them


def _bundle(session: Section) -> list[str]:
    groups = [value.split() for value in session.all("group")]
    return next((members[1:] for members in groups if members and members[0] == "BUNDLE"), [])


def _check_bundle(group: list[str], accepted: list[AcceptedMedia]) -> None:
    if (group or len(accepted) > 1) and not all(each.mid in group for each in accepted):
        raise OfferRefusedError(
            OfferFault.BUNDLE_REQUIRED,
            "audio and video must share one transport: offer a=group:BUNDLE with both",
        )


def _first(transport: list[Section], name: str) -> str | None:
    """An attribute of the shared transport: of our first m-line, else the session, else the tagged m-line."""
    return next((value for section in transport if (value := section.first(name)) is not None), None)


def _credentials(transport: list[Section]) -> tuple[str, str]:
    ufrag, password = _first(transport, "ice-ufrag"), _first(transport, "ice-pwd")
    if ufrag is None or password is None or not UFRAG.fullmatch(ufrag) or not PASSWORD.fullmatch(password):
        raise OfferRefusedError(
            OfferFault.ICE_CREDENTIALS, "the offer needs a=ice-ufrag and a=ice-pwd as RFC 8839, 5.4 has them"
        )
    return ufrag, password


def _fingerprints(transport: list[Section]) -> tuple[Fingerprint, ...]:
    values = next((found for section in transport if (found := section.all("fingerprint"))), [])
    if not values:
        raise OfferRefusedError(
            OfferFault.FINGERPRINT_REQUIRED,
            "the offer has no a=fingerprint: media must be encrypted (RFC 8827)",
        )
    if len(values) > MAX_FINGERPRINTS:
        raise malformed(f"the offer has over {MAX_FINGERPRINTS} fingerprints")
    strong = []
    for value in values:
        algorithm, _, digest = value.partition(" ")
        size = STRONG_HASHES.get(algorithm.lower())
        if size is None:
            continue
        if not re.fullmatch(rf"[0-9A-Fa-f]{{2}}(:[0-9A-Fa-f]{{2}}){{{size - 1}}}", digest):
            raise malformed("a fingerprint of the offer is not of its algorithm's length")
        strong.append(Fingerprint(algorithm.lower(), digest.upper()))
    if not strong:
        raise OfferRefusedError(
            OfferFault.WEAK_FINGERPRINT,
            "the offer's fingerprints are too weak: use sha-256, sha-384 or sha-512",
        )
    return tuple(strong)


def _role(transport: list[Section]) -> DtlsRole:
    """Serve where the offer leaves the choice: browsers then agree on AES-256-GCM for the media."""
    setup = _first(transport, "setup")
    if setup in {"actpass", "active"}:
        return DtlsRole.SERVER
    if setup == "passive":
        return DtlsRole.CLIENT
    raise malformed("the offer needs a=setup:actpass, active or passive")
