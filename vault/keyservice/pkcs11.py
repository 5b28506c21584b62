"""Epoch keys in a hardware security module, through PKCS #11 (OASIS, version 2.40 and later).

One AES-256 key for each epoch, made in the token and never taken out: sensitive, not extractable. Tenant keys
are wrapped inside it by AES-GCM, the context as associated data: ``nonce (12) || sealed (32) || tag (16)``.

The rules of the interface that are kept here: a module belongs to the process that initialised it, so it is
opened by the first call and not at import; it is told of no threads, so one thread at a time calls it; a
session is used by the thread that opened it.
"""

import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar, cast

import pkcs11
from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, MechanismFlag, ObjectClass, Session

from crypto.errors import CryptoError
from crypto.keys import TenantKey
from vault.errors import KeyProviderError
from vault.keys.provider import Destruction, Epoch, EpochKeyState, require_place
from vault.keyservice.worker import Worker

NONCE_BYTES: Final = 12
TAG_BITS: Final = 128
KEY_BITS: Final = 256
ALONE: Final = threading.Lock()  # over all modules of the process: nothing is won by two threads in tokens
STARTS: Final[Counter[str]] = Counter()  # how often each module was started anew: that ends all its sessions
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """Which token, how to log in, and under which name its keys stand beside those of other programs."""

    module: Path
    token: str
    pin: str = field(repr=False)
    label: str = "callvault"
    timeout_s: float = 10.0


class AesKey(Protocol):
    """What a key of the token does for us."""

    def encrypt(self, plain: bytes, /, *, mechanism: Mechanism, mechanism_param: GCMParams) -> bytes:
        """Seal under it."""
        ...

    def decrypt(self, sealed: bytes, /, *, mechanism: Mechanism, mechanism_param: GCMParams) -> bytes:
        """Open what was sealed."""
        ...

    def destroy(self) -> None:
        """Remove it from the token."""
        ...


