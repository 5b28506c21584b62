"""The gate for offers: what passes, in which meaning, and why the rest is refused."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webrtc.answer import HostCandidate, LocalTransport, write_answer
from webrtc.errors import OfferFault, OfferRefusedError
from webrtc.frames import Codec, MediaKind
from webrtc.limits import OfferLimits
from webrtc.offer import (
    OUR_SIDE_RECEIVES,
    OUR_SIDE_SENDS,
    DtlsRole,
    Fingerprint,
    Offer,
    RefusedMedia,
    Side,
)
from webrtc.sdp import read_offer

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITS = OfferLimits()
OFFERS = {
    path.stem: path.read_text().replace("\n", "\r\n") for path in Path(__file__).parent.glob("offers/*.sdp")
}
CHROMIUM = OFFERS["chromium"]


def refusal(offer: str) -> OfferFault:
    """Why an offer is refused."""
    with pytest.raises(OfferRefusedError) as refused:
        read_offer(offer, LIMITS)
    assert len(str(refused.value)) > 20
    return refused.value.code


def without(offer: str, *starts: str) -> str:
    """An offer without the lines that start so."""
    return "".join(line for line in offer.splitlines(keepends=True) if not line.startswith(starts))


@pytest.mark.parametrize(
    ("name", "video", "role"),
    [
        ("chromium", Codec.VP8, DtlsRole.SERVER),
        ("firefox", Codec.VP8, DtlsRole.SERVER),
        ("aiortc", Codec.VP8, DtlsRole.SERVER),
        ("ffmpeg", Codec.H264, DtlsRole.CLIENT),
    ],
)
def test_the_offers_of_real_agents_pass(name: str, video: Codec, role: DtlsRole) -> None:
    """Recorded offers: Opus and the preferred video codec, one transport, resending found."""
    offer = read_offer(OFFERS[name], LIMITS)
    audio, picture = offer.accepted
    assert (audio.codec, picture.codec) == (Codec.OPUS, video)
    assert picture.rtx_payload_type is not None
    assert audio.is_used
    assert picture.is_used
    assert offer.is_bundled
    assert offer.our_role is role
    assert all(each.algorithm.startswith("sha-") for each in offer.fingerprints)
    assert picture.rtx_sources


ONLY_H264 = "\r\n".join(
    line for line in CHROMIUM.split("\r\n") if "VP8/90000" not in line and "VP9" not in line
)


def test_h264_is_taken_where_vp8_is_not_offered() -> None:
    """Only with packetization mode 1, and the answer repeats the profile."""
    picture = read_offer(ONLY_H264, LIMITS).accepted[1]
    assert picture.codec is Codec.H264
    assert "packetization-mode=1" in picture.format_parameters
    assert (
        refusal(ONLY_H264.replace("packetization-mode=1", "packetization-mode=0"))
        is OfferFault.UNSUPPORTED_CODEC
    )


@pytest.mark.parametrize("profile", ["42e01f", "42c01f", "4d801f", "58c01f"])
def test_of_h264s_profiles_the_one_that_everybody_can_decode_is_taken(profile: str) -> None:
    """Constrained baseline, by whichever name and however late it is offered: whoever comes later has it."""
    only = ONLY_H264.replace("profile-level-id=42e01f", f"profile-level-id={profile}")
    assert only.index("profile-level-id=42001f") < only.index(f"profile-level-id={profile}")
    assert f"profile-level-id={profile}" in read_offer(only, LIMITS).accepted[1].format_parameters
    without = ONLY_H264.replace("profile-level-id=42e01f", "profile-level-id=640c1f")
    assert "profile-level-id=42001f" in read_offer(without, LIMITS).accepted[1].format_parameters


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda o: o.replace("opus/48000/2", "speex/16000"), OfferFault.UNSUPPORTED_CODEC),
        (lambda o: o.replace("VP8/", "VP7/").replace("H264/", "H266/"), OfferFault.UNSUPPORTED_CODEC),
        (lambda o: without(o, "a=fingerprint"), OfferFault.FINGERPRINT_REQUIRED),
        (lambda o: o.replace("a=fingerprint:sha-256", "a=fingerprint:md5"), OfferFault.WEAK_FINGERPRINT),
        (lambda o: o.replace("a=fingerprint:sha-256 ", "a=fingerprint:sha-256 AA:"), OfferFault.MALFORMED),
        (lambda o: without(o, "a=ice-ufrag"), OfferFault.ICE_CREDENTIALS),
        (lambda o: without(o, "a=ice-pwd"), OfferFault.ICE_CREDENTIALS),
        (lambda o: o.replace("a=ice-pwd:", "a=ice-pwd:!"), OfferFault.ICE_CREDENTIALS),
        (lambda o: without(o, "a=rtcp-mux"), OfferFault.RTCP_MUX_REQUIRED),
        (lambda o: without(o, "a=group"), OfferFault.BUNDLE_REQUIRED),
        (lambda o: without(o, "a=setup"), OfferFault.MALFORMED),
        (lambda o: o.replace("a=setup:actpass", "a=setup:holdconn"), OfferFault.MALFORMED),
        (lambda o: o.replace("a=sendrecv", "a=recvonly"), OfferFault.NO_MEDIA),
        (lambda o: o.replace("a=sendrecv", "a=sendrecv\r\na=inactive"), OfferFault.MALFORMED),
        (lambda o: o.replace("t=0 0", "t=0 0\r\na=ice-lite"), OfferFault.ICE_LITE),
        (lambda o: o.replace("a=mid:1", "a=mid:0"), OfferFault.MALFORMED),
        (lambda o: o.replace("a=mid:1", "a=mid:" + "x" * 40), OfferFault.MALFORMED),
        (lambda o: o.replace("s=-", "s=-\x00"), OfferFault.MALFORMED),
        (lambda o: o.replace("s=-", "s=\x1b[2J"), OfferFault.MALFORMED),
        (lambda o: o.replace("a=rtpmap:111 opus", "a=rtpmap:x opus"), OfferFault.MALFORMED),
        (lambda o: o.replace("SAVPF 111", "SAVPF 999 111"), OfferFault.MALFORMED),
        (lambda o: o.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), OfferFault.MALFORMED),
        (lambda o: o + "a=extmap:0 urn:x\r\n", OfferFault.MALFORMED),
        (lambda o: o + "a=ssrc:99999999999 cname:x\r\n", OfferFault.MALFORMED),
        (lambda o: o + "".join(f"a=ssrc:{n} cname:x\r\n" for n in range(40)), OfferFault.MALFORMED),
        (lambda o: o + "a=candidate:what\r\n", OfferFault.MALFORMED),
        (lambda o: o + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" * 9, OfferFault.TOO_MANY_MEDIA),
        (lambda o: o + "a=x:" + "y" * 5000 + "\r\n", OfferFault.TOO_LARGE),
        (lambda o: o + "a=x\r\n" * 3000, OfferFault.TOO_LARGE),
        (lambda o: o + "a=x:é" * 30_000, OfferFault.TOO_LARGE),
        (lambda o: o[: o.index("m=audio")], OfferFault.NO_MEDIA),
        (lambda o: o.replace("\r\n", "\r"), OfferFault.TOO_LARGE),
        (lambda _: "", OfferFault.MALFORMED),
        (lambda _: "v=0", OfferFault.NO_MEDIA),
    ],
)
def test_each_rule_has_its_refusal(change: Callable[[str], str], code: OfferFault) -> None:
    """One change to an honest offer, one stable code."""
    changed = change(CHROMIUM)
    assert changed != CHROMIUM
    assert refusal(changed) is code


def test_one_audio_and_one_video_are_taken_and_the_rest_refused_in_place() -> None:
    """A data channel and a second camera get port 0; the order of m-lines is kept."""
    second = CHROMIUM[CHROMIUM.index("m=video") :].replace("a=mid:1", "a=mid:3")
    channel = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\n"
    offer = read_offer((CHROMIUM + channel + second).replace("BUNDLE 0 1", "BUNDLE 0 1 2 3"), LIMITS)
    assert [isinstance(media, RefusedMedia) for media in offer.media] == [False, False, True, True]
    lines = written(offer).split("\r\n")
    assert [line for line in lines if line.startswith("m=")][2:] == [
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
        second.split("\r\n")[0].replace(" 9 ", " 0 "),
    ]
    assert "a=group:BUNDLE 0 1" in lines


@pytest.mark.parametrize("kind", MediaKind)
@pytest.mark.parametrize("name", OFFERS)
def test_a_kind_the_leg_may_not_carry_gets_port_zero(name: str, kind: MediaKind) -> None:
    """Only the other m-line is taken, with the transport of both; the order of m-lines is kept."""
    offer = read_offer(OFFERS[name], LIMITS, kinds={kind})
    assert [media.codec.kind for media in offer.accepted] == [kind]
    assert offer.ufrag == read_offer(OFFERS[name], LIMITS).ufrag
    lines = written(offer).split("\r\n")
    open_at = {line.split(" ")[0]: line.split(" ")[1] != "0" for line in lines if line.startswith("m=")}
    assert open_at == {"m=audio": kind is MediaKind.AUDIO, "m=video": kind is MediaKind.VIDEO}
    assert lines.count("a=recvonly") == 1


def test_a_viewer_of_a_picture_alone_keeps_the_first_line_for_its_transport() -> None:
    """A shared screen has no sound. Chromium loses a bundle whose first m-line gets port 0."""
    text = CHROMIUM.replace("a=sendrecv", "a=recvonly")
    offer = read_offer(text, LIMITS, kinds={MediaKind.VIDEO}, side=OUR_SIDE_SENDS)
    assert [(media.codec.kind, media.is_used) for media in offer.accepted] == [
        (MediaKind.AUDIO, False),
        (MediaKind.VIDEO, True),
    ]
    lines = written(offer, OUR_SIDE_SENDS).split("\r\n")
    assert [line.split(" ")[1] for line in lines if line.startswith("m=")] == ["5000", "5000"]
    assert [line for line in lines if line in {"a=inactive", "a=sendonly"}] == ["a=inactive", "a=sendonly"]
    sound_alone = read_offer(text, LIMITS, kinds={MediaKind.AUDIO}, side=OUR_SIDE_SENDS)
    assert [media.codec.kind for media in sound_alone.accepted] == [MediaKind.AUDIO]


def test_an_offer_of_refused_kinds_only_is_refused() -> None:
    """Whether the other kind is missing or only not sent."""
    head, tail = CHROMIUM.split("m=video", 1)
    audio_only = head.replace("BUNDLE 0 1", "BUNDLE 0")
    silent_video = head + "m=video" + tail.replace("a=sendrecv", "a=recvonly")
    for text in (audio_only, silent_video):
        with pytest.raises(OfferRefusedError, match="takes video only") as refused:
            read_offer(text, LIMITS, kinds={MediaKind.VIDEO})
        assert refused.value.code is OfferFault.KIND_REFUSED


@pytest.mark.parametrize(
    ("offer", "codec", "named"),
    [
        (OFFERS["firefox"].replace("H264/90000", "H266/90000"), Codec.H264, r"H\.264"),
        (OFFERS["ffmpeg"], Codec.VP8, "VP8"),
    ],
    ids=["a browser without H.264", "a program without VP8"],
)
def test_who_cannot_take_the_calls_picture_still_speaks_and_listens(
    offer: str, codec: Codec, named: str
) -> None:
    """Port 0 for the picture of a call in the other codec; with nothing else, a refusal that names it."""
    codecs = {MediaKind.VIDEO: codec}
    read = read_offer(offer, LIMITS, codecs=codecs)
    assert {each.kind: type(each) for each in read.media if isinstance(each, RefusedMedia)} == {
        "video": RefusedMedia
    }
    assert [each.codec for each in read.accepted] == [Codec.OPUS]
    with pytest.raises(OfferRefusedError, match=named) as refused:
        read_offer(offer, LIMITS, kinds=frozenset({MediaKind.VIDEO}), codecs=codecs)
    assert refused.value.code is OfferFault.UNSUPPORTED_CODEC


def test_simulcast_is_not_answered() -> None:
    """Layers are stripped: the browser falls back to one."""
    layers = "a=rid:hi send\r\na=rid:lo send\r\na=simulcast:send hi;lo\r\n"
    answer = written(read_offer(CHROMIUM + layers, LIMITS))
    assert "rid" not in answer.replace("hdrext", "")
    assert "simulcast" not in answer


def test_a_direction_that_does_not_send_is_answered_inactive() -> None:
    """We receive only; what does not send is there and silent."""
    head, tail = CHROMIUM.split("m=video", 1)
    offer = read_offer(head + "m=video" + tail.replace("a=sendrecv", "a=recvonly"), LIMITS)
    answer = written(offer)
    assert answer.count("a=recvonly") == 1
    assert answer.count("a=inactive") == 1


def test_no_text_of_the_offer_reaches_the_answer_unasked() -> None:
    """Names, tools and unknown attributes of the offer do not come back."""
    offer = CHROMIUM.replace("s=-", "s=canary").replace("a=sendrecv", "a=sendrecv\r\na=x-canary:canary")
    assert "canary" not in written(read_offer(offer, LIMITS))


def written(offer: Offer, side: Side = OUR_SIDE_RECEIVES) -> str:
    """The answer to an offer, with plain values of ours."""
    local = LocalTransport(
        "ourname", "p" * 32, Fingerprint("sha-256", "AA"), [HostCandidate("1", 1, "127.0.0.1", 5000)]
    )
    return write_answer(offer, local, side)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_damage_to_an_offer_is_answered_or_refused_in_time(data: st.DataObject) -> None:
    """Lines cut, doubled, swapped or filled with noise: an Offer or an OfferRefusedError, quickly."""
    lines = data.draw(st.sampled_from(sorted(OFFERS.values()))).split("\r\n")
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(lines) - 1))
        act = data.draw(st.sampled_from(["cut", "double", "noise", "truncate", "digit"]))
        if act == "cut" and len(lines) > 1:
            del lines[place]
        elif act == "double":
            lines.insert(place, lines[data.draw(st.integers(0, len(lines) - 1))])
        elif act == "noise":
            lines[place] = data.draw(st.text(max_size=60))
        elif act == "truncate":
            lines[place] = lines[place][: data.draw(st.integers(0, 40))]
        else:
            lines[place] = lines[place].replace(
                "1", data.draw(st.sampled_from(["-1", "0", "4294967296", "٣", ""]))
            )
    began_s = time.process_time()
    with contextlib.suppress(OfferRefusedError):
        written(read_offer("\r\n".join(lines), LIMITS))
    assert time.process_time() - began_s < 0.2


@settings(max_examples=300)
@given(st.text(max_size=400))
def test_any_text_is_refused(text: str) -> None:
    """No text by chance is an offer."""
    with pytest.raises(OfferRefusedError):
        read_offer(text, LIMITS)
