"""Settings: their schema, and the sources they are read from."""

from vault.settings.key_providers import OpenBaoSettings, Pkcs11Settings
from vault.settings.schema import (
    DatabaseSettings,
    ExportSettings,
    KeysSettings,
    LedgerSettings,
    LimitSettings,
    LinkSettings,
    LogSettings,
    MediaSettings,
    RecordingSettings,
    ReplicaSettings,
    RetentionSettings,
    ServerSettings,
    SessionSettings,
    Settings,
    StorageSettings,
    StoreSettings,
)

__all__ = [
    "DatabaseSettings",
    "ExportSettings",
    "KeysSettings",
    "LedgerSettings",
    "LimitSettings",
    "LinkSettings",
    "LogSettings",
    "MediaSettings",
    "OpenBaoSettings",
    "Pkcs11Settings",
    "RecordingSettings",
    "ReplicaSettings",
    "RetentionSettings",
    "ServerSettings",
    "SessionSettings",
    "Settings",
    "StorageSettings",
    "StoreSettings",
]
