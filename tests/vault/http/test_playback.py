"""Playing through a link: ranges as a native player asks for them, for one person, with nothing told on."""

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
import structlog

from tests.vault.http.house import House, open_house
from tests.vault.http.players import Player, sign_in, take_away
from tests.vault.http.recordings import Recorded, erase_now, record, record_bytes
from vault.clock import SystemClock, TurnableClock
from vault.model import ErasureReason, Role

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIZE = 200_001  # over three segments, and odd


@dataclass
class Cinema:
    """One recording of known bytes, one of a real call, somebody who may play, and a link to each."""

    house: House
    film: Recorded
    call: Recorded
    player: Player
    url: str
    etag: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cinema(shared_house: House) -> Cinema:
    """Made once: reading changes nothing."""
    film, call = await record_bytes(shared_house, SIZE), await record(shared_house)
    player = await sign_in(shared_house)
    url = await player.media_url(film)
    _, _, response = await player.ask("HEAD", url)
    return Cinema(shared_house, film, call, player, url, response.headers["ETag"])


@pytest.mark.parametrize(
    ("asked", "span"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-1", (0, 2)),  # how Safari asks whether ranges are served
        ("bytes=0-", (0, SIZE)),
        ("bytes=100-299", (100, 300)),
        ("bytes=65535-65537", (65_535, 65_538)),
        (f"bytes={SIZE - 1}-", (SIZE - 1, SIZE)),
        (f"bytes={SIZE - 1}-{SIZE + 500}", (SIZE - 1, SIZE)),
        ("bytes=-1", (SIZE - 1, SIZE)),
        ("bytes=-70000", (SIZE - 70_000, SIZE)),
        (f"bytes=-{SIZE * 3}", (0, SIZE)),
        ("Bytes= 5 - 9", (5, 10)),
    ],
)
async def test_a_range_is_answered_with_exactly_its_bytes(
    cinema: Cinema, asked: str, span: tuple[int, int]
) -> None:
    """RFC 9110, 14.1.2 and 15.3.7: 206, Content-Range, and the plain bytes of the recording."""
    status, body, response = await cinema.player.ask("GET", cinema.url, headers={"Range": asked})
    start, stop = span
    assert (status, body) == (206, cinema.film.plain[start:stop])
    assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert response.headers["Content-Length"] == str(stop - start)
    assert response.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 1}", "bytes=-0"])
async def test_a_range_behind_the_end_is_refused_and_tells_the_size(cinema: Cinema, asked: str) -> None:
    """RFC 9110, 15.5.17: 416 with Content-Range bytes */N."""
    status, problem, response = await cinema.player.ask("GET", cinema.url, headers={"Range": asked})
    assert (status, problem["code"], problem["size_bytes"]) == (416, "range_not_satisfiable", SIZE)
    assert response.headers["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "asked",
    [
        None,
        "bytes=0-1,5-9",
        "bytes=5-4",
        "bytes=-",
        "bytes=",
        "bytes=a-b",
        "bytes=\u0663-\u0665",
        "bytes=0x0-1",
        "bytes=--5",
        "items=0-1",
        "0-1",
        "",
        "bytes=0-" + "9" * 200,
    ],
)
async def test_a_range_that_makes_no_sense_is_ignored(cinema: Cinema, asked: str | None) -> None:
    """RFC 9110, 14.2: a server may ignore a Range; several ranges and bad syntax get the whole."""
    headers = {} if asked is None else {"Range": asked}
    status, body, response = await cinema.player.ask("GET", cinema.url, headers=headers)
    assert (status, body) == (200, cinema.film.plain)
    assert "Content-Range" not in response.headers


async def test_if_range_decides_between_the_part_and_the_whole(cinema: Cinema) -> None:
    """RFC 9110, 13.1.5: strong comparison; a stale or weak tag or a date gets the whole."""
    for held, status in (
        (cinema.etag, 206),
        (f"W/{cinema.etag}", 200),
        ('"another"', 200),
        ("Mon, 23 Nov 2026 10:00:00 GMT", 200),
    ):
        headers = {"Range": "bytes=0-9", "If-Range": held}
        found, body, _ = await cinema.player.ask("GET", cinema.url, headers=headers)
        assert (found, len(body)) == (status, 10 if status == 206 else SIZE), held


async def test_what_the_player_has_already_is_not_sent_again(cinema: Cinema) -> None:
    """RFC 9110, 13.1.2 and 13.2.2: 304 without a body, weak comparison, before any Range is looked at."""
    for held in (cinema.etag, f"W/{cinema.etag}", f'"x", {cinema.etag}', "*"):
        for more in ({}, {"Range": "bytes=0-9"}, {"Range": f"bytes={SIZE}-"}):
            headers = {"If-None-Match": held, **more}
            status, body, response = await cinema.player.ask("GET", cinema.url, headers=headers)
            assert (status, body) == (304, b""), headers
            assert response.headers["ETag"] == cinema.etag
            assert "no-store" in response.headers["Cache-Control"]
    status, _, _ = await cinema.player.ask("GET", cinema.url, headers={"If-None-Match": '"another"'})
    assert status == 200


