"""Pages and assets: everything they refer to is served, as what it is, and nothing beside it."""

import asyncio
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest

from tests.vault.http.house import LOOPBACK, House
from tests.vault.http.players import Player, sign_in
from tests.vault.http.recordings import a_button
from vault.http.pages import WEB
from vault.model import Role

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT, STYLE, PICTURE = "text/javascript", "text/css", "image/svg+xml"
RECORDING = "rec_" + "0" * 32
CALL = "call_" + "0" * 32
EXIT = "xit_" + "0" * 32
INVITATION = f"inv_{0:032x}"
IMPORT = re.compile(r"""(?:^|;|\})\s*(?:import|export)\b[^;"'`]*?\bfrom\s*["']([^"']+)["']""", re.MULTILINE)
BARE_IMPORT = re.compile(r"""(?:^|;)\s*import\s*(?:\(\s*)?["']([^"']+)["']""", re.MULTILINE)
STYLE_URL = re.compile(r"""(?:url\(|@import\s+)\s*["']?([^"')\s]+)""")


class _References(HTMLParser):
    """What a page loads, with the type it wants."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.inline += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        if tag == "script":
            if given.get("src") is None:
                self.inline.append("script")
            self.found.append((given.get("src") or "", SCRIPT))
        elif tag == "link" and given.get("rel") == "stylesheet":
            self.found.append((given.get("href") or "", STYLE))
        elif tag == "img" or (tag == "link" and given.get("rel") == "icon"):
            self.found.append((given.get("src") or given.get("href") or "", PICTURE))
        elif tag == "style":
            self.inline.append("style")


TALKING = {
    "/demo",
    "/console",
    f"/console/recordings/{RECORDING}",
    "/console/calls",
    f"/console/calls/{CALL}",
    "/console/keeping",
    "/console/evidence",
    "/console/leaving",
}


async def _pages(house: House) -> dict[str, tuple[str, Any]]:
    """Each page's text and response, the console's as somebody signed in."""
    house.services.demo_button_id = (await a_button(house)).id
    try:
        admin = await sign_in(house, Role.ADMIN)
        found = {}
        pages: tuple[str, ...] = ("/demo", "/docs", "/docs/problems", "/console/login", "/console")
        pages += (
            f"/console/recordings/{RECORDING}",
            "/console/calls",
            f"/console/calls/{CALL}",
            "/console/keeping",
            "/console/evidence",
            "/console/leaving",
            f"/console/leaving/{EXIT}",
        )
        for path in (*pages, f"/i/{INVITATION}", f"/v/{CALL}"):
            status, body, response = await admin.ask("GET", path)
            assert (status, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8"), path
            found[path] = (body.decode(), response)
        return found
    finally:
        house.services.demo_button_id = None


def _references_of(path: str, text: str, content_type: str) -> list[tuple[str, str]]:
    """Addresses a file of ours refers to, and the type each must have."""
    if "swagger-ui" in path or "wavesurfer" in path:
        return []  # bundles: they load nothing (and the policy would not let them)
    if content_type == SCRIPT:
        code = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
        named = [*IMPORT.findall(code), *BARE_IMPORT.findall(code)]
        return [(urljoin(path, name), SCRIPT) for name in named]
    if content_type == STYLE:
        urls = [url for url in STYLE_URL.findall(text) if not url.startswith("data:")]
        return [(urljoin(path, url), STYLE if url.endswith(".css") else PICTURE) for url in urls]
    return []


async def test_everything_a_page_or_module_refers_to_is_served_as_what_it_is(shared_house: House) -> None:
    """Crawled from the pages and the widget through every import: type, nosniff, no third party."""
    waiting: list[tuple[str, str]] = [("/widget.js", SCRIPT)]
    for path, (text, _) in (await _pages(shared_house)).items():
        parser = _References()
        parser.feed(text)
        assert parser.inline == [], path
        waiting += [(urljoin(path, address), wanted) for address, wanted in parser.found]
    seen: dict[str, str] = {}
    while waiting:
        path, wanted = waiting.pop()
        assert path.startswith("/"), path
        if path in seen:
            continue
        status, body, response = await shared_house.ask("GET", path)
        assert status == 200, path
        assert response.headers["Content-Type"].split(";")[0] == wanted, path
        assert response.headers["X-Content-Type-Options"] == "nosniff", path
        assert "sourceMappingURL=http" not in body.decode(), path
        seen[path] = wanted
        waiting += _references_of(path, body.decode(), wanted)
    assert {"/widget/element.js", "/shared/i18n.js", "/assets/console/words.js"} <= set(seen)
    names, carried = {Path(path).name for path in seen}, await _carried_by_verify(shared_house)
    files = {file for file in WEB.rglob("*.*") if file.suffix in {".js", ".css", ".svg"}}
    forgotten = {str(file.relative_to(WEB)) for file in files if file.name not in names}
    inside = {"evidence/evidence.css"}  # in the page that is a file of its own, and checked there
    assert forgotten - carried - inside == set()


async def _carried_by_verify(house: House) -> set[str]:
    """The modules and the style that the page which checks receipts holds in itself."""
    status, body, response = await house.ask("GET", "/verify")
    assert (status, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    text = body.decode()
    assert (WEB / "verify" / "verify.css").read_text(encoding="utf-8") in text
    return {"verify/verify.css", *re.findall(r'^modules\["([^"]+)"\] = ', text, re.MULTILINE)}


async def test_the_widget_may_be_loaded_from_any_page_and_nothing_else_may(shared_house: House) -> None:
    """Public code without credentials: CORS * and cross-origin for the widget and what it shares only."""
    for path in ("/widget.js", "/widget/element.js", "/shared/i18n.js", "/assets/shared/tokens.css"):
        _, _, response = await shared_house.ask("GET", path, headers={"Origin": "https://any.example"})
        assert response.headers["Access-Control-Allow-Origin"] == "*", path
        assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin", path
        assert "Access-Control-Allow-Credentials" not in response.headers
    for path in ("/assets/console/shell.js", "/demo/demo.js", "/docs/assets/start.js", "/console/login"):
        _, _, response = await shared_house.ask("GET", path, headers={"Origin": "https://any.example"})
        assert "Access-Control-Allow-Origin" not in response.headers, path
        assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin", path


async def test_assets_are_revalidated_and_cost_nothing_when_unchanged(shared_house: House) -> None:
    """ETag and 304; a release shows at once."""
    _, _, response = await shared_house.ask("GET", "/widget.js")
    assert response.headers["Cache-Control"] == "no-cache"
    held = {"If-None-Match": response.headers["ETag"]}
    status, body, response = await shared_house.ask("GET", "/widget.js", headers=held)
    assert (status, body) == (304, b"")
    assert response.headers["Access-Control-Allow-Origin"] == "*"


async def test_pages_run_our_own_code_only_and_fit_in_no_frame(shared_house: House) -> None:
    """ASVS 3.4.3, 3.4.6: no unsafe word, no foreign source; object, base and frame closed; a fresh nonce."""
    first, second = await _pages(shared_house), await _pages(shared_house)
    nonces = set()
    for path, (text, response) in [*first.items(), *second.items()]:
        policy = response.headers["Content-Security-Policy"]
        directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
        assert directives["default-src"] == "'none'", path
        assert directives["script-src"] == "'self'", path
        for name in ("object-src", "base-uri", "frame-ancestors"):
            assert directives[name] == "'none'", path
        assert directives["connect-src"] == "'self'", path
        assert "unsafe" not in policy, path
        assert "*" not in policy, path
        assert "http" not in policy, path
        assert response.headers["X-Frame-Options"] == "DENY", path
        assert response.headers["Referrer-Policy"] == "no-referrer", path
        assert response.headers["Cache-Control"] == "no-store", path
        if path.startswith("/console"):
            (nonce,) = re.findall(r"'nonce-([\w-]{22})'", policy)
            assert f'nonce="{nonce}"' in text
            nonces.add(nonce)
    assert len(nonces) == 18


async def test_only_pages_on_which_people_talk_may_use_camera_and_microphone(shared_house: House) -> None:
    """Permissions-Policy: the demo page, the console's and call-back pages may ask, no other page of ours."""
    for path, (_, response) in (await _pages(shared_house)).items():
        policy = response.headers["Permissions-Policy"]
        talks = path in TALKING or path.startswith("/i/")
        assert ("camera=(self)" in policy and "microphone=(self)" in policy) == talks, path
        if not talks:
            assert "camera=()" in policy, path
            assert "microphone=()" in policy, path


