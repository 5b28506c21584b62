"""Epoch keys in OpenBao: what is its own beside the contract (tests/vault/keys/test_provider.py)."""

import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crypto.keys import TenantKey
from tests.servers.openbao import OpenBao, openbao_server
from tests.servers.ports import free_port
from tests.vault.keys.custodies import TransitCustody
from vault.errors import KeyProviderError
from vault.keys.private_file import write_private
from vault.keys.provider import EpochKeyState
from vault.keyservice.openbao import OpenBaoKeyProvider, TransitSettings

NOW = datetime(2026, 11, 29, tzinfo=UTC)


@pytest.fixture
def custody(bao: OpenBao, tmp_path: Path) -> TransitCustody:
    """A deployment's name of its own on that server."""
    return TransitCustody(bao, tmp_path)


async def test_an_epochs_key_cannot_be_read_by_who_uses_it(bao: OpenBao, custody: TransitCustody) -> None:
    """Not exportable, not in plaintext backups; the token's policy lets it wrap, and not export."""
    async with custody.opened() as provider:
        await provider.create_epoch(1)
    found = bao.ask("GET", f"transit/keys/{custody.label}-epoch-1")["data"]
    assert [found[name] for name in ("type", "exportable", "allow_plaintext_backup", "deletion_allowed")] == [
        "aes256-gcm96",
        False,
        False,
        False,
    ]


async def test_a_disabled_key_is_refused_until_it_is_restored(bao: OpenBao, custody: TransitCustody) -> None:
    """Whoever owns the service may take the key away for a while: nothing opens, nothing is lost."""
    path = f"transit/keys/{custody.label}-epoch-1"
    async with custody.opened() as provider:
        await provider.create_epoch(1)
        key = TenantKey.generate()
        wrapped = await provider.wrap(1, key, context=b"tenant")
        bao.ask("DELETE", f"{path}/soft-delete")
        assert await provider.state(1) is EpochKeyState.DISABLED
        for refused in (
            lambda: provider.unwrap(1, wrapped, context=b"tenant"),
            lambda: provider.wrap(1, key, context=b"tenant"),
        ):
            with pytest.raises(KeyProviderError):
                await refused()
        bao.ask("POST", f"{path}/soft-delete-restore")
        assert (await provider.unwrap(1, wrapped, context=b"tenant")) == key


@pytest.mark.parametrize("unfit", [{"exportable": True}, {"type": "chacha20-poly1305"}, {"derived": True}])
async def test_a_key_that_somebody_else_made_otherwise_is_not_used(
    bao: OpenBao, custody: TransitCustody, unfit: dict[str, Any]
) -> None:
    """A key that can be exported may have been: it is no epoch's key."""
    bao.ask("POST", f"transit/keys/{custody.label}-epoch-1", {"type": "aes256-gcm96", **unfit})
    async with custody.opened() as provider:
        with pytest.raises(KeyProviderError, match="not as this program makes them"):
            await provider.create_epoch(1)


async def test_wrapping_under_a_destroyed_epoch_makes_no_new_key(
    bao: OpenBao, custody: TransitCustody
) -> None:
    """The engine would make one; the documented policy forbids it, even to who asks past our look-up."""
    async with custody.opened() as provider:
        await provider.create_epoch(1)
        await provider.destroy_epoch(1, now=NOW)
        asked = {"plaintext": "QUJD", "associated_data": "QUJD"}
        with pytest.raises(KeyProviderError, match=r"openbao\.token_file"):
            await provider._done("POST", f"encrypt/{custody.label}-epoch-1", asked)
        assert await provider.state(1) is EpochKeyState.GONE


async def test_a_destruction_that_was_cut_short_is_finished(bao: OpenBao, custody: TransitCustody) -> None:
    """Killed between the two steps: the key may be deleted and is still there; the next call deletes it."""
    async with custody.opened() as provider:
        await provider.create_epoch(1)
        bao.ask("POST", f"transit/keys/{custody.label}-epoch-1/config", {"deletion_allowed": True})
        done = await provider.destroy_epoch(1, now=NOW)
        assert (done.effective_at, done.evidence["looked_up"]) == (NOW, "not found")
        assert await provider.state(1) is EpochKeyState.GONE


async def test_a_key_that_is_not_where_it_was_made_is_not_gone(custody: TransitCustody) -> None:
    """Another mount or label in the settings: nothing is found there, and nothing was destroyed."""
    async with custody.opened() as provider:
        made = (await provider.create_epoch(1)).evidence
        assert await provider.state(1, made=made) is EpochKeyState.USABLE
        for name in ("mount", "key"):
            with pytest.raises(KeyProviderError, match="set it back"):
                await provider.state(2, made={**made, name: "elsewhere"})
            with pytest.raises(KeyProviderError, match="set it back"):
                await provider.destroy_epoch(2, now=NOW, made={**made, name: "elsewhere"})


async def test_a_renewed_token_counts_without_a_restart(bao: OpenBao, custody: TransitCustody) -> None:
    """Agents write short-lived tokens into the file; one that others may read is refused."""
    async with custody.opened() as provider:
        await provider.create_epoch(1)
        write_private(custody.token_file, b"s.expired\n")
        with pytest.raises(KeyProviderError, match=r"openbao\.token_file"):
            await provider.state(1)
        write_private(custody.token_file, bao.token_for(custody.label).encode())
        assert await provider.state(1) is EpochKeyState.USABLE
        custody.token_file.chmod(0o644)
        with pytest.raises(KeyProviderError, match="chmod 600"):
            await provider.state(1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"mount": "elsewhere"}, r"openbao\.mount|openbao\.token_file"),
        ({"ca_file": None}, r"openbao\.url does not answer"),
        ({"ca_file": Path("/nowhere/ca.pem")}, r"openbao\.ca_file"),
        ({"label": "another"}, r"openbao\.token_file"),
    ],
)
async def test_settings_that_do_not_fit_are_told_by_name(
    custody: TransitCustody, change: dict[str, Any], says: str
) -> None:
    """A certificate that is nobody's we know, a mount that is none, a name outside the policy."""
    told: dict[str, Any] = {
        "url": custody.url,
        "token_file": custody.token_file,
        "ca_file": custody.ca_file,
    } | change
    provider = OpenBaoKeyProvider(TransitSettings(**told))
    with pytest.raises(KeyProviderError, match=says):
        await provider.state(1)
    await provider.aclose()


async def test_a_service_that_takes_the_call_and_says_nothing_is_away(custody: TransitCustody) -> None:
    """Nobody waits longer than was said."""
    with socket.create_server(("127.0.0.1", free_port())) as silent:
        provider = OpenBaoKeyProvider(
            TransitSettings(f"http://127.0.0.1:{silent.getsockname()[1]}", custody.token_file, timeout_s=0.2)
        )
        with pytest.raises(KeyProviderError, match="does not answer"):
            await provider.state(1)
        await provider.aclose()


async def test_a_sealed_service_is_told(tmp_path: Path) -> None:
    """After its restart somebody has to unseal it: that is said, and then it goes on."""
    with openbao_server(tmp_path / "own") as own:
        custody = TransitCustody(own, tmp_path)
        async with custody.opened() as provider:
            await provider.create_epoch(1)
            own.ask("PUT", "sys/seal")
            with pytest.raises(KeyProviderError, match="sealed; unseal it"):
                await provider.state(1)
