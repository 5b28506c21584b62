"""The key ring in a file: found again, never overwritten, refused when damaged."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crypto.keys import TenantKey
from vault.errors import ConfigurationError, KeyProviderError
from vault.keys.file_provider import FileKeyProvider
from vault.keys.provider import EpochKeyState


async def ring(folder: Path) -> FileKeyProvider:
    """A ring with its first epoch."""
    provider = FileKeyProvider.create(folder / "keys" / "root.key")
    await provider.create_epoch(1)
    return provider


async def test_what_was_wrapped_unwraps_after_a_restart(tmp_path: Path) -> None:
    """The key of an epoch is in the file before it is used."""
    key = TenantKey.generate()
    wrapped = await (await ring(tmp_path)).wrap(1, key, context=b"tenant")
    again = await FileKeyProvider.open(tmp_path / "keys" / "root.key").unwrap(1, wrapped, context=b"tenant")
    assert again.reveal() == key.reveal()


async def test_an_epoch_is_made_once(tmp_path: Path) -> None:
    """Asking again, in this process or another, gives the same key."""
    first = await ring(tmp_path)
    path = tmp_path / "keys" / "root.key"
    before = path.read_bytes()
    await first.create_epoch(1)
    await FileKeyProvider.open(path).create_epoch(1)
    assert path.read_bytes() == before


async def test_an_epoch_begun_elsewhere_is_found_and_kept(tmp_path: Path) -> None:
    """Another program's epoch is read from the file; making one's own does not lose it."""
    first = await ring(tmp_path)
    path = tmp_path / "keys" / "root.key"
    second = FileKeyProvider.open(path)
    await second.create_epoch(2)
    wrapped = await second.wrap(2, TenantKey.generate(), context=b"")
    assert len((await first.unwrap(2, wrapped, context=b"")).reveal()) == 32
    stale = FileKeyProvider.open(path)
    await second.create_epoch(3)
    await stale.create_epoch(4)
    assert sorted(json.loads(path.read_text())["epochs"]) == ["1", "2", "3", "4"]


def test_a_ring_is_never_overwritten(tmp_path: Path) -> None:
    """Making keys where there are keys would lose everything sealed under them."""
    path = tmp_path / "root.key"
    FileKeyProvider.create(path)
    with pytest.raises(ConfigurationError, match="never overwritten"):
        FileKeyProvider.create(path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"v": 1}',
        '{"v": 1, "epochs": []}',
        '{"v": 2, "epochs": {}}',
        '{"v": 1, "epochs": {"one": ""}}',
        '{"v": 1, "epochs": {"1": "AA=="}}',
        '{"v": 1, "epochs": {"1": "not base64!"}}',
        '{"v": 1, "epochs": {"1": 7}}',
    ],
)
def test_a_damaged_ring_is_refused_with_words(tmp_path: Path, content: str) -> None:
    """The message names the file and not its content."""
    path = tmp_path / "root.key"
    path.touch(mode=0o600)
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"root\.key"):
        FileKeyProvider.open(path)


async def test_a_ring_does_not_print_its_keys(tmp_path: Path) -> None:
    """Rule of the house: secrets have a mute repr."""
    provider = await ring(tmp_path)
    key = json.loads((tmp_path / "keys" / "root.key").read_text())["epochs"]["1"]
    assert key not in repr(provider)
    assert key not in str((await provider.create_epoch(1)).evidence)


async def test_a_destroyed_epoch_opens_nothing_any_more_here_or_after_a_restart(tmp_path: Path) -> None:
    """The file is rewritten without the key; asking again is harmless, other epochs stay."""
    provider = await ring(tmp_path)
    await provider.create_epoch(2)
    wrapped = await provider.wrap(1, TenantKey.generate(), context=b"tenant")
    now = datetime(2026, 11, 29, tzinfo=UTC)
    first = await provider.destroy_epoch(1, now=now)
    assert await provider.destroy_epoch(1, now=now) == first
    for each in (provider, FileKeyProvider.open(tmp_path / "keys" / "root.key")):
        assert await each.state(1) is EpochKeyState.GONE
        assert await each.state(2) is EpochKeyState.USABLE
        with pytest.raises(KeyProviderError):
            await each.unwrap(1, wrapped, context=b"tenant")
