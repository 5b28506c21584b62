"""One call of two that is measured at its ends, in a process of its own beside the calls that are the load.

``python -m benchmarks.probe BASE CODE SECONDS`` makes an agent and a call, lets both talk, lets somebody join
late, and prints one JSON line. All stand on this process's one clock:

* latency: from the moment a packet of picture leaves the sender to its arrival at the viewer. The server's
  share is what is wanted; the waking of this process is in it, so the figure is an upper bound.
* skew: sound and picture as a player puts them together from the sender reports, against the instants at
  which both were really captured.
* late: from a viewer's offer to the last packet of the first keyframe it can show.
"""

import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import uvloop
from aiortc.rtp import RtcpPacket, RtcpSrPacket

from benchmarks.program import session
from benchmarks.talkers import PLAN
from tests.end_to_end.crowd import Pair, hired, paired
from tests.end_to_end.program import Program
from tests.end_to_end.visitor import Agent
from tests.webrtc.legs import eventually
from tests.webrtc.light import light_ends
from tests.webrtc.publisher import Publisher
from tests.webrtc.spectator import Spectator
from webrtc.frames import Codec
from webrtc.keyframes import starts_keyframe

LATE_JOINERS: Final = 8
SETTLE_S: Final = 2.0
AUDIO_HZ, VIDEO_HZ = 48_000, 90_000
PICTURE_BYTES: Final = 250  # a frame of sound has less; smaller pieces of pictures are not looked at
MARKER: Final = 0x80
HEADER_BYTES: Final = 12
EXTENSION: Final = 0x10


def _payload(plain: bytes) -> bytes:
    """What is behind the header, its sources and its extension (RFC 3550, 5.1 and 5.3.1)."""
    at = HEADER_BYTES + 4 * (plain[0] & 0x0F)
    if plain[0] & EXTENSION:
        at += 4 + 4 * int.from_bytes(plain[at + 2 : at + 4], "big")
    return plain[at:]


def _stamp(plain: bytes) -> int:
    return int.from_bytes(plain[4:8], "big")


@dataclass(frozen=True, slots=True)
class Left:
    """One packet as it left the sender."""

    at_s: float
    source: bytes
    stamp: int


@dataclass
class Sender:
    """What a publisher sent, by payload: a looped clip's sound repeats itself."""

    left: dict[bytes, list[Left]] = field(default_factory=lambda: defaultdict(list))

    def watch(self, publisher: Publisher) -> None:
        """Note each packet just before it is encrypted."""
        send = publisher.dtls._send_rtp

        async def noted(plain: bytes) -> None:
            if not 192 <= plain[1] <= 223:
                left = Left(time.monotonic(), plain[8:12], _stamp(plain))
                self.left[_payload(plain)].append(left)
            await send(plain)

        publisher.dtls._send_rtp = noted

    def sent(self, payload: bytes, before_s: float) -> Left | None:
        """When what arrived at an instant had left: the last time that it did."""
        lefts = [each for each in self.left.get(payload, ()) if each.at_s <= before_s]
        return lefts[-1] if lefts else None

    def captured_s(self, source: bytes, rate_hz: int) -> dict[int, float]:
        """When the content of each stamp was due: by the packet that was late least."""
        found = [each for lefts in self.left.values() for each in lefts if each.source == source]
        began = min(found, key=lambda each: each.at_s).stamp
        zero_s = min(each.at_s - (each.stamp - began & 0xFFFFFFFF) / rate_hz for each in found)
        return {each.stamp: zero_s + (each.stamp - began & 0xFFFFFFFF) / rate_hz for each in found}


@dataclass
class Receiver:
    """What a spectator got: arrivals of payloads with their source and stamp, and the sources' clocks."""

    arrived: list[tuple[bytes, float, int, int]] = field(default_factory=list)
    clocks: dict[int, tuple[float, int]] = field(default_factory=dict)
    keyframe_s: float | None = None
    _keyframe: int | None = None

    def watch(self, spectator: Spectator) -> None:
        """Note each packet as it comes."""
        dtls: Any = spectator.pc.getTransceivers()[0].receiver.transport
        take, take_report = dtls._handle_rtp_data, dtls._handle_rtcp_data

        async def noted(plain: bytes, **more: Any) -> None:
            self._note(plain, time.monotonic())
            await take(plain, **more)

        async def noted_report(plain: bytes) -> None:
            for each in RtcpPacket.parse(plain):
                if isinstance(each, RtcpSrPacket):
                    info = each.sender_info
                    self.clocks[each.ssrc] = info.ntp_timestamp / (1 << 32), info.rtp_timestamp
            await take_report(plain)

        dtls._handle_rtp_data, dtls._handle_rtcp_data = noted, noted_report

    def _note(self, plain: bytes, now_s: float) -> None:
        payload, stamp = _payload(plain), _stamp(plain)
        self.arrived.append((payload, now_s, int.from_bytes(plain[8:12], "big"), stamp))
        if len(payload) > 1 and self._keyframe is None and starts_keyframe(Codec.VP8, payload):
            self._keyframe = stamp
        if self.keyframe_s is None and stamp == self._keyframe and plain[1] & MARKER:
            self.keyframe_s = now_s


