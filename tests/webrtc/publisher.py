"""A publisher of calls for tests, kill loops and benchmarks: stock aiortc sending encoded media.

In a test: `async with Publisher(PublisherPlan()) as publisher`, hand over `await publisher.offer()`, then
`await publisher.accept(answer)`. From the command line, against WHIP addresses (one leg per pair):

    python tests/webrtc/publisher.py --leg URL TOKEN [--leg URL TOKEN ...] --seconds 10 --codec vp8

prints one JSON line per leg when connected and one when done. Loopback only unless --address says otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

sys.path.insert(0, str(Path(__file__).parents[2]))

import aiohttp
from aioice import ice as aioice_ice
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from yarl import URL

from tests.webrtc.media import TONE_HZ, Clip, audio_clip, video_clip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import av
    from av.stream import Stream


@dataclass(frozen=True)
class PublisherPlan:
    """What to send: `video` is vp8, h264 or None; `frames` limits each track (None: until closed)."""

    video: str | None = "vp8"
    audio: bool = True
    width: int = 320
    height: int = 180
    fps: int = 30
    bit_rate: int = 300_000
    keyframe_every: int = 30
    video_frames: int | None = None
    audio_frames: int | None = None
    audio_delay_s: float = 0.0
    video_delay_s: float = 0.0
    address: str = "127.0.0.1"
    tone_hz: int = TONE_HZ

    def video_media(self) -> Clip:
        """The video clip of this plan."""
        return video_clip(
            self.video or "vp8",
            width=self.width,
            height=self.height,
            fps=self.fps,
            bit_rate=self.bit_rate,
            keyframe_every=self.keyframe_every,
        )

    def audio_media(self) -> Clip:
        """The sound of this plan."""
        return audio_clip(tone_hz=self.tone_hz)


class ClipTrack(MediaStreamTrack):
    """Sends a clip in real time. `paused` stops packets, as a removed track does; the clock goes on."""

    def __init__(self, clip: Clip, *, count: int | None, delay_s: float) -> None:
        super().__init__()
        self.kind = clip.kind
        self.sent = 0
        self.finished = asyncio.Event()
        self.paused = False
        self._packets: Iterator[av.Packet[Stream]] = clip.packets(count)
        self._step_s = clip.ticks / clip.clock_hz
        self._due_s: float | None = None
        self._delay_s = delay_s
        self._last_pts = 0
        self._more = asyncio.Event()

    def show(self, clip: Clip, count: int | None) -> None:
        """Go on with another clip of the same codec, after what was planned is sent."""
        self._packets = clip.packets(count, first_pts=self._last_pts + clip.ticks)
        self.finished.clear()
        self._due_s = time.monotonic()
        self._more.set()

    async def recv(self) -> Any:
        """The next packet when its time has come; after the last one, nothing until closed."""
        while True:
            now_s = time.monotonic()
            if self._due_s is None:
                self._due_s = now_s + self._delay_s
            await asyncio.sleep(max(0.0, self._due_s - now_s))
            self._due_s += self._step_s
            packet = next(self._packets, None)
            if packet is None:
                self._more.clear()
                self.finished.set()
                await self._more.wait()
                continue
            self._last_pts = packet.pts or 0
            if not self.paused:
                self.sent += 1
                return packet


class Publisher:
    """One peer connection that sends. Closing it says goodbye unless `vanish` was called."""

    def __init__(self, plan: PublisherPlan) -> None:
        self.plan = plan
        self.connection = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self.audio: ClipTrack | None = None
        self.video: ClipTrack | None = None
        self.keyframe_requests = 0
        self._answer: Clip | None = None
        if plan.audio:
            self.audio = ClipTrack(plan.audio_media(), count=plan.audio_frames, delay_s=plan.audio_delay_s)
            self.connection.addTrack(self.audio)
        if plan.video:
            self.video = ClipTrack(plan.video_media(), count=plan.video_frames, delay_s=plan.video_delay_s)
            sender = self.connection.addTrack(self.video)
            sender._send_keyframe = self._count_keyframe_request  # type: ignore[method-assign]  # to count them
            self._prefer(plan.video)

    def _count_keyframe_request(self) -> None:
        self.keyframe_requests += 1
        if self._answer is not None and self.video is not None:
            self.video.show(self._answer, None)

    def answer_keyframe_requests(self, clip: Clip) -> None:
        """Send this picture from its beginning, now and at once whenever a keyframe is asked for."""
        self._answer = clip
        if self.video is not None:
            self.video.show(clip, None)

    def _prefer(self, codec: str) -> None:
        capabilities = RTCRtpSender.getCapabilities("video").codecs
        wanted = [c for c in capabilities if c.name.lower() in {codec, "rtx"}]
        for transceiver in self.connection.getTransceivers():
            if transceiver.kind == "video":
                transceiver.setCodecPreferences(wanted)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def offer(self) -> str:
        """The offer, with candidates of the plan's address only."""
        with addresses_of_this_host([self.plan.address]):
            await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def accept(self, answer: str) -> None:
        """Take the answer and begin to connect."""
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))

    async def connected(self, timeout_s: float = 20.0) -> None:
        """Wait until DTLS is done, or raise TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while self.connection.connectionState != "connected":  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.01)

    async def finished(self) -> None:
        """Wait until the planned frames are sent."""
        for track in (self.audio, self.video):
            if track is not None:
                await track.finished.wait()

    @property
    def dtls(self) -> Any:
        """The transport under the tracks, for tests that look or reach inside."""
        return self.connection.getTransceivers()[0].sender.transport

    def filter_media(self, transform: Callable[[bytes], list[bytes]]) -> None:
        """Pass each outgoing SRTP datagram through `transform`: none, one or several go out in its place."""
        ice = self.dtls.transport
        send = ice._send

        async def filtered(datagram: bytes) -> None:
            is_rtp = 127 < datagram[0] < 192 and not 192 <= datagram[1] <= 223
            for each in transform(datagram) if is_rtp else [datagram]:
                await send(each)

        ice._send = filtered

    async def vanish(self) -> None:
        """Stop without a word, as a killed browser does: sockets are cut, nothing is answered."""
        for protocol in self.dtls.transport._connection._protocols:
            protocol.transport.abort()

    async def close(self) -> None:
        """Say goodbye and close."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await self.connection.close()