class Pkcs11KeyProvider:
    """Holds one session, opened at need and again after any trouble."""

    name = "pkcs11"
    assurance = "hsm"

    def __init__(self, settings: TokenSettings) -> None:
        self._settings = settings
        self._worker = Worker(f"the token {settings.token}", timeout_s=settings.timeout_s)
        self._session: Session | None = None
        self._opened_in = (0, 0)  # the process, and which start of the module

    def __repr__(self) -> str:
        return f"Pkcs11KeyProvider({self._settings.token})"

    async def aclose(self) -> None:
        """Log out."""
        with suppress(KeyProviderError):
            await self._worker.do(self._close)
        self._worker.close()

    async def create_epoch(self, number: int) -> Epoch:
        """Make a key in the token, unless it is there; the caller sees to it that it is alone."""

        def make(session: Session) -> None:
            if self._keys_of(session, number):  # the first try made it, and its answer was lost
                return
            session.generate_key(
                KeyType.AES,
                KEY_BITS,
                label=self._label(number),
                id=number.to_bytes(4, "big"),
                store=True,
                capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
                template={
                    Attribute.PRIVATE: True,
                    Attribute.SENSITIVE: True,
                    Attribute.EXTRACTABLE: False,
                    Attribute.MODIFIABLE: False,
                },
            )

        if await self._found(number, lambda _: True) is None:
            await self._call(make)
        return Epoch(number, self._evidence(number))

    async def wrap(self, epoch: int, tenant_key: TenantKey, *, context: bytes) -> bytes:
        """Wrap a tenant key inside the token."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = await self._found(
            epoch, lambda key: bytes(key.encrypt(tenant_key.reveal(), **_gcm(nonce, context)))
        )
        if sealed is None:
            raise self._no_key(epoch)
        return nonce + sealed

    async def unwrap(self, epoch: int, wrapped: bytes, *, context: bytes) -> TenantKey:
        """Unwrap a tenant key inside the token; KeyProviderError for another context or changed bytes."""
        nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]

        def opened(key: AesKey) -> bytes:
            try:
                return bytes(key.decrypt(sealed, **_gcm(nonce, context)))
            # A wrong tag has no code of its own in the standard: SoftHSM says "general error", others differ.
            except (
                pkcs11.GeneralError,
                pkcs11.FunctionFailed,
                pkcs11.EncryptedDataInvalid,
                pkcs11.EncryptedDataLenRange,
                pkcs11.DataInvalid,
                pkcs11.DataLenRange,
                pkcs11.ArgumentsBad,
                pkcs11.MechanismParamInvalid,
            ) as cause:
                raise _refused() from cause

        plain = await self._found(epoch, opened)
        if plain is None:
            raise self._no_key(epoch)
        try:
            return TenantKey.from_bytes(plain)
        except CryptoError as cause:
            raise _refused() from cause

    async def state(self, epoch: int, *, made: Mapping[str, str] | None = None) -> EpochKeyState:
        """Look for the key; a token that does not answer is an error, never a key that is gone."""
        if await self._found(epoch, lambda _: True) is not None:
            return EpochKeyState.USABLE
        require_place(made, self._evidence(epoch), "token", "key")
        return EpochKeyState.GONE

    async def destroy_epoch(
        self, epoch: int, *, now: datetime, made: Mapping[str, str] | None = None
    ) -> Destruction:
        """Destroy the key in the token; it is gone when this returns."""

        def destroy(key: AesKey) -> bool:
            key.destroy()
            return True

        if await self._found(epoch, destroy) is None:
            require_place(made, self._evidence(epoch), "token", "key")
        if await self._found(epoch, lambda _: True) is not None:
            raise KeyProviderError("the token still has a key that it was told to destroy; look into it")
        return Destruction(
            now, {**self._evidence(epoch), "token_answer": "object destroyed, not found again"}
        )

    def _label(self, epoch: int) -> str:
        return f"{self._settings.label}/epoch-{epoch}"

    def _evidence(self, epoch: int) -> dict[str, str]:
        return {
            "provider": self.name,
            "assurance": self.assurance,
            "token": self._settings.token,
            "key": self._label(epoch),
        }

    def _no_key(self, epoch: int) -> KeyProviderError:
        return KeyProviderError(
            f"the token {self._settings.token} has no key {self._label(epoch)}; is it the right token?"
        )

    async def _found(self, epoch: int, use: Callable[[AesKey], Result]) -> Result | None:
        """Use an epoch's key; None where the token, asked anew, has none.

        A token whose medium went away may report that it holds nothing. So the module is started again and
        the token looked for before that is believed.
        """

        def find(session: Session) -> Result | None:
            keys = self._keys_of(session, epoch)
            if len(keys) > 1:
                raise KeyProviderError(
                    f"two keys are named {self._label(epoch)} in the token; none of them is used"
                )
            return use(cast("AesKey", keys[0])) if keys else None

        found = await self._call(find)
        if found is not None:
            return found
        await self._worker.do(self._restarted)
        return await self._call(find)

    def _keys_of(self, session: Session, epoch: int) -> list[Any]:
        wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: self._label(epoch)}
        return list(session.get_objects(wanted))

    async def _call(self, act: Callable[[Session], Result]) -> Result:
        def run() -> Result:
            with suppress(pkcs11.PKCS11Error):
                return act(self._opened())
            self._restart()  # a session that the token ended, a module that another user of it started anew
            try:
                return act(self._opened())
            except pkcs11.PKCS11Error as cause:
                raise self._away(cause) from None  # the module's own words may quote what it was given

        def alone() -> Result:
            with ALONE:
                return run()

        return await self._worker.do(alone)

    def _away(self, error: Exception) -> KeyProviderError:
        kind = type(error).__name__
        if kind in {"PinIncorrect", "PinLocked", "PinInvalid", "PinLenRange", "PinExpired"}:
            return KeyProviderError(
                f"the token {self._settings.token} refuses the PIN ({kind}); set pkcs11.pin, unlock it"
            )
        return KeyProviderError(
            f"the token {self._settings.token} does not answer ({kind}); is it plugged in and initialised, "
            "are pkcs11.module and pkcs11.token right?"
        )

    def _opened(self) -> Session:
        module = str(self._settings.module)
        now = (os.getpid(), STARTS[module])
        if self._session is not None and self._opened_in == now:
            with suppress(pkcs11.RandomNoRNG, pkcs11.FunctionNotSupported):
                self._session.generate_random(8)  # does the token still know this session?
            return self._session
        if self._opened_in[0] not in {0, os.getpid()}:
            self._restart()  # forked: the module's state is another process's
        token = pkcs11.lib(module).get_token(token_label=self._settings.token)
        self._opened_in = (os.getpid(), STARTS[module])
        try:
            self._session = token.open(rw=True, user_pin=self._settings.pin)
        except pkcs11.UserAlreadyLoggedIn:  # the login is the process's, not the session's
            self._session = token.open(rw=True)
        return self._session

    def _restarted(self) -> None:
        with ALONE:
            self._restart()

    def _restart(self) -> None:
        module = str(self._settings.module)
        self._session = None
        STARTS[module] += 1
        with suppress(pkcs11.PKCS11Error):
            pkcs11.lib(module).reinitialize()

    def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None and self._opened_in == (os.getpid(), STARTS[str(self._settings.module)]):
            with ALONE, suppress(pkcs11.PKCS11Error):
                session.close()


def _gcm(nonce: bytes, context: bytes) -> dict[str, Any]:
    return {"mechanism": Mechanism.AES_GCM, "mechanism_param": GCMParams(nonce, context, TAG_BITS)}


def _refused() -> KeyProviderError:
    return KeyProviderError("a tenant key does not unwrap under its epoch; its record was changed")
