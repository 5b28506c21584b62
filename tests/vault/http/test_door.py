"""The door: every answer's headers, every error as a problem in the caller's language."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.vault.http.house import House, open_house
from vault.http.ask import Answer, Ask
from vault.http.route import Route
from vault.http.wire import PROBLEM_TYPE
from vault.model import Role, is_id
from vault.policy import Permission


async def _raise(_ask: Ask[Any, Any]) -> Answer:
    raise RuntimeError("a secret of the program")


async def _stream(ask: Ask[Any, Any]) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(ask.raw)
    await response.write(b"half")
    raise RuntimeError("in the middle")


def _test_route(path: str, handler: Any) -> Route:
    return Route(
        method="GET",
        path=path,
        handler=handler,
        needs=Permission.PUBLIC,
        summary="For a test.",
        responses={200: None},
        hidden=True,
    )


async def _raw(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer


async def test_every_answer_bears_the_security_headers(house: House) -> None:
    """Pages, problems, files and empty answers alike (THREATS.md, browser)."""
    for path in ("/livez", "/docs", "/docs/assets/start.js", "/nowhere", "/openapi.json", "/v1/me"):
        _, _, response = await house.ask("GET", path)
        headers = response.headers
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Referrer-Policy"] == "no-referrer", path
        assert headers["X-Frame-Options"] == "DENY", path
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin", path
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
        assert "unsafe" not in headers["Content-Security-Policy"], path
        assert is_id(headers["X-Request-Id"], "req"), path
        assert "Server" not in headers, path
        assert "Cache-Control" in headers, path


async def test_an_https_installation_demands_https_for_two_years(tmp_path: Path) -> None:
    """HSTS is sent where people come by https, and only there."""
    async with open_house(tmp_path, server={"public_url": "https://vault.example"}) as house:
        _, _, response = await house.ask("GET", "/livez")
        assert response.headers["Strict-Transport-Security"].startswith("max-age=63072000")


async def test_head_is_answered_wherever_get_is(house: House) -> None:
    """HEAD gives the same status and headers, and no body (RFC 9110, 9.3.2)."""
    for path, role in (("/livez", None), ("/docs", None), ("/v1/people", Role.ADMIN)):
        status, body, response = await house.ask("HEAD", path, role=role)
        assert (status, body) == (200, b"")
        assert int(response.headers["Content-Length"]) > 0


async def test_an_unknown_path_and_a_wrong_method_are_problems(house: House) -> None:
    """404 and 405 are problems too; 405 lists what is allowed (RFC 9110, 15.5.6)."""
    for path in ("/nowhere", "/v1/people/per_short", "/v1/people/", "/v1/people/..%2f"):
        status, body, response = await house.ask("GET", path, role=Role.ADMIN)
        assert (status, body["code"]) == (404, "not_found"), path
        assert response.headers["Content-Type"].startswith(PROBLEM_TYPE)
    status, body, response = await house.ask("DELETE", "/v1/people", role=Role.ADMIN)
    assert (status, body["code"]) == (405, "method_not_allowed")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST"}


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("fr", "fr"),
        ("fr-CA,en;q=0.5", "fr"),
        ("de", "en"),
        ("", "en"),
        ("en;q=0.1,fr;q=0.9", "fr"),
        ("*", "en"),
    ],
)
async def test_a_problem_speaks_the_callers_language_and_keeps_its_code(
    house: House, accept: str, language: str
) -> None:
    """Accept-Language chooses the words, never the code."""
    status, body, response = await house.ask("GET", "/nowhere", headers={"Accept-Language": accept})
    assert (status, body["code"]) == (404, "not_found")
    assert response.headers["Content-Language"] == language
    assert body["title"] == ("Introuvable" if language == "fr" else "Not found")
    assert body["instance"] == response.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("content_type", "raw", "status", "code"),
    [
        (None, b"{}", 415, "unsupported_media_type"),
        ("text/plain", b"{}", 415, "unsupported_media_type"),
        ("application/jsonx", b"{}", 415, "unsupported_media_type"),
        ("application/json; charset=latin-1", b"{}", 415, "unsupported_media_type"),
        ("application/json", b"{", 400, "malformed"),
        ("application/json", b'{"role": "agent", "role": "admin", "name": "x"}', 400, "malformed"),
        ("application/json; charset=UTF-8", b"{}", 422, "invalid"),
        ("application/json", b'{"role": "visitor", "name": "x"}', 422, "invalid"),
        ("application/json", b'{"role": "agent", "name": "x", "extra": 1}', 422, "invalid"),
        ("application/json", b'{"name": "' + b"x" * 70_000 + b'"}', 413, "too_large"),
    ],
)
async def test_a_body_is_taken_only_as_the_route_declares_it(
    house: House, content_type: str | None, raw: bytes, status: int, code: str
) -> None:
    """Type, size, form and schema are each refused with a problem of their own."""
    headers = {"Content-Type": content_type} if content_type else {}
    skip = () if content_type else ("Content-Type",)
    found, body, _ = await house.ask(
        "POST", "/v1/people", role=Role.ADMIN, data=raw, headers=headers, skip_auto_headers=skip
    )
    assert (found, body["code"]) == (status, code)


async def test_a_coded_body_is_not_unpacked(house: House) -> None:
    """A bomb of zeros stays packed: content codings are answered 415."""
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    status, _, _ = await house.ask("POST", "/v1/people", role=Role.ADMIN, data=b"\x1f\x8b", headers=headers)
    assert status == 415


async def test_a_body_without_length_is_cut_at_the_limit(house: House) -> None:
    """A chunked body is counted while it comes; it is never held whole beyond the limit."""

    async def endless() -> Any:
        for _ in range(1_000):
            yield b" " * 4_096

    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {house.token(Role.ADMIN)}"}
    try:
        async with house.client.post(house.url + "/v1/people", data=endless(), headers=headers) as response:
            assert response.status == 413
    except ConnectionError:
        pass  # the server closed while we still sent: that is the cut


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
    ],
    ids=lambda raw: repr(raw[:24]),
)
async def test_what_is_no_http_is_a_problem_too_and_closes(house: House, request_bytes: bytes) -> None:
    """400 with a problem, nothing of what was sent in it, and the connection is over (smuggling corpus)."""
    answer = await _raw(house.port, request_bytes)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 400 " in head.split(b"\r\n")[0]
    assert json.loads(body)["code"] == "malformed"
    assert b"application/problem+json" in head
    assert b"nosniff" in head
    assert b"Bad Header" not in answer


async def test_an_unforeseen_error_tells_nothing_but_its_request(tmp_path: Path) -> None:
    """500 with the request id; the exception's words stay in the log."""
    async with open_house(tmp_path, routes=[_test_route("/raise", _raise)]) as house:
        status, body, _ = await house.ask("GET", "/raise")
        assert (status, body["code"]) == (500, "internal")
        assert "secret" not in json.dumps(body)


async def test_an_error_after_the_first_byte_cuts_the_connection(tmp_path: Path) -> None:
    """Half an answer is never completed with something else."""
    async with open_house(tmp_path, routes=[_test_route("/stream", _stream)]) as house:
        answer = await _raw(house.port, b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer.endswith(b"half\r\n")


async def test_the_callers_own_trace_id_does_not_become_ours(house: House) -> None:
    """X-Request-Id in the answer is always our own: ids in the log cannot be chosen from outside."""
    _, _, response = await house.ask("GET", "/livez", headers={"X-Request-Id": "chosen-by-me"})
    assert response.headers["X-Request-Id"] != "chosen-by-me"