async def test_without_a_demo_button_there_is_no_demo_page(shared_house: House) -> None:
    """404 outside development; with one, the page has that button."""
    status, problem, _ = await shared_house.ask("GET", "/demo")
    assert (status, problem["code"]) == (404, "not_found")
    pages = await _pages(shared_house)
    assert re.search(r'<call-button button="btn_[0-9a-f]{32}">', pages["/demo"][0])


@pytest.mark.parametrize("path", ["/console", f"/console/recordings/{RECORDING}", f"/console/calls/{CALL}"])
async def test_the_console_leads_whoever_is_not_signed_in_to_the_door(shared_house: House, path: str) -> None:
    """303 to the sign-in page, which knows where to go on; also with a cookie that is over."""
    player = await sign_in(shared_house)
    assert (await player.ask("GET", path))[0] == 200
    assert (await player.ask("DELETE", "/v1/sessions/current"))[0] == 204
    for headers in ({}, {"Cookie": player.cookie}, {"Cookie": "callvault-dev=x"}):
        status, _, response = await shared_house.ask("GET", path, headers=headers, allow_redirects=False)
        assert status == 303
        to = urlsplit(response.headers["Location"])
        assert (to.netloc, to.path) == ("", "/console/login")
        assert parse_qs(to.query) == {"why": ["ended"], "next": [path]}


