"""What every connection of a call shares: an offer in, an answer out, one life, one end.

A connection is put together from the library's parts: ICE agent, DTLS transport and SRTP sessions. SDP, media
and feedback are ours. One task lives as long as the connection: it connects within the deadline, keeps the
rhythm of the reports, notices silence, and cleans up; whoever closes the connection waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from aiortc import RTCIceParameters, RTCIceTransport

from webrtc.answer import HostCandidate, LocalTransport
from webrtc.dtls import LegCertificate, LegDtls
from webrtc.errors import FragmentRefusedError, PeerClosedError, RenegotiationRefusedError
from webrtc.frames import TrackEnd
from webrtc.ice import LegGatherer
from webrtc.lifecycle import CloseReason, PeerState, move
from webrtc.rhythm import next_phase, on_grid
from webrtc.trickle import read_fragment

if TYPE_CHECKING:
    from collections.abc import Callable

    from pylibsrtp import Session

    from webrtc.limits import IceSettings, PeerLimits
    from webrtc.offer import Offer
    from webrtc.udpmux import UdpMux

logger = logging.getLogger(__name__)


class MediaSide(Protocol):
    """What a connection carries: the tap of a leg, or the forwarder of a feed."""

    def start(self, inbound: Session, outbound: Session) -> None:
        """Begin with the agreed media keys."""

    def take(self, datagram: bytes, now_s: float) -> None:
        """Take one SRTP or SRTCP datagram of the checked peer."""

    def send_feedback(self) -> None:
        """Send what is due ten times a second."""

    def send_report(self, now_s: float) -> None:
        """Send what is due once a second."""

    def end(self, reason: TrackEnd) -> None:
        """Tell the end; nothing is taken or sent afterwards."""


M = TypeVar("M", bound=MediaSide)


@dataclass(slots=True)
class Parts(Generic[M]):
    """What an answered connection is made of."""

    offer: Offer
    gatherer: LegGatherer
    ice: RTCIceTransport
    dtls: LegDtls
    media: M


class Endpoint(Generic[M]):
    """One connection. `on_closed(reason)` is called once, on the loop, when an answered one has ended.

    With a `mux` it listens on the shared port; else on ports of its own, as `ice` says.

    `on_connected()` is called once, on the loop, when the media keys are agreed.

    A connection whose offer was refused never began: `on_closed` is not called for it.
    """

    def __init__(
        self,
        *,
        limits: PeerLimits,
        ice: IceSettings,
        on_closed: Callable[[CloseReason], None],
        on_connected: Callable[[], None] | None = None,
        mux: UdpMux | None = None,
        name: str = "leg",
    ) -> None:
        self.state = PeerState.NEW
        self.is_stalled = False
        self.etag = secrets.token_urlsafe(12)
        self.close_reason: CloseReason | None = None
        self._limits = limits
        self._ice_settings = ice
        self._mux = mux
        self._on_closed = on_closed
        self._on_connected = on_connected
        self._name = name
        self._parts: Parts[M] | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ending = asyncio.Event()
        self._candidates = 0
        self._phase = next_phase()
        self._connected_s = 0.0
        self._answered_s = 0.0

    # signalling

    def _must_be_new(self) -> None:
        if self.state is not PeerState.NEW or self._parts is not None:
            raise RenegotiationRefusedError("this connection has its answer: open a new one for a new offer")

    async def _open(
        self, offer: Offer, make_media: Callable[[Callable[[bytes], object]], M]
    ) -> LocalTransport:
        """Bind, begin to connect, and tell what the answer says of our end.

        `make_media(send)` makes the media side; `send` sends an encrypted datagram at once. Raises
        NoAddressError if no port can be bound, PeerClosedError if `close` came first.
        """
        gatherer = LegGatherer(self._ice_settings, self._limits.guard, self._mux)
        ice = RTCIceTransport(gatherer)
        certificate = LegCertificate.generateCertificate()
        media = make_media(gatherer.connection.send_now)
        self._parts = parts = Parts(offer, gatherer, ice, LegDtls(ice, certificate), media)
        try:
            async with asyncio.timeout(self._limits.gather_timeout_s):
                await gatherer.gather()
            self._must_be_open()
        except BaseException:
            self._never_began()
            await gatherer.connection.close()
            raise
        gatherer.connection.on_media = media.take
        self.state = move(self.state, PeerState.ANSWERED)
        self._answered_s = time.monotonic()
        self._task = asyncio.create_task(self._live(parts), name=f"{self._name}-connection")
        return _local(gatherer, certificate)

    async def trickle(self, fragment: str) -> None:
        """Take a trickled fragment of the peer.

        Raises FragmentRefusedError for a broken or excessive one, IceRestartRefusedError for new credentials.
        """
        if self._parts is None or self.state is PeerState.CLOSED:
            raise FragmentRefusedError("the leg is not open: there is nothing to add candidates to")
        limits = self._limits.offer
        found = read_fragment(fragment, self._parts.offer, limits)
        self._candidates += found.candidates
        if self._candidates > limits.candidates:
            raise FragmentRefusedError(f"over {limits.candidates} candidates were sent: they are not needed")

    @property
    def setup_s(self) -> float | None:
        """Seconds from the answer to the media keys, once they are agreed."""
        return self._connected_s - self._answered_s if self._connected_s else None

    # the end

    async def close(self, reason: CloseReason = CloseReason.HANGUP) -> None:
        """End the leg and wait until nothing of it is left; the first reason counts."""
        if self._task is None:
            self._never_began()
            return
        self._end(reason)
        await asyncio.shield(self._task)

    def _must_have_parts(self) -> Parts[M]:
        if self._parts is None:
            raise PeerClosedError("the connection has no answer")
        return self._parts

    def _ended(self) -> None:
        """What else ends with the connection; before its sockets do."""

    def _must_be_open(self) -> None:
        if self.state is PeerState.CLOSED:
            raise PeerClosedError("the connection was closed before it had its answer")

    def _never_began(self) -> None:
        if self.state is not PeerState.CLOSED:
            self.state = move(self.state, PeerState.CLOSED)

    def _end(self, reason: CloseReason) -> None:
        if self.close_reason is None:
            self.close_reason = reason
        self._ending.set()

    # the life of an answered leg

    async def _live(self, parts: Parts[M]) -> None:
        """Connect, keep watch until something ends the leg, then take it down and tell why."""
        parts.dtls.on("statechange", lambda: self._dtls_changed(parts))
        try:
            await self._connect(parts)
            await self._watch(parts)
        except asyncio.CancelledError:
            self._end(CloseReason.SHUTDOWN)
            raise
        except Exception as error:  # noqa: BLE001 - a defect ends this leg only
            logger.warning("a leg failed: %s", type(error).__name__)
            self._end(CloseReason.FAILED)
        finally:
            await self._take_down(parts)

    async def _connect(self, parts: Parts[M]) -> None:
        connecting = asyncio.create_task(self._agree(parts), name=f"{self._name}-handshake")
        ending = asyncio.create_task(self._ending.wait(), name=f"{self._name}-ending")
        try:
            await asyncio.wait(
                {connecting, ending},
                timeout=self._limits.setup_timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if connecting.done():
                await connecting
            elif not self._ending.is_set():
                self._end(CloseReason.SETUP_TIMEOUT)
        finally:
            for task in (connecting, ending):
                task.cancel()
            await asyncio.gather(connecting, ending, return_exceptions=True)

    async def _agree(self, parts: Parts[M]) -> None:
        """ICE, then DTLS, then the media keys go to the tap."""
        await parts.ice.start(RTCIceParameters(parts.offer.ufrag, parts.offer.password))
        if parts.ice.state == "completed":
            await parts.dtls.agree(parts.offer)
        if parts.dtls.state != "connected":
            self._end(CloseReason.HANDSHAKE_FAILED)
            return
        parts.media.start(*parts.dtls.media_keys)
        parts.gatherer.connection.last_heard_s = self._connected_s = time.monotonic()
        self.state = move(self.state, PeerState.CONNECTED)
        try:
            if self._on_connected is not None:
                self._on_connected()
        except Exception as error:  # noqa: BLE001 - the listener's defect ends nothing here
            logger.warning("the listener of a leg's start raised %s", type(error).__name__)

    async def _watch(self, parts: Parts[M]) -> None:
        """Keep the rhythm by a timer, which wakes no task, until something ends the leg."""
        self._beat(parts, time.monotonic())
        try:
            await self._ending.wait()
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _schedule(self, parts: Parts[M], reported_s: float) -> None:
        loop = asyncio.get_running_loop()
        due_s = on_grid(loop.time(), self._limits.feedback_interval_s, self._phase)
        self._timer = loop.call_at(due_s, self._beat, parts, reported_s)

    def _beat(self, parts: Parts[M], reported_s: float) -> None:
        """Send what is due, notice silence; a defect here is contained as one of the receive path."""
        now_s = time.monotonic()
        try:
            parts.media.send_feedback()
            if now_s - reported_s >= self._limits.report_interval_s:
                reported_s = now_s
                parts.media.send_report(now_s)
        except Exception as error:  # noqa: BLE001 - a report that fails must not end a call
            parts.gatherer.connection.contain(error)
        self._listen(parts, now_s)
        self._schedule(parts, reported_s)

    def _listen(self, parts: Parts[M], now_s: float) -> None:
        silent_s = now_s - parts.gatherer.connection.last_heard_s
        self.is_stalled = silent_s >= self._limits.stalled_after_s
        if silent_s >= self._limits.dead_after_s:
            self._end(CloseReason.SILENT)
        elif parts.ice.state == "failed":
            self._end(CloseReason.CONSENT_LOST)

    def _dtls_changed(self, parts: Parts[M]) -> None:
        if parts.dtls.state == "closed":
            # The state of `ice` turns after this one where it was the connection that ended.
            lost = parts.gatherer.connection.is_consent_lost
            self._end(CloseReason.CONSENT_LOST if lost else CloseReason.PEER_LEFT)

    async def _take_down(self, parts: Parts[M]) -> None:
        """Tell the tracks' end, say goodbye, free the sockets; in bounded time, and then tell the reason."""
        reason = self.close_reason or CloseReason.FAILED
        self._ended()
        ours = reason in {CloseReason.HANGUP, CloseReason.SHUTDOWN, CloseReason.SOURCE_ENDED}
        self.is_stalled = False
        try:
            parts.media.end(TrackEnd.STOPPED if ours else TrackEnd.TRANSPORT)
            async with asyncio.timeout(self._limits.close_timeout_s):
                await parts.dtls.stop()
                await parts.ice.stop()
        except Exception as error:  # noqa: BLE001 - whatever fails here, the sockets are cut and the end is told
            logger.warning("closing a leg raised %s; its sockets are cut", type(error).__name__)
            parts.gatherer.connection.cut()
        finally:
            parts.dtls.forget()
            parts.gatherer.connection.on_media = None
            self.state = move(self.state, PeerState.CLOSED)
            try:
                self._on_closed(reason)
            except Exception as error:  # noqa: BLE001 - the listener's defect ends nothing here
                logger.warning("the listener of a leg's end raised %s", type(error).__name__)


def _local(gatherer: LegGatherer, certificate: LegCertificate) -> LocalTransport:
    connection = gatherer.connection
    return LocalTransport(
        connection.local_username,
        connection.local_password,
        certificate.fingerprint(),
        [HostCandidate(c.foundation, c.priority, c.host, c.port) for c in connection.local_candidates],
    )
