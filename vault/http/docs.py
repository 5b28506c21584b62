"""The API's own description: ``/openapi.json``, the page at ``/docs``, and the catalogue of problems."""

import functools
import html
import json
from pathlib import Path
from typing import Final

from aiohttp import web

from vault.http.ask import Answer, Ask
from vault.http.openapi import describe
from vault.http.problem_rows import PROBLEMS
from vault.http.route import Route, RouteTable
from vault.http.security_headers import PAGE_CSP
from vault.http.services import TABLE
from vault.http.wire import JSON_TYPE
from vault.policy import Permission

WEB: Final = Path(__file__).parent.parent / "web"
HTML: Final = "text/html; charset=utf-8"
ASSETS: Final = {
    "swagger-ui.css": (WEB / "vendor" / "swagger-ui" / "swagger-ui.css", "text/css"),
    "swagger-ui-bundle.js": (WEB / "vendor" / "swagger-ui" / "swagger-ui-bundle.js", "text/javascript"),
    "start.js": (WEB / "docs" / "start.js", "text/javascript"),
}
_PAGE: Final = {"Content-Security-Policy": PAGE_CSP}


async def openapi(ask: Ask[None, None]) -> Answer:
    """Give the API description."""
    text = _described(
        ask.raw.app[TABLE], ask.services.health.version, ask.services.settings.server.public_url
    )
    return Answer(body=text, content_type=JSON_TYPE)


@functools.lru_cache(maxsize=1)
def _described(table: RouteTable, version: str, server_url: str) -> str:
    # Written once: it takes 20 ms, which strangers would else take from the calls that run.
    return json.dumps(describe(table, version=version, server_url=server_url), indent=1)


async def docs_page(_ask: Ask[None, None]) -> web.StreamResponse:
    """Show the description as a page."""
    return web.FileResponse(WEB / "docs" / "index.html", headers={**_PAGE, "Content-Type": HTML})


async def asset(ask: Ask[None, None]) -> web.StreamResponse:
    """Give one file of that page."""
    path, content_type = ASSETS[ask.path["asset"]]
    headers = {"Content-Type": content_type, "Cache-Control": "public, max-age=3600"}
    return web.FileResponse(path, headers=headers)


async def problems_page(_ask: Ask[None, None]) -> Answer:
    """List every problem with its words in both languages: where the ``type`` of a problem leads."""
    rows = "".join(
        f'<tr id="{code}"><td><code>{code}</code></td><td>{row.status}</td>'
        + "".join(
            f'<td lang="{language}"><b>{html.escape(words.title)}</b><br>{html.escape(words.detail)}</td>'
            for language, words in row.words.items()
        )
        + "</tr>"
        for code, row in sorted(PROBLEMS.items())
    )
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Problems</title><h1>Problems</h1><table>'
        "<tr><th>code</th><th>status</th><th>English</th><th>Français</th></tr>"
        f"{rows}</table></html>"
    )
    return Answer(body=page, content_type=HTML, headers=_PAGE)


ROUTES: Final = (
    Route(
        method="GET",
        path="/openapi.json",
        handler=openapi,
        needs=Permission.PUBLIC,
        summary="This description.",
        tag="docs",
        responses={200: JSON_TYPE},
        hidden=True,
    ),
    Route(
        method="GET",
        path="/docs",
        handler=docs_page,
        needs=Permission.PUBLIC,
        summary="The API as a page.",
        tag="docs",
        responses={200: "text/html"},
        hidden=True,
    ),
    Route(
        method="GET",
        path="/docs/problems",
        handler=problems_page,
        needs=Permission.PUBLIC,
        summary="Every problem.",
        tag="docs",
        responses={200: "text/html"},
        hidden=True,
    ),
    Route(
        method="GET",
        path="/docs/assets/{asset}",
        handler=asset,
        needs=Permission.PUBLIC,
        summary="A file of the page.",
        tag="docs",
        responses={200: None},
        patterns={"asset": "|".join(name.replace(".", r"\.") for name in ASSETS)},
        hidden=True,
    ),
)
