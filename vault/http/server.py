"""The listening side: deadlines for those who do not speak, a cap on connections, two listeners.

aiohttp by itself keeps a silent connection, one with half a header, and one whose peer reads nothing, for
as long as its keep-alive allows. Here a connection that brings no complete header in time is closed, one
that does not take its answer is cut, and connections beyond the cap are refused at once.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final, cast

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from vault.errors import MalformedError, VaultError
from vault.http.problems import problem_of
from vault.http.request_info import RequestInfo
from vault.http.security_headers import add_security_headers
from vault.http.services import SERVICES
from vault.http.wire import PROBLEM_TYPE
from vault.insight.metrics import Metrics
from vault.model import new_id
from vault.settings import ServerSettings, Settings

MAX_LINE_BYTES: Final = 8_190  # request line; ours are under 300
MAX_HEADERS: Final = 64
LINGER_S: Final = 2.0  # how long the rest of a refused body is read, so that its sender sees the answer
BACKLOG: Final = 256
SHUTDOWN_S: Final = 5.0  # after the drain; what still runs then is cut
_log = structlog.get_logger("vault.http")


class GuardedHandler(RequestHandler):
    """One connection, with deadlines aiohttp does not have."""

    __slots__ = ("_header_deadline", "_read_deadline", "_settings")

    def __init__(self, manager: "GuardedServer", settings: Settings, **options: Any) -> None:
        super().__init__(manager, **options)
        self._settings = settings
        self._header_deadline: asyncio.TimerHandle | None = None
        self._read_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a connection, or refuse it where there are too many."""
        server = cast("GuardedServer", self._manager)
        full = len(server.connections) >= self._settings.server.max_connections
        super().connection_made(transport)
        if full:
            cast("asyncio.Transport", transport).abort()
            return
        self._await_header()

    def connection_lost(self, exc: BaseException | None) -> None:
        """End a connection and its deadlines."""
        self._stop_header_deadline()
        self._stop_read_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; a header that has begun must be complete in time."""
        before = self._request_count
        super().data_received(data)
        if self._request_count > before:
            self._stop_header_deadline()
        elif self._header_deadline is None and not self._request_in_progress:
            self._await_header()

    def pause_writing(self) -> None:
        """The peer does not read: give it as long as an idle connection has."""
        super().pause_writing()
        if self._read_deadline is None:
            self._read_deadline = self._loop.call_later(self._settings.server.idle_timeout_s, self._cut)

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._stop_read_deadline()
        super().resume_writing()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  # the parser's message repeats what was sent
    ) -> web.StreamResponse:
        """Answer what never reached the door, mostly bytes that are no HTTP, with a problem, and close."""
        if request.writer.output_size > 0:
            raise ConnectionError("part of an answer has left; the connection is cut")
        _log.info("request failed outside the door", status=status, error=type(exc).__name__)
        info = RequestInfo(request_id=new_id("req"), given_id=None, language="en", client="unknown")
        ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
        error = VaultError("see the log") if ours else MalformedError("not HTTP")
        problem = problem_of(error, language="en", request_id=info.request_id)
        response = web.Response(status=problem.status, body=problem.to_json(), content_type=PROBLEM_TYPE)
        response.headers["X-Request-Id"] = info.request_id
        add_security_headers(response, self._settings)
        response.force_close()
        return response

    def _stop_header_deadline(self) -> None:
        if self._header_deadline is not None:
            self._header_deadline.cancel()
            self._header_deadline = None

    def _stop_read_deadline(self) -> None:
        if self._read_deadline is not None:
            self._read_deadline.cancel()
            self._read_deadline = None

    def _await_header(self) -> None:
        timeout_s = self._settings.server.header_timeout_s
        self._header_deadline = self._loop.call_later(timeout_s, self._no_header)

    def _no_header(self) -> None:
        self._header_deadline = None
        if not self._request_in_progress and not self._messages:
            self.force_close()

    def _cut(self) -> None:
        self._read_deadline = None
        if self.transport is not None:
            self.transport.abort()


class GuardedServer(web.Server):
    """Makes a guarded handler for each connection."""

    def __init__(self, inner: web.Server, settings: Settings, **options: Any) -> None:
        super().__init__(inner.request_handler, request_factory=inner.request_factory)
        self._settings = settings
        self._options = options

    def __call__(self) -> RequestHandler:
        """Make the handler of a new connection."""
        return GuardedHandler(self, self._settings, loop=self._loop, **self._options)


class GuardedRunner(web.AppRunner):
    """aiohttp's runner around a guarded server."""

    def __init__(self, application: web.Application, settings: Settings) -> None:
        super().__init__(application, handle_signals=False, shutdown_timeout=SHUTDOWN_S, access_log=None)
        self._settings = settings

    async def _make_server(self) -> web.Server:
        inner = await super()._make_server()
        return GuardedServer(
            inner,
            self._settings,
            access_log=None,
            keepalive_timeout=self._settings.server.idle_timeout_s,
            lingering_time=LINGER_S,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            max_headers=MAX_HEADERS,
            auto_decompress=False,  # no coded body is accepted, so none is unpacked
        )


@asynccontextmanager
async def listening(application: web.Application) -> AsyncIterator[int]:
    """Serve the application while the block runs; give the port it listens on."""
    settings = application[SERVICES].settings
    runner = GuardedRunner(application, settings)
    await runner.setup()
    try:
        yield await _start(runner, settings.server.host, settings.server.port)
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serving_metrics(metrics: Metrics, settings: ServerSettings) -> AsyncIterator[int]:
    """Serve ``/metrics`` on its own listener, and watch the event loop, while the block runs."""

    async def scrape(request: web.Request) -> web.Response:
        body, content_type = metrics.exposition(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    application = web.Application()
    application.router.add_get("/metrics", scrape)
    runner = web.AppRunner(application, handle_signals=False, access_log=None)
    await runner.setup()
    lag = asyncio.create_task(metrics.measure_lag(), name="event-loop-lag")
    try:
        yield await _start(runner, settings.metrics_host, settings.metrics_port)
    finally:
        lag.cancel()
        await asyncio.gather(lag, return_exceptions=True)
        await runner.cleanup()


async def _start(runner: web.BaseRunner, host: str, port: int) -> int:
    site = web.TCPSite(runner, host, port, backlog=BACKLOG)
    await site.start()
    return int(runner.addresses[0][1])
