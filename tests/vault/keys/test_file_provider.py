"""The key ring in a file: what is its own beside the contract (test_provider)."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crypto.keys import TenantKey
from vault.errors import ConfigurationError, KeyProviderError
from vault.keys.file_provider import FileKeyProvider
from vault.keys.private_file import write_private
from vault.keys.ring_file import RingFile

RING_1 = b'{"v": 1, "epochs": {"1": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}}'


async def test_a_process_that_was_asleep_loses_no_epoch_of_others(tmp_path: Path) -> None:
    """Who writes reads first: an epoch begun meanwhile is kept."""
    path = tmp_path / "root.key"
    first, stale = FileKeyProvider.create(path), FileKeyProvider.open(path)
    for epoch in (1, 2, 3):
        await first.create_epoch(epoch)
    await stale.create_epoch(4)
    await stale.destroy_epoch(1, now=None)  # type: ignore[arg-type]  # a file keeps no time
    wrapped = {epoch: await first.wrap(epoch, TenantKey.generate(), context=b"") for epoch in (2, 3, 4)}
    for epoch, each in wrapped.items():
        await stale.unwrap(epoch, each, context=b"")


async def test_what_several_change_at_once_is_all_there(tmp_path: Path) -> None:
    """A server destroys a key while a command makes one: neither change is lost."""
    path = tmp_path / "root.key"
    FileKeyProvider.create(path)
    many = [FileKeyProvider.open(path) for _ in range(24)]
    await asyncio.gather(*(each.create_epoch(number) for number, each in enumerate(many[:12], start=1)))
    now = datetime(2026, 11, 29, tzinfo=UTC)
    ends = [each.destroy_epoch(number, now=now) for number, each in enumerate(many[:12], start=1)]
    begins = [each.create_epoch(number) for number, each in enumerate(many[12:], start=13)]
    await asyncio.gather(*(one for pair in zip(ends, begins, strict=True) for one in pair))
    assert sorted(RingFile(path).read()) == list(range(13, 25))


async def test_an_epoch_is_made_once_byte_by_byte(tmp_path: Path) -> None:
    """Asking again writes nothing."""
    path = tmp_path / "root.key"
    await FileKeyProvider.create(path).create_epoch(1)
    before = path.read_bytes()
    await FileKeyProvider.open(path).create_epoch(1)
    assert path.read_bytes() == before


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
        '{"v": 3, "opens": {}, "ring": ""}',
        '{"v": 1, "epochs": {"one": ""}}',
        '{"v": 1, "epochs": {"1": "AA=="}}',
        '{"v": 1, "epochs": {"1": "not base64!"}}',
        '{"v": 1, "epochs": {"1": 7}}',
        '{"v": 2, "opens": {}, "ring": ""}',
        '{"v": 2, "opens": [], "ring": ""}',
        '{"v": 2, "opens": {"with": "file", "key": "AA=="}, "ring": ""}',
        '{"v": 2, "ring": 7, "opens": {"with": "file", "key": "%s"}}' % ("A" * 43 + "="),
        '{"v": 2, "opens": {"with": "argon2id", "t": "3"}, "ring": ""}',
        "[" * 100_000,
    ],
)
def test_a_damaged_ring_is_refused_with_words(tmp_path: Path, content: str) -> None:
    """The message names the file and not its content."""
    path = tmp_path / "root.key"
    path.touch(mode=0o600)
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"root\.key"):
        FileKeyProvider.open(path)


async def test_a_ring_of_the_first_form_goes_on(tmp_path: Path) -> None:
    """What an earlier release made is read, and written as it was until its owner puts it under a key."""
    path = tmp_path / "root.key"
    write_private(path, RING_1)
    provider = FileKeyProvider.open(path)
    wrapped = await provider.wrap(1, TenantKey.generate(), context=b"")
    await provider.create_epoch(2)
    found = json.loads(path.read_text())
    assert (found["v"], sorted(found["epochs"])) == (1, ["1", "2"])
    await FileKeyProvider.open(path).unwrap(1, wrapped, context=b"")


async def test_a_ring_that_vanishes_while_it_is_used_closes_the_reads(tmp_path: Path) -> None:
    """The error is the provider's, for the API answers it with 503; the words are the file's."""
    path = tmp_path / "root.key"
    provider = FileKeyProvider.create(path)
    path.unlink()
    with pytest.raises(KeyProviderError, match=r"root\.key is missing; restore it"):
        await provider.state(1)
