"""A playback that is under way ends within seconds of the right to it, however slowly it is read (P7)."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import aiohttp
import pytest
import pytest_asyncio

from tests.vault.http.house import House, open_house
from tests.vault.http.players import RECEIVE_BYTES, Player, SlowPlayer, sign_in, take_away
from tests.vault.http.recordings import Recorded, erase_now, record_bytes
from vault.clock import SystemClock, TurnableClock
from vault.db.engine import READERS
from vault.media.opening import Opening
from vault.media.places import part_key
from vault.model import ErasureReason, Id, Part

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIZE = 24 * 1024 * 1024  # more than both kernels' buffers hold
PROMISED_S = 5.0
EXPECTED_S = 3.5  # one recheck a second, and room for a busy machine


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def film(shared_house: House) -> Recorded:
    """A recording that takes a while to read."""
    return await record_bytes(shared_house, SIZE)


@asynccontextmanager
async def watching(player: Player, path: str) -> AsyncIterator[SlowPlayer]:
    """A playback under way: some of it has been read."""
    slow = await SlowPlayer.open(player, path)
    try:
        for _ in range(5):
            assert await slow.sip()
        yield slow
    finally:
        slow.close()


async def _revoke(player: Player, link_id: str) -> None:
    assert (await player.ask("DELETE", f"/v1/links/{link_id}"))[0] == 204


async def _erase(player: Player, media_id: Id) -> None:
    requests = player.house.rooms.deletion_requests
    await requests.of_media(media_id, ErasureReason.VISITOR_REQUEST, by=player.house.by())


@pytest.mark.parametrize("reads", [True, False], ids=["trickling", "stopped"])
@pytest.mark.parametrize("how", ["role", "disabled", "signed out", "revoked", "erased"])
async def test_a_running_playback_dies_with_the_right_to_it(
    shared_house: House, film: Recorded, how: str, *, reads: bool
) -> None:
    """Dead within 5 s, for a player that trickles and for one that stopped; what waited is not delivered."""
    player = await sign_in(shared_house)
    mine = await record_bytes(shared_house, SIZE) if how == "erased" else film
    made = await player.link(mine.id)
    async with watching(player, made["urls"]["media"]) as slow:
        if how == "revoked":
            await _revoke(player, made["id"])
        elif how == "erased":
            await _erase(player, mine.id)
        else:
            await take_away(player, how)
        if reads:
            async with asyncio.timeout(EXPECTED_S):
                while await slow.sip():
                    pass
        else:
            assert await slow.time_to_dead_s(PROMISED_S) < EXPECTED_S
            assert await slow.drink_up() <= 4 * RECEIVE_BYTES  # its own kernel had that much already
        assert slow.read_bytes < SIZE / 8
    if how == "erased":
        await erase_now(shared_house)


async def test_a_token_that_is_revoked_ends_what_plays_with_it(shared_house: House, film: Recorded) -> None:
    """So does the token: revoking it bites in mid-stream, for its bearer only."""
    identity = shared_house.rooms.identity
    player = await sign_in(shared_house)
    url = await player.media_url(film)
    one, other = (replace(player, token=identity.mint_access_token(player.person).token) for _ in range(2))
    async with watching(one, url) as slow, watching(other, url) as going_on:
        await identity.revoke_token(one.token)
        assert await slow.time_to_dead_s(PROMISED_S) < EXPECTED_S
        assert await going_on.sip()


async def test_a_link_that_expires_ends_what_plays_through_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """The end of a link is the end of its playback, not only of new ones."""
    clock = TurnableClock(SystemClock().now())
    async with open_house(tmp_path_factory.mktemp("clocked"), clock=clock) as house:
        player = await sign_in(house)
        url = await player.media_url(await record_bytes(house, SIZE))
        async with watching(player, url) as slow:
            clock.turn(timedelta(seconds=house.services.settings.links.lifetime_s + 1))
            assert await slow.time_to_dead_s(PROMISED_S) < EXPECTED_S


async def test_a_good_playback_goes_on_while_it_is_checked(shared_house: House, film: Recorded) -> None:
    """Checks do not disturb: a reader slower than a check gets every byte."""
    player = await sign_in(shared_house)
    async with shared_house.client.get(
        shared_house.url + await player.media_url(film), headers={"Cookie": player.cookie}
    ) as response:
        first = await response.content.readexactly(1_000)
        await asyncio.sleep(2 * shared_house.services.settings.links.recheck_s + 0.3)
        assert first + await response.content.read() == film.plain


def _openings() -> dict[int, Opening]:
    gc.collect()
    return {id(one): one for one in gc.get_objects() if isinstance(one, Opening)}


async def test_a_player_that_stops_reading_stops_the_reading(shared_house: House, film: Recorded) -> None:
    """Back-pressure: nothing further is read or opened, beyond what the kernel's buffers take."""
    player = await sign_in(shared_house)
    url = await player.media_url(film)
    before = _openings()
    async with watching(player, url):
        await asyncio.sleep(0.5)
        [running] = [one for number, one in _openings().items() if number not in before]
        unread_bytes = running._unread_bytes
        await asyncio.sleep(0.5)
        assert running._unread_bytes == unread_bytes
        assert unread_bytes > SIZE / 2


