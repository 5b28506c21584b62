"""The backup key: one file, made once, that opens every backup; a copy of it belongs offline.

32 random bytes, base64, mode 0600. Whoever restores on an empty machine needs it, and the other key files
beside it (docs/OPERATIONS.md, backups).
"""

import base64
import binascii
import secrets
from pathlib import Path
from typing import Final

from crypto.keys import KEY_BYTES, DataKey
from vault.errors import ConfigurationError
from vault.keys.private_file import read_private, write_private

LABEL: Final = b"callvault-backup-key/1 "


def create_backup_key(path: Path) -> None:
    """Make the key file; raises ConfigurationError where one is already there."""
    if path.exists():
        raise ConfigurationError(f"there is a backup key at {path} already; it is never overwritten")
    write_private(path, LABEL + base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")


def load_backup_key(path: Path) -> DataKey:
    """Read the key file; raises ConfigurationError where it is missing, too open or damaged."""
    text = read_private(path)
    if not text.startswith(LABEL):
        raise ConfigurationError(f"{path} is no backup key")
    try:
        return DataKey.from_bytes(base64.b64decode(text.removeprefix(LABEL).strip(), validate=True))
    except (ValueError, binascii.Error) as cause:
        raise ConfigurationError(f"the backup key {path} is damaged; restore it from its copy") from cause
