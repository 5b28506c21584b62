"""All that one vault keeps, and copies of it: databases, objects at two places, backups, and a key service.

`OnFiles` is one machine; `OnServers` has PostgreSQL, Ceph and Swift. In both an OpenBao has the epoch keys.
What a provider destroyed is gone, whoever holds which copy and which credential.
"""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import select

from crypto.errors import CryptoError
from crypto.streaming import open_sealed
from storage.s3 import S3Credentials, S3Settings
from tests.end_to_end.folders import files_below
from tests.end_to_end.program import Program
from tests.servers.ceph import ceph_server
from tests.servers.openbao import OpenBao, openbao_server
from tests.servers.postgres import Postgres, postgres_server
from tests.servers.swift import swift_server
from tests.storage.conftest import Service, service
from vault.backups.backups import Backups
from vault.backups.dump import Kind
from vault.clock import SystemClock
from vault.db.engine import open_database
from vault.db.key_tables import data_keys
from vault.errors import KeyForgottenError, KeyProviderError
from vault.ground import open_backups, open_databases
from vault.keys.private_file import write_private
from vault.keys.store import KeyStore
from vault.keyservice.openbao import OpenBaoKeyProvider, TransitSettings
from vault.ledger.signing import LedgerKeys
from vault.media.places import FINAL_SEGMENT_BYTES, part_associated, part_key
from vault.model import Part, uuid_of
from vault.settings.sources import load_settings

LABEL = "callvault"
COPIED = ("keys", "backups", "key-backups")
BUCKET = "canaries"


class Lands(Protocol):
    """Where databases and objects lie."""

    roots: tuple[Path, ...]  # what its servers write, beside the vault's own folder

    def settings(self, folder: Path) -> dict[str, str]:
        """What the program of a folder is told of them; each folder has databases of its own."""

    def carry(self, source: Path, target: Path) -> None:
        """Let another folder's vault have the objects as they are now."""

    def sealed(self, folder: Path, key: str, /) -> bytes:
        """Take an object's bytes as they lie there, as a thief does."""

    def remains(self, folder: Path, media_id: str, /) -> list[str]:
        """Name all that either place still has of a recording, versions and markers too."""


class OnFiles:
    """Everything in the vault's folder: SQLite, a folder of objects and a replica of it."""

    roots: tuple[Path, ...] = ()

    def settings(self, folder: Path) -> dict[str, str]:
        """A replica; the rest is as `callvault dev` has it."""
        replica = {"name": "lyon", "url": f"file://{folder}/lyon", "country": "FR"}
        return {"STORAGE__REPLICAS": json.dumps([replica])}

    def carry(self, source: Path, target: Path) -> None:
        """Copy both places."""
        for name in ("objects", "lyon"):
            shutil.copytree(source / name, target / name)

    def sealed(self, folder: Path, key: str, /) -> bytes:
        """Read the file."""
        return (folder / "objects" / f"{key}=").read_bytes()

    def remains(self, folder: Path, media_id: str, /) -> list[str]:
        """Look through both folders."""
        found = [path for name in ("objects", "lyon") for path in files_below(folder / name)]
        return [str(path) for path in found if uuid_of(media_id) in path.parts]


