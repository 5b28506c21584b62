"""Buttons: made by administrators, shown to pages on their list, switched off at once."""

import pytest

from tests.vault.media.workshop import PAGE, Workshop
from vault.calls.buttons import NewButton
from vault.errors import ForbiddenError, InvalidError, NotFoundError, OriginRefusedError
from vault.model import Role, new_id


def new(*origins: str) -> NewButton:
    """A button on some pages."""
    texts = {"fr": "Appeler", "en": "Call"}
    return NewButton("b", texts, texts, ("audio",), origins, records=True, retention_days=30)


@pytest.mark.parametrize(
    "origin",
    [
        "shop.example",
        "https://",
        "ftp://shop.example",
        f"{PAGE}/",
        f"{PAGE}/path",
        f"{PAGE}?q",
        "*",
        "null",
        "",
    ],
)
async def test_what_is_no_origin_is_refused_with_its_place(work: Workshop, origin: str) -> None:
    """RFC 6454: scheme and host, nothing more; the fault points at the entry and does not repeat it."""
    with pytest.raises(InvalidError) as refused:
        await work.buttons.create(new(PAGE, origin), by=work.by())
    (fault,) = refused.value.faults
    assert (fault.where, fault.code) == ("#/allowed_origins/1", "not_an_origin")


async def test_a_button_is_found_as_it_was_made(any_work: Workshop) -> None:
    """Texts, media and lists survive both databases."""
    made = await any_work.buttons.create(new(PAGE, "http://localhost:8080"), by=any_work.by())
    assert await any_work.buttons.public(made.id) == made
    assert list(await any_work.buttons.list(by=any_work.by(Role.AGENT))) == [made]
    assert made.tenant_name == "Acme"
    made.admit_origin(PAGE)
    for origin in (None, "", f"{PAGE}.evil"):
        with pytest.raises(OriginRefusedError):
            made.admit_origin(origin)


async def test_a_button_that_is_switched_off_is_not_there(any_work: Workshop) -> None:
    """For visitors; its people still see it and may switch it on again."""
    made = await any_work.buttons.create(new(PAGE), by=any_work.by())
    changed = await any_work.buttons.change(made.id, by=any_work.by(), disabled=True, allowed_origins=())
    assert (changed.disabled, changed.allowed_origins) == (True, ())
    for button_id in (made.id, new_id("btn"), "nonsense"):
        with pytest.raises(NotFoundError):
            await any_work.buttons.public(button_id)
    assert not (await any_work.buttons.change(made.id, by=any_work.by(), disabled=False)).disabled
    assert (await any_work.buttons.change(made.id, by=any_work.by())).allowed_origins == ()
    with pytest.raises(InvalidError):
        await any_work.buttons.change(made.id, by=any_work.by(), allowed_origins=("nonsense",))


async def test_a_foreign_button_looks_missing(work: Workshop) -> None:
    """Another tenant's administrator neither sees nor changes it."""
    made = await work.buttons.create(new(PAGE), by=work.by())
    stranger = work.by(tenant_id=new_id("ten"))
    for button_id in (made.id, new_id("btn")):
        with pytest.raises(NotFoundError):
            await work.buttons.change(button_id, by=stranger, disabled=True)
    assert list(await work.buttons.list(by=stranger)) == []


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
async def test_only_administrators_make_and_change_buttons(work: Workshop, role: Role) -> None:
    """The use case checks, whatever door was taken."""
    made = await work.buttons.create(new(PAGE), by=work.by())
    with pytest.raises(ForbiddenError):
        await work.buttons.create(new(PAGE), by=work.by(role))
    with pytest.raises(ForbiddenError):
        await work.buttons.change(made.id, by=work.by(role), disabled=True)


async def test_the_notice_is_written_from_the_buttons_facts(work: Workshop) -> None:
    """Purpose in the asked language, retention and what is recorded."""
    button = await work.button()
    told = button.notice("en", ("audio",))
    assert (told.tenant_name, told.purpose, told.retention_days) == ("Acme", "support", 30)
    assert told.records == ("audio",)


async def test_a_button_without_days_of_its_own_keeps_as_long_as_its_tenant(work: Workshop) -> None:
    """What `callvault tenant add --retention-days` says counts, unless the button says otherwise."""
    tenant_id = await work.tenants.add(name="Short", retention_days=7)
    texts = {"fr": "aider", "en": "help"}
    new = NewButton("Help", texts, texts, ("audio",), ("https://a.test",), records=True, retention_days=None)
    assert (await work.buttons.create(new, by=work.by(tenant_id=tenant_id))).retention_days == 7
