"""Credentials for TURN: short-lived, random, and what the TURN server computes as well."""

import base64
import hashlib
import hmac

import pytest
from pydantic import SecretStr, ValidationError

from tests.vault.media.workshop import Workshop
from vault.calls.relays import Relays
from vault.settings import MediaSettings

URLS = ("turn:turn.example.org:3478?transport=udp", "turns:turn.example.org:443?transport=tcp")
SECRET = SecretStr("a secret that two machines share")


def settings(**more: object) -> MediaSettings:
    """Settings with TURN."""
    return MediaSettings.model_validate({"turn_urls": URLS, "turn_secret": SECRET, **more})


def test_a_credential_is_what_the_turn_server_computes(work: Workshop) -> None:
    """The moment of expiry and a pseudonym, and the HMAC-SHA1 of both under the shared secret."""
    (server,) = Relays(settings(turn_lifetime_s=900), work.clock).servers()
    expires, _, pseudonym = server.username.partition(":")
    assert int(expires) == int(work.clock.now().timestamp() + 900)
    assert len(pseudonym) == 12
    digest = hmac.new(SECRET.get_secret_value().encode(), server.username.encode(), hashlib.sha1).digest()
    assert server.credential == base64.b64encode(digest).decode()
    assert server.urls == URLS


def test_each_caller_gets_a_name_of_its_own_and_none_is_shown(work: Workshop) -> None:
    """The TURN server's log names nobody; what is printed of a credential is nothing."""
    relays = Relays(settings(), work.clock)
    (one,), (other,) = relays.servers(), relays.servers()
    assert one.username != other.username
    assert one.credential not in repr(one)
    assert one.username not in repr(one)


@pytest.mark.parametrize("missing", ["turn_urls", "turn_secret"])
def test_without_a_server_or_a_secret_there_is_no_relay(missing: str, work: Workshop) -> None:
    """Half of the settings tells callers nothing."""
    relays = Relays(settings(**{missing: () if missing == "turn_urls" else None}), work.clock)
    assert relays.servers() == ()
    assert relays.headers() == {}


def test_the_link_header_has_the_form_of_the_standard(work: Workshop) -> None:
    """RFC 9725, 4.6: a link for each server, with rel ice-server and its credential."""
    link = Relays(settings(), work.clock).headers()["Link"]
    assert link.count('rel="ice-server"') == 2
    assert link.count('credential-type="password"') == 2
    assert all(f"<{url}>" in link for url in URLS)


@pytest.mark.parametrize(
    "url",
    [
        "stun:host",
        "turn:",
        "turn:host:port",
        "turn:host?transport=sctp",
        'turn:host"; x="y',
        "https://turn.example",
    ],
)
def test_what_is_no_turn_server_is_refused(url: str) -> None:
    """A setting that could break a header, or that no browser takes, is found at the start."""
    with pytest.raises(ValidationError):
        settings(turn_urls=(url,))