class OnServers:
    """PostgreSQL, a versioned bucket of Ceph, and Swift for the replica."""

    def __init__(self, postgres: Postgres, ceph: Service, swift: Service, roots: tuple[Path, ...]) -> None:
        self.roots = roots
        self._postgres = postgres
        self._ceph = ceph
        self._swift = swift
        self._databases: dict[Path, tuple[str, str]] = {}

    def settings(self, folder: Path) -> dict[str, str]:
        """Databases of this folder; the buckets are the same for each."""
        if folder not in self._databases:
            names = [f"{kind}_{len(self._databases)}" for kind in ("main", "keys")]
            for name in names:
                self._postgres.sql(f'CREATE DATABASE "{name}"')
            self._databases[folder] = (self._postgres.url(names[0]), self._postgres.url(names[1]))
        main, keys = self._databases[folder]
        credentials = folder.parent / "lyon.s3"
        if not credentials.exists():
            of = self._swift.credentials
            write_private(credentials, f"{of.access_key}\n{of.secret_key}\n".encode())
        replica = {"name": "lyon", "url": _url(self._swift), "credentials_file": str(credentials)}
        return {
            "DATABASE__URL": main,
            "KEYS__DATABASE_URL": keys,
            "STORAGE__URL": _url(self._ceph),
            "STORAGE__REGIONS": json.dumps(
                {each.settings.region: "FR" for each in (self._ceph, self._swift)}
            ),
            "STORAGE__ACCESS_KEY": self._ceph.credentials.access_key,
            "STORAGE__SECRET_KEY": self._ceph.credentials.secret_key,
            "STORAGE__REPLICAS": json.dumps([replica]),
        }

    def carry(self, source: Path, target: Path) -> None:
        """The buckets are where they were."""

    def sealed(self, _folder: Path, key: str, /) -> bytes:
        """Ask the gateway."""
        return self._ceph.admin.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def remains(self, _folder: Path, media_id: str, /) -> list[str]:
        """List versions and markers of the one, objects of the other."""
        listed = self._ceph.admin.list_object_versions(Bucket=BUCKET)
        keys = [each["Key"] for each in (*listed.get("Versions", []), *listed.get("DeleteMarkers", []))]
        keys += [each["Key"] for each in self._swift.admin.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
        return [key for key in keys if uuid_of(media_id) in key]


def _url(of: Service) -> str:
    return f"s3://{BUCKET}?region={of.settings.region}&endpoint={of.settings.endpoint}"


@contextmanager
def on_servers() -> Iterator[OnServers]:
    """Run all three for the length of the block."""
    with ExitStack() as stack:
        ceph, swift = stack.enter_context(ceph_server()), stack.enter_context(swift_server())
        postgres = stack.enter_context(postgres_server())
        services = []
        for each, endpoint in ((ceph, ceph.http), (swift, swift.http)):
            made = service(
                S3Settings(BUCKET, each.region, endpoint), S3Credentials(each.access_key, each.secret_key)
            )
            stack.callback(made.admin.close)
            made.admin.create_bucket(
                Bucket=BUCKET,
                CreateBucketConfiguration={"LocationConstraint": each.region},  # type: ignore[typeddict-item]
            )
            services.append(made)
        services[0].admin.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield OnServers(postgres, services[0], services[1], (ceph.folder, swift.folder, postgres.folder))


@dataclass(frozen=True)
class Stolen:
    """A recording's sealed bytes, kept by somebody from before it was erased."""

    tenant_id: str
    media_id: str
    sealed: bytes


@dataclass
class Tried:
    """What a key store still gives: records in it, those that opened, recordings that opened with any."""

    records: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    opened: set[str] = field(default_factory=set)


@dataclass
class Estate:
    """One vault's folder, with its copies beside it."""

    folder: Path
    lands: Lands
    bao: OpenBao

    @property
    def token(self) -> Path:
        """The credential at the key service."""
        return self.folder.parent / "bao.token"

    @property
    def environ(self) -> dict[str, str]:
        """Temporary files in a folder of their own, so that they can be looked through."""
        return {"TMPDIR": str(self.folder.parent / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"}

    def settings(self, folder: Path | None = None) -> dict[str, str]:
        """What the program, or a command, is told."""
        return {
            "KEYS__PROVIDER": "openbao",
            "OPENBAO__URL": self.bao.url,
            "OPENBAO__TOKEN_FILE": str(self.token),
            "OPENBAO__CA_FILE": str(self.bao.ca_file),
            "OPENBAO__LABEL": LABEL,
            **self.lands.settings(folder or self.folder),
        }

    async def command(self, *arguments: str, folder: Path | None = None) -> Any:
        """Run a command on a folder's vault, beside the program or without it; what it says as JSON."""
        config = (folder or self.folder) / "callvault.toml"
        argv = [sys.executable, "-m", "vault", *arguments, "--config", str(config), "--json"]
        told = {f"CALLVAULT_{name}": value for name, value in self.settings(folder).items()}
        process = await asyncio.create_subprocess_exec(
            *argv,
            env={**os.environ, **self.environ, **told},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode == 0, f"{arguments}: {err.decode()}"
        return json.loads(out)

    @asynccontextmanager
    async def backups(self, folder: Path) -> AsyncIterator[Backups]:
        """The backups of a folder's databases: what `callvault backup` works with, without its start."""
        environ = {f"CALLVAULT_{name}": value for name, value in self.settings(folder).items()}
        settings = load_settings(environ=environ, file=folder / "callvault.toml").settings
        async with (
            open_databases(settings) as (main, keys),
            open_backups(settings, {Kind.MAIN: main, Kind.KEYS: keys}, SystemClock()) as backups,
        ):
            yield backups

    async def back_up(self) -> dict[Kind, str]:
        """Make a backup of each database beside the program; their names."""
        async with self.backups(self.folder) as backups:
            return {kind: (await backups.create(kind))[0].name for kind in (Kind.MAIN, Kind.KEYS)}

    async def restored(self, name: str, backup: dict[Kind, str]) -> Path:
        """A fresh folder with every credential that is still held, the objects, and databases of backups."""
        there = self.folder.parent / name
        await asyncio.to_thread(self._lay_down, there)
        async with self.backups(there) as backups:
            for kind, each in backup.items():
                await backups.restore(kind, each)
        return there

    def _lay_down(self, there: Path) -> None:
        there.mkdir()
        for name in COPIED:
            shutil.copytree(self.folder / name, there / name)
        for name in (".callvault-development", "callvault.toml"):
            text = (self.folder / name).read_text()
            (there / name).write_text(text.replace(str(self.folder), str(there)))
        self.lands.carry(self.folder, there)

    def stolen(self, program: Program, tenant_id: str, media_id: str) -> Stolen:
        """Take a recording's sealed bytes away."""
        key = part_key(tenant_id=tenant_id, media_id=media_id, gen=1, part=Part.MEDIA)
        return Stolen(tenant_id, media_id, self.lands.sealed(program.folder, str(key)))

    async def tried(self, there: Path, stolen: list[Stolen]) -> Tried:
        """Try each record of a key store, without program or fence, and each key on what was stolen."""
        urls = self.lands.settings(there)
        database = open_database(urls.get("KEYS__DATABASE_URL", f"sqlite:///{there / 'keys.db'}"))
        provider = OpenBaoKeyProvider(
            TransitSettings(self.bao.url, self.token, label=LABEL, ca_file=self.bao.ca_file)
        )
        keys = KeyStore(database, provider, SystemClock(), LedgerKeys.open(there / "keys/ledger.key").anchor)
        found = Tried()
        try:
            async with database.read() as connection:
                rows = (await connection.execute(select(data_keys))).all()
            for row in rows:
                found.records.add(row.object_id)
                with suppress(KeyForgottenError, KeyProviderError):
                    key = await keys.data_key(tenant_id=row.tenant_id, object_id=row.object_id, gen=row.gen)
                    found.keys.add(row.object_id)
                    found.opened |= {each.media_id for each in stolen if opens(key, each)}
        finally:
            await provider.aclose()
            await database.aclose()
        return found


def opens(key: Any, stolen: Stolen) -> bool:
    """Whether a key opens a recording's sealed bytes."""
    named: dict[str, Any] = {"tenant_id": stolen.tenant_id, "media_id": stolen.media_id, "gen": 1}
    associated = part_associated(**named, part=Part.MEDIA)
    try:
        open_sealed(key, stolen.sealed, associated_data=associated, segment_bytes=FINAL_SEGMENT_BYTES)
    except CryptoError:
        return False
    return True


@contextmanager
def open_estate(root: Path, lands: Lands) -> Iterator[Estate]:
    """Run a key service for the length of the block."""
    root.mkdir()
    with openbao_server(root / "bao") as bao:
        estate = Estate(root / "vault", lands, bao)
        write_private(estate.token, bao.token_for(LABEL).encode())
        yield estate
