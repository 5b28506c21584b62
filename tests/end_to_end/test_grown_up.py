"""The same main job on the stores it grows into: PostgreSQL for both databases, Ceph RGW for the objects."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from crypto.receipts import verify_receipt
from crypto.signers import NoteVerifier
from storage.s3 import S3Credentials, S3Settings
from tests.end_to_end.fake_devices import decode
from tests.servers.ceph import Ceph, ceph_server
from tests.servers.postgres import Postgres
from tests.storage.conftest import Service, service
from tests.vault.http.house import settings_in
from tests.webrtc.publisher import PublisherPlan, WhipPublisher
from vault.app import App, open_app
from vault.calls.buttons import NewButton
from vault.errors import RefusedByPolicyError
from vault.model import Id, Role
from vault.policy import Principal
from vault.settings import DatabaseSettings, MediaSettings, ServerSettings, Settings, StorageSettings

pytestmark = [pytest.mark.ceph, pytest.mark.postgres, pytest.mark.timeout(240)]
BUCKET = "grown-up"
ORIGIN = "http://shop.test"


@pytest.fixture(scope="module")
def ceph() -> Iterator[Ceph]:
    """One Ceph gateway for the module."""
    with ceph_server(region="lab-paris") as running:
        yield running


@pytest.fixture(scope="module")
def bucket(ceph: Ceph) -> Iterator[Service]:
    """A versioned bucket, where a plain delete deletes nothing."""
    settings = S3Settings(BUCKET, ceph.region, ceph.http)
    made = service(settings, S3Credentials(ceph.access_key, ceph.secret_key))
    made.admin.create_bucket(Bucket=BUCKET)
    made.admin.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    yield made
    made.admin.close()


def grown_up(folder: Path, ceph: Ceph, urls: tuple[str, str], country: str) -> Settings:
    """Settings on real servers; the region is declared to lie in a country."""
    plain = settings_in(folder)
    store = StorageSettings(
        url=f"s3://{BUCKET}?region={ceph.region}&endpoint={ceph.http}",
        regions={ceph.region: country},
        access_key=ceph.access_key,
        secret_key=ceph.secret_key,
    )
    return plain.model_copy(
        update={
            "database": DatabaseSettings(url=urls[0]),
            "keys": plain.keys.model_copy(update={"database_url": urls[1]}),
            "storage": store,
            "media": MediaSettings(addresses=("127.0.0.1",)),
            "server": ServerSettings(port=0, metrics_port=0),
        }
    )


@pytest.fixture
async def app(tmp_path: Path, ceph: Ceph, bucket: Service, postgres: Postgres) -> AsyncIterator[App]:
    """The whole program on them."""
    assert bucket.settings.bucket == BUCKET
    with postgres.database() as main, postgres.database() as keys:
        async with open_app(grown_up(tmp_path, ceph, (main, keys), "FR"), development=True) as running:
            yield running


class Company:
    """A tenant with an administrator and a button, and a client that speaks for them."""

    def __init__(self, app: App, http: aiohttp.ClientSession) -> None:
        self._app = app
        self._http = http
        self.base = f"http://127.0.0.1:{app.port}"
        self._headers: dict[str, str] = {}
        self.button_id = ""

    async def found(self) -> None:
        """Make tenant, administrator and button."""
        rooms = self._app.rooms
        tenant_id = await rooms.identity.tenants.add(name="Acme", retention_days=30)
        admin = await rooms.identity.people.add(
            tenant_id=tenant_id, role=Role.ADMIN, profile={"name": "Ada"}, by=None
        )
        texts = {"fr": "aider", "en": "help"}
        button = NewButton(
            "Help", texts, texts, ("audio", "video"), (ORIGIN,), records=True, retention_days=30
        )
        by = Principal(Id(admin.id), tenant_id, Role.ADMIN)
        self.button_id = (await rooms.buttons.create(button, by=by)).id
        self._headers = {"Authorization": f"Bearer {rooms.identity.mint_access_token(admin).token}"}

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        """Send a request as the administrator."""
        headers = {**self._headers, **more.pop("headers", {})}
        async with self._http.request(method, self.base + path, headers=headers, **more) as response:
            raw = await response.read()
            is_json = "json" in response.headers.get("Content-Type", "")
            return response.status, json.loads(raw) if is_json and raw else raw

    async def call(self, seconds: float) -> None:
        """A visitor calls with consent and hangs up."""
        asked = {"language": "en", "media": ["audio", "video"], "visitor": {"reference": "customer 7"}}
        _, opened = await self.ask(
            "POST", f"/v1/buttons/{self.button_id}/calls", json=asked, headers={"Origin": ORIGIN}
        )
        answer = {"choice": "accepted", "notice_hash": opened["notice"]["hash"], "language": "en"}
        visitor = {"Authorization": f"Bearer {opened['token']}"}
        await self.ask("POST", f"/v1/calls/{opened['id']}/consents", json=answer, headers=visitor)
        legs = f"{self.base}/v1/calls/{opened['id']}/legs"
        async with WhipPublisher(PublisherPlan(), self._http, legs, opened["token"]) as publisher:
            await publisher.publish()
            await asyncio.sleep(seconds)
            assert await publisher.unpublish() == 200

    async def until(self, path: str, **wanted: str) -> dict[str, Any]:
        """Ask until the answer has these values."""
        for _ in range(200):
            status, body = await self.ask("GET", path)
            found: dict[str, Any] = body["items"][0] if status == 200 and body.get("items") else body
            if all(found.get(name) == value for name, value in wanted.items()):
                return found
            await asyncio.sleep(0.1)
        pytest.fail(f"{path} never became {wanted}")


def left_in(bucket: Service) -> list[str]:
    """Every version and marker of the bucket, the ledger's checkpoint apart."""
    listed = bucket.admin.list_object_versions(Bucket=BUCKET)
    found = [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]
    return [entry["Key"] for entry in found if not entry["Key"].startswith("ledger/")]


