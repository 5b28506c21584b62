"""Events: what happens to a principal's calls, told at once, in order, none lost and none twice.

Each principal has one stream of numbered events, however many sockets listen to it. The last of them are
kept for a while, so that a socket that was cut off goes on exactly after the last number it saw; where that
is no longer possible it is told so, and the snapshot tells everything.

The numbers of a stream begin anywhere. So a number of an earlier stream, forgotten or of a process that has
ended, is not taken for one of this stream.
"""

import asyncio
import json
import secrets
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from typing import Any, Final

import structlog

from vault.clock import Clock, to_text
from vault.errors import BusyError, TooManyRequestsError
from vault.model import Id, Role
from vault.policy import Permission, Principal, require

LAST_NUMBER: Final = 2**53 - 1  # JavaScript counts exactly up to here
FIRST_BELOW: Final = 2**52
RETRY_S: Final = 10
FORGOTTEN: Final = {"call.ringing": "call.gone"}  # as what an event of an erased call is told again
Snapshots = Callable[[Principal], Awaitable[Mapping[str, object]]]
Watcher = Callable[[Id, bool], None]
_log = structlog.get_logger("vault.calls")


class Close(IntEnum):
    """Why a socket was closed: WebSocket close codes (RFC 6455, 7.4)."""

    DONE = 1000
    GOING_AWAY = 1001
    POLICY = 1008
    FAULT = 1011
    TRY_AGAIN = 1013
    OVER = 4401


CLOSES: Final[dict[Close, str]] = {
    Close.DONE: "The client left, or the connection broke.",
    Close.GOING_AWAY: "The server stops. Come back with a new ticket and `after`.",
    Close.POLICY: "The client sent data, which nobody reads.",
    Close.FAULT: "The fault is on our side. Come back with a new ticket and `after`.",
    Close.TRY_AGAIN: "The client reads too slowly, or its rights cannot be looked up. Come back likewise.",
    Close.OVER: "The session or token is over. Sign in again; nothing of before is kept.",
}
"""Each code with what a client makes of it; docs/API.md repeats it."""


@dataclass(frozen=True, slots=True)
class EventLimits:
    """What is kept, and for how many."""

    kept: int = 200  # events of one stream; a busy minute of a team that rings all at once
    kept_s: float = 300.0  # a train's tunnel; who comes later reads the snapshot
    grace_s: float = 10.0  # a page that is loaded again has not left
    each: int = 8  # sockets of one principal: tabs, a phone, and one that the network forgot to end
    total: int = 1_000  # sockets in all; half of server.max_connections stays for requests


@dataclass(frozen=True, slots=True)
class _Told:
    text: str
    at_s: float
    call_id: object  # what it is about, if that is a call

    def forgotten(self, call_id: Id) -> "_Told":
        """Return what may still be told of a call that is erased: that there was something, and its end."""
        said = json.loads(self.text)
        said |= {"type": FORGOTTEN.get(said["type"], said["type"]), "data": {"call_id": call_id}}
        return replace(self, text=_frame(said))


class _Stream:
    """The events of one principal."""

    def __init__(self) -> None:
        self.last = 1 + secrets.randbelow(FIRST_BELOW)
        self.kept: deque[_Told] = deque()
        self.listeners: set[Listener] = set()
        self.idle_since_s = 0.0

    @property
    def gone(self) -> int:
        """The number of the newest event that is not kept any more."""
        return self.last - len(self.kept)

    def add(self, told: _Told) -> None:
        """Take an event and wake who listens."""
        self.last += 1
        self.kept.append(told)
        for listener in self.listeners:
            listener.wake()

    def forget_call(self, call_id: Id, *, is_its_own: bool) -> None:
        """Keep nothing but the number and the kind of what was told of a call."""
        if is_its_own or any(told.call_id == call_id for told in self.kept):
            self.kept = deque(
                told.forgotten(call_id) if is_its_own or told.call_id == call_id else told
                for told in self.kept
            )

    def forget(self, limits: EventLimits, now_s: float) -> None:
        """Drop what is too old or too much; who has not read it by now is cut off."""
        while self.kept and (len(self.kept) > limits.kept or self.kept[0].at_s <= now_s - limits.kept_s):
            self.kept.popleft()
        for listener in self.listeners:
            if listener.position < self.gone:
                listener.end(Close.TRY_AGAIN)


