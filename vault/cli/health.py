"""``callvault health``: ask the running server whether it is ready."""

import http.client
import json
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import typer

from vault.cli import options

TIMEOUT_S: Final = 6.0  # the server gives each of its own checks five
LIMIT_BYTES: Final = 64 * 1024  # the report has some hundred bytes; whatever else listens there is cut off
EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  # read, not bound


def health(
    *,
    config: options.Config = None,
    url: Annotated[
        str | None,
        typer.Option("--url", help="Where the server is; else as server.host and server.port say."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Ask the running server whether it is ready: exit code 0 or 1."""
    from vault.cli.exits import CommandError, Exit
    from vault.cli.output import show
    from vault.cli.rooms import settings_of

    if url is None:
        server = settings_of(config).server
        if not server.port:
            raise CommandError("server.port is 0: say with --url where the server listens", code=Exit.USAGE)
        host = EVERYWHERE.get(server.host, server.host)
        url = f"http://[{host}]:{server.port}" if ":" in host else f"http://{host}:{server.port}"
    status, report = ask(url)
    shown = {"status": report.get("status", "fail"), "version": report.get("version")}
    shown |= report.get("checks") or {}
    show(shown, as_json=as_json)
    if status != http.client.OK:
        raise CommandError("the server is not ready; the lines above say what it waits for")


def ask(url: str) -> tuple[int, dict[str, Any]]:
    """Ask ``/readyz`` and give status and report; raises CommandError where nobody answers sensibly."""
    from vault.cli.exits import CommandError, Exit

    usage = CommandError("write --url as http://127.0.0.1:8080", code=Exit.USAGE)
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as cause:  # half an IPv6 address, a port beyond the last
        raise usage from cause
    if parts.scheme not in kinds or not host:
        raise usage
    connection = kinds[parts.scheme](host, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/readyz?verbose=true")
        answer = connection.getresponse()
        found = json.loads(answer.read(LIMIT_BYTES))
    except (OSError, http.client.HTTPException) as cause:
        raise CommandError(f"no server answers at {parts.scheme}://{parts.netloc}") from cause
    except ValueError as cause:
        raise CommandError(f"what answers at {parts.netloc} is not Callvault") from cause
    finally:
        connection.close()
    if not isinstance(found, dict):
        raise CommandError(f"what answers at {parts.netloc} is not Callvault")
    return answer.status, found
