"""The port to whoever holds the epoch keys: what every provider must do, whatever it is."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crypto.keys import TenantKey
from tests.vault.keys.custodies import CUSTODIES, Custody
from vault.errors import KeyProviderError
from vault.keys.provider import EpochKeyState, KeyProvider

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
LONGEST_WAY_OUT = timedelta(days=30)  # what the slowest key service takes to destroy a key
CONTEXT = b"vault:tenant=0197\nvault:epoch=1\n"


@pytest.fixture(params=list(CUSTODIES))
def custody(request: pytest.FixtureRequest, tmp_path: Path) -> Custody:
    """Each kind of holder in turn."""
    return CUSTODIES[request.param](request, tmp_path)


@pytest.fixture
async def provider(custody: Custody) -> AsyncIterator[KeyProvider]:
    """One process's provider, with its first epoch."""
    async with custody.opened() as opened:
        await opened.create_epoch(1)
        yield opened


async def test_what_was_wrapped_unwraps_here_and_in_another_process(
    custody: Custody, provider: KeyProvider
) -> None:
    """An epoch's key is durable before it is used; the wrap shows nothing of it and differs each time."""
    key = TenantKey.generate()
    wrapped = await provider.wrap(1, key, context=CONTEXT)
    assert key.reveal() not in wrapped
    assert wrapped != await provider.wrap(1, key, context=CONTEXT)
    async with custody.opened() as other:
        for each in (provider, other):
            assert (await each.unwrap(1, wrapped, context=CONTEXT)).reveal() == key.reveal()


@pytest.mark.parametrize("context", [b"", b"vault:tenant=0198\nvault:epoch=1\n", CONTEXT + b"\n"])
async def test_another_context_is_refused(provider: KeyProvider, context: bytes) -> None:
    """A tenant's key does not open under another tenant's name."""
    wrapped = await provider.wrap(1, TenantKey.generate(), context=CONTEXT)
    with pytest.raises(KeyProviderError):
        await provider.unwrap(1, wrapped, context=context)


async def test_another_epoch_is_refused(provider: KeyProvider) -> None:
    """Neither a later epoch's key nor one that was never made opens it; nothing wraps under the latter."""
    await provider.create_epoch(2)
    wrapped = await provider.wrap(1, TenantKey.generate(), context=CONTEXT)
    for epoch in (2, 3):
        with pytest.raises(KeyProviderError):
            await provider.unwrap(epoch, wrapped, context=CONTEXT)
    with pytest.raises(KeyProviderError):
        await provider.wrap(3, TenantKey.generate(), context=CONTEXT)