async def test_head_tells_everything_but_the_bytes(cinema: Cinema) -> None:
    """RFC 9110, 9.3.2; a Range on HEAD means nothing (14.2)."""
    _, _, whole = await cinema.player.ask("GET", cinema.url)
    for headers in ({}, {"Range": "bytes=0-1"}, {"Range": f"bytes={SIZE}-"}):
        status, body, response = await cinema.player.ask("HEAD", cinema.url, headers=headers)
        assert (status, body) == (200, b"")
        for name in ("Content-Length", "Content-Type", "ETag", "Accept-Ranges", "Cache-Control"):
            assert response.headers[name] == whole.headers[name], name


async def test_the_headers_keep_a_recording_from_running_staying_or_leaking(cinema: Cinema) -> None:
    """ASVS 3.2.1, 3.4.4, 3.4.5, 3.5.8, 14.3.2: a document that runs nothing, kept nowhere, no Referer."""
    for range_ in ({}, {"Range": "bytes=0-1"}):
        _, _, response = await cinema.player.ask("GET", cinema.url, headers=range_)
        headers = response.headers
        assert headers["Content-Type"] == "video/webm"
        assert headers["Cache-Control"] == "private, no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        directives = {part.strip() for part in headers["Content-Security-Policy"].split(";")}
        assert {"sandbox", "default-src 'none'"} <= directives
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Robots-Tag"] == "noindex"
        assert "Access-Control-Allow-Origin" not in headers


async def test_every_part_of_a_real_call_is_served_as_what_it_is(cinema: Cinema) -> None:
    """Media, poster, peaks and manifest through one link, each with its own type."""
    urls = (await cinema.player.link(cinema.call.id))["urls"]
    found: dict[str, Any] = {}
    for part, content_type in (
        ("media", "video/webm"),
        ("poster", "image/webp"),
        ("waveform", "application/json"),
        ("manifest", "application/json"),
    ):
        status, found[part], response = await cinema.player.ask("GET", urls[part])
        assert (status, response.headers["Content-Type"]) == (200, content_type), part
    assert found["media"].startswith(b"\x1aE\xdf\xa3")
    assert found["poster"].startswith(b"RIFF")
    assert "sessions" not in json.dumps(found["manifest"])


async def test_a_recording_is_not_served_under_another_form_or_a_part_it_has_not(cinema: Cinema) -> None:
    """The name in the path is what is sent, or nothing is."""
    folder = cinema.url.rsplit("/", 1)[0]
    for name in ("media.mp4", "poster.webp", "waveform.json", "manifest.json", "media.exe", "", ".."):
        status, problem, _ = await cinema.player.ask("GET", f"{folder}/{name}")
        assert (status, problem["code"]) == (404, "not_found"), name


async def test_a_link_is_good_for_its_person_only(cinema: Cinema) -> None:
    """P7: another agent, another tenant's agent and an unknown path get one and the same answer."""
    house = cinema.house
    answers = []
    unknown = f"/p/{'A' * 22}/media.webm"
    for stranger, path in (
        (await sign_in(house), cinema.url),
        (await sign_in(house, Role.ADMIN), cinema.url),
        (await sign_in(house, tenant="b"), cinema.url),
        (cinema.player, unknown),
    ):
        status, problem, response = await stranger.ask("GET", path)
        problem.pop("instance")
        kept = {name: value for name, value in response.headers.items() if not _own(name)}
        answers.append((status, problem, kept))
    assert answers[0][:1] == (404,)
    assert answers[0][1]["code"] == "link_dead"
    assert all(answer == answers[0] for answer in answers)


def _own(name: str) -> bool:
    """Tell whether a header is each answer's own."""
    return name.lower() in {"x-request-id", "date", "ratelimit", "ratelimit-policy"}


async def test_a_link_alone_opens_nothing(cinema: Cinema) -> None:
    """Whoever finds the address without being signed in, or as a program, gets no byte."""
    house = cinema.house
    for headers in ({}, {"Cookie": "callvault-dev=" + "A" * 43}, {"Authorization": "Bearer x"}):
        status, problem, _ = await house.ask("GET", cinema.url, headers=headers)
        assert (status, problem["code"]) in {(401, "unauthenticated"), (401, "token_refused")}
    for role in (Role.SERVICE, Role.AUDITOR):
        status, problem, _ = await house.ask("GET", cinema.url, role=role)
        assert (status, problem["code"]) == (403, "forbidden")


async def test_no_line_of_any_log_holds_the_link_or_the_session(
    cinema: Cinema, caplog: pytest.LogCaptureFixture
) -> None:
    """P7, ASVS 16.2.5: neither our log nor a library's, for answers, refusals and broken playbacks."""
    secret = cinema.url.split("/")[2]
    with structlog.testing.capture_logs() as lines, caplog.at_level(logging.DEBUG):
        for headers in ({}, {"Range": f"bytes={SIZE}-"}, {"Referer": f"{cinema.house.url}{cinema.url}"}):
            await cinema.player.ask("GET", cinema.url, headers=headers)
            await cinema.house.ask("GET", cinema.url, headers=headers)
    assert [line["route"] for line in lines if line["event"] == "request"] == ["/p/{link}/{file}"] * 6
    written = repr(lines) + caplog.text
    for text in (secret, cinema.player.cookie.partition("=")[2]):
        assert text not in written


