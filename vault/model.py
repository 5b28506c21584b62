"""The nouns of the house: identifiers, states and their legal moves."""

import os
import re
import time
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Final, NewType, TypeVar

from vault.errors import IllegalMoveError

Id = NewType("Id", str)
State = TypeVar("State", bound=StrEnum)

DAYS_MAX: Final = 3_650  # the longest that anything is kept, or held, without a new decision
PREFIXES: Final = {
    "ten": "tenant",
    "per": "person",
    "iss": "issuer",
    "ses": "browser session",
    "team": "team",
    "btn": "button",
    "inv": "invitation to call",
    "call": "call",
    "chat": "what was written in one call",
    "msg": "message in a call",
    "note": "note on a call",
    "leg": "leg",
    "feed": "feed of a leg",
    "rng": "ring on one person's screen",
    "ask": "request to a colleague",
    "con": "consent",
    "pau": "secure pause",
    "rec": "recording",
    "exp": "export of a call's recordings",
    "lnk": "link",
    "del": "deletion request",
    "hold": "legal hold",
    "rst": "restriction of processing",
    "rtc": "retention rule made shorter",
    "xit": "exit of a tenant",
    "req": "HTTP request",
}
"""Every prefix of an identifier and what it stands for: the one list, docs/API.md repeats it."""

_ID = re.compile(r"^(" + "|".join(PREFIXES) + r")_([0-9a-f]{32})$")


def new_id(prefix: str) -> Id:
    """Make an identifier: a known prefix and a UUIDv7 (RFC 9562, 5.7), so that ids sort by time.

    Ids are names, not secrets: 74 bits are random, the rest is the time.
    """
    if prefix not in PREFIXES:
        raise KeyError(prefix)
    unix_ms = time.time_ns() // 1_000_000
    value = (unix_ms << 80) | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | (0x7 << 76)  # version 7
    value = value & ~(0x3 << 62) | (0x2 << 62)  # RFC 9562 variant
    return Id(f"{prefix}_{value:032x}")


def is_id(text: str, prefix: str | None = None) -> bool:
    """Tell whether a text is an identifier, of the given kind where one is named."""
    found = _ID.fullmatch(text)
    return found is not None and prefix in {None, found.group(1)}


@lru_cache(maxsize=4_096)  # a record's names are asked for several times, a million times in a turn
def uuid_of(identifier: str) -> str:
    """Give the canonical UUID inside an identifier, as it stands in associated data and leaves."""
    found = _ID.fullmatch(identifier)
    if found is None:
        raise ValueError("not an identifier")
    digits = found.group(2)
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class CallState(StrEnum):
    """A call from the pressed button to the last leg's end."""

    OPEN = "open"
    LIVE = "live"
    ENDED = "ended"


class LegState(StrEnum):
    """A leg as the table knows it; the media side has its own, finer states."""

    CONNECTING = "connecting"
    LIVE = "live"
    ENDED = "ended"


class LegKind(StrEnum):
    """What a leg carries: a person with or without a picture, or a screen that they share."""

    CAMERA = "camera"
    SCREEN = "screen"


class RingState(StrEnum):
    """One call's ring on one person's screen, from its first tone to its only end."""

    RINGING = "ringing"
    TAKEN = "taken"
    DECLINED = "declined"
    TIMED_OUT = "timed_out"
    GONE = "gone"  # another took the call, its visitor left, or the person is no longer there to be rung


class AskPurpose(StrEnum):
    """What somebody in a call asks a colleague for."""

    TRANSFER = "transfer"
    JOIN = "join"


class AskState(StrEnum):
    """A request to a colleague, from its first tone to its only end."""

    RINGING = "ringing"
    TAKEN = "taken"  # by somebody who cannot be heard yet: the call is still whose it was
    DONE = "done"  # they can be heard
    DECLINED = "declined"
    TIMED_OUT = "timed_out"
    NOBODY = "nobody"  # no one there to be rung
    CANCELLED = "cancelled"
    OVER = "over"  # the visitor or whoever asked has left


class ItemKind(StrEnum):
    """What a media item is. An erasure names it too, beside ``call``."""

    RECORDING = "recording"
    EXPORT = "export"  # made of the recordings of a call; erased with any of them


class RuleKind(StrEnum):
    """What a retention rule is about; ``call`` is what the page told and what was written in it."""

    RECORDING = "recording"
    CALL = "call"
    NOTE = "note"
    EXPORT = "export"