async def test_a_page_says_who_is_signed_in_and_escapes_it(shared_house: House) -> None:
    """A name is text, whatever it holds; without a session the sign-in page names nobody."""
    people = shared_house.rooms.identity.people
    name = '<script>alert(1)</script> & "Zoé"'
    person = await people.add(
        tenant_id=shared_house.tenants["a"], role=Role.AGENT, profile={"name": name}, by=None
    )
    principal = shared_house.by()
    opened = await shared_house.rooms.identity.sessions.open_for(
        type(principal)(person.id, person.tenant_id, person.role)
    )
    player = Player(shared_house, person, f"callvault-dev={opened.secret}")
    _, body, _ = await player.ask("GET", "/console")
    assert "<script>alert" not in body.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#34;Zoé&#34;" in body.decode()
    assert "Tenant A" in body.decode()
    _, body, _ = await player.ask("GET", "/console/login")
    assert "Zoé" not in body.decode()


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        ("fr", "en", "fr"),
        ("en", "fr", "en"),
        ("", "fr-CH", "fr"),
        ("", "de", "en"),
        ("de", "fr", "fr"),
        ("../fr", "en", "en"),
        ("fr<script>", "en", "en"),
    ],
)
async def test_the_console_speaks_the_language_that_was_chosen(
    shared_house: House, cookie: str, accepted: str, language: str
) -> None:
    """The cookie of the switch first, if it is one of ours; else what the browser asks for."""
    headers = {"Accept-Language": accepted}
    if cookie:
        headers["Cookie"] = f"callvault_language={cookie}"
    _, body, _ = await shared_house.ask("GET", "/console/login", headers=headers)
    assert re.search(r'<html lang="(\w+)">', body.decode()).group(1) == language  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "folder", ["/widget", "/shared", "/assets/console", "/assets/shared", "/demo", "/docs/assets"]
)
@pytest.mark.parametrize(
    "trick",
    [
        "..",
        "../pages.py",
        "../../http/pages.py",
        "%2e%2e/%2e%2e/http/pages.py",
        "..%2f..%2fhttp%2fpages.py",
        "%2e%2e%2fconsole%2fshell.js",
        "..\\..\\http\\pages.py",
        "..%5c..%5chttp%5cpages.py",
        "/etc/passwd",
        "//etc/passwd",
        "%2fetc%2fpasswd",
        "element.js%00.css",
        "shell.js%00",
        "%00",
        "shell.js/",
        "shell.js;x.js",
        "SHELL.JS",
        ".js",
        "templates/base.html",
        "base.html",
        "README.md",
        "",
        "%c0%ae%c0%ae/pages.py",
        "a" * 4_000 + ".js",
    ],
)
async def test_no_path_leads_out_of_its_folder(shared_house: House, folder: str, trick: str) -> None:
    """ASVS 14.2.5, sent raw, as no tidy client would: never a file, never a fault of ours."""
    answer = await _raw(shared_house.port, f"{folder}/{trick}")
    status = int(answer.split(b" ", 2)[1])
    assert status in {400, 404}, answer[:200]
    for leaked in (b"jinja2", b"root:", b"{%", b"import "):
        assert leaked not in answer


async def _raw(port: int, target: str) -> bytes:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode("latin-1"))
    await writer.drain()
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer
