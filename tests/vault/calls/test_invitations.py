"""Call-back links: made by agents, good once, silent about why they are not, and erased when over."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.vault.calls.desk import Desk, Screen, open_desk
from tests.vault.media.workshop import CANARY, Workshop, open_workshop
from vault.calls.buttons import Button
from vault.calls.calls import OpenedCall
from vault.calls.invitations import MadeInvitation
from vault.calls.routing import Routing
from vault.calls.visitors import Field, Visitor
from vault.clock import TurnableClock
from vault.db.tables import invitations
from vault.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    KeyForgottenError,
    LinkDeadError,
    NotFoundError,
)
from vault.model import ConsentChoice, ErasureReason, Id, Role, new_id
from vault.policy import Principal

WHO = Visitor("customer-1", CANARY, "zebulon@example.org", "+33612345678")
SOUND = ("audio",)


@pytest.fixture
async def any_desk(any_work: Workshop) -> AsyncIterator[Desk]:
    """A desk on each kind of database."""
    async with open_desk(any_work) as opened:
        yield opened


async def invite(
    desk: Desk, by: Screen, button: Button | None = None, visitor: Visitor = WHO
) -> MadeInvitation:
    """Somebody makes a link."""
    button = button or await desk.button()
    return await desk.work.invitations.make(button.id, visitor, by=by.who)


async def follow(work: Workshop, made: MadeInvitation) -> OpenedCall:
    """Whoever has the link opens its call."""
    return await work.invitations.open(made.id, made.secret, language="en", media=SOUND)


async def talk(desk: Desk, call: OpenedCall) -> tuple[Screen, Id]:
    """The visitor of an opened call answers the notice and can be heard."""
    work, visitor, leg_id = desk.work, desk.work.visitor(call), new_id("leg")
    screen = desk.screen(visitor)
    await work.calls.answer_notice(
        call.id, ConsentChoice.ACCEPTED, notice_hash=call.notice.hash, language="en", by=visitor
    )
    view = await work.calls.ready_for_leg(call.id, by=visitor)
    await work.calls.leg_joined(view, leg_id, visitor)
    await work.calls.leg_connected(call.id, leg_id)
    await desk.ringing.visitor_joined(view)
    return screen, leg_id


async def state_of(work: Workshop, made: MadeInvitation, by: Principal) -> str:
    """How a link stands, as its maker sees it."""
    return next(one.state for one in await work.invitations.list(by=by) if one.id == made.id)


async def erase(work: Workshop) -> None:
    """Carry every erasure to its end."""
    for _ in range(20):
        if await work.keeper.turn() == 0:
            return
        await asyncio.sleep(0.05)


async def test_a_call_back_rings_whoever_invited_with_what_they_said(any_desk: Desk) -> None:
    """And nobody else; the card says so; the ledger has who made it and that it was opened, once."""
    work = any_desk.work
    ada, ben = await any_desk.agent("Ada"), await any_desk.agent("Ben")
    made = await invite(any_desk, ada)
    assert await state_of(work, made, ada.who) == "waiting"
    assert (await work.invitations.look(made.id, made.secret)).tenant_name == "Acme"
    call = await follow(work, made)
    assert await state_of(work, made, ada.who) == "opened"
    await talk(any_desk, call)
    assert ben.heard() == []
    ((_, card),) = ada.heard()
    assert (card["invited"], card["visitor"]["name"], card["page_url"]) == (True, CANARY, None)
    assert await state_of(work, made, ada.who) == "used"
    types = [entry.type for entry in await work.ledger.history(made.id)]
    assert types == ["invitation.opened", "invitation.made"]
    assert made.secret not in repr(made)


async def test_a_link_is_good_until_its_visitor_was_heard_and_then_no_more(any_desk: Desk) -> None:
    """A page that was loaded anew opens it again; once somebody spoke, nobody does."""
    work, ada = any_desk.work, await any_desk.agent("Ada")
    made = await invite(any_desk, ada)
    first, second = await follow(work, made), await follow(work, made)
    assert first.id != second.id
    await talk(any_desk, second)
    for act in (follow(work, made), work.invitations.look(made.id, made.secret)):
        with pytest.raises(LinkDeadError):
            await act
    assert await work.invitations.opened(second.id)


async def test_of_the_calls_that_a_link_opened_one_is_joined(any_desk: Desk) -> None:
    """Whichever it is, and whichever was opened last: it uses the link up, for all of them."""
    work, ada = any_desk.work, await any_desk.agent("Ada")
    made = await invite(any_desk, ada)
    first, second, third = [await follow(work, made) for _ in range(3)]
    _, leg_id = await talk(any_desk, first)
    assert ada.types() == ["call.ringing"]
    for act in (follow(work, made), work.invitations.look(made.id, made.secret)):
        with pytest.raises(LinkDeadError):
            await act
    assert await state_of(work, made, ada.who) == "used"
    with pytest.raises(ConflictError, match="another call"):
        await talk(any_desk, second)
    await any_desk.leave(first, leg_id)
    with pytest.raises(ConflictError, match="another call"):
        await talk(any_desk, third)
    assert ada.types() == ["call.gone"]
    assert (await work.invitations.end_over(), await work.invitations.end_over()) == (1, 0)
    assert await state_of(work, made, ada.who) == "used"


async def test_of_two_calls_of_a_link_that_are_joined_at_once_one_is(any_desk: Desk) -> None:
    """The other is refused before it is heard; a leg that never came up leaves the link to the next."""
    work, ada = any_desk.work, await any_desk.agent("Ada")
    made = await invite(any_desk, ada)
    opened = [await follow(work, made) for _ in range(2)]

    async def joins(call: OpenedCall) -> Id:
        visitor, leg_id = work.visitor(call), new_id("leg")
        await work.calls.answer_notice(
            call.id, ConsentChoice.ACCEPTED, notice_hash=call.notice.hash, language="en", by=visitor
        )
        await work.calls.leg_joined(await work.calls.ready_for_leg(call.id, by=visitor), leg_id, visitor)
        return leg_id

    done = await asyncio.gather(*map(joins, opened), return_exceptions=True)
    (refused,) = [one for one in done if isinstance(one, BaseException)]
    assert isinstance(refused, ConflictError)
    ((call, leg_id),) = [(call, one) for call, one in zip(opened, done, strict=True) if isinstance(one, str)]
    await work.calls.leg_ended(call.id, leg_id, reason="setup_timeout", call_goes_on=True)
    await talk(any_desk, await follow(work, made))
    assert await state_of(work, made, ada.who) == "used"


async def test_whatever_is_wrong_with_a_link_looks_the_same(tmp_path: Path) -> None:
    """Unknown, guessed, expired, revoked, of a button that is off: one sentence, and nothing else."""
    clock = TurnableClock(datetime(2026, 11, 23, 9, tzinfo=UTC))
    async with open_workshop(tmp_path, clock=clock) as work, open_desk(work) as desk:
        ada = await desk.agent("Ada")
        off = await desk.button()
        good, expired, revoked, dark = [
            await invite(desk, ada, off if number == 3 else None) for number in range(4)
        ]
        await work.invitations.revoke(revoked.id, by=ada.who)
        await work.invitations.revoke(revoked.id, by=ada.who)
        await work.buttons.change(off.id, by=work.by(), disabled=True)
        told = set()
        for invitation_id, secret in (
            (new_id("inv"), good.secret),
            ("nonsense", good.secret),
            (good.id, expired.secret),
            (good.id, ""),
            (revoked.id, revoked.secret),
            (dark.id, dark.secret),
        ):
            with pytest.raises(LinkDeadError) as refused:
                await work.invitations.open(invitation_id, secret, language="en", media=SOUND)
            told.add(str(refused.value))
        clock.turn(timedelta(hours=24))
        with pytest.raises(LinkDeadError) as refused:
            await follow(work, expired)
        assert told == {str(refused.value)}
        assert await work.invitations.end_over() == 3
        assert (await work.ledger.history(expired.id))[0].type == "invitation.expired"
        states = [await state_of(work, one, ada.who) for one in (expired, revoked)]
        assert states == ["expired", "revoked"]


async def test_of_two_who_open_a_link_at_once_each_call_is_whole(any_work: Workshop) -> None:
    """Two devices, two processes: both calls exist; the one that is heard uses it up for both."""
    async with open_desk(any_work) as desk:
        ada = await desk.agent("Ada")
        made = await invite(desk, ada)
        other = await any_work.reborn()
        first, second = await asyncio.gather(follow(any_work, made), follow(other, made))
        async with any_work.database.read() as connection:
            row = (await connection.execute(select(invitations).where(invitations.c.id == made.id))).one()
        assert row.call_id in {first.id, second.id}
        entries = [entry.type for entry in await any_work.ledger.history(made.id)]
        assert entries.count("invitation.opened") == 1


@pytest.mark.parametrize(("callbacks", "told"), [("inviter", "call.nobody"), ("anyone", "call.ringing")])
async def test_when_the_inviter_is_not_there_the_buttons_rule_decides(
    any_desk: Desk, callbacks: str, told: str
) -> None:
    """Nobody, and the visitor is told so and may leave a message; or whoever else the button rings."""
    ada, ben = await any_desk.agent("Ada"), await any_desk.agent("Ben")
    button = await any_desk.button(Routing(callbacks=callbacks))  # type: ignore[arg-type]
    made = await invite(any_desk, ada, button)
    await any_desk.ringing.set_available(available=False, by=ada.who)
    visitor, _ = await talk(any_desk, await follow(any_desk.work, made))
    assert ben.types() == (["call.ringing"] if callbacks == "anyone" else [])
    assert visitor.types()[-1] == told


async def test_an_inviter_who_declines_leaves_it_to_the_others_where_the_button_says_so(
    any_desk: Desk,
) -> None:
    """From then on it is theirs: nobody is rung and dropped by turns."""
    ada, ben = await any_desk.agent("Ada"), await any_desk.agent("Ben")
    made = await invite(any_desk, ada, await any_desk.button(Routing(callbacks="anyone")))
    call = await follow(any_desk.work, made)
    await talk(any_desk, call)
    assert (ada.types(), ben.types()) == (["call.ringing"], [])
    await any_desk.ringing.decline(call.id, by=ada.who)
    assert ben.types() == ["call.ringing"]
    assert (await any_desk.ringing.take(call.id, by=ben.who)).call.taken_by == ben.who.id


async def test_only_its_maker_and_who_manages_people_see_and_revoke_a_link(any_desk: Desk) -> None:
    """P5: for another tenant there is no such link, and no such button to invite through."""
    work, ada = any_desk.work, await any_desk.agent("Ada")
    ben, root = await any_desk.person("Ben"), await any_desk.person("Root", Role.ADMIN)
    made = await invite(any_desk, ada)
    elsewhere = await work.tenants.add(name="Other", retention_days=30)
    eve = await any_desk.person("Eve", tenant_id=elsewhere)
    for who, expected in ((ada.who, 1), (root, 1), (ben, 0), (eve, 0)):
        assert len(await work.invitations.list(by=who)) == expected
    for who, error in ((ben, ForbiddenError), (eve, NotFoundError)):
        with pytest.raises(error):
            await work.invitations.revoke(made.id, by=who)
    for button_id in ((await any_desk.button()).id, new_id("btn"), "nonsense"):
        with pytest.raises(InvalidError):
            await work.invitations.make(button_id, WHO, by=eve)
    with pytest.raises(ForbiddenError):
        await work.invitations.make(button_id, WHO, by=await any_desk.person("Oda", Role.AUDITOR))
    await work.invitations.revoke(made.id, by=root)
    with pytest.raises(LinkDeadError):
        await follow(work, made)


@pytest.mark.parametrize("field", [Field.REFERENCE, Field.EMAIL, Field.PHONE])
async def test_what_was_said_of_a_visitor_is_found_and_erased_with_them(any_desk: Desk, field: Field) -> None:
    """A link that nobody opened, too: its key is forgotten, it opens nothing, and the receipt names it."""
    work, ada = any_desk.work, await any_desk.agent("Ada")
    made = await invite(any_desk, ada)
    value = {
        Field.REFERENCE: "customer-1",
        Field.EMAIL: "Zebulon@Example.org",
        Field.PHONE: "+33 6 12 34 56 78",
    }
    asked = await work.requests.of_visitor(
        value[field], ErasureReason.VISITOR_REQUEST, by=work.by(Role.AUDITOR), field=field
    )
    assert [(item.kind, item.object_id) for item in asked.items] == [("invitation", made.id)]
    with pytest.raises(LinkDeadError):
        await follow(work, made)
    await erase(work)
    assert (await work.requests.get(asked.id, by=work.by(Role.AUDITOR))).complete
    with pytest.raises(KeyForgottenError):
        await work.keys.data_key(tenant_id=work.tenant_id, object_id=made.id)
    (shown,) = await work.invitations.list(by=ada.who)
    assert shown.visitor == {}


async def test_a_link_that_is_over_is_erased_by_itself_and_its_call_is_kept(any_desk: Desk) -> None:
    """What the agent said lives on in the call alone, under the call's own key."""
    work, ada = any_desk.work, await any_desk.agent("Ada")
    made = await invite(any_desk, ada)
    call = await follow(work, made)
    await talk(any_desk, call)
    await erase(work)
    (shown,) = await work.invitations.list(by=ada.who)
    assert (shown.state, shown.visitor) == ("used", {})
    assert (await any_desk.ringing._cards.card(call.id))["visitor"]["name"] == CANARY  # type: ignore[index]


async def test_a_call_back_keeps_nobody_else_waiting(any_desk: Desk) -> None:
    """It waits for whoever made its link, in a row of their own; where it rings others, in theirs."""
    desk = any_desk
    ada = await desk.agent("Ada")
    button = await desk.button()
    for place in (1, 2):
        visitor, _ = await talk(desk, await follow(desk.work, await invite(desk, ada, button)))
        assert visitor.heard()[-1] == ("call.ringing", {"position": place, "agents": 1})
    _, waiting, _ = await desk.press(button)
    assert waiting.heard()[-1] == ("call.ringing", {"position": 1, "agents": 1})
    ben, open_to_all = await desk.agent("Ben"), await desk.button(Routing(callbacks="anyone"))
    called = await follow(desk.work, await invite(desk, ada, open_to_all))
    await talk(desk, called)
    _, after, _ = await desk.press(open_to_all)
    assert after.heard()[-1] == ("call.ringing", {"position": 1, "agents": 2})
    await desk.ringing.decline(called.id, by=ada.who)
    assert "call.ringing" in ben.types()
    assert after.heard()[-1] == ("call.ringing", {"position": 2, "agents": 2})
