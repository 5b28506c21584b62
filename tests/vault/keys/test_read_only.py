"""A provider that is only looked at opens what there is, and changes nothing."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from crypto.keys import TenantKey
from vault.errors import KeyProviderError
from vault.keys.file_provider import FileKeyProvider
from vault.keys.provider import EpochKeyState
from vault.keys.read_only import ReadOnlyProvider


async def test_it_unwraps_and_tells_and_makes_wraps_or_destroys_nothing(tmp_path: Path) -> None:
    """The ring is byte for byte what it was."""
    inner = FileKeyProvider.create(tmp_path / "root.key")
    await inner.create_epoch(1)
    key = TenantKey.generate()
    wrapped = await inner.wrap(1, key, context=b"c")
    before = (tmp_path / "root.key").read_bytes()
    looked_at = ReadOnlyProvider(inner)
    assert (looked_at.name, looked_at.assurance) == ("file", "software")
    assert (await looked_at.unwrap(1, wrapped, context=b"c")).reveal() == key.reveal()
    assert await looked_at.state(1) is EpochKeyState.USABLE
    with pytest.raises(KeyProviderError):
        await looked_at.create_epoch(2)
    with pytest.raises(KeyProviderError):
        await looked_at.wrap(1, key, context=b"c")
    with pytest.raises(KeyProviderError):
        await looked_at.destroy_epoch(1, now=datetime.now(UTC))
    assert (tmp_path / "root.key").read_bytes() == before
