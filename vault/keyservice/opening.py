"""Opening the holders of epoch keys that the settings name: the deployment's own, and those of tenants."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from vault.errors import ConfigurationError
from vault.keys.file_provider import FileKeyProvider
from vault.keys.key_pair import read_key_pair
from vault.keys.private_file import read_private
from vault.keys.provider import KeyProvider
from vault.keyservice.awskms import AwsKmsKeyProvider, KmsSettings
from vault.keyservice.openbao import OpenBaoKeyProvider, TransitSettings
from vault.settings import (
    DEFAULT_HOLDER,
    AwsKmsPlace,
    HolderSettings,
    OpenBaoSettings,
    Pkcs11Place,
    Settings,
)

if TYPE_CHECKING:
    from vault.keyservice.pkcs11 import Pkcs11KeyProvider

    Opened = FileKeyProvider | AwsKmsKeyProvider | OpenBaoKeyProvider | Pkcs11KeyProvider


@asynccontextmanager
async def open_key_holders(settings: Settings) -> AsyncIterator[Mapping[str, KeyProvider]]:
    """Open whoever holds epoch keys, by name; raises ConfigurationError where the settings cannot be right.

    A device or a service is asked by its first use: what is away may come back.
    """
    async with AsyncExitStack() as opened:
        holders: dict[str, KeyProvider] = {}
        for name, provider in _all(settings):
            holders[name] = provider
            if not isinstance(provider, FileKeyProvider):
                opened.push_async_callback(provider.aclose)
        yield holders


def _all(settings: Settings) -> "list[tuple[str, Opened]]":
    timeout_s = settings.keys.timeout_s
    named = [(one.name, _holder(one, timeout_s=timeout_s)) for one in settings.keys.holders]
    return [(DEFAULT_HOLDER, _default(settings)), *named]


def _default(settings: Settings) -> "Opened":
    timeout_s = settings.keys.timeout_s
    match settings.keys.provider:
        case "awskms":
            secrets = (_revealed(settings.awskms.access_key), _revealed(settings.awskms.secret_key))
            return _aws(settings.awskms, secrets, timeout_s=timeout_s)
        case "openbao":
            return _transit(settings.openbao, timeout_s=timeout_s)
        case "pkcs11":
            return _token(settings.pkcs11, _revealed(settings.pkcs11.pin) or "", timeout_s=timeout_s)
        case "file":
            return FileKeyProvider.open(settings.keys.key_file, _revealed(settings.keys.passphrase))


def _holder(one: HolderSettings, *, timeout_s: float) -> "Opened":
    match one.provider:
        case "awskms":
            return _aws(one.awskms, _credentials(one), timeout_s=timeout_s)
        case "openbao":
            return _transit(one.openbao, timeout_s=timeout_s)
        case "pkcs11":
            return _token(one.pkcs11, _line(one.pin_file) or "", timeout_s=timeout_s)
        case "file":
            if one.key_file is None:
                raise ConfigurationError(f"keys.holders, {one.name}: key_file is missing")
            return FileKeyProvider.open(one.key_file, _line(one.passphrase_file))


def _aws(
    settings: AwsKmsPlace, secrets: tuple[str | None, str | None], *, timeout_s: float
) -> AwsKmsKeyProvider:
    access_key, secret_key = secrets
    return AwsKmsKeyProvider(
        KmsSettings(
            settings.region,
            label=settings.label,
            window_days=settings.window_days,
            endpoint=settings.endpoint or None,
            access_key=access_key,
            secret_key=secret_key,
            timeout_s=timeout_s,
        )
    )


def _transit(settings: OpenBaoSettings, *, timeout_s: float) -> OpenBaoKeyProvider:
    return OpenBaoKeyProvider(
        TransitSettings(
            settings.url,
            settings.token_file,
            mount=settings.mount,
            label=settings.label,
            ca_file=settings.ca_file,
            timeout_s=timeout_s,
        )
    )


def _token(settings: Pkcs11Place, pin: str, *, timeout_s: float) -> "Pkcs11KeyProvider":
    try:
        from vault.keyservice.pkcs11 import Pkcs11KeyProvider, TokenSettings  # noqa: PLC0415  # an extra
    except ImportError as cause:
        raise ConfigurationError(
            "keys.provider = pkcs11 needs a package more: pip install 'callvault[pkcs11]'"
        ) from cause
    return Pkcs11KeyProvider(
        TokenSettings(Path(settings.module), settings.token, pin, label=settings.label, timeout_s=timeout_s)
    )


def _credentials(one: HolderSettings) -> tuple[str | None, str | None]:
    if one.credentials_file is None:
        return None, None
    return read_key_pair(one.credentials_file)


def _line(path: Path | None) -> str | None:
    """Read a secret of one line; its line break is the editor's."""
    return None if path is None else read_private(path).decode("utf-8", "replace").rstrip("\r\n")


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None