async def test_changed_bytes_are_refused(provider: KeyProvider) -> None:
    """P4, one level up: a flip anywhere, less, more, nothing, or something else: an error, never a key."""
    wrapped = await provider.wrap(1, TenantKey.generate(), context=CONTEXT)
    places = sorted({0, 1, len(wrapped) // 2, len(wrapped) - 1})
    spoilt = [wrapped[:at] + bytes([wrapped[at] ^ 1]) + wrapped[at + 1 :] for at in places]
    for bad in (*spoilt, wrapped[:-1], wrapped + b"\0", b"", b"\xff" * len(wrapped), bytes(60)):
        with pytest.raises(KeyProviderError):
            await provider.unwrap(1, bad, context=CONTEXT)


async def test_an_epoch_is_made_once(custody: Custody, provider: KeyProvider) -> None:
    """Asking again, here or in another process, gives the same key and the same evidence."""
    key = TenantKey.generate()
    wrapped = await provider.wrap(1, key, context=CONTEXT)
    first = await provider.create_epoch(1)
    async with custody.opened() as other:
        assert await other.create_epoch(1) == first
        assert (await other.unwrap(1, wrapped, context=CONTEXT)).reveal() == key.reveal()
    assert (await provider.unwrap(1, wrapped, context=CONTEXT)).reveal() == key.reveal()
    assert first.number == 1
    assert first.evidence["provider"] == provider.name
    assert provider.assurance in {"software", "hsm", "kms"}


async def test_another_processs_epoch_is_found_and_kept(custody: Custody, provider: KeyProvider) -> None:
    """Who opened before an epoch began uses it all the same; making one's own loses nobody's."""
    async with custody.opened() as other:
        await other.create_epoch(2)
        wrapped = await other.wrap(2, TenantKey.generate(), context=CONTEXT)
        assert await provider.state(2) is EpochKeyState.USABLE
        await provider.unwrap(2, wrapped, context=CONTEXT)
        await provider.create_epoch(3)
        assert [await other.state(epoch) for epoch in (1, 2, 3)] == [EpochKeyState.USABLE] * 3


async def test_an_epoch_that_never_was_is_gone(provider: KeyProvider) -> None:
    """The state of what nobody made."""
    assert await provider.state(7) is EpochKeyState.GONE


async def test_destruction_is_final_repeatable_and_tells_from_when(
    custody: Custody, provider: KeyProvider
) -> None:
    """Nothing unwraps any more, here and in a process that had the key in use; the neighbour's key stays.

    A second call, after a crash or an hour later, tells no later moment for the same destruction.
    """
    await provider.create_epoch(2)
    wrapped = await provider.wrap(1, TenantKey.generate(), context=CONTEXT)
    kept_key = TenantKey.generate()
    kept = await provider.wrap(2, kept_key, context=CONTEXT)
    async with custody.opened() as other:
        await other.unwrap(1, wrapped, context=CONTEXT)
        first = await provider.destroy_epoch(1, now=NOW)
        assert NOW <= first.effective_at <= NOW + LONGEST_WAY_OUT
        assert first.evidence["provider"] == provider.name
        again = await other.destroy_epoch(1, now=first.effective_at)
        assert again.effective_at <= first.effective_at
        for each in (provider, other):
            assert await each.state(1) in {EpochKeyState.ENDING, EpochKeyState.GONE}
            with pytest.raises(KeyProviderError):
                await each.unwrap(1, wrapped, context=CONTEXT)
            with pytest.raises(KeyProviderError):
                await each.wrap(1, TenantKey.generate(), context=CONTEXT)
            assert await each.state(2) is EpochKeyState.USABLE
            assert (await each.unwrap(2, kept, context=CONTEXT)).reveal() == kept_key.reveal()


async def test_a_destroyed_epoch_is_never_made_again_by_opening(
    custody: Custody, provider: KeyProvider
) -> None:
    """What a restart finds of a destroyed epoch opens nothing."""
    wrapped = await provider.wrap(1, TenantKey.generate(), context=CONTEXT)
    await provider.destroy_epoch(1, now=NOW)
    async with custody.opened() as later:
        assert await later.state(1) in {EpochKeyState.ENDING, EpochKeyState.GONE}
        with pytest.raises(KeyProviderError):
            await later.unwrap(1, wrapped, context=CONTEXT)


async def test_a_provider_that_is_away_refuses_with_words_and_comes_back(
    custody: Custody, provider: KeyProvider
) -> None:
    """Every call fails closed and says what to do; when the provider is there again, so is the key."""
    key = TenantKey.generate()
    wrapped = await provider.wrap(1, key, context=CONTEXT)
    secrets = custody.secrets()
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "unwrap": lambda: provider.unwrap(1, wrapped, context=CONTEXT),
        "wrap": lambda: provider.wrap(1, key, context=CONTEXT),
        "state": lambda: provider.state(1),
        "create": lambda: provider.create_epoch(2),
        "destroy": lambda: provider.destroy_epoch(1, now=NOW),
    }
    async with custody.away():
        for name, call in calls.items():
            with pytest.raises(KeyProviderError) as told:
                await call()
            assert len(str(told.value)) > 30, name
            assert not any(secret in str(told.value).encode() for secret in secrets), name
    assert (await provider.unwrap(1, wrapped, context=CONTEXT)).reveal() == key.reveal()


async def test_nothing_a_provider_says_holds_a_secret(custody: Custody, provider: KeyProvider) -> None:
    """Its repr, its evidence, its refusals: no key, no credential."""
    key = TenantKey.generate()
    wrapped = await provider.wrap(1, key, context=CONTEXT)
    said = [repr(provider), str(provider), str(await provider.create_epoch(1))]
    with pytest.raises(KeyProviderError) as told:
        await provider.unwrap(1, wrapped[:-1], context=CONTEXT)
    said += [str(told.value), repr(told.value.__cause__)]
    said.append(str(await provider.destroy_epoch(1, now=NOW)))
    for secret in (*custody.secrets(), key.reveal()):
        assert not any(text.encode().find(secret) >= 0 for text in said)
