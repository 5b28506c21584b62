"""The session cookie, and the rule that keeps other sites from using it.

``__Host-`` binds the cookie to this host, https and ``/`` (RFC 6265bis, 4.1.3.2). A development server on
plain http and loopback cannot have it, so its cookie bears another name and is never taken elsewhere.
"""

from typing import Final

from aiohttp import web

from vault.http.errors import CrossSiteError
from vault.settings import Settings

SECURE_NAME: Final = "__Host-callvault"
PLAIN_NAME: Final = "callvault-dev"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_COOKIE_CHARS: Final = 200


def is_secure(settings: Settings) -> bool:
    """Tell whether people reach this installation over https."""
    return settings.server.public_url.startswith("https://")


def read_session_cookie(request: web.Request, settings: Settings) -> str | None:
    """Return the session cookie of this installation's kind, if one was sent."""
    name = SECURE_NAME if is_secure(settings) else PLAIN_NAME
    value = request.cookies.get(name)
    return value if value and len(value) <= MAX_COOKIE_CHARS else None


def session_cookie(value: str, *, settings: Settings, max_age_s: int) -> str:
    """Write the Set-Cookie value that opens a session."""
    if is_secure(settings):
        return f"{SECURE_NAME}={value}; Path=/; Max-Age={max_age_s}; Secure; HttpOnly; SameSite=Strict"
    return f"{PLAIN_NAME}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict"


def expired_cookie(settings: Settings) -> str:
    """Write the Set-Cookie value that forgets a session."""
    return session_cookie("", settings=settings, max_age_s=0)


def require_same_site(request: web.Request, settings: Settings) -> None:
    """Refuse an unsafe method that another site's page sent with our cookie; raises CrossSiteError.

    Browsers state the relation in Sec-Fetch-Site; one too old for that still states Origin. A request that
    states neither is no browser of ours and may use a bearer token instead.
    """
    if request.method in SAFE_METHODS:
        return
    relation = request.headers.get("Sec-Fetch-Site")
    if relation is not None:
        if relation in {"same-origin", "none"}:
            return
        raise CrossSiteError("another site's page sent this")
    if request.headers.get("Origin") != own_origin(request, settings):
        raise CrossSiteError("another site's page sent this")


def own_origin(request: web.Request, settings: Settings) -> str:
    """Return the origin of our own pages; on a development server, the one that was asked."""
    return settings.server.public_url or f"http://{request.host}"
