"""Settings: their schema, and the sources they are read from."""

from vault.settings.evidence import EvidenceSettings, SubProcessor
from vault.settings.keeping import (
    BackupSettings,
    DatabaseSettings,
    KeysSettings,
    LedgerSettings,
    ReplicaSettings,
    StorageSettings,
    StoreSettings,
)
from vault.settings.key_providers import AwsKmsSettings, OpenBaoSettings, Pkcs11Settings
from vault.settings.schema import (
    ExitSettings,
    ExportSettings,
    LimitSettings,
    LinkSettings,
    LogSettings,
    MailSettings,
    MediaSettings,
    RecordingSettings,
    RetentionSettings,
    ServerSettings,
    SessionSettings,
    Settings,
)

__all__ = [
    "AwsKmsSettings",
    "BackupSettings",
    "DatabaseSettings",
    "EvidenceSettings",
    "ExitSettings",
    "ExportSettings",
    "KeysSettings",
    "LedgerSettings",
    "LimitSettings",
    "LinkSettings",
    "LogSettings",
    "MailSettings",
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
    "SubProcessor",
]
