"""Holders of epoch keys whose settings cannot work: told by `config check`, before a call fails."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from vault.cli.exits import Exit
from vault.cli.key_provider_checks import key_provider_findings
from vault.keys.private_file import write_private
from vault.settings import Settings

HERE = str(Path(__file__))
GOOD: dict[str, dict[str, Any]] = {
    "file": {},
    "awskms": {"awskms": {"region": "eu-west-3"}},
    "openbao": {"openbao": {"url": "https://bao.example.org:8200", "token_file": "TOKEN"}},
    "pkcs11": {"pkcs11": {"module": HERE, "token": "vault", "pin": "1234"}},
}
WRONG = [
    ("awskms", {"awskms": {"region": ""}}, "awskms.region"),
    ("awskms", {"awskms": {"access_key": "AKIA1"}}, "awskms.secret_key"),
    ("awskms", {"awskms": {"endpoint": "http://kms.example.org"}}, "awskms.endpoint"),
    ("openbao", {"openbao": {"url": ""}}, "openbao.url"),
    ("openbao", {"openbao": {"url": "http://bao.example.org:8200"}}, "openbao.url"),
    ("openbao", {"openbao": {"url": "bao.example.org"}}, "openbao.url"),
    ("openbao", {"openbao": {"token_file": "/nowhere/token"}}, "openbao.token_file"),
    ("openbao", {"openbao": {"ca_file": "/nowhere/ca.pem"}}, "openbao.ca_file"),
    ("pkcs11", {"pkcs11": {"module": ""}}, "pkcs11.module"),
    ("pkcs11", {"pkcs11": {"module": "/nowhere/module.so"}}, "pkcs11.module"),
    ("pkcs11", {"pkcs11": {"token": ""}}, "pkcs11.token"),
    ("pkcs11", {"pkcs11": {"pin": None}}, "CALLVAULT_PKCS11__PIN_FILE"),
    ("pkcs11", {"keys": {"passphrase": "six words of some length"}}, "keys.passphrase"),
]


def settings_of(provider: str, change: dict[str, dict[str, Any]]) -> Settings:
    """Good settings of a provider, with one thing changed."""
    told: dict[str, dict[str, Any]] = {"keys": {"provider": provider}, **GOOD[provider]}
    for section, values in change.items():
        told[section] = {**told.get(section, {}), **values}
    return Settings.model_validate(told)


@pytest.fixture(autouse=True)
def _token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token where the good settings say."""
    monkeypatch.chdir(tmp_path)
    write_private(tmp_path / "TOKEN", b"s.token")


@pytest.mark.parametrize("provider", list(GOOD))
def test_complete_settings_are_passed(provider: str) -> None:
    """Nothing found, nothing said."""
    assert list(key_provider_findings(settings_of(provider, {}))) == []


@pytest.mark.parametrize(("provider", "change", "says"), WRONG)
def test_what_is_missing_is_named_with_its_setting(
    provider: str, change: dict[str, dict[str, Any]], says: str
) -> None:
    """One line, with what to write."""
    ((code, line),) = key_provider_findings(settings_of(provider, change))
    assert code is Exit.CONFIGURATION
    assert says in line


HOLDERS: dict[str, dict[str, Any]] = {
    "file": {"key_file": "other.key"},
    "awskms": {"awskms": {"region": "eu-west-3"}, "credentials_file": "TOKEN"},
    "openbao": GOOD["openbao"],
    "pkcs11": {"pkcs11": {"module": HERE, "token": "vault"}, "pin_file": "TOKEN"},
}
WRONG_HOLDERS: list[tuple[str, dict[str, Any], str]] = [
    ("file", {"key_file": None}, "key_file"),
    ("file", {"passphrase_file": "/nowhere/passphrase"}, "/nowhere/passphrase"),
    ("awskms", {"awskms": {}}, "awskms.region"),
    ("awskms", {"credentials_file": "/nowhere/credentials"}, "/nowhere/credentials"),
    ("openbao", {"openbao": {"url": "http://bao.example.org", "token_file": "TOKEN"}}, "openbao.url"),
    ("pkcs11", {"pkcs11": {"module": HERE}}, "pkcs11.token"),
    ("pkcs11", {"pin_file": None}, "pin_file"),
]


def with_holder(provider: str, change: dict[str, Any]) -> Settings:
    """Good settings with a tenants' holder."""
    holder = {"name": "acme", "provider": provider, **HOLDERS[provider], **change}
    return Settings.model_validate({"keys": {"holders": [holder]}})


@pytest.mark.parametrize("provider", list(HOLDERS))
def test_a_complete_holder_is_passed(provider: str) -> None:
    """Nothing found, nothing said."""
    assert list(key_provider_findings(with_holder(provider, {}))) == []


@pytest.mark.parametrize(("provider", "change", "says"), WRONG_HOLDERS)
def test_what_a_holder_lacks_is_named_with_its_name(provider: str, change: dict[str, Any], says: str) -> None:
    """One line, with whose and what to write."""
    ((code, line),) = key_provider_findings(with_holder(provider, change))
    assert code is Exit.CONFIGURATION
    assert "keys.holders, acme" in line
    assert says in line


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-2", "eu-central-2"])
def test_keys_stay_in_the_eu(region: str) -> None:
    """London and Zurich are called "eu" and are not in it; who holds the keys holds the recordings."""
    ((code, line),) = key_provider_findings(settings_of("awskms", {"awskms": {"region": region}}))
    assert code is Exit.REFUSED
    assert "awskms.region" in line


def test_a_pin_is_never_shown() -> None:
    """Settings print themselves now and then."""
    settings = settings_of("pkcs11", {})
    assert isinstance(settings.pkcs11.pin, SecretStr)
    assert "1234" not in repr(settings)
