"""Legs with real peers: the rooms' Legs over a workshop, a publisher on loopback, and waiting for ends."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.webrtc.publisher import Publisher, PublisherPlan
from vault.calls.legs import Answered, Legs
from vault.settings import LimitSettings, MediaSettings, RecordingSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.vault.media.workshop import Workshop
    from vault.calls.calls import OpenedCall
    from vault.model import Id

SOUND_ONLY = PublisherPlan(video=None)
HERE = "127.0.0.1"


@dataclass
class Studio:
    """The legs of one process, and which recordings they handed over."""

    work: Workshop
    legs: Legs
    ended: list[Id]

    async def join(self, call: OpenedCall, publisher: Publisher, address: str = HERE) -> Answered:
        """Answer the publisher's offer; nothing flows before it takes the answer."""
        return await self.legs.join(
            call.id, await publisher.offer(), by=self.work.visitor(call), address=address
        )

    async def live(self, call: OpenedCall, publisher: Publisher, address: str = HERE) -> Answered:
        """Join and connect."""
        answered = await self.join(call, publisher, address)
        await publisher.accept(answered.sdp)
        await publisher.connected()
        return answered

    async def rows(self, call: OpenedCall) -> tuple[str, str | None]:
        """State and end reason of a call."""
        view = await self.work.calls.view(call.id, by=self.work.by())
        return view.state.value, view.end_reason

    async def over(self, call: OpenedCall) -> str | None:
        """Wait until a call's rows are final and no leg is carried; the reason."""
        await until(lambda: self._is_over(call))
        return (await self.rows(call))[1]

    async def _is_over(self, call: OpenedCall) -> bool:
        return not self.legs.live and (await self.rows(call))[0] == "ended"


def insisting(answer: str, offer: str) -> str:
    """An answer whose refused picture is turned into an accepted one: the publisher sends it all the same."""
    head, _ = answer.split("m=video 0 ")
    _, wished = offer.split("m=video ")
    formats = wished.split("\r\n", 1)[0].split(" ", 1)[1]
    codec = [
        line for line in wished.split("\r\n") if line.startswith(("a=mid", "a=rtpmap", "a=fmtp", "a=rtcp-fb"))
    ]
    starts = ("c=", "a=rtcp-mux", "a=candidate", "a=ice-", "a=fingerprint", "a=setup", "a=end-of")
    port = head.split("m=audio ")[1].split(" ")[0]
    transport = [line for line in head.split("m=audio ")[1].split("\r\n") if line.startswith(starts)]
    group = "a=group:BUNDLE 0"
    lines = [f"m=video {port} {formats}", *transport, *codec, "a=recvonly", ""]
    return head.replace(group, f"{group} 1") + "\r\n".join(lines)


async def until(holds: Callable[[], Awaitable[bool]], timeout_s: float = 15.0) -> None:
    """Wait until something holds, or fail with TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while not await holds():  # noqa: ASYNC110  # rows and stores have no event
            await asyncio.sleep(0.02)


@asynccontextmanager
async def open_studio(
    work: Workshop,
    *,
    spill_bytes: int = 1 << 20,
    max_bytes: int = 1 << 30,
    limits: LimitSettings | None = None,
    **media: Any,
) -> AsyncIterator[Studio]:
    """Legs on loopback; every one is closed at the end."""
    ended: list[Id] = []
    legs = Legs(
        work.calls,
        work.recordings,
        work.store,
        work.clock,
        media=MediaSettings(addresses=("127.0.0.1",), **media),
        recording=RecordingSettings(spill_bytes=spill_bytes, max_bytes=max_bytes),
        limits=limits or LimitSettings(),
        on_ended=ended.append,
    )
    try:
        yield Studio(work, legs, ended)
    finally:
        await legs.aclose()