async def test_a_database_that_hangs_ends_what_plays(shared_house: House, film: Recorded) -> None:
    """Reads fail closed: a check that gets no turn within seconds counts as refused."""
    player = await sign_in(shared_house)
    url = await player.media_url(film)
    async with watching(player, url) as slow, AsyncExitStack() as held:
        for _ in range(READERS):
            await held.enter_async_context(shared_house.rooms.database.read())
        assert await slow.time_to_dead_s(PROMISED_S) < PROMISED_S


async def test_a_database_that_does_not_answer_ends_what_plays(shared_house: House, film: Recorded) -> None:
    """Reads fail closed: what cannot be asked counts as gone."""
    player = await sign_in(shared_house)
    url = await player.media_url(film)
    async with watching(player, url) as slow:
        await _rename(shared_house, "links", "away")
        try:
            assert await slow.time_to_dead_s(PROMISED_S) < EXPECTED_S
        finally:
            await _rename(shared_house, "away", "links")


async def _rename(house: House, table: str, to: str) -> None:
    async with house.rooms.database.write() as connection:
        await connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO {to}")


async def _spoil(house: House, recorded: Recorded, at: int | None) -> None:
    """Change one stored byte, or take the object away."""
    tenant_id = house.tenants[recorded.tenant]
    key = part_key(tenant_id=tenant_id, media_id=recorded.id, gen=1, part=Part.MEDIA)
    if at is None:
        await house.rooms.store.erase(key)
        return
    sealed = bytearray(await house.rooms.store.read(key, limit_bytes=SIZE * 2))
    sealed[at] ^= 1
    await house.rooms.store.put(key, bytes(sealed))


@pytest.mark.parametrize("at", [0, 10, 5_000, None], ids=["salt", "nonce", "first segment", "missing"])
async def test_a_recording_changed_at_its_beginning_is_not_begun(shared_house: House, at: int | None) -> None:
    """P1: what is wrong with the object shows before the first header: a problem, not one byte of media."""
    player = await sign_in(shared_house)
    mine = await record_bytes(shared_house, 300_000)
    url = await player.media_url(mine)
    await _spoil(shared_house, mine, at)
    status, problem, response = await player.ask("GET", url)
    assert (status, problem["code"]) == (500, "tampered")
    assert "ETag" not in response.headers


async def test_a_recording_changed_further_on_breaks_off_before_the_change(shared_house: House) -> None:
    """P1: only authentic bytes leave, then the connection breaks; other ranges still play."""
    player = await sign_in(shared_house)
    mine = await record_bytes(shared_house, SIZE)
    url = await player.media_url(mine)
    await _spoil(shared_house, mine, SIZE // 2)
    got = bytearray()

    async def watch() -> None:
        headers = {"Cookie": player.cookie}
        async with shared_house.client.get(shared_house.url + url, headers=headers) as response:
            assert response.status == 200
            async for block in response.content.iter_any():
                got.extend(block)

    with pytest.raises(aiohttp.ClientError):
        await watch()
    assert len(got) < SIZE // 2
    assert bytes(got) == mine.plain[: len(got)]
    status, tail, _ = await player.ask("GET", url, headers={"Range": "bytes=-1000"})
    assert (status, tail) == (206, mine.plain[-1000:])
