"""Settings of what is kept, and where: databases, keys, backups, ledger, objects."""

import math
from pathlib import Path
from typing import Final, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from vault.settings.key_providers import HolderSettings, Provider
from vault.settings.section import Seconds, Section

DEFAULT_HOLDER: Final = "default"  # what `keys.provider` names


class DatabaseSettings(Section):
    """The main database: everything but keys and media."""

    url: str = Field(
        "sqlite:///./callvault.db",
        description="sqlite:///path or postgresql://user@host/name. Metadata, ledger, sealed fields.",
    )
    password: SecretStr | None = Field(None, description="Password for PostgreSQL, kept out of the URL.")


class KeysSettings(Section):
    """The key store, a database of its own, and who holds its root."""

    database_url: str = Field(
        "sqlite:///./keys.db",
        description="A second database, never in the main backup; keep its own backups for days, not months.",
    )
    database_password: SecretStr | None = Field(
        None, description="Password for PostgreSQL, kept out of the URL."
    )
    provider: Provider = Field(
        "file",
        description="Who holds the epoch keys: a file, AWS KMS, OpenBao or Vault, a security module.",
    )
    timeout_s: Seconds = Field(
        10, description="One call of a provider that is not a file; then it counts as away."
    )
    backup_days: int = Field(
        7,
        ge=0,
        le=7,
        description="Days you keep backups of the key store; receipts add them to the date they promise.",
    )
    epoch_days: int = Field(
        7,
        ge=0,
        le=14,
        description="Days until every surviving key moves to a new epoch and the old one's key is destroyed;"
        " 0: only by `callvault keys turn`.",
    )
    grace_h: int = Field(
        24, ge=0, le=168, description="Hours between an epoch's last key moving out and its destruction."
    )
    least_copies: int = Field(
        2,
        ge=0,
        le=9,
        description="Good backups of the key store, not lost together, before an epoch's key is destroyed."
        " Fewer only knowingly: evidence tells.",
    )
    key_file: Path = Field(
        Path("./keys/root.key"),
        description="The key ring of the file provider, mode 0600, in a directory of its own.",
    )
    passphrase: SecretStr | None = Field(
        None,
        description="What unlocks the key ring, from a secret file or a systemd credential. Empty: none.",
    )

    holders: tuple[HolderSettings, ...] = Field(
        (),
        description="Holders of tenants' own keys, each a [[keys.holders]]: name, provider, its fields.",
    )

    @field_validator("holders")
    @classmethod
    def _own_names(cls, holders: tuple[HolderSettings, ...]) -> tuple[HolderSettings, ...]:
        """Two holders of one name would be asked for each other's keys."""
        names = [DEFAULT_HOLDER, *(one.name for one in holders)]
        if len(set(names)) < len(names):
            raise ValueError(f"each holder needs a name of its own, and none is called {DEFAULT_HOLDER}")
        return holders

    def irrecoverable_days(self, *, window_days: int) -> int:
        """Days from an erasure until no copy of the key store can open what was erased, as receipts promise.

        Copies that are known go with the key store's backups, the others with the epoch. Its key may wait at
        the provider for ``window_days``, in which whoever may cancel a deletion brings it back.
        """
        turned = self.epoch_days and self.epoch_days + math.ceil(self.grace_h / 24) + 1  # a day to carry it
        return max(self.backup_days, turned and turned + window_days)


class StoreSettings(Section):
    """One place that keeps objects."""

    url: str = Field(
        "file:///./objects",
        description="file:///path, or s3://bucket?region=eu-west-3&endpoint=https://host",
    )
    country: str = Field(
        "",
        description="For file: stores: the ISO country code of the machine; evidence says you declared it.",
    )
    checksums: Literal["when_required", "when_supported"] = Field(
        "when_required", description="S3 request checksums; older Ceph over TLS needs when_required."
    )
    threads: int = Field(12, ge=1, le=64, description="Threads for blocking store calls.")
    timeout_s: Seconds = Field(30, description="One store call, retries apart.")
    credentials_file: Path | None = Field(
        None,
        description="S3: a file, mode 0600, with access key and secret key, a line each; may change.",
    )

    def folder(self) -> Path | None:
        """Return the folder of a ``file://`` URL, None for any other; ``file:///./x`` lies where we run."""
        if not self.url.startswith("file://"):
            return None
        path = unquote(self.url.removeprefix("file://"))
        return Path(path.removeprefix("/")) if path.startswith("/./") else Path(path)

    def s3_options(self) -> tuple[str, str, str | None]:
        """Return bucket, region and endpoint of an ``s3://`` URL; raises ValueError where it is none."""
        parts = urlsplit(self.url)
        query = parse_qs(parts.query)
        if parts.scheme != "s3" or not parts.netloc or "region" not in query:
            raise ValueError("write storage.url as s3://bucket?region=eu-west-3")
        return parts.netloc, query["region"][0], query.get("endpoint", [None])[0]


