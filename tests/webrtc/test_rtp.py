"""The RTP reader against the stock library's writer, and the counters that do not wrap."""

from __future__ import annotations

from aiortc import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import HeaderExtensionsMap
from aiortc.rtp import RtpPacket as StockPacket
from hypothesis import given
from hypothesis import strategies as st

from webrtc.rtp import AUDIO_LEVEL_URI, MID_URI, TRANSPORT_CC_URI, ExtensionIds, parse_rtp, unwrap

IDS = ExtensionIds(mid=4, audio_level=1, transport_cc=3)
WIDE_IDS = ExtensionIds(mid=40, audio_level=1, transport_cc=30)


def stock_map(ids: ExtensionIds) -> HeaderExtensionsMap:
    """The same ids for the stock writer."""
    found = HeaderExtensionsMap()
    found.configure(
        RTCRtpParameters(
            headerExtensions=[
                RTCRtpHeaderExtensionParameters(id=ids.mid, uri=MID_URI),
                RTCRtpHeaderExtensionParameters(id=ids.audio_level, uri=AUDIO_LEVEL_URI),
                RTCRtpHeaderExtensionParameters(id=ids.transport_cc, uri=TRANSPORT_CC_URI),
            ]
        )
    )
    return found


@given(
    st.integers(0, 65_535),
    st.integers(0, 2**32 - 1),
    st.booleans(),
    st.binary(max_size=50),
    st.tuples(
        st.none() | st.integers(0, 127), st.none() | st.integers(0, 65_535), st.none() | st.just("audio0")
    ),
    st.integers(0, 20),
    st.sampled_from([IDS, WIDE_IDS]),
)
def test_what_the_stock_writer_writes_is_read(
    sequence: int,
    timestamp: int,
    marker: bool,  # noqa: FBT001
    payload: bytes,
    extensions: tuple[int | None, int | None, str | None],
    padding: int,
    ids: ExtensionIds,
) -> None:
    """Every field, one-byte and two-byte extension headers, padding, sources."""
    stock = StockPacket(111, int(marker), sequence, timestamp, 77, payload)
    level, transport, mid = extensions
    stock.extensions.audio_level = None if level is None else (True, level)
    stock.extensions.transport_sequence_number = transport
    stock.extensions.mid = mid
    stock.padding_size = padding
    stock.csrc = [1, 2] if padding % 2 else []
    read = parse_rtp(stock.serialize(stock_map(ids)), ids)
    assert read == (
        77, 111, sequence, timestamp, marker, payload, level, transport, mid.encode() if mid else None
    )  # fmt: skip


@given(st.binary(max_size=80))
def test_any_bytes_are_a_packet_or_none(plain: bytes) -> None:
    """No bytes make the reader raise, and a payload is never longer than the datagram."""
    for head in (b"", b"\x90\x60", b"\xb0\x60", b"\xbf\xe0"):
        read = parse_rtp(head + plain, IDS)
        assert read is None or len(read.payload) <= len(plain) + len(head) - 12


@given(st.integers(0, 2**40), st.integers(-20_000, 20_000))
def test_a_counter_near_its_reference_is_made_whole(reference: int, step: int) -> None:
    """The low bits and a number nearby give the number back."""
    assert unwrap((reference + step) & 0xFFFF, reference, 16) == reference + step
