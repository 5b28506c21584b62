"""A viewer's browser for tests: stock aiortc that only receives, and counts what it decodes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from tests.webrtc.media import AUDIO_CLOCK_HZ, read_number
from tests.webrtc.publisher import addresses_of_this_host

if TYPE_CHECKING:
    from collections.abc import Callable


class Spectator:
    """One recvonly connection. `frames` holds what was decoded, by kind, with its time of arrival."""

    def __init__(self, kinds: tuple[str, ...] = ("audio", "video"), address: str = "127.0.0.1") -> None:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self.frames: dict[str, list[tuple[float, Any]]] = {"audio": [], "video": []}
        self._address = address
        self._tasks: list[asyncio.Task[None]] = []
        for kind in kinds:
            self.pc.addTransceiver(kind, direction="recvonly")
        self.pc.on("track", self._watch)

    def _watch(self, track: Any) -> None:
        self._tasks.append(asyncio.create_task(self._drain(track), name=f"spectator-{track.kind}"))

    async def _drain(self, track: Any) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                self.frames[track.kind].append((time.monotonic(), frame))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        # The stock peer sometimes waits for ever for its own receiver's end.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await self.pc.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def offer(self) -> str:
        """The offer, with its candidates gathered on one address."""
        with addresses_of_this_host([self._address]):
            await self.pc.setLocalDescription(await self.pc.createOffer())
        return self.pc.localDescription.sdp

    async def accept(self, answer: str) -> None:
        """Take the answer and begin to connect."""
        await self.pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    @property
    def numbers(self) -> list[int]:
        """The numbers that the pictures tell, as they came."""
        return [read_number(frame) for _, frame in self.frames["video"]]

    def tone_hz(self, frames: int = 40) -> float:
        """The strongest tone of the last frames heard."""
        heard = [frame.to_ndarray().reshape(-1)[::2] for _, frame in self.frames["audio"][-frames:]]
        samples = np.concatenate(heard).astype(np.float64)
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
        return float(np.argmax(spectrum) * AUDIO_CLOCK_HZ / len(samples))

    async def has(self, *, video: int = 0, audio: int = 0, timeout_s: float = 20.0) -> None:
        """Wait until at least so many frames were decoded, or fail with TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while len(self.frames["video"]) < video or len(self.frames["audio"]) < audio:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def clocks(self) -> int:
        """How many of the tracks have told their sender's clock."""
        told = await self.pc.getStats()
        return sum(each.type == "remote-outbound-rtp" for each in told.values())

    def lose(self, keep: Callable[[bytes], bool]) -> None:
        """Drop incoming media datagrams for which `keep` is false."""
        dtls: Any = self.pc.getTransceivers()[0].receiver.transport
        handle = dtls._handle_rtp_data

        async def filtered(datagram: bytes, **more: Any) -> None:
            if keep(datagram):
                await handle(datagram, **more)

        dtls._handle_rtp_data = filtered
