"""The demo of a trial: completed where an earlier start was cut short, never doubled."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from vault.app import Rooms, open_rooms
from vault.cli.keyfiles import make_key_files
from vault.cli.rooms import operator_of
from vault.cli.seed import own_origins, seed
from vault.model import Role
from vault.settings.sources import load_settings


@pytest.fixture
async def rooms(config: Path) -> AsyncIterator[Rooms]:
    """An empty vault."""
    settings = load_settings(environ={}, file=config).settings
    await make_key_files(settings)
    async with open_rooms(settings) as opened:
        yield opened


async def test_seeding_twice_is_seeding_once(rooms: Rooms) -> None:
    """Each start calls it; the same ids come back."""
    assert await seed(rooms) == await seed(rooms)
    assert len(await rooms.identity.tenants.all_ids()) == 1
    assert len(await rooms.buttons.list(by=operator_of((await seed(rooms)).tenant_id))) == 1


async def test_what_a_cut_short_start_left_out_is_added(rooms: Rooms) -> None:
    """A kill between tenant and people leaves a folder that the next start completes."""
    tenant = await rooms.identity.tenants.add(name="Cut short", retention_days=1)
    demo = await seed(rooms)
    assert demo.tenant_id == tenant
    people = await rooms.identity.people.page(tenant_id=tenant, after=None, limit=10)
    assert {person.role for person in people} == {Role.AGENT, Role.ADMIN, Role.AUDITOR}


async def test_origins_that_somebody_added_stay_on_the_button(rooms: Rooms) -> None:
    """Only addresses of earlier starts on this machine are replaced."""
    demo = await seed(rooms)
    by = operator_of(demo.tenant_id)
    await rooms.buttons.change(
        demo.button_id, by=by, allowed_origins=("https://shop.example", "http://127.0.0.1:1")
    )
    await seed(rooms)
    (button,) = await rooms.buttons.list(by=by)
    assert button.allowed_origins == ("https://calls.example.org", "https://shop.example")


def test_a_browser_may_call_this_machine_by_either_name() -> None:
    """127.0.0.1 is printed; localhost is what people type."""
    assert own_origins("http://127.0.0.1:8080") == ("http://127.0.0.1:8080", "http://localhost:8080")
