"""Logs: one event per line, listed fields only, nothing of what libraries say."""

import ast
import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from tests.repo import tree
from vault.insight.logs import ADDED, FIELDS, TEXT_LIMIT, configure_logging, report_loop_errors

METHODS = {"debug", "info", "warning", "error", "exception", "critical"}


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """A stream that logs go to, and the logging of before afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield io.StringIO()
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """Read JSON lines back."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_its_level_and_time(stream: io.StringIO) -> None:
    """Machines read standard output line by line."""
    configure_logging("info", form="json", stream=stream)
    structlog.get_logger("vault.x").info("finish.done", media="rec_1", state="ready")
    (line,) = lines(stream)
    assert line["timestamp"].endswith("Z")
    del line["timestamp"]
    assert line == {"event": "finish.done", "level": "info", "media": "rec_1", "state": "ready"}


def test_a_field_that_is_not_listed_is_left_out_and_named(stream: io.StringIO) -> None:
    """A new field has to be thought about before it is written (THREATS.md: no personal datum in logs)."""
    configure_logging("info", form="json", stream=stream)
    structlog.get_logger().info("call.opened", email="visitor@example.org", code="x")
    assert "visitor@example.org" not in stream.getvalue()
    assert lines(stream)[0]["left_out"] == "email"


def test_a_text_is_cut_and_cannot_break_the_line(stream: io.StringIO) -> None:
    """A field is a word; whoever controls it controls neither the terminal nor the next line."""
    configure_logging("info", form="lines", stream=stream)
    structlog.get_logger().info("x", code="a\n\x1b[31mb" + "c" * 1_000)
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()
    assert len(stream.getvalue()) < TEXT_LIMIT + 100


def test_an_exception_is_its_class_and_its_place(stream: io.StringIO) -> None:
    """A message may carry somebody's values; a class and a line number do not."""
    configure_logging("info", form="json", stream=stream)
    try:
        raise KeyError("visitor@example.org")  # noqa: TRY301  # what a library would do
    except KeyError:
        structlog.get_logger().exception("unexpected error", request_id="req_1")
    (line,) = lines(stream)
    assert (line["error"], line["level"]) == ("KeyError", "error")
    assert line["where"].startswith("insight/test_logs.py:")
    assert "visitor" not in stream.getvalue()


def test_of_a_library_s_words_only_the_place_is_written(stream: io.StringIO) -> None:
    """Session descriptions, addresses and URLs stand in what libraries log."""
    configure_logging("debug", form="json", stream=stream)
    logging.getLogger("aioice.ice").warning("connection to %s failed", "203.0.113.7")
    logging.getLogger("aioice.ice").info("candidate 203.0.113.7")
    logging.getLogger("webrtc.peer").warning("a leg failed: %s", "DtlsError")
    told = [(line["event"], line["where"].rpartition(":")[0]) for line in lines(stream)]
    assert told == [("library.message", "aioice.ice"), ("a leg failed: DtlsError", "webrtc.peer")]
    assert "203.0.113" not in stream.getvalue()


def test_the_level_of_the_settings_holds(stream: io.StringIO) -> None:
    """`log.level` is the least that is written."""
    configure_logging("error", form="json", stream=stream)
    structlog.get_logger().warning("x")
    logging.getLogger("webrtc.tap").warning("x")
    assert stream.getvalue() == ""


async def test_what_nobody_awaited_is_told_without_its_words(stream: io.StringIO) -> None:
    """The loop's own report would print the exception's message."""
    configure_logging("info", form="json", stream=stream)
    loop = asyncio.get_running_loop()
    report_loop_errors(loop)
    loop.call_exception_handler({"message": "task failed", "exception": ValueError("visitor@example.org")})
    assert lines(stream)[0]["error"] == "ValueError"
    assert "visitor" not in stream.getvalue()


def test_every_field_that_the_program_logs_is_on_the_list() -> None:
    """And nothing is on the list that no call uses: the list is read by people."""
    used = {name for path in tree.sources() for name in logged_fields(path)}
    assert used - FIELDS == set()
    assert FIELDS - used == {"where"}  # which this module adds
    assert FIELDS.isdisjoint(ADDED)


def logged_fields(path: str) -> Iterator[str]:
    """Give the keyword names of each call of a structlog logger in a file."""
    if "structlog" not in tree.text(path) or path == "vault/insight/logs.py":
        return
    for node in ast.walk(ast.parse(tree.text(path))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
            yield from (keyword.arg for keyword in node.keywords if keyword.arg is not None)
