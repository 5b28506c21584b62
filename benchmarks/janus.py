"""The native peer: Janus from Debian, its video room with recording on, against ours with the same callers.

Janus runs in a network namespace of this process's own (real names and ports of the machine stay out of it),
told to use that network only. Both record both sides and send each side to the other. Our server does more
(consent, sealing, a ledger) and is Python; Janus is C. The figure is how many times more CPU ours takes.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import uvloop
from aiortc import RTCSessionDescription

from benchmarks.machine import CALLER_CORE, SERVER_CORE, cpu_time, load, on_core
from benchmarks.talk import SETTLE_S, WINDOW_S, measured_talk
from benchmarks.talkers import PLAN
from tests.servers.first import go_first
from tests.webrtc.legs import eventually
from tests.webrtc.light import light_ends
from tests.webrtc.publisher import Publisher, addresses_of_this_host
from tests.webrtc.spectator import Spectator

CALLS: Final = 20
MOST_TIMES: Final = 10.0  # Python beside C; more would be a defect of ours, not of the language
ADDRESS: Final = "10.99.0.1"
PORT: Final = 8088
INSTALL: Final = "apt-get install -y --no-install-recommends janus"
NETWORK: Final = (
    "ip link set lo up",
    "ip link add v0 type veth peer name v1",
    f"ip address add {ADDRESS}/24 dev v0",
    "ip link set v0 up",
    "ip link set v1 up",
)
PLUGINS: Final = "libjanus_videoroom.so"
CONFIGS: Final = {
    "janus.jcfg": """general: {{
  configs_folder = "{folder}"
  debug_level = 3
  server_name = "bench"
}}
nat: {{ ice_enforce_list = "10.99.0." }}
media: {{ }}
plugins: {{ disable = "{others}" }}
transports: {{ disable = "libjanus_pfunix.so,libjanus_websockets.so,libjanus_rabbitmq.so,libjanus_mqtt.so,\
libjanus_nanomsg.so" }}
events: {{ broadcast = false }}
""",
    "janus.transport.http.jcfg": 'general: {{ json = "plain"  base_path = "/janus"  http = true  '
    'port = {port}  ip = "127.0.0.1" }}\n',
    "janus.plugin.videoroom.jcfg": "general: {{ }}\n",
}


class Janus:
    """Janus's HTTP interface: one session, handles of the video room."""

    def __init__(self, http: aiohttp.ClientSession, folder: Path) -> None:
        self._http = http
        self._folder = folder
        self._url = f"http://127.0.0.1:{PORT}/janus"
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def _post(self, path: str, **body: Any) -> dict[str, Any]:
        body = {"transaction": os.urandom(6).hex(), **body}
        async with self._http.post(self._url + path, json=body) as answer:
            told: dict[str, Any] = await answer.json(content_type=None)
        if told["janus"] == "error":
            raise LookupError(f"Janus refused {body['janus']}: {told}")
        return told

    async def begin(self) -> None:
        """Open the session; events are polled for from then on."""
        made = await self._post("", janus="create")
        self._url += f"/{made['data']['id']}"

    async def attach(self) -> str:
        """A handle of the video room."""
        made = await self._post("", janus="attach", plugin="janus.plugin.videoroom")
        return f"/{made['data']['id']}"

    async def said(self, handle: str) -> dict[str, Any]:
        """The next event of a handle that has something to say; callers ask for one thing at a time."""
        while True:
            async with self._http.get(self._url, params={"maxev": "1"}) as answer:
                told: dict[str, Any] = await answer.json(content_type=None)
            of_it = str(told.get("sender", "")) == handle[1:]
            if told["janus"] == "event" and of_it:
                data: dict[str, Any] = told["plugindata"]["data"]
                if "error" in data:
                    raise LookupError(f"the video room refused: {data}")
                if told.get("jsep") or data.get("videoroom") in {"joined", "event"}:
                    return told

    async def room(self, number: int) -> None:
        """A room for one call, recorded."""
        handle = await self.attach()
        folder = self._folder / f"rec-{number}"
        folder.mkdir()
        asked = {"request": "create", "room": number, "publishers": 2, "record": True, "rec_dir": str(folder)}
        codecs = {"audiocodec": "opus", "videocodec": "vp8", "bitrate": 0}
        told = await self._post(handle, janus="message", body={**asked, **codecs})
        if told["plugindata"]["data"].get("videoroom") != "created":
            raise LookupError(f"no room was made: {told}")

    async def publish(self, room: int, publisher: Publisher) -> int:
        """Join a room and publish into it; the publisher's number there."""
        handle = await self.attach()
        await self._post(
            handle, janus="message", body={"request": "join", "ptype": "publisher", "room": room}
        )
        joined = await self.said(handle)
        await self._post(
            handle,
            janus="message",
            body={"request": "configure", "audio": True, "video": True},
            jsep={"type": "offer", "sdp": await publisher.offer()},
        )
        answered = await self.said(handle)
        await publisher.accept(answered["jsep"]["sdp"])
        await publisher.connected()
        return int(joined["plugindata"]["data"]["id"])

    async def watch(self, room: int, feed: int, spectator: Spectator) -> None:
        """Take what somebody in the room publishes; Janus makes the offer."""
        handle = await self.attach()
        asked = {"request": "join", "ptype": "subscriber", "room": room, "streams": [{"feed": feed}]}
        await self._post(handle, janus="message", body=asked)
        offered = await self.said(handle)
        await spectator.pc.setRemoteDescription(RTCSessionDescription(offered["jsep"]["sdp"], "offer"))
        with addresses_of_this_host([ADDRESS]):
            await spectator.pc.setLocalDescription(await spectator.pc.createAnswer())
        answer = {"type": "answer", "sdp": spectator.pc.localDescription.sdp}
        await self._post(handle, janus="message", body={"request": "start"}, jsep=answer)
        await eventually(lambda: spectator.pc.connectionState == "connected")


