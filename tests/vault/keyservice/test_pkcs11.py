"""Epoch keys in a token: what is its own beside the contract (tests/vault/keys/test_provider.py)."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pkcs11
import pytest
from pkcs11 import Attribute, ObjectClass

from crypto.keys import TenantKey
from tests.vault.keys.custodies import TokenCustody
from vault.errors import KeyProviderError
from vault.keys.provider import EpochKeyState
from vault.keyservice.pkcs11 import Pkcs11KeyProvider, TokenSettings

NOW = datetime(2026, 11, 29, tzinfo=UTC)


@pytest.fixture
def custody(tmp_path: Path) -> TokenCustody:
    """A token of its own."""
    return TokenCustody(tmp_path)


async def test_an_epochs_key_never_leaves_the_token(custody: TokenCustody) -> None:
    """Born inside, sensitive, not extractable, under its deployment's name; the token says so itself."""
    async with custody.opened() as provider:
        await provider.create_epoch(1)
        session = provider._session
        assert session is not None
        (key,) = session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY})
        assert key[Attribute.LABEL] == "callvault/epoch-1"
        flags = (Attribute.ALWAYS_SENSITIVE, Attribute.NEVER_EXTRACTABLE, Attribute.PRIVATE, Attribute.LOCAL)
        assert [key[flag] for flag in flags] == [True] * 4
        assert key[Attribute.MODIFIABLE] is False
        with pytest.raises(pkcs11.AttributeSensitive):
            key[Attribute.VALUE]


async def test_deployments_on_one_token_do_not_meet(custody: TokenCustody) -> None:
    """Another label, another key: one's destruction is not the other's."""
    hsm = custody.hsm
    other = Pkcs11KeyProvider(TokenSettings(hsm.module, hsm.token, hsm.pin, label="staging"))
    async with custody.opened() as provider:
        for each in (provider, other):
            await each.create_epoch(1)
        wrapped = await provider.wrap(1, TenantKey.generate(), context=b"")
        with pytest.raises(KeyProviderError):
            await other.unwrap(1, wrapped, context=b"")
        await other.destroy_epoch(1, now=NOW)
        assert await provider.state(1) is EpochKeyState.USABLE
        await other.aclose()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"pin": "not-the-pin"}, "refuses the PIN"),
        ({"token": "another"}, r"pkcs11\.token"),
        ({"module": Path("/nowhere/module.so")}, r"pkcs11\.module"),
    ],
)
async def test_settings_that_do_not_fit_are_told_by_name(
    custody: TokenCustody, change: dict[str, object], says: str
) -> None:
    """A wrong PIN, a wrong token, no module: which setting to look at, and no PIN in the words."""
    told = {"module": custody.hsm.module, "token": custody.hsm.token, "pin": custody.hsm.pin} | change
    provider = Pkcs11KeyProvider(TokenSettings(**told))  # type: ignore[arg-type]  # columns of the table
    with pytest.raises(KeyProviderError, match=says) as error:
        await provider.state(1)
    assert "pin" not in str(error.value).replace("pkcs11.pin", "")
    await provider.aclose()


async def test_a_session_that_the_token_ended_is_opened_again(custody: TokenCustody) -> None:
    """A token that was unplugged and is back, a module that somebody started anew: no restart of ours."""
    async with custody.opened() as provider:
        await provider.create_epoch(1)
        wrapped = await provider.wrap(1, TenantKey.generate(), context=b"")
        assert provider._session is not None
        provider._session.close()
        await provider.unwrap(1, wrapped, context=b"")


async def test_two_keys_of_one_name_are_used_by_nobody(custody: TokenCustody) -> None:
    """Somebody's copy in the token: which one wrapped what cannot be told, so neither is taken."""
    async with custody.opened() as provider:
        await provider.create_epoch(1)
        session = provider._session
        assert session is not None
        session.generate_key(pkcs11.KeyType.AES, 256, label="callvault/epoch-1", store=True)
        with pytest.raises(KeyProviderError, match="two keys"):
            await provider.state(1)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")  # the very thing that is tested
def test_a_forked_process_opens_the_token_itself(custody: TokenCustody) -> None:
    """The module's state is its process's: the child starts it anew, and the parent goes on."""
    hsm, key = custody.hsm, TenantKey.generate()
    provider = Pkcs11KeyProvider(TokenSettings(hsm.module, hsm.token, hsm.pin))

    async def begin() -> bytes:
        await provider.create_epoch(1)
        return await provider.wrap(1, key, context=b"")

    wrapped = asyncio.run(begin())
    child = os.fork()
    if child == 0:
        try:
            code = 0 if asyncio.run(provider.unwrap(1, wrapped, context=b"")) == key else 1
        except BaseException:  # noqa: BLE001  # a child must not go on as the test run
            code = 2
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert asyncio.run(provider.unwrap(1, wrapped, context=b"")) == key
    asyncio.run(provider.aclose())
