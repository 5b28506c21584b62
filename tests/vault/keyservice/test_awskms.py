"""Epoch keys in AWS KMS: the shape of the calls, against moto.

moto checks ciphertexts and contexts, and neither credentials nor the state of a key: it decrypts under a
disabled key and under one that is to be deleted. So nothing here shows that a destroyed key opens nothing at
AWS. What is shown: we ask for it rightly, and refuse by ourselves where the service says a key is not usable.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from crypto.keys import TenantKey
from tests.servers.moto import Moto
from tests.servers.ports import free_port
from tests.vault.keys.custodies import KmsCustody
from vault.errors import KeyProviderError
from vault.keys.provider import EpochKeyState
from vault.keyservice.awskms import AwsKmsKeyProvider, KmsSettings

NOW = datetime.now(UTC)


@pytest.fixture
def custody(moto_kms: Moto) -> KmsCustody:
    """A deployment's name of its own."""
    return KmsCustody(moto_kms)


@pytest.fixture
def owner(moto_kms: Moto) -> Iterator[Any]:
    """Whoever owns the account."""
    client = boto3.client(
        "kms",
        endpoint_url=moto_kms.endpoint,
        region_name=moto_kms.region,
        aws_access_key_id="owner",
        aws_secret_access_key="owner",
    )
    yield client
    client.close()


async def test_an_epochs_key_is_symmetric_and_never_rotated(custody: KmsCustody, owner: Any) -> None:
    """Rotation keeps each older key for ever: it is not asked for."""
    async with custody.opened() as provider:
        made = await provider.create_epoch(1)
    found = owner.describe_key(KeyId=f"alias/{custody.label}-epoch-1")["KeyMetadata"]
    assert (found["KeySpec"], found["KeyUsage"]) == ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
    assert owner.get_key_rotation_status(KeyId=found["KeyId"])["KeyRotationEnabled"] is False
    assert made.evidence["key"] == found["KeyId"]


async def test_a_disabled_key_is_refused_until_it_is_enabled(custody: KmsCustody, owner: Any) -> None:
    """The owner's no is obeyed at the next question, whatever the service would still do."""
    async with custody.opened() as provider:
        made = await provider.create_epoch(1)
        key = TenantKey.generate()
        wrapped = await provider.wrap(1, key, context=b"vault:tenant=1\n")
        owner.disable_key(KeyId=made.evidence["key"])
        assert await provider.state(1) is EpochKeyState.DISABLED
        with pytest.raises(KeyProviderError, match="Disabled"):
            await provider.unwrap(1, wrapped, context=b"vault:tenant=1\n")
        owner.enable_key(KeyId=made.evidence["key"])
        assert await provider.unwrap(1, wrapped, context=b"vault:tenant=1\n") == key


async def test_a_destruction_is_effective_when_nobody_can_cancel_it_any_more(custody: KmsCustody) -> None:
    """The end of the waiting period of the settings; asking again a day later tells no later date."""
    async with custody.opened() as provider:
        await provider.create_epoch(1)
        first = await provider.destroy_epoch(1, now=NOW)
        assert timedelta(days=6, hours=23) < first.effective_at - NOW < timedelta(days=7, hours=1)
        assert first.evidence["deletion_date"] == first.effective_at.isoformat()
        again = await provider.destroy_epoch(1, now=NOW + timedelta(days=1))
        assert again.effective_at == first.effective_at
        assert await provider.state(1) is EpochKeyState.ENDING


async def test_an_alias_that_was_deleted_or_moved_says_nothing_of_a_key_that_is_known(
    custody: KmsCustody, owner: Any
) -> None:
    """The key is asked by its own id: usable still, and what ends is that one and not another's."""
    alias = f"alias/{custody.label}-epoch-1"
    async with custody.opened() as provider:
        made = (await provider.create_epoch(1)).evidence
        owner.delete_alias(AliasName=alias)
        assert await provider.state(1) is EpochKeyState.GONE
        assert await provider.state(1, made=made) is EpochKeyState.USABLE
        another = owner.create_key()["KeyMetadata"]["KeyId"]
        owner.create_alias(AliasName=alias, TargetKeyId=another)
        await provider.destroy_epoch(1, now=NOW, made=made)
        assert await provider.state(1, made=made) is EpochKeyState.ENDING
        assert owner.describe_key(KeyId=another)["KeyMetadata"]["KeyState"] == "Enabled"
        with pytest.raises(KeyProviderError, match=r"awskms\.region"):
            await provider.state(1, made=made | {"region": "eu-south-2"})


async def test_a_crash_before_the_alias_leaves_a_key_without_a_name(custody: KmsCustody, owner: Any) -> None:
    """The next start makes another one under the name; the nameless one wraps nothing."""
    stray = owner.create_key(Description="made, and then the power went")["KeyMetadata"]["KeyId"]
    async with custody.opened() as provider:
        made = await provider.create_epoch(1)
        assert made.evidence["key"] != stray
        assert await provider.create_epoch(1) == made


async def test_the_context_is_told_by_name(custody: KmsCustody, owner: Any) -> None:
    """CloudTrail and key policies see which tenant and epoch: identifiers, nothing personal."""
    async with custody.opened() as provider:
        made = await provider.create_epoch(1)
        key = TenantKey.generate()
        wrapped = await provider.wrap(1, key, context=b"vault:tenant=0197\nvault:epoch=1\n")
    told = {
        "vault:tenant": "0197",
        "vault:epoch": "1",
        "callvault:context": b"vault:tenant=0197\nvault:epoch=1\n".hex(),
    }
    found = owner.decrypt(KeyId=made.evidence["key"], CiphertextBlob=wrapped, EncryptionContext=told)
    assert found["Plaintext"] == key.reveal()


async def test_a_service_that_is_not_there_is_away(tmp_path: Path) -> None:
    """The error says which service and region, and no credential."""
    provider = AwsKmsKeyProvider(
        KmsSettings(
            "eu-west-3", endpoint=f"http://127.0.0.1:{free_port()}", access_key="AKIA1", secret_key="hidden"
        )
    )
    with pytest.raises(KeyProviderError, match=r"AWS KMS in eu-west-3 does not answer") as told:
        await provider.state(1)
    assert "hidden" not in str(told.value) + repr(provider)
    await provider.aclose()


async def test_no_credentials_at_all_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither settings nor the usual chain have any."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    provider = AwsKmsKeyProvider(KmsSettings("eu-west-3", endpoint=f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(KeyProviderError, match="credentials"):
        await provider.state(1)
    await provider.aclose()
