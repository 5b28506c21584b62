"""Files served as aiohttp does, to be measured against: ``python -m benchmarks.plain_files FOLDER``."""

import asyncio
import json
import signal
import sys
from pathlib import Path

from aiohttp import web


async def main(folder: Path) -> None:
    """Print the port as JSON, then serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    application = web.Application()

    async def send(request: web.Request) -> web.FileResponse:
        return web.FileResponse(folder / request.match_info["name"])

    application.router.add_get("/{name}", send)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
