"""A call between two browsers of different makers, over a network that may be bad, and what came of it.

Chromium plays files as its devices, Firefox gets a camera that draws, and its own microphone hums. What each
shows of the other is watched from the beginning to the end: how many pictures, how long none, how much of
the time the tone was heard. The recordings are decoded.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import aiohttp
import av

from tests.browser.chromium import chromium
from tests.browser.firefox import firefox
from tests.end_to_end.fake_devices import (
    AGENT,
    VISITOR,
    Look,
    Seen,
    camera_script,
    decode,
    in_tune,
    make_devices,
    pictures_between,
)
from tests.end_to_end.journey import ARGUMENTS
from tests.end_to_end.program import Program, running_program
from tests.end_to_end.two_browsers import COLOURS, IN_CONSOLE, IN_WIDGET
from tests.servers.ports import free_port
from tests.servers.tcp_proxy import TcpProxy, tcp_proxy
from tests.servers.udp_proxy import UdpProxy, Weather, udp_proxy
from webrtc.ice import own_addresses

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

Engine = Literal["chromium", "firefox"]
WATCHING: Final = Path(__file__).with_name("watching.js").read_text()
TRIES: Final = 40
MOSTLY: Final = 0.5
LOOPBACK: Final = "127.0.0.1"
# An address of a real interface, where there is one: Firefox makes no candidate on loopback.
FRONT: Final = next((address for address in own_addresses() if "." in address), LOOPBACK)


class Page(Protocol):
    """What both drivers can do."""

    async def open(self, url: str) -> None:
        """Go to a page."""

    async def click(self, selector: str) -> None:
        """Click an element once it is there."""

    async def wait(self, expression: str, *, timeout_s: float = 30.0) -> None:
        """Wait until an expression is true."""

    async def wait_for_call(self, state: str, *, timeout_s: float = 30.0) -> None:
        """Wait for a state of the call button."""

    async def evaluate(self, expression: str) -> Any:
        """Evaluate an expression, which may be a promise."""

    async def cookies(self) -> list[dict[str, Any]]:
        """The page's cookies."""

    async def prepare(self, script: str) -> None:
        """Run a script before each page's own."""

    async def faults(self) -> list[str]:
        """Uncaught errors."""


@dataclass(frozen=True)
class Watched:
    """What one side saw and heard of the other over some time."""

    seconds: float
    frames: int
    longest_gap_s: float
    sound_s: float
    in_tune: float  # share of the time in which the other's tone was the strongest

    @property
    def frames_per_s(self) -> float:
        """The mean rate of new pictures."""
        return self.frames / self.seconds


@dataclass(frozen=True)
class Kept:
    """One recording: whose it must be, what it decodes to, and what its manifest says."""

    look: Look
    seen: Seen
    manifest: dict[str, Any] = field(repr=False)
    media: bytes = field(repr=False)

    @property
    def tracks(self) -> dict[str, Any]:
        """The manifest's tracks by kind."""
        return {track["kind"]: track for track in self.manifest["tracks"]}

    def gaps(self, kind: str) -> list[dict[str, Any]]:
        """What the manifest says is not there of a kind of track, in the order of time."""
        tracks = {0, self.tracks[kind]["id"]}
        return [gap for gap in self.manifest["gaps"] if gap["track"] in tracks]

    def pictures(self, from_ms: float, to_ms: float) -> int:
        """How many pictures can be decoded of a part of its time."""
        return pictures_between(self.media, from_ms, to_ms)

    def lost_share(self, kind: str) -> float:
        """The share of a track's frames that could not be repaired; a packet of sound is a frame."""
        track = self.tracks[kind]
        return float(track["lost_packets"] / max(1, track["frames"]))