async def test_the_main_job_on_postgresql_and_a_versioned_bucket(app: App, bucket: Service) -> None:
    """Recorded, played, erased by the visitor's reference; no version of any object is left."""
    async with aiohttp.ClientSession() as http:
        company = Company(app, http)
        await company.found()
        await company.call(4.0)
        item = await company.until("/v1/media?state=ready", state="ready")
        status, link = await company.ask(
            "POST", f"/v1/media/{item['id']}/links", json={"purpose": "to see that it plays"}
        )
        assert status == 201
        _, whole = await company.ask("GET", link["urls"]["media"])
        seen = decode(whole)
        assert seen.frames >= 100
        assert left_in(bucket)
        asked = {"visitor_reference": "customer 7", "reason": "visitor_request"}
        status, request = await company.ask("POST", "/v1/deletion-requests", json=asked)
        assert status == 202
        await company.until(f"/v1/deletion-requests/{request['id']}", state="complete")
        assert left_in(bucket) == []
        assert (await app.rooms.inventory.take(read_data=True)).findings == []
        _, receipt = await company.ask("GET", request["receipt_url"])
        _, keys = await company.ask("GET", "/v1/ledger/key")
    verifiers = [NoteVerifier.parse(key) for key in keys["keys"]]
    proven = verify_receipt(json.dumps(receipt).encode(), verifiers)
    assert proven.status == "complete"
    assert {entry.fields["kind"] for entry in proven.entries} == {"recording", "call"}


async def test_a_store_outside_the_allow_list_is_refused_at_start(
    tmp_path: Path, ceph: Ceph, bucket: Service, postgres: Postgres
) -> None:
    """The same bucket, declared to lie in a country that is not on the list."""
    assert bucket.settings.bucket == BUCKET
    with postgres.database() as main, postgres.database() as keys, pytest.raises(RefusedByPolicyError):
        async with open_app(grown_up(tmp_path, ceph, (main, keys), "US")):
            pytest.fail("the program started")
