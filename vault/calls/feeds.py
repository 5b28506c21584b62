"""Feeds: what one participant of a call sees and hears of another one's leg.

A feed has no row: it is worth nothing after a crash. It ends with the leg it shows, with the last leg of
whoever watches, and with the call.
"""

from dataclasses import dataclass

import structlog

from vault.calls.calls import Calls
from vault.calls.connections import BUSY_RETRY_S, offers_judged, take_fragment
from vault.calls.floor import LiveFeed, LiveLeg
from vault.calls.stage import Stage
from vault.errors import BusyError, ConflictError, NotFoundError, TooManyLegsError
from vault.model import Id, new_id
from vault.policy import Permission, Principal, require
from vault.settings import LimitSettings, MediaSettings
from webrtc.lifecycle import CloseReason
from webrtc.viewer import Viewer

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the signalling answers: the SDP, and the feed's entity tag."""

    feed_id: Id
    sdp: str
    etag: str


@dataclass(frozen=True, slots=True)
class Quality:
    """How a feed arrives, as its viewer last told: the worst of sound and picture."""

    fraction_lost: float
    jitter_s: float
    round_trip_s: float | None
    packets: int
    resent: int


class Feeds:
    """Opens feeds on the legs of this process, and ends them."""

    def __init__(
        self,
        calls: Calls,
        stage: Stage,
        *,
        media: MediaSettings,
        limits: LimitSettings,
    ) -> None:
        self._calls = calls
        self._floor = stage.floor
        self._connections = stage.connections
        self._media = media
        self._limits = limits

    @property
    def live(self) -> int:
        """How many feeds there are now."""
        return len(self._floor.feeds)

    async def open(self, call_id: str, leg_id: str, offer: str, *, by: Principal, address: str) -> Shown:
        """Answer an offer that takes media with a feed of a leg.

        Raises NotFoundError for whoever is not in the call, ConflictError for one's own leg, and for whoever
        has none: nobody hears others unseen. OfferRefusedError, TooManyLegsError, BusyError.
        """
        try:
            await self._calls.joined(call_id, by=by)
        except ConflictError as cause:  # not in it, or over
            raise NotFoundError from cause
        leg = self._leg(call_id, leg_id)
        if leg.by.id == by.id:
            raise ConflictError("this leg is your own; watch the others")
        # Nothing waits from here until the feed is counted: with one's last leg ends what one watches.
        self._require_seen(call_id, by)
        self._require_room(leg, address)
        feed_id = new_id("feed")
        viewer = Viewer(
            leg.peer,
            limits=self._connections.limits,
            ice=self._connections.ice,
            mux=self._connections.mux,
            on_closed=lambda reason: self._closed(feed_id, reason),
            name=feed_id,
        )
        # Counted before the first wait, so that a rush cannot pass the limit.
        self._floor.feeds[feed_id] = LiveFeed(feed_id, leg, by, address, viewer)
        try:
            with offers_judged():
                answer = await viewer.answer(offer)
            self._require_seen(call_id, by)  # their leg may have ended while the offer was answered
        except BaseException:
            await viewer.close(CloseReason.FAILED)
            self._floor.feeds.pop(feed_id, None)
            raise
        return Shown(feed_id, answer, viewer.etag)

    async def trickle(
        self, call_id: str, leg_id: str, feed_id: str, fragment: str, *, if_match: str, by: Principal
    ) -> None:
        """Take candidates of whoever watches; see ``take_fragment``."""
        feed = self._own(call_id, leg_id, feed_id, by)
        await take_fragment(feed.viewer, fragment, if_match=if_match)

    async def close(self, call_id: str, leg_id: str, feed_id: str, *, by: Principal) -> None:
        """End a feed; NotFoundError for one that is not there, or another's."""
        await self._own(call_id, leg_id, feed_id, by).viewer.close(CloseReason.HANGUP)

    def quality(self, feed_id: Id) -> Quality | None:
        """Tell how a feed arrives; None for one that is not there."""
        feed = self._floor.feeds.get(feed_id)
        return None if feed is None else quality_of(feed)

    def _closed(self, feed_id: Id, reason: CloseReason) -> None:
        feed = self._floor.feeds.pop(feed_id, None)
        quality = None if feed is None else quality_of(feed)
        if feed is None or quality is None:
            return
        log.info(
            "feed.ended",
            feed=feed_id,
            leg=feed.leg.id,
            reason=reason.value,
            packets=quality.packets,
            resent=quality.resent,
            fraction_lost=round(quality.fraction_lost, 3),
            jitter_ms=round(quality.jitter_s * 1_000),
            round_trip_ms=None if quality.round_trip_s is None else round(quality.round_trip_s * 1_000),
        )

    def _leg(self, call_id: str, leg_id: str) -> LiveLeg:
        leg = self._floor.legs.get(Id(leg_id))
        if leg is None or leg.call.id != call_id or leg.is_ending or not leg.peer.codecs:
            raise NotFoundError
        return leg

    def _own(self, call_id: str, leg_id: str, feed_id: str, by: Principal) -> LiveFeed:
        require(by, Permission.CALL_JOIN)
        feed = self._floor.feeds.get(Id(feed_id))
        if feed is None or (feed.leg.call.id, feed.leg.id, feed.by.id) != (call_id, leg_id, by.id):
            raise NotFoundError
        return feed

    def _require_seen(self, call_id: str, by: Principal) -> None:
        if not self._floor.has_leg(call_id, by):
            raise ConflictError("join the call with a leg of your own, then watch the others")

    def _require_room(self, leg: LiveLeg, address: str) -> None:
        """Raise where one more feed may not be: each costs what its leg sends, again."""
        feeds = self._floor.feeds.values()
        if sum(feed.address == address for feed in feeds) >= self._limits.feeds_per_address:
            raise TooManyLegsError("this address watches all it may", retry_after_s=BUSY_RETRY_S)
        if (
            len(feeds) >= self._media.max_feeds
            or sum(feed.leg is leg for feed in feeds) >= self._limits.feeds_per_leg
            or sum(1 for _ in self._floor.feeds_of(leg.call.id)) >= self._limits.feeds_per_call
        ):
            raise BusyError(
                "no room for another viewer just now; try again shortly", retry_after_s=BUSY_RETRY_S
            )


def quality_of(feed: LiveFeed) -> Quality | None:
    """Gather what a feed's viewer told; None before its offer was answered."""
    counts = feed.viewer.stats()
    if counts is None:
        return None
    heard = counts.heard.values()
    return Quality(
        fraction_lost=max((each.fraction_lost for each in heard), default=0.0),
        jitter_s=max((each.jitter_s for each in heard), default=0.0),
        round_trip_s=counts.round_trip_s,
        packets=counts.packets,
        resent=counts.resent,
    )