class ReplicaSettings(StoreSettings):
    """Another place for every finished object; it may lie elsewhere and with another provider."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,38}$", description="Its own name; keep it for ever.")
    url: str = Field(description="As storage.url.")


def own_names(replicas: tuple[ReplicaSettings, ...]) -> tuple[ReplicaSettings, ...]:
    """Give them back where each has a name of its own; raises ValueError."""
    names = ["primary", *(one.name for one in replicas)]
    if len(set(names)) < len(names):
        raise ValueError("each replica needs a name of its own, and none is called primary")
    return replicas


class BackupSettings(Section):
    """Sealed backups of both databases. The stores take the regions and access keys of `storage`."""

    key_file: Path = Field(
        Path("./keys/backup.key"),
        description="Opens every backup, mode 0600; keep a copy offline.",
    )
    main_url: str = Field(
        "", description="Where the main database's backups go, like storage.url; empty: none are made."
    )
    keys_url: str = Field(
        "",
        description="Where the key store's go: another place than the objects. Without it no epoch ends.",
    )
    keys_replicas: tuple[ReplicaSettings, ...] = Field(
        (),
        description="More places for them, each a [[backup.keys_replicas]] as in [[storage.replicas]].",
    )
    country: str = Field("", description="For file: stores: the ISO country code of the machine.")
    every_h: int = Field(
        24, ge=0, le=168, description="Hours between two backups; 0: only by `callvault backup create`."
    )
    keep_days: int = Field(35, ge=1, le=400, description="Days a backup of the main database is kept.")

    @field_validator("keys_replicas")
    @classmethod
    def _own_names(cls, replicas: tuple[ReplicaSettings, ...]) -> tuple[ReplicaSettings, ...]:
        """Logs and evidence tell places by their names."""
        return own_names(replicas)


class LedgerSettings(Section):
    """The access and deletion log."""

    origin: str = Field(
        "callvault.invalid/ledger",
        max_length=200,
        description="The ledger's name in checkpoints; use your host name.",
    )
    key_file: Path = Field(
        Path("./keys/ledger.key"), description="The signing key, mode 0600, apart from the root key."
    )
    checkpoint_s: Seconds = Field(1, description="How often a checkpoint is signed while entries arrive.")


class StorageSettings(StoreSettings):
    """Where sealed objects are kept."""

    regions: dict[str, str] = Field(
        {},
        description="Regions of self-hosted stores and their country, like {lab-1 = 'FR'}.",
    )
    access_key: SecretStr | None = Field(
        None, description="S3 access key; without it or a file: the usual AWS credential chain."
    )
    secret_key: SecretStr | None = Field(
        None, description="S3 secret key. Read at the start only; `credentials_file` needs no restart."
    )
    replicas: tuple[ReplicaSettings, ...] = Field(
        (),
        description="Backup servers, each a [[storage.replicas]] with name, url, country, credentials_file.",
    )
    acknowledge: Literal["primary", "all"] = Field(
        "primary",
        description="An object counts as stored when the primary has it, or when all replicas have it too.",
    )

    @field_validator("secret_key")
    @classmethod
    def _one_way(cls, secret_key: SecretStr | None, others: ValidationInfo) -> SecretStr | None:
        """Of two pairs one would be wrong, and half a pair would be left for what the environment has."""
        access_key = others.data.get("access_key")
        if others.data.get("credentials_file") and (access_key or secret_key):
            raise ValueError("storage.credentials_file, or access_key and secret_key: write one, not both")
        if (access_key is None) != (secret_key is None):
            raise ValueError("storage.access_key and storage.secret_key come together, or neither")
        return secret_key

    @field_validator("replicas")
    @classmethod
    def _own_names(cls, replicas: tuple[ReplicaSettings, ...]) -> tuple[ReplicaSettings, ...]:
        """Two places of one name would owe each other's objects."""
        return own_names(replicas)
