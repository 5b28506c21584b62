"""One viewer of a leg: a connection that only sends, in the shape of WHEP (draft-ietf-wish-whep)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webrtc.answer import Source, write_answer
from webrtc.endpoint import Endpoint
from webrtc.errors import PeerClosedError
from webrtc.forward import Forwarder
from webrtc.lifecycle import CloseReason, PeerState
from webrtc.offer import OUR_SIDE_SENDS
from webrtc.sdp import read_offer

if TYPE_CHECKING:
    from collections.abc import Callable

    from webrtc.forward import ForwardCounts
    from webrtc.limits import IceSettings, PeerLimits
    from webrtc.peer import Peer
    from webrtc.udpmux import UdpMux


class Viewer(Endpoint[Forwarder]):
    """Sends what the leg `source` sends, in the same codecs, as long as that lasts; see `Endpoint`."""

    def __init__(
        self,
        source: Peer,
        *,
        limits: PeerLimits,
        ice: IceSettings,
        on_closed: Callable[[CloseReason], None],
        on_connected: Callable[[], None] | None = None,
        mux: UdpMux | None = None,
        name: str = "viewer",
    ) -> None:
        super().__init__(
            limits=limits, ice=ice, on_closed=on_closed, on_connected=on_connected, mux=mux, name=name
        )
        self._source = source
        self._is_watching = False

    async def answer(self, offer_sdp: str) -> str:
        """Answer an offer that takes media, and begin to connect.

        Raises OfferRefusedError for an offer that the gate refuses or that does not take the leg's codecs,
        RenegotiationRefusedError for a second one, NoAddressError if no port can be bound, PeerClosedError
        if `close` or the leg's own end came first.
        """
        self._must_be_new()
        codecs = self._source.codecs
        offer = read_offer(
            offer_sdp, self._limits.offer, kinds=frozenset(codecs), codecs=codecs, side=OUR_SIDE_SENDS
        )

        def make(send: Callable[[bytes], object]) -> Forwarder:
            return Forwarder(
                offer,
                self._limits.forward,
                send,
                self._source,
                on_source_ended=lambda: self._end(CloseReason.SOURCE_ENDED),
            )

        local = await self._open(offer, make)
        if self._source.state is PeerState.CLOSED:
            await self.close(CloseReason.SOURCE_ENDED)
            raise PeerClosedError("the leg ended before its viewer was answered")
        forwarder = self._must_have_parts().media
        self._watch_source(forwarder)
        sources = {
            track.media.mid: Source(track.ssrc, forwarder.cname, forwarder.cname)
            for track in forwarder.tracks.values()
        }
        return write_answer(offer, local, OUR_SIDE_SENDS, sources)

    def stats(self) -> ForwardCounts | None:
        """What happened on the way to the viewer, once its offer is answered; numbers only."""
        return self._parts.media.counts if self._parts is not None else None

    def _watch_source(self, forwarder: Forwarder) -> None:
        self._is_watching = True
        self._source.forward_to(forwarder)
        if self._mux is not None:
            self._mux.hurry()

    def _ended(self) -> None:
        """Take no more packets of the leg."""
        if not self._is_watching:
            return
        self._is_watching = False
        self._source.forget(self._must_have_parts().media)
        if self._mux is not None:
            self._mux.relax()
