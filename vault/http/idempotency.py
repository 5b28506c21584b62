"""Idempotency keys: a creating POST that is repeated gets its first answer again.

Scoped to principal, path and key; kept 24 hours, then deleted whether or not anybody asks. The stored answer
is sealed under the tenant's key, and of the body there is only a hash keyed with it: names and addresses are
too easily guessed for a bare one. Only answers that succeeded are kept: a failed request may be tried again
with the same key.
"""

import asyncio
import hashlib
import json
import re
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from aiohttp import web
from pydantic import BaseModel
from sqlalchemy import Delete, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from vault.db.tables import idempotency
from vault.errors import Fault, IdempotencyConflictError, InvalidError
from vault.http.ask import Answer, Ask
from vault.http.route import Route
from vault.http.services import Services
from vault.http.wire import JSON_TYPE

KEPT: Final = timedelta(hours=24)
ABANDONED: Final = timedelta(minutes=2)  # no handler of a creating POST runs longer; its process is gone
PURGE_EVERY_S: Final = 300.0
REPLAYED: Final = "Idempotent-Replayed"
_log = structlog.get_logger("vault.http")
_KEY: Final = re.compile(r"^[\x21-\x7e]{1,255}$")


async def once(ask: Ask[Any, Any], route: Route) -> Answer | web.StreamResponse:
    """Run the handler once for each Idempotency-Key; without a key, simply run it.

    Raises IdempotencyConflictError for a key that came with another body, or is still being worked on.
    """
    key = ask.raw.headers.get("Idempotency-Key")
    if key is None:
        return await route.handler(ask)
    if not _KEY.fullmatch(key):
        raise InvalidError(
            "the idempotency key is ill-formed",
            [Fault("header:Idempotency-Key", "string_pattern_mismatch", "1 to 255 visible ASCII characters")],
        )
    key_hash = _digest(ask.principal.id, ask.raw.path, key)
    # The digest goes in as hexadecimal digits: what is indexed may be folded, and a body must not be.
    request_hash = await ask.services.blobs.index(
        tenant_id=ask.principal.tenant_id, text=_digest(_canonical(ask.body)).hex()
    )
    stored = await _claim(ask, key_hash, request_hash)
    if stored is not None:
        return await _replay(ask, key_hash, stored)
    try:
        answer = await route.handler(ask)
    except BaseException:
        await _release(ask, key_hash)
        raise
    await _keep(ask, key_hash, answer)
    return answer


async def forget_old_keys(services: Services) -> None:
    """Delete what is over every few minutes until cancelled; what fails is tried again."""
    while True:
        try:
            async with services.database.write() as connection:
                await connection.execute(_over(services.clock.now()))
        except Exception as error:  # noqa: BLE001  # whatever it is, the next time comes
            _log.warning("idempotency keys wait", error=type(error).__name__)
        await asyncio.sleep(PURGE_EVERY_S)


def _over(now: datetime) -> Delete:
    table = idempotency.c
    return delete(idempotency).where(
        (table.created_at < now - KEPT) | (table.status.is_(None) & (table.created_at < now - ABANDONED))
    )


async def _claim(ask: Ask[Any, Any], key_hash: bytes, request_hash: bytes) -> tuple[int, bytes] | None:
    """Take the key for us (None), or return the status and sealed answer of who had it first."""
    now = ask.services.clock.now()
    table = idempotency.c
    row = {
        "key_hash": key_hash,
        "tenant_id": ask.principal.tenant_id,
        "request_hash": request_hash,
        "created_at": now,
    }
    try:
        async with ask.services.database.write() as connection:
            await connection.execute(_over(now))
            await connection.execute(insert(idempotency).values(row))
    except IntegrityError:
        async with ask.services.database.read() as connection:
            found = (
                await connection.execute(select(idempotency).where(table.key_hash == key_hash))
            ).one_or_none()
    else:
        return None
    if found is None or found.status is None:
        raise IdempotencyConflictError("the first request with this key is still running")
    if found.request_hash != request_hash:
        raise IdempotencyConflictError("this key came with another body before")
    return found.status, found.sealed_response


async def _keep(ask: Ask[Any, Any], key_hash: bytes, answer: Answer | web.StreamResponse) -> None:
    if not isinstance(answer, Answer) or answer.cookies:  # a stream or a session is never replayed
        await _release(ask, key_hash)
        return
    body = answer.body.model_dump_json() if isinstance(answer.body, BaseModel) else None
    sealed = await ask.services.blobs.seal(
        tenant_id=ask.principal.tenant_id,
        object_id=ask.principal.tenant_id,
        part=key_hash.hex(),
        value={"headers": dict(answer.headers), "body": body},
    )
    async with ask.services.database.write() as connection:
        await connection.execute(
            update(idempotency)
            .where(idempotency.c.key_hash == key_hash)
            .values(status=answer.status, sealed_response=sealed)
        )


async def _replay(ask: Ask[Any, Any], key_hash: bytes, stored: tuple[int, bytes]) -> Answer:
    status, sealed = stored
    tenant_id = ask.principal.tenant_id
    value = await ask.services.blobs.open(
        sealed, tenant_id=tenant_id, object_id=tenant_id, part=key_hash.hex()
    )
    return Answer(
        status=status,
        body=value["body"],
        content_type=JSON_TYPE,
        headers={**value["headers"], REPLAYED: "true"},
    )


async def _release(ask: Ask[Any, Any], key_hash: bytes) -> None:
    async with ask.services.database.write() as connection:
        await connection.execute(delete(idempotency).where(idempotency.c.key_hash == key_hash))


def _canonical(body: Any) -> str:
    if isinstance(body, BaseModel):
        return json.dumps(body.model_dump(mode="json"), sort_keys=True)
    return body.hex() if isinstance(body, bytes) else ""


def _digest(*parts: str) -> bytes:
    # Each part's length goes in too: two parts can then not be shifted into one another.
    joined = b"".join(len(part.encode()).to_bytes(8, "big") + part.encode() for part in parts)
    return hashlib.sha256(joined).digest()
