"""Settings: their schema, and the sources they are read from."""

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
    RetentionSettings,
    ServerSettings,
    SessionSettings,
    Settings,
    StorageSettings,
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
    "RecordingSettings",
    "RetentionSettings",
    "ServerSettings",
    "SessionSettings",
    "Settings",
    "StorageSettings",
]
