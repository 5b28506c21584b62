"""Stock aiortc as the server of calls of two, to be measured against: ``python -m benchmarks.relay FOLDER``.

Each leg (POST /legs) is recorded by a `MediaRecorder` into an MP4 and given to whoever watches it
(POST /legs/N/feeds) through a `MediaRelay`, as the library's examples do: decoded once, encoded for each.
Prints its port as JSON, then serves until SIGTERM.
"""

import asyncio
import itertools
import json
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import av
from aiohttp import web
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRecorder, MediaRelay

from tests.webrtc.publisher import addresses_of_this_host


@dataclass(slots=True)
class Leg:
    """One publisher: its connection, its file, its tracks."""

    connection: RTCPeerConnection
    recorder: MediaRecorder
    tracks: list[MediaStreamTrack] = field(default_factory=list)


@dataclass(slots=True)
class StockRelay:
    """The legs of the process, by their number, and who watches them."""

    folder: Path
    relay: MediaRelay = field(default_factory=MediaRelay)
    legs: dict[str, Leg] = field(default_factory=dict)
    feeds: list[RTCPeerConnection] = field(default_factory=list)
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def leg(self, request: web.Request) -> web.Response:
        """Answer an offer, record what comes, keep it for viewers."""
        number = str(next(self.numbers))
        leg = Leg(
            RTCPeerConnection(RTCConfiguration(iceServers=[])),
            MediaRecorder(str(self.folder / f"{number}.mp4")),
        )

        def take(track: MediaStreamTrack) -> None:
            leg.tracks.append(track)
            leg.recorder.addTrack(self.relay.subscribe(track))

        leg.connection.on("track", take)
        self.legs[number] = leg
        answer = await _answer(leg.connection, await request.text())
        await leg.recorder.start()
        return web.Response(status=201, text=answer, headers={"Location": f"/legs/{number}"})

    async def feed(self, request: web.Request) -> web.Response:
        """Answer an offer that takes what a leg sends."""
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.feeds.append(connection)
        for track in self.legs[request.match_info["number"]].tracks:
            connection.addTrack(self.relay.subscribe(track))
        return web.Response(status=201, text=await _answer(connection, await request.text()))

    async def close(self) -> None:
        """End files and connections."""
        for leg in self.legs.values():
            with suppress(av.FFmpegError):  # of a file that had not begun: the core was too full
                await leg.recorder.stop()
            await leg.connection.close()
        for connection in self.feeds:
            await connection.close()


async def _answer(connection: RTCPeerConnection, offer: str) -> str:
    await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    with addresses_of_this_host(["127.0.0.1"]):
        await connection.setLocalDescription(await connection.createAnswer())
    return connection.localDescription.sdp


async def main(folder: Path) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    stock, application = StockRelay(folder), web.Application()
    application.router.add_post("/legs", stock.leg)
    application.router.add_post("/legs/{number}/feeds", stock.feed)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await stop.wait()
    await stock.close()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
