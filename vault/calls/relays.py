"""TURN servers and short-lived credentials for them, as browsers take them.

The scheme is the one that coturn calls the TURN REST API (draft-uberti-behave-turn-rest-00): the username is
the moment of expiry and a pseudonym, the credential its HMAC-SHA1 under a secret that only the TURN server
and we know. So no list of users is kept anywhere, and what a page leaks is good for a while, at the relay
alone. The pseudonym is random: the TURN server's log names nobody.
"""

import base64
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final, Literal

from vault.clock import Clock
from vault.settings import MediaSettings

PSEUDONYM_BYTES: Final = 9
Policy = Literal["all", "relay"]


@dataclass(frozen=True, slots=True)
class IceServer:
    """A TURN server, as RTCPeerConnection takes it; what it holds is not logged."""

    urls: tuple[str, ...]
    username: str = field(repr=False)
    credential: str = field(repr=False)

    def links(self) -> str:
        """Write it for a Link header (RFC 9725, 4.6)."""
        more = f'rel="ice-server"; username="{self.username}"; credential="{self.credential}"'
        return ", ".join(f'<{url}>; {more}; credential-type="password"' for url in self.urls)


class Relays:
    """Makes credentials; each caller gets its own."""

    def __init__(self, settings: MediaSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    @property
    def policy(self) -> Policy:
        """Whether callers may try the direct way."""
        return "relay" if self._settings.turn_only else "all"

    def servers(self) -> tuple[IceServer, ...]:
        """The TURN servers with a fresh credential; empty where there are none."""
        settings = self._settings
        if not settings.turn_urls or settings.turn_secret is None:
            return ()
        expires = int(self._clock.now().timestamp() + settings.turn_lifetime_s)
        username = f"{expires}:{secrets.token_urlsafe(PSEUDONYM_BYTES)}"
        secret = settings.turn_secret.get_secret_value().encode()
        credential = base64.b64encode(hmac.digest(secret, username.encode(), "sha1")).decode()
        return (IceServer(settings.turn_urls, username, credential),)

    def headers(self) -> dict[str, str]:
        """The Link header of an answer to an offer, where there is something to tell."""
        servers = self.servers()
        return {"Link": ", ".join(server.links() for server in servers)} if servers else {}
