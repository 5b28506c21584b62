"""Settings: their schema, and the sources they are read from."""

from vault.settings.key_providers import OpenBaoSettings, Pkcs11Settings
from vault.settings.schema import (
    BackupSettings,
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
    "BackupSettings",
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
