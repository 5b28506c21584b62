"""A WHIP client that is not ours: ffmpeg's muxer publishes to the same resource as the widget."""

import asyncio
import re
from pathlib import Path
from typing import Any

import aiohttp
import imageio_ffmpeg
import pytest

from tests.end_to_end.fake_devices import decode
from tests.end_to_end.program import running_program
from tests.end_to_end.visitor import Agent, open_call

pytestmark = pytest.mark.timeout(180)
SOURCE = "-re -f lavfi -i testsrc=size=320x240:rate=15 -re -f lavfi -i sine=440 -t 6"
VIDEO = "-c:v libx264 -profile:v baseline -bf 0 -tune zerolatency -g 15 -pix_fmt yuv420p"
AUDIO = "-c:a libopus -ar 48000 -ac 2 -f whip -authorization"


async def publish(url: str, token: str) -> tuple[int, str]:
    """Run ffmpeg; its exit code and what it said."""
    argv = [*SOURCE.split(), *VIDEO.split(), *AUDIO.split(), token, url]
    process = await asyncio.create_subprocess_exec(
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-hide_banner",
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, said.decode(errors="replace")


async def finished(agent: Agent) -> dict[str, Any]:
    """Wait until the one recording is ready."""
    for _ in range(200):
        _, page = await agent.ask("GET", "/v1/media?state=ready")
        if page["items"]:
            item: dict[str, Any] = page["items"][0]
            return item
        await asyncio.sleep(0.1)
    pytest.fail("no recording became ready")


async def test_ffmpeg_publishes_h264_and_opus_and_an_mp4_comes_out(tmp_path: Path) -> None:
    """POST with a bearer token, 201, media, DELETE at the end: RFC 9725 as others read it."""
    jar = aiohttp.CookieJar(unsafe=True)
    with running_program(tmp_path / "vault") as program:
        async with aiohttp.ClientSession(cookie_jar=jar) as http:
            call = await open_call(http, program)
            code, said = await publish(call.legs, call.token)
            assert code == 0, said[-2000:]
            agent = Agent(http, program)
            await agent.sign_in()
            item = await finished(agent)
            assert item["content_type"] == "video/mp4"
            assert item["codecs"] == ["opus", "h264"]
            urls = await agent.link(item["id"])
            _, whole = await agent.ask("GET", urls["media"])
            _, manifest = await agent.ask("GET", urls["manifest"])
    sent = int(re.findall(r"frame=\s*(\d+)", said)[-1])
    seen = decode(whole)
    # The first pictures are sent while the connection is still being agreed; none is lost after that.
    assert sent - 20 <= seen.frames <= sent
    assert abs(seen.tone_hz - 440) < 5
    assert manifest["end_reason"] in {"hangup", "peer_left"}
    assert [track["lost_packets"] for track in manifest["tracks"]] == [0, 0]