def _configure(folder: Path) -> None:
    """Lay its settings down; of its plugins only the video room is loaded."""
    plugins = Path("/usr/lib").glob("*/janus/plugins/*.so")
    others = ",".join(sorted(path.name for path in plugins if path.name != PLUGINS))
    for name, text in CONFIGS.items():
        (folder / name).write_text(text.format(folder=folder, others=others, port=PORT))


def _recorded_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.mjr"))


@asynccontextmanager
async def running_janus(folder: Path) -> AsyncIterator[int]:
    """Janus in the foreground, on the core where servers are measured; its process id."""
    _configure(folder)
    with on_core(SERVER_CORE):
        argv = ("janus", "-F", str(folder), "-C", str(folder / "janus.jcfg"))
        process = await asyncio.create_subprocess_exec(*argv, stdout=DEVNULL, stderr=DEVNULL)
    go_first(process.pid)
    try:
        yield process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@dataclass(frozen=True, slots=True)
class Carried:
    """What Janus took."""

    core: float  # per call
    recorded_bytes: int


async def carry(folder: Path, calls: int) -> Carried:
    """The same calls as ours, through Janus."""
    plan = PLAN.__class__(**{**PLAN.__dict__, "address": ADDRESS})
    plan.video_media(), plan.audio_media()  # encoded before the clock runs
    async with AsyncExitStack() as stack:
        stack.enter_context(light_ends())
        pid = await stack.enter_async_context(running_janus(folder))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        janus = Janus(http, folder)
        await _answering(janus)
        for room in range(1, calls + 1):
            await janus.room(room)
            sides = [await stack.enter_async_context(Publisher(plan)) for _ in range(2)]
            feeds = [await janus.publish(room, side) for side in sides]
            for feed in feeds:
                spectator = await stack.enter_async_context(Spectator((), ADDRESS))
                await janus.watch(room, feed, spectator)
        await asyncio.sleep(SETTLE_S)
        began, loop = cpu_time(pid), asyncio.get_running_loop()
        began_s = loop.time()
        await asyncio.sleep(WINDOW_S)
        core = (cpu_time(pid).own_s - began.own_s) / (loop.time() - began_s) / calls
    return Carried(core, _recorded_bytes(folder))


async def _answering(janus: Janus) -> None:
    for _ in range(100):
        try:
            await janus.begin()
        except aiohttp.ClientError:
            await asyncio.sleep(0.1)
        else:
            return
    raise LookupError("Janus does not answer")


def _inside(folder: Path) -> None:
    """In the namespace: make its network, carry, print what it took."""
    for line in NETWORK:
        subprocess.run(line.split(), check=True)
    with on_core(CALLER_CORE):
        carried = uvloop.run(carry(folder, CALLS))
    print(json.dumps({"core": carried.core, "recorded_bytes": carried.recorded_bytes}))


def run() -> Iterator[dict[str, object]]:
    """Janus, then ours; nothing where Janus is not installed or no namespace may be made."""
    if shutil.which("janus") is None or os.geteuid() != 0:
        print(f"janus is not measured: it needs root and the package ({INSTALL})", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory(prefix="callvault-bench-") as name:
        argv = ("unshare", "-n", sys.executable, "-m", "benchmarks.janus", name)
        done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
        janus = json.loads(done.stdout.splitlines()[-1])
        ours = measured_talk(Path(name) / "ours", CALLS)
    times = ours.core / janus["core"]
    yield {
        "name": f"two-way recorded call, CPU against Janus at {CALLS} calls",
        "value": round(times, 1),
        "unit": "times more",
        "against": f"Janus 1.1 videoroom, recording: {janus['core']:.4f} cores per call, "
        f"{janus['recorded_bytes']} bytes recorded in the clear; ours {ours.core:.4f} cores, sealed",
        "goal": MOST_TIMES,
        "met": times < MOST_TIMES,
        "machine": load(),
    }


if __name__ == "__main__":
    _inside(Path(sys.argv[1]))
