"""What is missing for the holders of epoch keys that the settings name, told before anything is opened."""

import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from vault.cli.exits import Exit
from vault.errors import ConfigurationError
from vault.keys.private_file import read_private
from vault.settings import AwsKmsPlace, HolderSettings, OpenBaoSettings, Pkcs11Place, Settings


def key_provider_findings(settings: Settings) -> Iterator[tuple[Exit, str]]:
    """Look at every section that says who holds keys; the device or the service itself is not asked."""
    if settings.keys.provider == "pkcs11":
        yield from ((Exit.CONFIGURATION, words) for words in _pkcs11(settings.pkcs11))
        if settings.pkcs11.pin is None:
            words = "pkcs11.pin is missing: give it in a file, by CALLVAULT_PKCS11__PIN_FILE"
            yield Exit.CONFIGURATION, words
    if settings.keys.provider == "awskms":
        yield from _awskms(settings.awskms)
        if (settings.awskms.access_key is None) != (settings.awskms.secret_key is None):
            words = "awskms.access_key and awskms.secret_key come together, or neither"
            yield Exit.CONFIGURATION, words
    if settings.keys.provider == "openbao":
        yield from ((Exit.CONFIGURATION, words) for words in _openbao(settings.openbao))
    if settings.keys.provider != "file" and settings.keys.passphrase is not None:
        yield Exit.CONFIGURATION, "keys.passphrase is for keys.provider = file alone; take it away"
    for holder in settings.keys.holders:
        for code, words in _holder(holder):
            yield code, f"keys.holders, {holder.name}: {words}"


def _holder(holder: HolderSettings) -> Iterator[tuple[Exit, str]]:
    """Look at a tenants' holder: its section, and its secret, which is a file."""
    secret: Path | None = None
    match holder.provider:
        case "file":
            secret = holder.passphrase_file
            if holder.key_file is None:
                yield Exit.CONFIGURATION, "key_file is missing: a key ring of its own"
        case "awskms":
            secret = holder.credentials_file
            yield from _awskms(holder.awskms)
        case "openbao":
            yield from ((Exit.CONFIGURATION, words) for words in _openbao(holder.openbao))
        case "pkcs11":
            secret = holder.pin_file
            yield from ((Exit.CONFIGURATION, words) for words in _pkcs11(holder.pkcs11))
            if secret is None:
                yield Exit.CONFIGURATION, "pin_file is missing: a file, mode 0600, with the user PIN"
    if secret is not None:
        try:
            read_private(secret)
        except ConfigurationError as error:
            yield Exit.CONFIGURATION, str(error)


def _awskms(settings: AwsKmsPlace) -> Iterator[tuple[Exit, str]]:
    if not settings.region:
        yield Exit.CONFIGURATION, "awskms.region is missing: write one like eu-west-3"
    elif settings.region not in _aws_regions():
        yield Exit.REFUSED, "awskms.region is not in the EU or the EEA (config/eu-regions.toml)"
    if settings.endpoint and not is_private_way(settings.endpoint):
        yield Exit.CONFIGURATION, "awskms.endpoint must be an https:// address: tenant keys travel to it"


def _aws_regions() -> frozenset[str]:
    from vault.ground import config_text

    providers = tomllib.loads(config_text("eu-regions.toml"))["providers"]
    return frozenset(
        region for name in ("aws", "aws-european-sovereign") for region in providers[name]["regions"]
    )


def is_private_way(url: str) -> bool:
    """Tell whether nobody between here and an address can read along: TLS, or this machine."""
    parts = urlsplit(url)
    local = parts.scheme == "http" and (parts.hostname or "") in {"127.0.0.1", "::1", "localhost"}
    return bool(parts.hostname) and (parts.scheme == "https" or local)


def _openbao(settings: OpenBaoSettings) -> Iterator[str]:
    if not is_private_way(settings.url):
        yield "openbao.url must be an https:// address: tenant keys and the token travel to it"
    try:
        read_private(settings.token_file)
    except ConfigurationError as error:
        yield f"openbao.token_file: {error}"
    if settings.ca_file is not None and not settings.ca_file.is_file():
        yield "openbao.ca_file is no file: name the authority's certificate, or take it away"


def _pkcs11(settings: Pkcs11Place) -> Iterator[str]:
    if find_spec("pkcs11") is None:
        yield "keys.provider = pkcs11 needs a package more: pip install 'callvault[pkcs11]'"
    if not settings.module or not Path(settings.module).is_file():
        yield "pkcs11.module: name the module's library, like /usr/lib/softhsm/libsofthsm2.so"
    if not settings.token:
        yield "pkcs11.token is missing: write the token's label"
