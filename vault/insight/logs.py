"""Logging: one event per line, and only what is on the list.

Our own events carry fields; a field that is not in ``FIELDS`` is left out and only its name is told, so a
new one has to be thought about here. What libraries log is free text that may hold addresses, session
descriptions or names: of theirs, only the place and the kind of error are written, from warnings up.
"""

import asyncio
import logging
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from pathlib import PurePath
from typing import Any, Final, Literal, TextIO

import structlog

Form = Literal["json", "lines"]
Level = Literal["debug", "info", "warning", "error"]

# Identifiers, counts, times, states and class names. Never a name, an address, a token, a text of others.
FIELDS: Final = frozenset(
    {
        "again_in_s",
        "ask",
        "call",
        "calls",
        "captures",
        "check",
        "code",
        "copies",
        "cpu",
        "duration_ms",
        "ended",
        "entries",
        "epoch",
        "error",
        "exit",
        "feed",
        "fraction_lost",
        "fragments",
        "given_id",
        "hint",
        "holder",  # of epoch keys: the operator's own word
        "issuer_id",
        "jitter_ms",
        "job",
        "jump_s",
        "keys",
        "kind",
        "lag_ms",
        "least_copies",
        "leg",
        "media",
        "method",
        "name",  # of a backup: its moment and a random number
        "network",
        "number",
        "object",
        "objects",
        "packets",
        "place",  # of the object store: the operator's own word
        "places",
        "principal_id",
        "reason",
        "recordings",
        "records",
        "remedy",
        "request_id",
        "resent",
        "role",
        "round_trip_ms",
        "route",
        "sealed_bytes",
        "serious",
        "state",
        "status",
        "subject",
        "tenant_id",
        "text",
        "version",
        "waiting",
        "where",
    }
)
OURS: Final = ("vault", "storage", "webrtc", "crypto")
ADDED: Final = frozenset({"event", "level", "logger", "timestamp", "left_out"})
TEXT_LIMIT: Final = 200  # a field is a word or a sentence; a longer one is a dump
_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

Event = MutableMapping[str, Any]


def configure_logging(level: Level, *, form: Form, stream: TextIO) -> None:
    """Send every log of the process to ``stream``: JSON for machines, short lines for people."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            place_of_exception,
            only_listed_fields,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _renderer(form),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(_Foreign())
    root.setLevel(max(_LEVELS[level], logging.WARNING))
    logging.captureWarnings(capture=True)


def report_loop_errors(loop: asyncio.AbstractEventLoop) -> None:
    """Log what nobody awaited, as a class name and a place: its message may be anybody's."""

    def report(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        structlog.get_logger("vault.loop").error(
            "loop.unhandled", error=type(error).__name__, where=_place(error) if error else ""
        )

    loop.set_exception_handler(report)


def only_listed_fields(_logger: Any, _method: str, event: Event) -> Event:
    """Keep listed fields, cut long texts, strip control characters; tell the names of what was left out."""
    kept: Event = {}
    left_out = []
    for name, value in event.items():
        if name in ADDED or name in FIELDS:
            kept[name] = _plain(value)
        elif not name.startswith("_"):
            left_out.append(name)
    if left_out:
        kept["left_out"] = ",".join(sorted(left_out))
    return kept


def place_of_exception(_logger: Any, _method: str, event: Event) -> Event:
    """Replace an exception by its class and the place that raised it."""
    info = event.pop("exc_info", None)
    error = info[1] if isinstance(info, tuple) else info
    if info is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["where"] = _place(error)
    return event


class _Foreign(logging.Handler):
    """Where the standard library's loggers end."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on: ours with its words, a library's with its place only."""
        logger = structlog.get_logger("vault.log")
        fields: dict[str, Any] = {"where": f"{record.name}:{record.lineno}"}
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        ours = record.name.partition(".")[0] in OURS
        logger.log(record.levelno, record.getMessage() if ours else "library.message", **fields)


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    return f"{'/'.join(PurePath(frames[-1].filename).parts[-2:])}:{frames[-1].lineno}"


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return "".join(mark if mark.isprintable() else "?" for mark in str(value)[:TEXT_LIMIT])


def _renderer(form: Form) -> Any:
    if form == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return _line


def _line(_logger: Any, _method: str, event: Mapping[str, Any]) -> str:
    said = {name: value for name, value in event.items() if name not in ADDED and value is not None}
    fields = " ".join(f"{name}={value}" for name, value in said.items())
    left_out = f" left_out={event['left_out']}" if "left_out" in event else ""
    clock = str(event.get("timestamp", ""))[11:19]
    return f"{clock} {event.get('level', ''):7} {event.get('event', '')} {fields}{left_out}".rstrip()
