"""What is missing for the holder of the epoch keys that the settings name, told before anything is opened."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from vault.cli.exits import Exit
from vault.errors import ConfigurationError
from vault.keys.private_file import read_private
from vault.settings import OpenBaoSettings, Pkcs11Settings, Settings


def key_provider_findings(settings: Settings) -> Iterator[tuple[Exit, str]]:
    """Look at the section that `keys.provider` names; the device or the service itself is not asked."""
    if settings.keys.provider == "pkcs11":
        yield from ((Exit.CONFIGURATION, words) for words in _pkcs11(settings.pkcs11))
    if settings.keys.provider == "openbao":
        yield from ((Exit.CONFIGURATION, words) for words in _openbao(settings.openbao))
    if settings.keys.provider != "file" and settings.keys.passphrase is not None:
        yield Exit.CONFIGURATION, "keys.passphrase is for keys.provider = file alone; take it away"


def _openbao(settings: OpenBaoSettings) -> Iterator[str]:
    parts = urlsplit(settings.url)
    local = parts.scheme == "http" and (parts.hostname or "") in {"127.0.0.1", "::1", "localhost"}
    if not parts.hostname or not (parts.scheme == "https" or local):
        yield "openbao.url must be an https:// address: tenant keys and the token travel to it"
    try:
        read_private(settings.token_file)
    except ConfigurationError as error:
        yield f"openbao.token_file: {error}"
    if settings.ca_file is not None and not settings.ca_file.is_file():
        yield "openbao.ca_file is no file: name the authority's certificate, or take it away"


def _pkcs11(settings: Pkcs11Settings) -> Iterator[str]:
    if find_spec("pkcs11") is None:
        yield "keys.provider = pkcs11 needs a package more: pip install 'callvault[pkcs11]'"
    if not settings.module or not Path(settings.module).is_file():
        yield "pkcs11.module: name the module's library, like /usr/lib/softhsm/libsofthsm2.so"
    if not settings.token:
        yield "pkcs11.token is missing: write the token's label"
    if settings.pin is None:
        yield "pkcs11.pin is missing: give it in a file, by CALLVAULT_PKCS11__PIN_FILE"
