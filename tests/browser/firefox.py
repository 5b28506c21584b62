"""Debian's Firefox for tests: a process that takes one command at a time and answers it (firefox_run.mjs).

Playwright drives only its own build of Firefox, so puppeteer-core speaks WebDriver BiDi to the installed one.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.servers.parts import all_required, need

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("firefox_run.mjs")
START_TIMEOUT_S = 60.0  # a first start builds a profile on a busy machine
ANSWER_TIMEOUT_S = 60.0  # longer than any wait a test asks for
STOP_TIMEOUT_S = 20.0
ANSWER_BYTES = 16 * 1024 * 1024  # a minute of sound that a page recorded


class FirefoxError(Exception):
    """A command failed in the browser: the message says which and why."""


class Firefox:
    """One browser with one page. Selectors may cross shadow roots with ``>>>``."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def open(self, url: str) -> None:
        """Goes to a page and waits until it has loaded."""
        await self._do("open", url=url)

    async def click(self, selector: str) -> None:
        """Waits until the element is visible, then clicks it."""
        await self._do("click", selector=selector)

    async def fill(self, selector: str, text: str) -> None:
        """Types into a field."""
        await self._do("fill", selector=selector, text=text)

    async def wait(self, expression: str, *, timeout_s: float = 30.0) -> None:
        """Waits until a JavaScript expression is true."""
        await self._do("wait", expression=expression, timeout_ms=int(timeout_s * 1000))

    async def wait_for_call(self, state: str, *, timeout_s: float = 30.0) -> None:
        """Waits until the page's call button is in that state."""
        expression = f"document.querySelector('call-button')?.state === {json.dumps(state)}"
        await self.wait(expression, timeout_s=timeout_s)

    async def evaluate(self, expression: str) -> Any:
        """Returns the value of a JavaScript expression, which may be a promise."""
        return await self._do("evaluate", expression=expression)

    async def text(self, selector: str) -> str:
        """Returns the words of an element once it is visible."""
        return str(await self._do("text", selector=selector))

    async def cookies(self) -> list[dict[str, Any]]:
        """Returns the page's cookies, HttpOnly ones included."""
        found: list[dict[str, Any]] = await self._do("cookies")
        return found

    async def prepare(self, script: str) -> None:
        """Runs a script in each page from now on, before the page's own."""
        await self._do("prepare", script=script)

    async def screenshot(self, path: Path) -> None:
        """Writes a picture of the page."""
        await self._do("screenshot", path=str(path))

    async def resize(self, width: int, height: int) -> None:
        """Changes the size of the page, in CSS pixels."""
        await self._do("resize", width=width, height=height)

    async def faults(self) -> list[str]:
        """Returns the uncaught errors of the page so far."""
        found: list[str] = await self._do("faults")
        return found

    async def _do(self, command: str, **more: Any) -> Any:
        if self._process.stdin is None:
            raise FirefoxError("the driver has no input")
        self._process.stdin.write(json.dumps({"command": command, **more}).encode() + b"\n")
        await self._process.stdin.drain()
        return await self.answer(ANSWER_TIMEOUT_S)

    async def answer(self, timeout_s: float) -> Any:
        """Returns the next answer; raises FirefoxError when the browser refused or is gone."""
        if self._process.stdout is None:
            raise FirefoxError("the driver has no output")
        async with asyncio.timeout(timeout_s):
            line = await self._process.stdout.readline()
        if not line:
            raise FirefoxError(f"the driver ended with {await self._process.wait()}")
        told = json.loads(line)
        if "error" in told:
            raise FirefoxError(told["error"])
        return told["ok"]


@asynccontextmanager
async def firefox(profile: Path, *, tone_hz: int = 1000, devices: str = "allowed") -> AsyncIterator[Firefox]:
    """Runs a headless Firefox with fake devices for the length of the block, in an empty profile folder.

    Its microphone hears a tone; with `devices` "refused" no page gets them.
    """
    programs = need("node", "firefox-esr")
    if not (ROOT / "node_modules" / "puppeteer-core").is_dir():
        (pytest.fail if all_required() else pytest.skip)("needs puppeteer-core (npm ci installs it)")
    argv = [programs["node"], str(SCRIPT), programs["firefox-esr"], str(profile), str(tone_hz), devices]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=pipe, stdout=pipe, cwd=ROOT, limit=ANSWER_BYTES
    )
    try:
        driver = Firefox(process)
        await driver.answer(START_TIMEOUT_S)
        yield driver
    finally:
        await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Ends the driver, which ends the browser: the end of its input first, a signal if that is not heard."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.terminate()
        await process.wait()
