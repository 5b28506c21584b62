"""One leg's connection: an offer in, an answer out, encoded frames and packets to whoever is attached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webrtc.answer import write_answer
from webrtc.endpoint import Endpoint
from webrtc.frames import BOTH_KINDS, MediaKind
from webrtc.lifecycle import PeerState
from webrtc.sdp import read_offer
from webrtc.stats import PeerStats, collect
from webrtc.tap import Tap

if TYPE_CHECKING:
    from collections.abc import Callable

    from webrtc.forward import PacketSink
    from webrtc.frames import Codec, FrameSink
    from webrtc.lifecycle import CloseReason
    from webrtc.limits import IceSettings, PeerLimits
    from webrtc.udpmux import UdpMux


class Peer(Endpoint[Tap]):
    """One leg, as `Endpoint` tells.

    Of other media than `kinds` nothing is taken: their m-lines are answered with port 0. Where `video` names
    a codec, a picture is taken in that one only: the call's.
    """

    def __init__(
        self,
        *,
        limits: PeerLimits,
        ice: IceSettings,
        on_closed: Callable[[CloseReason], None],
        on_connected: Callable[[], None] | None = None,
        mux: UdpMux | None = None,
        kinds: frozenset[MediaKind] = BOTH_KINDS,
        video: Codec | None = None,
        name: str = "leg",
    ) -> None:
        super().__init__(
            limits=limits, ice=ice, on_closed=on_closed, on_connected=on_connected, mux=mux, name=name
        )
        self._kinds = kinds
        self._video = video
        self._sink: FrameSink | None = None
        self._viewers: list[PacketSink] = []

    async def answer(self, offer_sdp: str) -> str:
        """Answer an offer and begin to connect.

        Raises OfferRefusedError for an offer the gate refuses, RenegotiationRefusedError for a second one,
        NoAddressError if no port can be bound, PeerClosedError if `close` came first.
        """
        self._must_be_new()
        limits = self._limits
        offer = read_offer(
            offer_sdp,
            limits.offer,
            kinds=self._kinds,
            codecs={MediaKind.VIDEO: self._video} if self._video is not None else {},
        )

        def make(send: Callable[[bytes], object]) -> Tap:
            tap = Tap(offer, limits.tap, send)
            if self._sink is not None:
                tap.attach(self._sink)
            for viewer in self._viewers:
                tap.forward_to(viewer)
            return tap

        return write_answer(offer, await self._open(offer, make))

    @property
    def codecs(self) -> dict[MediaKind, Codec]:
        """What each kind of media is sent in, once the offer is answered."""
        accepted = self._parts.offer.accepted if self._parts is not None else ()
        return {media.codec.kind: media.codec for media in accepted if media.is_used}

    # who takes frames, who takes packets

    def attach(self, sink: FrameSink, *, not_before_s: float | None = None) -> None:
        """Give the frames that follow to `sink`, also before the leg is answered; asks for a keyframe.

        With `not_before_s`, a monotonic time, nothing that was sent before it, whenever it comes.
        """
        self._sink = sink
        if self._parts is not None:
            self._parts.media.attach(sink, not_before_s=not_before_s)

    @property
    def round_trip_s(self) -> float:
        """How long the peer's last answer took, there and back; 0 before the first one."""
        return self._parts.gatherer.connection.round_trip.newest_s if self._parts is not None else 0.0

    def flush(self) -> None:
        """Give out the frames that are complete by now."""
        if self._parts is not None:
            self._parts.media.flush()

    def detach(self) -> None:
        """Drop the frames that follow, at once and without memory."""
        self._sink = None
        if self._parts is not None:
            self._parts.media.detach()

    def forward_to(self, viewer: PacketSink) -> None:
        """Give the packets that follow to `viewer` as well."""
        self._viewers.append(viewer)
        if self._parts is not None:
            self._parts.media.forward_to(viewer)

    def forget(self, viewer: PacketSink) -> None:
        """Give no more packets to `viewer`; harmless if it had none."""
        if viewer in self._viewers:
            self._viewers.remove(viewer)
        if self._parts is not None:
            self._parts.media.forget(viewer)

    def request_keyframe(self) -> None:
        """Ask the peer for a keyframe of each video track, at most every `keyframe_interval_s`."""
        if self._parts is not None and self.state is PeerState.CONNECTED:
            self._parts.media.request_keyframe()

    def _ended(self) -> None:
        """Tell whoever watches that there is nothing more to see."""
        for viewer in tuple(self._viewers):
            viewer.source_ended()
        self._viewers.clear()

    def stats(self) -> PeerStats:
        """What happened so far; numbers only, fit for logs and metrics."""
        parts = self._parts
        return collect(
            state=self.state,
            is_stalled=self.is_stalled,
            setup_s=self.setup_s,
            connection=parts.gatherer.connection if parts else None,
            dtls=parts.dtls if parts else None,
            tap=parts.media if parts else None,
        )