@dataclass
class Person:
    """One side: a browser, its look, and where it shows the other."""

    engine: Engine
    page: Page
    look: Look
    other: Look
    element: str

    async def perceives(self) -> None:
        """Look and listen until it is the other, or fail with what was there instead."""
        seen: object = None
        for _ in range(TRIES):
            colours = await self.page.evaluate(f"({COLOURS})({self.element})")
            told = await self.page.evaluate(f"soundOf({self.element}, 600)") if colours else ""
            share = in_tune(base64.b64decode(told), self.other.tone_hz)[1] if told else 0.0
            seen = (colours, share)
            if share > MOSTLY and self.other.is_seen(*colours):
                return
            await asyncio.sleep(0.25)
        raise AssertionError(f"the {self.look.name} in {self.engine} perceives {seen}, not {self.other}")

    async def watches(self) -> None:
        """Count from now on what comes."""
        await self.page.evaluate(f"watchElement({self.element})")

    async def watched(self) -> Watched:
        """Tell what came since `watches`."""
        told = await self.page.evaluate("watched()")
        sound_s, share = 0.0, 0.0  # where its connection ended while one listened
        with contextlib.suppress(av.error.InvalidDataError):
            sound_s, share = in_tune(base64.b64decode(told["sound"]), self.other.tone_hz)
        return Watched(told["lastedMs"] / 1000, told["frames"], told["longestGapMs"] / 1000, sound_s, share)

    async def ways(self) -> list[dict[str, str]]:
        """The candidate pair of each connected connection of the page: its types and protocols."""
        found: list[dict[str, str]] = await self.page.evaluate("chosenWays()")
        return found


# Remembers the connections of a page, and tells which way each goes.
CONNECTIONS: Final = """(() => {
  const made = [];
  const Plain = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Plain {
    constructor(...all) { super(...all); made.push(this); }
  };
  globalThis.statsOf = async (type) => (await Promise.all(made
    .filter((each) => each.connectionState === 'connected').map((each) => each.getStats())))
    .flatMap((report) => [...report.values()].filter((one) => one.type === type));
  globalThis.chosenWays = async () => {
    const ways = [];
    for (const one of made.filter((each) => each.connectionState === 'connected')) {
      const all = new Map([...await one.getStats()]);
      const chosen = [...all.values()].find((each) => each.type === 'candidate-pair'
        && (each.selected || (each.nominated && each.state === 'succeeded')));
      const [local, remote] = [all.get(chosen?.localCandidateId), all.get(chosen?.remoteCandidateId)];
      ways.push({ local: local?.candidateType ?? '', relay: local?.relayProtocol ?? '',
        url: local?.url ?? '', address: remote?.address ?? '', remote: remote?.candidateType ?? '' });
    }
    return ways;
  };
})();"""


@dataclass
class Network:
    """How the browsers reach the vault: its media port and its pages through proxies that can be made bad."""

    proxy: UdpProxy | None = None
    web: TcpProxy | None = None
    settings: dict[str, str] = field(default_factory=dict)
    port: int = 0  # where the vault itself listens for HTTP

    @contextlib.contextmanager
    def outage(self) -> Iterator[None]:
        """Let nothing through for the length of the block: no media, no request, no word of a socket."""
        if self.proxy is None or self.web is None:
            raise LookupError("only a network with weather can go dark")
        with self.proxy.outage(), self.web.outage():
            yield


@asynccontextmanager
async def network(weather: Weather | None, *, seed: int = 7) -> AsyncIterator[Network]:
    """A media port, and before it, on another address of this machine, a proxy; None: no proxy.

    The proxy's address is the one that the server announces; the pages too are behind a proxy then.
    """
    port = free_port(socket.SOCK_DGRAM)
    settings = {"MEDIA__PORT_FIRST": str(port), "MEDIA__PORT_LAST": str(port)}
    if weather is None:
        yield Network(settings=settings)
        return
    settings |= {"MEDIA__ADDRESSES": LOOPBACK, "MEDIA__ANNOUNCED_ADDRESS": FRONT}
    web_port = free_port()
    with udp_proxy((FRONT, port), (LOOPBACK, port), weather, seed=seed) as proxy:
        async with tcp_proxy(web_port) as web:
            yield Network(proxy, web, settings | {"SERVER__PUBLIC_URL": web.url}, web_port)


