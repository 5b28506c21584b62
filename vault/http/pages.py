"""Pages and assets: the widget's modules, the console's shells, the demo page, the one that checks receipts.

Shells are rendered here, data comes from the API. Assets are files of ``vault/web`` found by a pattern that
knows no path separators, so that a path cannot lead anywhere else.
"""

import functools
import json
import re
import secrets
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import jinja2
from aiohttp import web

from vault.clock import to_text
from vault.errors import NotFoundError
from vault.http.ask import Answer, Ask
from vault.http.language import LANGUAGES
from vault.http.route import Limit, Route
from vault.http.security_headers import PAGE_CSP
from vault.model import Id
from vault.policy import Permission, Principal

WEB: Final = Path(__file__).parent.parent / "web"
CATALOGUES: Final = (
    "{}.js",
    "{}_call.js",
    "{}_history.js",
    "{}_keeping.js",
    "{}_company.js",
)  # as words.js has them
HTML: Final = "text/html; charset=utf-8"
LANGUAGE_COOKIE: Final = "callvault_language"
TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
FILE: Final = r"[a-z0-9_-]{1,60}(?:\.esm)?\.(?:js|css|svg)"
CONSOLE_CSP: Final = PAGE_CSP.replace("style-src 'self'", "style-src 'self' 'nonce-{nonce}'")
# The page with the button and the pages of whoever answers ask for camera, microphone, screen; no other may.
TALKS: Final = {"Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self)"}
DEMO_HEADERS: Final = {"Content-Security-Policy": PAGE_CSP, **TALKS}
PORTAL: Final = {
    "en": {"title": "Your call", "wait": "One moment…", "no_script": "This page needs JavaScript."},
    "fr": {"title": "Votre appel", "wait": "Un instant…", "no_script": "Cette page a besoin de JavaScript."},
}
"""What the visitor's own page says before its script runs."""
CALLBACK: Final = {
    "en": {"title": "Call", "wait": "One moment…", "no_script": "This page needs JavaScript."},
    "fr": {"title": "Appel", "wait": "Un instant…", "no_script": "Cette page a besoin de JavaScript."},
}
"""What the page of a call-back link says before its script runs."""
VERIFY: Final = WEB / "verify" / "verify.html"
_POLICY: Final = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)">')
# The integrator's page loads the widget from here: public code, no credentials, any origin.
OPEN_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


async def widget(_ask: Ask[None, None]) -> web.StreamResponse:
    """Give the widget's first module."""
    return _file(WEB / "widget" / "widget.js", OPEN_HEADERS)


async def widget_file(ask: Ask[None, None]) -> web.StreamResponse:
    """Give a module of the widget."""
    return _file(WEB / "widget" / ask.path["file"], OPEN_HEADERS)


async def shared_file(ask: Ask[None, None]) -> web.StreamResponse:
    """Give what widget, demo and console share."""
    return _file(WEB / "shared" / ask.path["file"], OPEN_HEADERS)


async def console_file(ask: Ask[None, None]) -> web.StreamResponse:
    """Give an asset of the console."""
    return _file(WEB / "console" / ask.path["file"])


async def wavesurfer_file(ask: Ask[None, None]) -> web.StreamResponse:
    """Give the vendored waveform player."""
    return _file(WEB / "vendor" / "wavesurfer" / ask.path["file"])


async def demo(ask: Ask[None, None]) -> Answer:
    """Show the demo shop, where there is a demo tenant."""
    button_id = ask.services.demo_button_id
    if button_id is None:
        raise NotFoundError("there is no demo here")
    page = _environment().get_template("demo/demo.html").render(button_id=button_id)
    return Answer(body=page, content_type=HTML, headers=DEMO_HEADERS)


async def demo_file(ask: Ask[None, None]) -> web.StreamResponse:
    """Give an asset of the demo page."""
    return _file(WEB / "demo" / ask.path["file"])


async def callback(ask: Ask[None, None]) -> Answer:
    """Show the page of a call-back link: the same for every link, whether it is good or not."""
    page = (
        _environment()
        .get_template("callback/callback.html")
        .render(lang=ask.language, invitation_id=ask.path["invitation_id"], **CALLBACK[ask.language])
    )
    return Answer(body=page, content_type=HTML, headers={**DEMO_HEADERS, "Content-Language": ask.language})