class MediaState(StrEnum):
    """A media item from its first sealed fragment to its erasure."""

    CAPTURING = "capturing"
    FINISHING = "finishing"
    READY = "ready"
    LOST = "lost"
    ERASING = "erasing"
    ERASED = "erased"


class ErasureState(StrEnum):
    """How far an erasure is; each step is repeated safely after a crash."""

    REQUESTED = "requested"
    KEY_FORGOTTEN = "key_forgotten"
    OBJECTS_DELETED = "objects_deleted"
    COMPLETE = "complete"


class ExportFormat(StrEnum):
    """What an export is: a film of everybody, or sound in two channels (visitor left, agents right)."""

    MP4 = "mp4"
    WEBM = "webm"
    WAV = "wav"
    MP3 = "mp3"


class ExportState(StrEnum):
    """An export as whoever asked for it sees it; its media item has the states of all media."""

    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    ERASED = "erased"


class ExportFailure(StrEnum):
    """Why an export came to nothing. A list: it stands in the row and on the screen."""

    TOO_LONG = "too_long"  # the call is longer than the limits allow for this format
    NOT_MADE = "not_made"  # the child died, or ran out of memory or time
    SOURCE_GONE = "source_gone"  # a recording was erased while the export was made
    INTERRUPTED = "interrupted"  # the program stopped in the middle, again and again


class Part(StrEnum):
    """The sealed parts of one recording; the name stands in the associated data."""

    MEDIA = "media"
    THUMB = "thumb"
    WAVE = "wave"
    MANIFEST = "manifest"


class Role(StrEnum):
    """Who a principal is to its tenant. Auditor is the data protection officer's role."""

    VISITOR = "visitor"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"
    AUDITOR = "auditor"
    SERVICE = "service"


class ConsentChoice(StrEnum):
    """What the visitor answered to the notice, and whether a yes was taken back."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class StopRule(StrEnum):
    """What becomes of what was recorded of a call before its recording was stopped for good."""

    ERASE = "erase"
    KEEP = "keep"


class RecordingState(StrEnum):
    """Whether a party of a call is being recorded, and if not, why not (``vault.calls.permits``)."""

    UNANSWERED = "unanswered"  # the notice has no answer yet
    OFF = "off"  # the button records nothing
    REFUSED = "refused"
    RECORDING = "recording"
    PAUSED = "paused"
    FULL = "full"  # this party's recording reached its limit; the others' may go on
    WITHDRAWN = "withdrawn"
    NOT_RECORDED = "not_recorded"  # an agent made it a call without a recording


class ErasureReason(StrEnum):
    """Why something is erased. A list, not free text: it stands in the ledger for ever."""

    VISITOR_REQUEST = "visitor_request"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    RETENTION = "retention"
    NOT_RECORDED = "not_recorded"  # what was there when an agent took the call as an unrecorded one
    RECORDED_BY_MISTAKE = "recorded_by_mistake"
    LEGAL = "legal"
    TENANT_EXIT = "tenant_exit"  # the company has left
    OTHER = "other"


class HoldGround(StrEnum):
    """Why something must not be erased (Art. 17(3) GDPR). A list: it stands in the ledger for ever."""

    LEGAL_CLAIM = "legal_claim"  # (e): to establish, exercise or defend one
    LEGAL_OBLIGATION = "legal_obligation"  # (b)
    AUTHORITY = "authority"  # a court or an authority ordered it, (b)


class ExitState(StrEnum):
    """How far a company that leaves is (``vault.leaving``)."""

    EXPORTING = "exporting"
    READY = "ready"
    LEAVING = "leaving"
    GONE = "gone"
    CANCELLED = "cancelled"


class RestrictionGround(StrEnum):
    """Why processing is restricted (Art. 18(1) GDPR)."""

    ACCURACY_CONTESTED = "accuracy_contested"  # (a)
    UNLAWFUL = "unlawful"  # (b): and the person wants no erasure
    NEEDED_FOR_CLAIM = "needed_for_claim"  # (c): by the person, not by the company
    OBJECTION = "objection"  # (d): until it is clear whose grounds weigh more


class RestrictionSubject(StrEnum):
    """For whom it was restricted: the call's visitor, or somebody else who is in it."""

    VISITOR = "visitor"
    OTHER = "other"


CALL_MOVES: Final = {
    CallState.OPEN: frozenset({CallState.LIVE, CallState.ENDED}),
    CallState.LIVE: frozenset({CallState.ENDED}),
    CallState.ENDED: frozenset[CallState](),
}