def percentile(values: list[float], share: float) -> float:
    """The value that so large a share stays under."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def latencies_ms(sender: Sender, receiver: Receiver) -> list[float]:
    """Of every packet of picture that arrived: sound repeats itself, a picture's packets do not."""
    return [
        1000 * (at_s - left.at_s)
        for payload, at_s, _, _ in receiver.arrived
        if len(payload) > PICTURE_BYTES and (left := sender.sent(payload, at_s)) is not None
    ]


def errors_s(sender: Sender, receiver: Receiver, rate_hz: int) -> list[float]:
    """How wrong the told clock is about the capture of each packet of a kind; a constant is in all."""
    big = [lefts for payload, lefts in sender.left.items() if len(payload) > PICTURE_BYTES]
    pictures = {each.source for lefts in big for each in lefts}
    sounds = {each.source for lefts in sender.left.values() for each in lefts} - pictures
    sources = pictures if rate_hz == VIDEO_HZ else sounds
    captured = {source: sender.captured_s(source, rate_hz) for source in sources}
    found = []
    for payload, at_s, ssrc, stamp in receiver.arrived:
        left = sender.sent(payload, at_s)
        if left is None or left.source not in sources or ssrc not in receiver.clocks:
            continue
        ntp_s, told = receiver.clocks[ssrc]
        ahead = (stamp - told + (1 << 31) & 0xFFFFFFFF) - (1 << 31)
        found.append(ntp_s + ahead / rate_hz - captured[left.source][left.stamp])
    return found


def skews_ms(sender: Sender, receiver: Receiver) -> list[float]:
    """How far apart sound and picture would be played that were captured together."""
    sounds = errors_s(sender, receiver, AUDIO_HZ)
    middle = percentile(sounds, 0.5)
    return [abs(1000 * (each - middle)) for each in errors_s(sender, receiver, VIDEO_HZ)]


class Answering(Publisher):
    """A publisher that starts its clip again when a keyframe is asked for, as an encoder would make one."""

    def _count_keyframe_request(self) -> None:
        super()._count_keyframe_request()
        if self.video is not None:
            self.video.show(self.plan.video_media(), None)


async def joins_late(pair: Pair) -> float:
    """Open one more feed of the visitor's leg and tell the seconds to its first keyframe."""
    async with Spectator(("video",)) as spectator:
        receiver = Receiver()
        path = f"/v1/calls/{pair.call.id}/legs/{pair.visitor.leg_id}/feeds"
        began_s = time.monotonic()
        answer, _ = await pair.agent.post(path, await spectator.offer())
        receiver.watch(spectator)
        await spectator.accept(answer)
        await eventually(lambda: receiver.keyframe_s is not None)
        return (receiver.keyframe_s or began_s) - began_s


@contextmanager
def publishers_answer() -> Iterator[None]:
    """Let the crowd be made of publishers that answer."""
    from tests.end_to_end import crowd  # noqa: PLC0415 - the name in it is replaced for a while

    before, crowd.Publisher = crowd.Publisher, Answering  # type: ignore[attr-defined]
    try:
        yield
    finally:
        crowd.Publisher = before  # type: ignore[attr-defined]


async def main(base: str, code: str, seconds: float) -> None:
    """Talk, look, tell."""
    program = Program(base, code, Path(), Path(), cast("Any", None))
    PLAN.video_media(), PLAN.audio_media()  # encoded before the clock runs
    async with AsyncExitStack() as stack:
        stack.enter_context(light_ends())
        http = await stack.enter_async_context(session())
        admin = Agent(await stack.enter_async_context(session()), program)
        await admin.sign_in()
        agent = await hired(stack, program, admin, 99)
        with publishers_answer():
            pair = await paired(stack, program, http, agent, PLAN)
        sender, receiver = Sender(), Receiver()
        await asyncio.sleep(SETTLE_S)
        sender.watch(pair.visitor.publisher)
        receiver.watch(pair.agent.spectator)
        await asyncio.sleep(seconds)
        latencies, skews = latencies_ms(sender, receiver), skews_ms(sender, receiver)
        late = [await joins_late(pair) for _ in range(LATE_JOINERS)]
        await pair.hangs_up()
    told = {
        "packets": len(latencies),
        "latency_p50_ms": percentile(latencies, 0.5),
        "latency_p99_ms": percentile(latencies, 0.99),
        "skew_p99_ms": percentile(skews, 0.99),
        "late_worst_s": max(late),
        "late_median_s": percentile(late, 0.5),
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