async def callback_file(ask: Ask[None, None]) -> web.StreamResponse:
    """Give an asset of that page."""
    return _file(WEB / "callback" / ask.path["file"])


async def portal(ask: Ask[None, None]) -> Answer:
    """Show the visitor's own page: the same for every call, whether it is there or not."""
    page = (
        _environment()
        .get_template("portal/portal.html")
        .render(lang=ask.language, call_id=ask.path["call_id"], **PORTAL[ask.language])
    )
    headers = {"Content-Security-Policy": PAGE_CSP, "Content-Language": ask.language}
    return Answer(body=page, content_type=HTML, headers=headers)


async def portal_file(ask: Ask[None, None]) -> web.StreamResponse:
    """Give an asset of that page."""
    return _file(WEB / "portal" / ask.path["file"])


async def verify(_ask: Ask[None, None]) -> web.StreamResponse:
    """Show the page that checks receipts: one file, the same that a visitor keeps."""
    headers = {"Content-Type": HTML, "Cache-Control": "no-cache", "Content-Security-Policy": _verify_csp()}
    return web.FileResponse(VERIFY, headers=headers)


async def login(ask: Ask[None, None]) -> Answer:
    """Show the sign-in page."""
    return await _shell(ask, "login.html", me=None)


async def recordings(ask: Ask[None, None]) -> Answer:
    """Show the list, to whoever is signed in."""
    return await _signed_in(ask, "recordings.html")


async def recording(ask: Ask[None, None]) -> Answer:
    """Show one recording, to whoever is signed in; whether it exists, the API says."""
    return await _signed_in(ask, "recording.html", recording_id=ask.path["media_id"])


async def history(ask: Ask[None, None]) -> Answer:
    """Show the list of calls, to whoever is signed in."""
    return await _signed_in(ask, "history.html")


async def dossier(ask: Ask[None, None]) -> Answer:
    """Show one call, to whoever is signed in; whether it exists, the API says."""
    return await _signed_in(ask, "dossier.html", call_id=ask.path["call_id"])


async def keeping(ask: Ask[None, None]) -> Answer:
    """Show how long things are kept and what keeps them longer; what of it a role sees, the API says."""
    return await _signed_in(ask, "keeping.html")


async def leaving(ask: Ask[None, None]) -> Answer:
    """Show how a company leaves, and how far it is; what of it a role sees, the API says."""
    return await _signed_in(ask, "leaving.html")


async def follow(ask: Ask[None, None]) -> Answer:
    """Show the page of a follow-up link: the same for every exit, whether it is there or not."""
    return await _shell(ask, "follow.html", me=None, exit_id=ask.path["exit_id"])


async def evidence(ask: Ask[None, None]) -> Answer:
    """Show where evidence is made; for whom, the API says."""
    return await _signed_in(ask, "evidence.html")


async def _signed_in(ask: Ask[None, None], template: str, **values: str) -> Answer:
    if ask.who is None:
        query = urlencode({"why": "ended", "next": ask.raw.path})
        return Answer(status=303, headers={"Location": f"/console/login?{query}"})
    return await _shell(ask, template, me=ask.who, **values)


async def _shell(ask: Ask[None, None], template: str, *, me: Principal | None, **values: str) -> Answer:
    chosen = ask.raw.cookies.get(LANGUAGE_COOKIE, "")
    language = chosen if chosen in LANGUAGES else ask.language
    nonce = secrets.token_urlsafe(16)
    page = (
        _environment()
        .get_template(f"console/templates/{template}")
        .render(
            lang=language,
            words=_words(language),
            me=None if me is None else await _me(ask, me),
            nonce=nonce,
            **values,
        )
    )
    headers = {"Content-Security-Policy": CONSOLE_CSP.format(nonce=nonce)}
    answers = me is not None and me.may(Permission.CALL_ANSWER)
    return Answer(body=page, content_type=HTML, headers={**headers, **(TALKS if answers else {})})


async def _me(ask: Ask[None, None], who: Principal) -> dict[str, Any]:
    identity = ask.services.identity
    person = await identity.people.shown(who.id, tenant_id=who.tenant_id)
    tenant_name = await identity.tenants.name_of(Id(who.tenant_id))
    return {
        "name": person.name,
        "role": who.role.value,
        "tenant_name": tenant_name,
        "answers": who.may(Permission.CALL_ANSWER),
        "keeps": who.may(Permission.RETENTION_READ),
        "audits": who.may(Permission.EVIDENCE_READ),
        "leaves": who.may(Permission.TENANT_READ),
        "exit": await _exit(ask, who),
    }