LEG_MOVES: Final = {
    LegState.CONNECTING: frozenset({LegState.LIVE, LegState.ENDED}),
    LegState.LIVE: frozenset({LegState.ENDED}),
    LegState.ENDED: frozenset[LegState](),
}

RING_MOVES: Final = {
    RingState.RINGING: frozenset({RingState.TAKEN, RingState.DECLINED, RingState.TIMED_OUT, RingState.GONE}),
    RingState.TAKEN: frozenset[RingState](),
    RingState.DECLINED: frozenset[RingState](),
    RingState.TIMED_OUT: frozenset[RingState](),
    RingState.GONE: frozenset[RingState](),
}

_IN_VAIN: Final = frozenset({AskState.DECLINED, AskState.TIMED_OUT, AskState.CANCELLED, AskState.OVER})
ASK_MOVES: Final = {
    AskState.RINGING: _IN_VAIN | {AskState.TAKEN, AskState.NOBODY},
    AskState.TAKEN: _IN_VAIN | {AskState.DONE},
    AskState.DONE: frozenset[AskState](),
    AskState.DECLINED: frozenset[AskState](),
    AskState.TIMED_OUT: frozenset[AskState](),
    AskState.NOBODY: frozenset[AskState](),
    AskState.CANCELLED: frozenset[AskState](),
    AskState.OVER: frozenset[AskState](),
}

RECORDING_MOVES: Final = {
    RecordingState.UNANSWERED: frozenset(
        {RecordingState.OFF, RecordingState.REFUSED, RecordingState.RECORDING, RecordingState.PAUSED}
    ),
    RecordingState.RECORDING: frozenset(
        {RecordingState.PAUSED, RecordingState.FULL, RecordingState.WITHDRAWN, RecordingState.NOT_RECORDED}
    ),
    RecordingState.PAUSED: frozenset(
        {RecordingState.RECORDING, RecordingState.WITHDRAWN, RecordingState.NOT_RECORDED}
    ),
    RecordingState.FULL: frozenset({RecordingState.WITHDRAWN, RecordingState.NOT_RECORDED}),
    RecordingState.NOT_RECORDED: frozenset({RecordingState.WITHDRAWN}),
    RecordingState.OFF: frozenset[RecordingState](),
    RecordingState.REFUSED: frozenset[RecordingState](),
    RecordingState.WITHDRAWN: frozenset[RecordingState](),
}
"""Nothing leads back to *recording* but the end of a pause."""

MEDIA_MOVES: Final = {
    MediaState.CAPTURING: frozenset({MediaState.FINISHING, MediaState.ERASING}),
    MediaState.FINISHING: frozenset({MediaState.READY, MediaState.LOST, MediaState.ERASING}),
    MediaState.READY: frozenset({MediaState.ERASING}),
    MediaState.LOST: frozenset({MediaState.ERASING}),
    MediaState.ERASING: frozenset({MediaState.ERASED}),
    MediaState.ERASED: frozenset[MediaState](),
}

ERASURE_MOVES: Final = {
    ErasureState.REQUESTED: frozenset({ErasureState.KEY_FORGOTTEN}),
    ErasureState.KEY_FORGOTTEN: frozenset({ErasureState.OBJECTS_DELETED}),
    ErasureState.OBJECTS_DELETED: frozenset({ErasureState.COMPLETE}),
    ErasureState.COMPLETE: frozenset[ErasureState](),
}


EXIT_MOVES: Final = {
    ExitState.EXPORTING: frozenset({ExitState.READY, ExitState.CANCELLED}),
    ExitState.READY: frozenset({ExitState.LEAVING, ExitState.CANCELLED}),
    ExitState.LEAVING: frozenset({ExitState.GONE}),
    ExitState.GONE: frozenset[ExitState](),
    ExitState.CANCELLED: frozenset[ExitState](),
}
OPEN_EXITS: Final = tuple(state.value for state, reached in EXIT_MOVES.items() if reached)


def require_move(moves: Mapping[State, frozenset[State]], now: State, to: State) -> State:
    """Return ``to`` where the table allows it; or raise IllegalMoveError.

    This and ``before`` are all that sets a state.
    """
    if to not in moves[now]:
        raise IllegalMoveError(f"{now} cannot become {to}")
    return to


def before(moves: Mapping[State, frozenset[State]], to: State) -> list[str]:
    """Name the states from which the table allows ``to``: the condition of an update that moves if it may."""
    return [now.value for now, reached in moves.items() if to in reached]