class Listener:
    """One open socket's place in its principal's stream. ``over`` is done, with a code, when it has to close.

    A listener holds no events: one that reads slowly costs nothing until it falls out of what is kept.
    """

    def __init__(self, who: Principal, stream: _Stream, *, after: int) -> None:
        self.who = who
        self.resumed = stream.gone <= after <= stream.last
        self.position = after if self.resumed else stream.last
        self.over: asyncio.Future[Close] = asyncio.get_running_loop().create_future()
        self._stream = stream
        self._news = asyncio.Event()

    def hello(self, snapshot: Mapping[str, object]) -> str:
        """Write the first frame; the frame after it bears the next number.

        The place in the stream is older than the snapshot: an event may tell again what that tells already.
        """
        return _frame(
            {"type": "hello", "n": self.position, "resumed": self.resumed, "snapshot": dict(snapshot)}
        )

    async def frames(self) -> AsyncGenerator[str]:
        """Yield each event after the place, as it comes, until the listener is over."""
        while not self.over.done():
            if self.position == self._stream.last:
                self._news.clear()
                await self._news.wait()
                continue
            text = self._stream.kept[self.position - self._stream.gone].text
            self.position += 1
            yield text

    def wake(self) -> None:
        """There is news."""
        self._news.set()

    def end(self, code: Close) -> None:
        """Close the socket with this code; the first one that is said counts."""
        if not self.over.done():
            self.over.set_result(code)
            self.wake()


