"""The port to whoever holds the epoch keys: what every provider must do; today there is one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from crypto.keys import TenantKey
from vault.keys.file_provider import FileKeyProvider
from vault.keys.provider import KeyProvider

PROVIDERS: dict[str, Callable[[Path], KeyProvider]] = {
    "file": lambda folder: FileKeyProvider.create(folder / "root.key"),
}


@pytest.mark.parametrize("make", PROVIDERS.values(), ids=PROVIDERS.keys())
async def test_a_provider_wraps_under_epochs_it_made(
    tmp_path: Path, make: Callable[[Path], KeyProvider]
) -> None:
    """Making is repeatable, evidence holds no secret, what is wrapped unwraps, its worth is named."""
    provider = make(tmp_path)
    made = [await provider.create_epoch(1) for _ in range(2)]
    assert made[0] == made[1]
    assert made[0].number == 1
    key = TenantKey.generate()
    wrapped = await provider.wrap(1, key, context=b"tenant")
    assert key.reveal() not in wrapped
    assert (await provider.unwrap(1, wrapped, context=b"tenant")).reveal() == key.reveal()
    assert provider.assurance in {"software", "hsm", "kms"}
    assert made[0].evidence["provider"] == provider.name
