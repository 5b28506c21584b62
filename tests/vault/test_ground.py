"""The ground under the rooms, with each holder of epoch keys that the settings can name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.servers.moto import Moto
from tests.servers.openbao import OpenBao
from tests.vault.http.house import settings_in
from tests.vault.keys.custodies import KmsCustody, TokenCustody, TransitCustody
from tests.vault.keyservice.conftest import bao, moto_kms
from vault.app import open_rooms
from vault.backups.dump import Kind
from vault.backups.key import create_backup_key
from vault.errors import ConfigurationError, KeyProviderError
from vault.settings import Settings

__all__ = ["bao", "moto_kms"]


def pkcs11_settings(folder: Path) -> dict[str, Any]:
    """A token of SoftHSM."""
    hsm = TokenCustody(folder).hsm
    return {"pkcs11": {"module": str(hsm.module), "token": hsm.token, "pin": hsm.pin}}


def openbao_settings(folder: Path, bao: OpenBao) -> dict[str, Any]:
    """A transit engine."""
    custody = TransitCustody(bao, folder)
    names = ("url", "token_file", "label", "ca_file")
    return {"openbao": {name: getattr(custody, name) for name in names}}


def awskms_settings(moto: Moto) -> dict[str, Any]:
    """What moto plays."""
    label = KmsCustody(moto).label
    names = {"region": moto.region, "label": label, "endpoint": moto.endpoint}
    return {"awskms": {**names, "access_key": "AKIAEXAMPLE", "secret_key": "any"}}


HOLDERS: dict[str, Callable[[Path, pytest.FixtureRequest], dict[str, Any]]] = {
    "file": lambda _, __: {},
    "awskms": lambda _, request: awskms_settings(request.getfixturevalue("moto_kms")),
    "openbao": lambda folder, request: openbao_settings(folder, request.getfixturevalue("bao")),
    "pkcs11": lambda folder, _: pkcs11_settings(folder),
}
WORTH = {"file": "software", "awskms": "kms", "openbao": "kms", "pkcs11": "hsm"}


@pytest.mark.parametrize("provider", list(HOLDERS))
async def test_what_was_sealed_opens_after_a_restart(
    provider: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The whole way: a tenant's keys under the holder's, closed, opened again; and their worth."""
    base = settings_in(tmp_path)
    told = base.model_dump() | HOLDERS[provider](tmp_path, request)
    told["keys"] = told["keys"] | {"provider": provider}
    settings = Settings.model_validate(told)
    async with open_rooms(settings) as rooms:
        tenant = await rooms.identity.tenants.add(name="Atelier Essai", retention_days=1)
        expected = await rooms.blobs.index(tenant_id=tenant, text="customer-1")
        assert await rooms.keys.assurance(1) == WORTH[provider]
    async with open_rooms(settings) as rooms:
        assert await rooms.blobs.index(tenant_id=tenant, text="customer-1") == expected


async def test_a_backup_of_the_key_store_needs_no_ring_where_there_is_none(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """No epoch would ever end without that backup: a holder that is no file has no file to put into it."""
    base = settings_in(tmp_path)
    base.keys.key_file.unlink()
    create_backup_key(tmp_path / "backup.key")
    told = base.model_dump() | HOLDERS["pkcs11"](tmp_path, request)
    told["keys"] = told["keys"] | {"provider": "pkcs11"}
    told["backup"] = {
        "key_file": tmp_path / "backup.key",
        "keys_url": f"file://{tmp_path}/backups",
        "country": "FR",
    }
    async with open_rooms(Settings.model_validate(told)) as rooms:
        (made,) = await rooms.backups.create(Kind.KEYS)
        assert made.place == "primary"


async def test_keys_are_not_looked_for_at_another_holder(tmp_path: Path) -> None:
    """A changed setting would find no key and say that all are lost: the start says what happened instead."""
    settings = settings_in(tmp_path)
    async with open_rooms(settings):
        pass
    told = settings.model_dump() | pkcs11_settings(tmp_path)
    told["keys"] = told["keys"] | {"provider": "pkcs11"}
    with pytest.raises(ConfigurationError, match=r"provider file, and keys\.provider says pkcs11"):
        async with open_rooms(Settings.model_validate(told)):
            pass


async def test_a_holder_that_is_away_stops_the_start(tmp_path: Path) -> None:
    """The first epoch needs it: the error names the setting to look at."""
    told = settings_in(tmp_path).model_dump()
    told["keys"] = told["keys"] | {"provider": "pkcs11"}
    told["pkcs11"] = {"module": "/nowhere/module.so", "token": "vault", "pin": "1234"}
    with pytest.raises(KeyProviderError, match=r"pkcs11\.module"):
        async with open_rooms(Settings.model_validate(told)):
            pass