class Events:
    """The streams of one process. Everything but ``snapshot`` is synchronous, on the event loop's thread."""

    def __init__(self, clock: Clock, *, snapshots: Snapshots, limits: EventLimits | None = None) -> None:
        self.snapshots = snapshots
        self._clock = clock
        self._limits = limits or EventLimits()
        self._streams: dict[Id, _Stream] = {}
        self._idle: OrderedDict[Id, None] = OrderedDict()  # streams nobody listens to, the oldest first
        self._sockets = 0
        self._watchers: list[Watcher] = []
        self._leaving: dict[Id, asyncio.TimerHandle] = {}
        self._closed = False

    @property
    def sockets(self) -> int:
        """How many sockets listen now."""
        return self._sockets

    @property
    def streams(self) -> int:
        """How many principals have a stream."""
        return len(self._streams)

    def tell(self, principal_id: Id, type_: str, data: Mapping[str, object]) -> None:
        """Tell a principal; never blocks, never raises. Without a stream there is nothing to do.

        ``data`` is JSON, with moments as datetime; anything else is a mistake that is logged, and not told.
        """
        self._forget_idle()
        stream = self._streams.get(principal_id)
        if stream is None:
            return
        at = to_text(self._clock.now())
        try:
            text = _frame({"type": type_, "n": stream.last + 1, "at": at, "data": dict(data)})
        except (TypeError, ValueError, RecursionError) as error:
            _log.error("events.not_json", error=type(error).__name__)
            return
        now_s = self._clock.monotonic()
        stream.add(_Told(text, now_s, data.get("call_id")))
        stream.forget(self._limits, now_s)

    def forget_call(self, call_id: Id) -> None:
        """Forget what was told of a call: it is being erased, and nobody who comes back reads it here.

        The numbers stay without a gap. A card is told as the end of its ringing, so that no screen shows it.
        """
        for principal_id, stream in self._streams.items():
            stream.forget_call(call_id, is_its_own=principal_id == call_id)  # its visitor's own stream

    def online(self, principal_id: Id) -> bool:
        """Tell whether a principal has a socket open now."""
        stream = self._streams.get(principal_id)
        return stream is not None and bool(stream.listeners)

    def watch(self, watcher: Watcher) -> None:
        """Call ``watcher(person_id, online)`` when a person's first socket opens and the last has closed.

        The second comes late: who is back within the grace was never away. Visitors are not told of.
        """
        self._watchers.append(watcher)

    @contextmanager
    def listen(self, who: Principal, *, after: int = 0) -> Iterator[Listener]:
        """Listen for the length of the block, from after the event of that number on.

        Raises ForbiddenError, TooManyRequestsError for one socket too many of this principal, BusyError for
        one too many of all, or while the server stops.
        """
        require(who, Permission.EVENTS_LISTEN)
        stream = self._stream_with_room(who.id)
        listener = Listener(who, stream, after=after)
        stream.listeners.add(listener)
        self._sockets += 1
        try:
            self._arrived(who)
            yield listener
        finally:
            listener.end(Close.DONE)
            self._sockets -= 1
            stream.listeners.discard(listener)
            if not stream.listeners:
                self._left(who, stream, over=listener.over.result() is Close.OVER)

    def close(self) -> None:
        """Close every socket and take no further one; whoever serves them waits for their end."""
        self._closed = True
        for stream in self._streams.values():
            for listener in stream.listeners:
                listener.end(Close.GOING_AWAY)
        for handle in self._leaving.values():
            handle.cancel()
        self._leaving.clear()

    def _stream_with_room(self, principal_id: Id) -> _Stream:
        self._forget_idle()
        stream = self._streams.get(principal_id)
        if stream is not None and len(stream.listeners) >= self._limits.each:
            raise TooManyRequestsError("as many sockets are open as one may have", retry_after_s=RETRY_S)
        if self._closed or self._sockets >= self._limits.total:
            raise BusyError("no room for another socket now", retry_after_s=RETRY_S)
        if stream is None:
            stream = self._streams[principal_id] = _Stream()
        stream.forget(self._limits, self._clock.monotonic())
        self._idle.pop(principal_id, None)
        return stream

    def _forget_idle(self) -> None:
        """Drop the streams that nobody came back to."""
        over_s = self._clock.monotonic() - self._limits.kept_s
        while self._idle:
            oldest = next(iter(self._idle))
            if self._streams[oldest].idle_since_s > over_s:
                return
            del self._idle[oldest], self._streams[oldest]

    def _arrived(self, who: Principal) -> None:
        if who.role is Role.VISITOR or len(self._streams[who.id].listeners) > 1:
            return
        leaving = self._leaving.pop(who.id, None)
        if leaving is not None:
            leaving.cancel()
        else:
            self._tell_watchers(who.id, online=True)

    def _left(self, who: Principal, stream: _Stream, *, over: bool) -> None:
        if over:
            del self._streams[who.id]  # nothing is kept for somebody who may not come back for it
        else:
            stream.idle_since_s = self._clock.monotonic()
            self._idle[who.id] = None
        if who.role is not Role.VISITOR and not self._closed:
            loop = asyncio.get_running_loop()
            self._leaving[who.id] = loop.call_later(self._limits.grace_s, self._gone, who.id)

    def _gone(self, person_id: Id) -> None:
        del self._leaving[person_id]
        self._tell_watchers(person_id, online=False)

    def _tell_watchers(self, person_id: Id, *, online: bool) -> None:
        for watcher in self._watchers:
            try:
                watcher(person_id, online)
            except Exception as error:  # noqa: BLE001  # another room's mistake must not cost the socket
                _log.error("events.watcher_failed", error=type(error).__name__)


def _frame(members: Mapping[str, object]) -> str:
    return json.dumps(members, separators=(",", ":"), allow_nan=False, default=_plain)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return to_text(value)
    raise TypeError("an event holds JSON and moments only")