@contextlib.contextmanager
def addresses_of_this_host(addresses: list[str]) -> Iterator[None]:
    """Let the stock ICE agent gather these addresses; by itself it never offers loopback."""
    before = aioice_ice.get_host_addresses
    aioice_ice.get_host_addresses = lambda **_: list(addresses)
    try:
        yield
    finally:
        aioice_ice.get_host_addresses = before


class WhipPublisher(Publisher):
    """A publisher that signals over HTTP (RFC 9725)."""

    def __init__(self, plan: PublisherPlan, http: aiohttp.ClientSession, url: str, token: str) -> None:
        super().__init__(plan)
        self.location = ""
        self.etag = ""
        self._http = http
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}

    async def publish(self) -> None:
        """POST the offer, take the answer, wait for the connection."""
        headers = {**self._headers, "Content-Type": "application/sdp"}
        async with self._http.post(self._url, data=await self.offer(), headers=headers) as response:
            body = await response.text()
            if response.status != 201:
                raise RuntimeError(f"the offer was answered {response.status}: {body[:300]}")
            self.location = str(response.url.join(URL(response.headers["Location"])))
            self.etag = response.headers.get("ETag", "")
        await self.accept(body)
        await self.connected()

    async def unpublish(self) -> int:
        """DELETE the leg; the status of the response."""
        async with self._http.delete(self.location, headers=self._headers) as response:
            return response.status


async def _run_leg(
    plan: PublisherPlan, leg: tuple[str, str], seconds: float, say: Callable[..., None]
) -> None:
    async with aiohttp.ClientSession() as http, WhipPublisher(plan, http, *leg) as publisher:
        await publisher.publish()
        say(event="connected", leg=publisher.location)
        await asyncio.sleep(seconds)
        sent = {t.kind: t.sent for t in (publisher.audio, publisher.video) if t is not None}
        status = await publisher.unpublish()
        say(event="done", leg=publisher.location, sent=sent, status=status)


async def _main(arguments: argparse.Namespace) -> None:
    plan = PublisherPlan(
        video=None if arguments.codec == "none" else arguments.codec,
        width=arguments.width,
        height=arguments.height,
        bit_rate=arguments.bit_rate,
        keyframe_every=60,
        address=arguments.address,
    )
    if plan.video:
        plan.video_media()  # encode before the clock runs
    audio_clip()

    def say(**event: object) -> None:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()

    async with asyncio.TaskGroup() as legs:
        for number, leg in enumerate(arguments.leg):
            legs.create_task(_run_leg(plan, tuple(leg), arguments.seconds, say), name=f"leg-{number}")
            await asyncio.sleep(arguments.stagger)


def main() -> None:
    """Read the command line and publish."""
    parser = argparse.ArgumentParser(description="publish calls over WHIP")
    parser.add_argument("--leg", nargs=2, action="append", metavar=("URL", "TOKEN"), required=True)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--stagger", type=float, default=0.05, help="seconds between two legs")
    parser.add_argument("--codec", choices=["vp8", "h264", "none"], default="vp8")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--bit-rate", type=int, default=1_200_000)
    parser.add_argument("--address", default="127.0.0.1")
    asyncio.run(_main(parser.parse_args()))


if __name__ == "__main__":
    main()