async def test_the_first_use_of_a_link_is_in_the_ledger_with_its_purpose(cinema: Cinema) -> None:
    """Every view leaves an entry; the purpose stands at the link it was made for."""
    path = (await cinema.player.link(cinema.call.id, "a complaint of Tuesday"))["urls"]["media"]
    for _ in range(3):
        await cinema.player.ask("GET", path, headers={"Range": "bytes=0-1"})
    _, told, _ = await cinema.house.ask("GET", f"/v1/media/{cinema.call.id}/access", role=Role.ADMIN)
    newest = [(item["type"], item["purpose"]) for item in told["items"][:2]]
    assert newest == [("media.viewed", None), ("link.made", "a complaint of Tuesday")]
    assert {item["actor"] for item in told["items"][:2]} == {cinema.player.person.name}


async def test_a_media_item_says_once_that_it_is_gone_from_a_link(cinema: Cinema) -> None:
    """From the request on the link answers 410, and once the row is gone it is a link like any unknown."""
    house = cinema.house
    film = await record_bytes(house, 1_000)
    url = await cinema.player.media_url(film)
    await house.rooms.deletion_requests.of_media(film.id, ErasureReason.OTHER, by=house.by())
    status, problem, _ = await cinema.player.ask("GET", url)
    assert (status, problem["code"]) == (410, "erased")
    status, problem, _ = await cinema.player.ask(
        "POST", f"/v1/media/{film.id}/links", json={"purpose": "again"}
    )
    assert (status, problem["code"]) == (410, "erased")
    await erase_now(house)
    status, problem, _ = await cinema.player.ask("GET", url)
    assert (status, problem["code"]) == (404, "link_dead")


async def test_a_revoked_link_is_dead_and_revoking_it_again_is_harmless(cinema: Cinema) -> None:
    """One's own by anyone, another's with the right to erase; never by another agent."""
    house = cinema.house
    made = await cinema.player.link(cinema.film.id)
    link = f"/v1/links/{made['id']}"
    status, problem, _ = await (await sign_in(house)).ask("DELETE", link)
    assert (status, problem["code"]) == (403, "forbidden")
    assert (await cinema.player.ask("GET", made["urls"]["media"]))[0] == 200
    for by in (await sign_in(house, Role.SUPERVISOR), cinema.player):
        assert (await by.ask("DELETE", link))[0] == 204
    status, problem, _ = await cinema.player.ask("GET", made["urls"]["media"])
    assert (status, problem["code"]) == (404, "link_dead")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clocked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[House, TurnableClock]]:
    """A house whose clock the test turns."""
    clock = TurnableClock(SystemClock().now().replace(microsecond=0))
    async with open_house(tmp_path_factory.mktemp("clocked"), clock=clock) as opened:
        yield opened, clock


async def test_a_link_lives_for_minutes_and_not_a_second_longer(
    clocked: tuple[House, TurnableClock],
) -> None:
    """P7: good until its end, dead at its end; the session outlives it."""
    house, clock = clocked
    film = await record_bytes(house, 1_000)
    player = await sign_in(house)
    made = await player.link(film.id)
    url = made["urls"]["media"]
    clock.turn(timedelta(seconds=house.services.settings.links.lifetime_s - 0.001))
    assert (await player.ask("GET", url))[0] == 200
    clock.turn(timedelta(seconds=0.001))
    status, problem, _ = await player.ask("GET", url)
    assert (status, problem["code"]) == (404, "link_dead")
    assert (await player.ask("GET", "/v1/me"))[0] == 200


async def test_a_session_that_is_over_plays_nothing(clocked: tuple[House, TurnableClock]) -> None:
    """Idle for too long: 401, although the link were good."""
    house, clock = clocked
    film = await record_bytes(house, 1_000)
    player = await sign_in(house)
    clock.turn(timedelta(seconds=house.services.settings.sessions.idle_s - 60))
    other = await sign_in(house)
    url = await other.media_url(film)
    clock.turn(timedelta(seconds=61))
    assert (await other.ask("GET", url))[0] == 200
    assert (await player.ask("GET", url))[0] == 401


@pytest.mark.parametrize("how", ["role", "disabled", "signed out"])
async def test_who_may_no_longer_play_gets_no_further_request(cinema: Cinema, how: str) -> None:
    """A lost role, a disabled person, a closed session: the next range is refused."""
    player = await sign_in(cinema.house)
    url = await player.media_url(cinema.film)
    assert (await player.ask("GET", url, headers={"Range": "bytes=0-1"}))[0] == 206
    await take_away(player, how)
    status, _, _ = await player.ask("GET", url, headers={"Range": "bytes=2-3"})
    assert status == (403 if how == "role" else 401)
