"""Stock aiortc as a recorder, to be measured against: ``python -m benchmarks.stock FOLDER``.

Each offer posted (WHIP) is recorded by a `MediaRecorder` into an MP4 of its own, as the library's examples
do: decoded and encoded again. Prints its port as JSON, then serves until SIGTERM.
"""

import asyncio
import itertools
import json
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRecorder

from tests.webrtc.publisher import addresses_of_this_host


@dataclass(slots=True)
class StockRecorder:
    """The legs of the process, by their number."""

    folder: Path
    legs: dict[str, tuple[RTCPeerConnection, MediaRecorder]] = field(default_factory=dict)
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def offer(self, request: web.Request) -> web.Response:
        """Answer an offer and record what comes."""
        number = str(next(self.numbers))
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        recorder = MediaRecorder(str(self.folder / f"{number}.mp4"))
        connection.on("track", recorder.addTrack)
        self.legs[number] = connection, recorder
        await connection.setRemoteDescription(RTCSessionDescription(await request.text(), "offer"))
        with addresses_of_this_host(["127.0.0.1"]):
            answer = await connection.createAnswer()
            await connection.setLocalDescription(answer)
        await recorder.start()
        return web.Response(
            status=201, text=connection.localDescription.sdp, headers={"Location": f"/legs/{number}"}
        )

    async def hang_up(self, request: web.Request) -> web.Response:
        """End a leg and its file."""
        connection, recorder = self.legs.pop(request.match_info["number"])
        await recorder.stop()
        await connection.close()
        return web.Response()


async def main(folder: Path) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    stock, application = StockRecorder(folder), web.Application()
    application.router.add_post("/legs", stock.offer)
    application.router.add_delete("/legs/{number}", stock.hang_up)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
