"""The API's own description: ``/openapi.json``, the page at ``/docs``, and the catalogue of problems."""

import functools
import html
import json
from pathlib import Path
from typing import Final

from aiohttp import web

from vault.http.ask import Answer, Ask
from vault.http.openapi import describe
from vault.http.problem_rows import PROBLEMS, Row
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
    "problems.css": (WEB / "docs" / "problems.css", "text/css"),
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
    blocks = "".join(_block(code, row) for code, row in sorted(PROBLEMS.items()))
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Problems</title>'
        '<link rel="stylesheet" href="/shared/tokens.css">'
        '<link rel="stylesheet" href="/docs/assets/problems.css"></head>'
        f"<body><main><h1>Problems</h1>{blocks}</main></body></html>"
    )
    return Answer(body=page, content_type=HTML, headers=_PAGE)


def _block(code: str, row: Row) -> str:
    words = "".join(
        f'<p lang="{language}"><b>{html.escape(said.title)}.</b> {html.escape(said.detail)}</p>'
        for language, said in row.words.items()
    )
    return f'<article id="{code}"><h2>{code} <span class="status">{row.status}</span></h2>{words}</article>'


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
