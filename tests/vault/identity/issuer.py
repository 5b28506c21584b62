"""An identity provider on loopback: keys of each kind, tokens of any content, a key address that can fail."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from vault.identity.issuers import NewIssuer
from vault.model import Role

NAME = "https://idp.example"
AUDIENCE = "callvault"
RSA_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def new_key(algorithm: str) -> Any:
    """A private key for an algorithm (the RSA one is shared: making one takes long)."""
    match algorithm:
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case _:
            return RSA_KEY


def public_jwk(key: Any, algorithm: str, kid: str, **more: Any) -> dict[str, Any]:
    """The public half as a JWK."""
    written = get_default_algorithms()[algorithm].to_jwk(key.public_key())
    return {**json.loads(written), "kid": kid, **more}


@dataclass(slots=True)
class Provider:
    """One provider; its key address, ``asked`` so often, gives ``answer`` after ``pause_s``."""

    algorithm: str = "EdDSA"
    url: str = ""
    asked: int = 0
    status: int = 200
    pause_s: float = 0.0
    answer: bytes | None = None
    keys: dict[str, Any] = field(default_factory=dict)

    def add_key(self, kid: str) -> None:
        """Make a key and publish it."""
        self.keys[kid] = new_key(self.algorithm)

    def key_set(self) -> dict[str, Any]:
        """The JWK set."""
        return {"keys": [public_jwk(key, self.algorithm, kid) for kid, key in self.keys.items()]}

    def token(
        self, claims: Mapping[str, Any], *, kid: str = "k1", header: Mapping[str, Any] | None = None
    ) -> str:
        """A signed token."""
        headers = {"kid": kid, **(header or {})}
        return jwt.encode(dict(claims), self.keys[kid], algorithm=self.algorithm, headers=headers)

    def registration(self, **changes: Any) -> NewIssuer:
        """What an administrator would say of it."""
        given: dict[str, Any] = {
            "name": "Company sign-in",
            "issuer": NAME,
            "audience": AUDIENCE,
            "algorithm": self.algorithm,
            "jwks_url": self.url,
            "role_map": {},
            "default_role": Role.AGENT,
        }
        return NewIssuer(**(given | changes))


@asynccontextmanager
async def open_provider(algorithm: str = "EdDSA") -> AsyncIterator[Provider]:
    """Start a provider on a free loopback port, with one key."""
    provider = Provider(algorithm)
    provider.add_key("k1")

    async def keys(_request: web.Request) -> web.Response:
        provider.asked += 1
        await asyncio.sleep(provider.pause_s)
        body = provider.answer if provider.answer is not None else json.dumps(provider.key_set()).encode()
        headers = {"Location": "/elsewhere"} if provider.status == 302 else {}
        return web.Response(body=body, status=provider.status, headers=headers)

    application = web.Application()
    application.router.add_get("/keys", keys)
    application.router.add_get("/elsewhere", keys)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}/keys"
    try:
        yield provider
    finally:
        await runner.cleanup()