async def _exit(ask: Ask[None, None], who: Principal) -> dict[str, str] | None:
    """Tell everybody of a company that it is leaving."""
    found = await ask.services.exits.under_way(by=who)
    if found is None:
        return None
    ends_at = to_text(found.ends_at) if found.ends_at else ""
    return {"state": found.state.value, "ends_at": ends_at, "waits_for": found.waits_for or ""}


@functools.cache
def _verify_csp() -> str:
    """Repeat the policy that the file itself bears, with what only a header can say."""
    found = _POLICY.search(VERIFY.read_text(encoding="utf-8"))
    if found is None:
        raise NotFoundError("there is no such page")
    return f"{found[1]}; frame-ancestors 'none'"


@functools.cache
def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader([WEB, WEB / "console" / "templates"])
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)


@functools.cache
def _words(language: str) -> dict[str, Any]:
    """Read the catalogues: ES modules whose default export is plain JSON between its outer braces."""
    found: dict[str, Any] = {}
    for name in CATALOGUES:
        text = (WEB / "console" / name.format(language)).read_text(encoding="utf-8")
        catalogue = text.split("export default", 1)[1]
        found |= json.loads(catalogue[catalogue.index("{") : catalogue.rindex("}") + 1])
    return found


def _file(path: Path, headers: dict[str, str] | None = None) -> web.StreamResponse:
    if not path.is_file():
        raise NotFoundError("there is no such file")
    # Revalidated each time: a new release shows at once, and costs one 304 otherwise.
    plain = {"Content-Type": TYPES[path.suffix], "Cache-Control": "no-cache"}
    return web.FileResponse(path, headers={**plain, **(headers or {})})


def _page(path: str, handler: Any, summary: str, limit: Limit = Limit.NONE, **more: Any) -> Route:
    return Route(
        method="GET",
        path=path,
        handler=handler,
        needs=Permission.PUBLIC,
        summary=summary,
        tag="pages",
        responses={200: "text/html"},
        hidden=True,
        limit=limit,
        **more,
    )


_ONE_FILE: Final = {"file": FILE}
ROUTES: Final = (
    _page("/widget.js", widget, "The call button's first module."),
    _page("/widget/{file}", widget_file, "A module of the call button.", patterns=_ONE_FILE),
    _page("/shared/{file}", shared_file, "What the pages share.", patterns=_ONE_FILE),
    _page("/assets/shared/{file}", shared_file, "What the pages share.", patterns=_ONE_FILE),
    _page("/assets/console/{file}", console_file, "An asset of the console.", patterns=_ONE_FILE),
    _page("/assets/vendor/wavesurfer/{file}", wavesurfer_file, "The waveform player.", patterns=_ONE_FILE),
    _page("/demo", demo, "The demo shop."),
    _page("/demo/{file}", demo_file, "An asset of the demo shop.", patterns=_ONE_FILE),
    _page("/i/{invitation_id}", callback, "The page of a call-back link.", Limit.API),
    _page("/callback/{file}", callback_file, "An asset of that page.", patterns=_ONE_FILE),
    _page("/v/{call_id}", portal, "The visitor's own page of a call.", Limit.API),
    _page("/portal/{file}", portal_file, "An asset of that page.", patterns=_ONE_FILE),
    _page("/verify", verify, "The page that checks receipts; it asks no server for anything."),
    _page("/console/login", login, "Sign in."),
    _page("/console", recordings, "The list of recordings.", Limit.API),
    _page("/console/recordings/{media_id}", recording, "One recording.", Limit.API),
    _page("/console/calls", history, "The list of calls.", Limit.API),
    _page("/console/calls/{call_id}", dossier, "One call.", Limit.API),
    _page("/console/keeping", keeping, "Keeping and erasing.", Limit.API),
    _page("/console/evidence", evidence, "Evidence for whoever audits.", Limit.API),
    _page("/console/leaving", leaving, "A company leaves.", Limit.API),
    _page("/console/leaving/{exit_id}", follow, "The end of an exit, by its follow-up link.", Limit.API),
)
