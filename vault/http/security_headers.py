"""Headers that every answer bears, unless a page set a stricter or a page's own one."""

from typing import Final

from aiohttp import web

from vault.http.cookies import is_secure
from vault.settings import Settings

API_CSP: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
PAGE_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; "
    "frame-ancestors 'none'"
)
HSTS: Final = "max-age=63072000; includeSubDomains"  # two years (ASVS 3.4.1 asks for one)

_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": API_CSP,
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), display-capture=()",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


def add_security_headers(response: web.StreamResponse, settings: Settings) -> None:
    """Add what the handler did not set itself, and drop the banner that names server versions."""
    for name, value in _ALWAYS.items():
        response.headers.setdefault(name, value)
    if is_secure(settings):
        response.headers.setdefault("Strict-Transport-Security", HSTS)
    response.headers.popall("Server", None)
