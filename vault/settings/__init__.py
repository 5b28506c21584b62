"""Settings: their schema, and the sources they are read from."""

from vault.settings.schema import (
    DatabaseSettings,
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
