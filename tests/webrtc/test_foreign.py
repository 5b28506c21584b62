"""A foreign agent: ffmpeg's WHIP publisher, whose ICE, DTLS and RTP share no code with ours."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import imageio_ffmpeg
from aiohttp import web

from tests.servers.ports import free_port
from tests.webrtc.legs import LOOPBACK, Leg, Memory, eventually
from webrtc.frames import Codec
from webrtc.lifecycle import CloseReason
from webrtc.limits import PeerLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECONDS = 2


@contextlib.asynccontextmanager
async def whip_server(leg: Leg) -> AsyncIterator[str]:
    """One leg behind the smallest WHIP endpoint; yields its URL."""

    async def post(request: web.Request) -> web.Response:
        answer = await leg.peer.answer(await request.text())
        return web.Response(
            status=201, text=answer, content_type="application/sdp", headers={"Location": "/leg/1"}
        )

    async def delete(_request: web.Request) -> web.Response:
        await leg.peer.close()
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/leg", post), web.delete("/leg/1", delete)])
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/leg"
    finally:
        await runner.cleanup()
        await leg.peer.close()


async def test_the_publisher_script_publishes_over_whip() -> None:
    """What the kill loops and benchmarks start works by itself: token sent, leg named, frames counted."""
    memory = Memory()
    leg = Leg(PeerLimits(), LOOPBACK)
    leg.peer.attach(memory)
    async with whip_server(leg) as url:
        script = Path(__file__).parent / "publisher.py"
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(script),
            *f"--leg {url} token --seconds 1 --codec vp8 --width 320 --height 180".split(),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(60):
                said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    connected, done = [json.loads(line) for line in said.splitlines()]
    assert (connected["event"], done["event"], done["status"]) == ("connected", "done", 200)
    assert abs(done["sent"]["video"] - len(memory.of_kind("video"))) <= 2
    assert abs(done["sent"]["audio"] - len(memory.of_kind("audio"))) <= 2


async def test_ffmpeg_publishes_h264_and_opus() -> None:
    """It is DTLS server (a=setup:passive) and has the AES-CM profile only; every frame comes."""
    memory = Memory()
    leg = Leg(PeerLimits(), LOOPBACK)
    leg.peer.attach(memory)
    async with whip_server(leg) as url:
        arguments = (
            f"-v error -re -f lavfi -i testsrc=s=320x180:r=30 -f lavfi -i sine=440:r=48000 -t {SECONDS} "
            "-c:v libx264 -profile:v baseline -preset ultrafast -tune zerolatency -g 30 -pix_fmt yuv420p "
            f"-c:a libopus -ac 2 -f whip {url}"
        )
        process = await asyncio.create_subprocess_exec(imageio_ffmpeg.get_ffmpeg_exe(), *arguments.split())
        try:
            async with asyncio.timeout(30):
                await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        await eventually(lambda: leg.closed)
    assert leg.closed == [CloseReason.HANGUP]
    assert {info.codec for info in memory.tracks.values()} == {Codec.H264, Codec.OPUS}
    assert len(memory.of_kind("video")) == 30 * SECONDS
    assert len(memory.of_kind("audio")) >= 50 * SECONDS
    assert memory.losses == []
    assert {(f.width, f.height) for f in memory.of_kind("video") if f.is_keyframe} == {(320, 180)}
