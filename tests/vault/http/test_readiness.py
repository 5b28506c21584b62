"""Readiness, asked by anybody."""

from pathlib import Path

from tests.vault.http.house import open_house


async def test_readiness_is_asked_of_the_parts_once_in_a_second(tmp_path: Path) -> None:
    """Anybody may ask /readyz: many who ask at once cost one look."""
    looked = 0

    async def look() -> None:
        nonlocal looked
        looked += 1

    async with open_house(tmp_path, checks={"store": look}) as house:
        for _ in range(5):
            assert (await house.ask("GET", "/readyz"))[0] == 200
    assert looked == 1