@dataclass
class Stand:
    """A running vault, a visitor at the demo page and an agent at the console."""

    program: Program
    visitor: Person
    agent: Person
    network: Network

    async def agent_is_there(self) -> None:
        """Sign in and become available."""
        page = self.agent.page
        await page.open(self.program.console)
        await page.wait("location.pathname === '/console' && document.querySelector('#filters') !== null")
        await page.wait("document.querySelector('#presence:enabled:not([aria-busy])') !== null")
        await page.click("#presence")
        await page.wait("document.querySelector('#presence').getAttribute('aria-checked') === 'true'")

    async def visitor_calls(self) -> None:
        """Press the button and accept."""
        page = self.visitor.page
        await page.open(f"{self.program.demo}?lang=en")
        await page.click("call-button >>> .call")
        await page.click("call-button >>> button[value=accepted]")
        await page.wait_for_call("live")

    async def agent_takes(self) -> None:
        """Take the call that rings."""
        await self.agent.page.click("article.ring button.primary")

    async def call(self) -> None:
        """Call and take; both perceive each other."""
        await self.agent_is_there()
        await self.visitor_calls()
        await self.agent_takes()
        await self.both_perceive()

    async def both_perceive(self) -> None:
        """Each side's picture and tone reach the other."""
        await self.visitor.perceives()
        await self.agent.perceives()

    async def watch(self, seconds: float) -> tuple[Watched, Watched]:
        """Talk for some time; tell what the visitor and what the agent saw and heard meanwhile."""
        await self.visitor.watches()
        await self.agent.watches()
        await asyncio.sleep(seconds)
        return await self.visitor.watched(), await self.agent.watched()

    async def agent_hangs_up(self) -> None:
        """End it from the console; the visitor's call ends too."""
        await self.agent.page.click(".controls .danger")
        await self.visitor.page.wait_for_call("ended")

    async def recordings(self) -> list[dict[str, Any]]:
        """Wait until every recording of the call is finished; there is one of each side at least."""
        items: list[dict[str, Any]] = []
        for _ in range(150):
            items = (await self.api("GET", "/v1/media"))["items"]
            if len(items) > 1 and all(item["state"] == "ready" for item in items):
                break
            await asyncio.sleep(0.2)
        assert {item["leg_role"] == "visitor" for item in items} == {True, False}, items
        assert {item["state"] for item in items} == {"ready"}, items
        return items

    async def kept(self) -> list[Kept]:
        """Decode the recordings of the call, and read what they say they lack."""
        kept = []
        for item in await self.recordings():
            media, manifest = await self.recording(item["id"]), await self.manifest(item["id"])
            look = VISITOR if item["leg_role"] == "visitor" else AGENT
            kept.append(Kept(look, decode(media), manifest, media))
        return kept

    async def recording(self, media_id: str) -> bytes:
        """Fetch a recording through a link."""
        whole = await self._part(media_id, "media")
        assert isinstance(whole, bytes)
        return whole

    async def manifest(self, media_id: str) -> Any:
        """Fetch the manifest of a recording."""
        return await self._part(media_id, "manifest")

    async def _part(self, media_id: str, part: str) -> Any:
        made = await self.api("POST", f"/v1/media/{media_id}/links", {"purpose": "quality"})
        return await self.api("GET", made["urls"][part])

    async def api(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Ask the API as the agent who is signed in."""
        base = self.program.base
        headers = {"Origin": base, "Sec-Fetch-Site": "same-origin"}
        cookies = {cookie["name"]: str(cookie["value"]) for cookie in await self.agent.page.cookies()}
        url = path if path.startswith("http") else base + path
        async with (
            aiohttp.ClientSession(cookies=cookies, headers=headers) as http,
            http.request(method, url, json=body) as response,
        ):
            assert response.status < 300, (method, path, response.status, await response.text())
            if "json" in response.headers.get("Content-Type", ""):
                return await response.json(content_type=None)
            return await response.read()


@asynccontextmanager
async def browser(engine: Engine, folder: Path, look: Look) -> AsyncIterator[Page]:
    """A browser with this person's devices."""
    async with AsyncExitStack() as stack:
        page: Page
        if engine == "chromium":
            arguments = [*ARGUMENTS, *make_devices(folder, look).arguments]
            page = await stack.enter_async_context(chromium(arguments))
        else:
            page = await stack.enter_async_context(
                firefox(folder / f"profile-{look.name}", tone_hz=round(look.tone_hz))
            )
            await page.prepare(camera_script(look))
        await page.prepare(WATCHING)
        await page.prepare(CONNECTIONS)
        yield page


@asynccontextmanager
async def stand(
    folder: Path,
    *,
    visitor: Engine,
    agent: Engine,
    weather: Weather | None = None,
    settings: Mapping[str, str] | None = None,
) -> AsyncIterator[Stand]:
    """A vault and both browsers; what their pages complain about fails the test at its end."""
    async with network(weather) as between:
        given = {**between.settings, **(settings or {})}
        with running_program(folder / "vault", port=between.port, settings=given) as program:
            async with browser(visitor, folder, VISITOR) as one, browser(agent, folder, AGENT) as other:
                yield Stand(
                    program,
                    Person(visitor, one, VISITOR, AGENT, IN_WIDGET),
                    Person(agent, other, AGENT, VISITOR, IN_CONSOLE),
                    between,
                )
                assert await one.faults() == []
                assert await other.faults() == []
