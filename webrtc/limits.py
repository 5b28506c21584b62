"""Every limit of the network half, with its reason. All are settings; the defaults suit calls of people."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class OfferLimits:
    """How much an offer may ask of the parser, which runs on the media loop."""

    size_bytes: int = 64 * 1024  # browsers send 5 to 12 KiB; far above is an attack on the parser
    lines: int = 1500  # Chromium with every codec has about 250
    line_bytes: int = 2048  # the longest honest line is a candidate or fmtp, below 300
    media: int = 6  # one audio, one video, a data channel and some to reject
    candidates: int = 64  # ten interfaces with v4, v6 and reflexive ones; they are counted, never contacted
    fragment_bytes: int = 8 * 1024  # a trickle request carries a handful of candidates


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """How much strangers may ask of a leg's UDP port."""

    datagram_bytes: int = 2048  # an Ethernet frame and some; larger ones are not WebRTC
    stranger_checks_per_s: float = 5.0  # STUN without our name: a few are answered, so that errors show
    stranger_checks_burst: int = 10
    named_checks_per_s: float = (
        50.0  # checks naming us from new addresses: browsers send one per 50 ms at most
    )
    named_checks_burst: int = 50
    pairs: int = 32  # addresses a peer may be seen at; each costs up to seven checks of ours
    queued_datagrams: int = 64  # DTLS waiting for the handshake: five flights of a large certificate
    held_datagrams: int = 8  # DTLS that came between the peer's check and ours: its first flight


@dataclass(frozen=True, slots=True)
class TapLimits:
    """How long and how much the receiver waits for missing packets."""

    held_video_packets: int = 1024  # half a second at 20 Mbit/s
    held_audio_packets: int = 64  # half a second is 25
    video_wait_s: float = 0.5  # longer: the recording lags; shorter: a far peer's resend comes too late
    audio_wait_s: float = 0.4
    nack_interval_s: float = 0.03  # first guess of the round trip, then measured
    nack_interval_max_s: float = 0.2
    nacks_per_packet: int = 12  # a link that loses twelve resends in a row will lose the next
    keyframe_interval_s: float = 0.2  # a floor between requests: each keyframe costs the sender a burst
    keyframe_retry_s: float = 1.0  # an unanswered request is sent again
    sequence_jump: int = 3000  # RFC 3550, A.1 MAX_DROPOUT: beyond it the sender restarted
    sources_per_leg: int = 16  # audio, video and resends with some changes of source
    source_rest_s: float = 1.0  # a source that was left: what comes sooner was under way, not sent anew
    source_changes: int = 256  # of one track: a camera switched each minute for four hours
    gathered_packets: int = 48  # put into frames at once; between two beats a usual call has less than half
    frame_bytes: int = 4 * 1024 * 1024  # a 1080p keyframe is 300 kB; larger is an attack on memory
    packets_per_s: float = 2000.0  # 20 Mbit/s; a call's picture and sound are 180, more costs the other calls
    packets_burst: int = 2000  # keyframes of a large screen come at once
    known_ssrcs: int = 48  # libsrtp keeps a state for each, and looks through them all for each packet


@dataclass(frozen=True, slots=True)
class ForwardLimits:
    """What one viewer may cost."""

    history_packets: int = 512  # each of sound and picture: four seconds at 1.2 Mbit/s, 600 kB
    resends_per_s: float = 600.0  # what is lost at 20 % of 3 Mbit/s, ten times over
    resends_burst: int = 300
    words_per_s: float = 300.0  # RTCP of a viewer that loses much is a third of it
    words_burst: int = 300
    known_ssrcs: int = 48  # as of a leg
    keyframes_per_s: float = 1.0  # whoever cannot decode a keyframe a second has no use for five
    keyframes_burst: int = 4  # the first may be lost, and so may the second
    least_bps: int = 50_000  # no viewer may starve the sender for all
    keyframe_retry_s: float = 0.3  # a picture starts within a second even if two requests are lost


@dataclass(frozen=True, slots=True)
class PeerLimits:
    """How long a leg may take and keep silent."""

    setup_timeout_s: float = 15.0  # from the answer to media keys; below 10 a far mobile may fail
    stalled_after_s: float = 5.0  # consent checks come at least every 6 s even when muted
    dead_after_s: float = 15.0  # longer: a killed browser holds its leg; shorter: a lift ends calls
    close_timeout_s: float = 2.0  # the DTLS goodbye is best effort; sockets are cut after it
    gather_timeout_s: float = 2.0  # binding local ports is immediate
    feedback_interval_s: float = 0.1  # transport-cc; browsers adapt to 50 to 250 ms
    report_interval_s: float = 1.0  # RTCP receiver reports
    offer: OfferLimits = field(default_factory=OfferLimits)
    guard: GuardLimits = field(default_factory=GuardLimits)
    tap: TapLimits = field(default_factory=TapLimits)
    forward: ForwardLimits = field(default_factory=ForwardLimits)


@dataclass(frozen=True, slots=True)
class IceSettings:
    """Where legs listen. Empty `addresses` means each address of the machine that is not loopback.

    `announced` are the public addresses in front of a 1:1 NAT: the answer names those of a family in the
    place of the bound ones of that family, each with a bound one's port.
    `ports` is an inclusive range to bind in, or None for any the system gives.
    """

    addresses: tuple[str, ...] = ()
    announced: tuple[str, ...] = ()
    ports: tuple[int, int] | None = None
    peers: frozenset[str] | None = None  # only these addresses are heard; None: any that may be a peer's
    receive_buffer_bytes: int = 1024 * 1024  # over a second of one leg if the loop stalls
