"""Retention rules: the most specific counts, for what begins from then on."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.vault.media.workshop import Workshop, open_workshop
from vault.clock import TurnableClock
from vault.errors import ForbiddenError, NotFoundError
from vault.model import ExportFormat, Id, MediaState, Role, RuleKind, new_id
from vault.policy import Principal
from vault.rights.rules import Source
from vault.rights.standing import Stays

START = datetime(2026, 11, 23, 8, tzinfo=UTC)
OWN_DAYS = 30  # of the workshop's buttons
R = RuleKind


@pytest.fixture
async def timed(tmp_path: Path) -> AsyncIterator[Workshop]:
    """Rooms whose clock the test turns."""
    async with open_workshop(tmp_path, clock=TurnableClock(START)) as opened:
        yield opened


def turned(work: Workshop, by: timedelta) -> None:
    """Let time pass."""
    assert isinstance(work.clock, TurnableClock)
    work.clock.turn(by)


async def days_told(work: Workshop) -> dict[RuleKind, tuple[int, Source]]:
    """What counts in general."""
    rules = await work.custody.rules.list(by=work.by(Role.AUDITOR))
    return {rule.kind: (rule.days, rule.source) for rule in rules if rule.button_id is None}


async def test_what_counts_when_nobody_said_anything(any_work: Workshop) -> None:
    """The tenant's days for recordings and notes; a call as its recordings; an export as the settings say."""
    assert await days_told(any_work) == {
        R.RECORDING: (30, Source.TENANT),
        R.CALL: (30, Source.HOUSE),
        R.NOTE: (365, Source.TENANT),
        R.EXPORT: (any_work.whole_calls.exports._settings.keep_days, Source.HOUSE),
    }


async def test_the_most_specific_rule_counts(any_work: Workshop) -> None:
    """A button's before the tenant's; taken away, the tenant's again."""
    rules, button = any_work.custody.rules, await any_work.button()
    for kind in R:
        await rules.set(kind, 90, button_id=None, by=any_work.by())
        mine = await rules.set(kind, 20, button_id=button.id, by=any_work.by())
        assert (mine.days, mine.source) == (20, Source.BUTTON), kind
    for kind in R:
        theirs = await rules.unset(kind, button_id=button.id, by=any_work.by())
        assert (theirs.days, theirs.source) == (90, Source.TENANT), kind
    assert {days for days, _ in (await days_told(any_work)).values()} == {90}


async def test_a_button_without_a_rule_of_its_own_follows_its_tenant(any_work: Workshop) -> None:
    """Its notice says the new number; one made with a number keeps it."""
    own = await any_work.button()
    rules = any_work.custody.rules
    follows = await any_work.button()
    await rules.unset(R.RECORDING, button_id=follows.id, by=any_work.by())
    await rules.set(R.RECORDING, 90, button_id=None, by=any_work.by())
    told = [(await any_work.buttons.public(one.id)).retention_days for one in (own, follows)]
    assert told == [OWN_DAYS, 90]


async def test_a_recording_is_kept_as_its_visitor_was_told(any_work: Workshop) -> None:
    """A rule that is made longer between notice and first frame is about the next call."""
    button = await any_work.button()
    call = await any_work.consented(button=button)
    await any_work.custody.rules.set(R.RECORDING, 300, button_id=button.id, by=any_work.by())
    begun = await any_work.ready((), call)
    item = await any_work.library.get(begun.media_id, by=any_work.by())
    assert (item.retain_until - item.created_at).days == OWN_DAYS


async def test_a_call_is_kept_no_longer_than_a_recording_of_it_would_be(timed: Workshop) -> None:
    """A longer rule is cut; a shorter one holds while no recording is there."""
    rules, button = timed.custody.rules, await timed.button()
    longer = await rules.set(R.CALL, 400, button_id=button.id, by=timed.by())
    assert longer.days == OWN_DAYS
    await rules.set(R.CALL, 5, button_id=button.id, by=timed.by())
    call = await timed.consented(button=button)
    turned(timed, timedelta(hours=2))
    await timed.keeper.turn()  # nobody joined: it ends
    turned(timed, timedelta(days=4))
    await timed.keeper.turn()
    assert await timed.requests.request_of(call.id) is None
    turned(timed, timedelta(days=2))
    await timed.keeper.turn()
    assert await timed.requests.request_of(call.id)


async def test_a_call_stays_as_long_as_the_longest_of_its_recordings(timed: Workshop) -> None:
    """And says so, when its own time is over."""
    button = await timed.button()
    await timed.custody.rules.set(R.CALL, 5, button_id=button.id, by=timed.by())
    call = await timed.consented(button=button)
    begun = await timed.ready((), call)
    turned(timed, timedelta(days=10))
    await timed.keeper.turn()
    assert await timed.requests.request_of(call.id) is None
    told = await timed.custody.standings.of_call(call.id, by=timed.by())
    assert [(one.object_id, one.why) for one in told] == [
        (call.id, Stays.WITH_RECORDINGS),
        (begun.media_id, Stays.WITHIN_TIME),
    ]
    assert told[0].until == told[1].until


async def test_notes_and_exports_follow_their_rules(timed: Workshop) -> None:
    """A note by its button's rule; an export by its own, and never longer than its first recording."""
    rules, button = timed.custody.rules, await timed.button()
    await rules.set(R.NOTE, 40, button_id=button.id, by=timed.by())
    call = await timed.consented(button=button)
    await timed.ready(call=call)
    who = await timed.people.add(tenant_id=timed.tenant_id, role=Role.ADMIN, profile={"name": "Ada"}, by=None)
    ada = Principal(who.id, timed.tenant_id, Role.ADMIN)
    note = await timed.notes.write(call.id, "called back", None, version=0, by=ada)
    assert note.retain_until == timed.clock.now() + timedelta(days=40)
    for days, kept in ((3, 3), (300, OWN_DAYS)):
        await rules.set(R.EXPORT, days, button_id=None, by=timed.by())
        format_ = ExportFormat.WAV if days == 3 else ExportFormat.MP3
        export = await timed.whole_calls.exports.ask(call.id, format_, by=timed.by())
        assert export.retain_until <= START + timedelta(days=kept)
        assert export.retain_until > START + timedelta(days=kept - 1)


async def test_a_thing_tells_why_it_is_here_and_when_it_goes(timed: Workshop) -> None:
    """Within its time, due, erased; with the rule that counts now."""
    begun = await timed.ready(())

    async def why() -> Stays:
        return (await timed.custody.standings.of_media(begun.media_id, by=timed.by())).why

    told = await timed.custody.standings.of_media(begun.media_id, by=timed.by())
    assert (told.why, told.rule.days, told.rule.source) == (Stays.WITHIN_TIME, OWN_DAYS, Source.BUTTON)
    turned(timed, timedelta(days=31))
    assert await why() is Stays.DUE
    await timed.keeper.turn()
    assert await why() is Stays.ERASED
    item = await timed.library.get(begun.media_id, by=timed.by())
    assert item.state is MediaState.ERASED


async def test_who_may_and_whose_it_is(any_work: Workshop) -> None:
    """Administrator and auditor set; a supervisor reads; a foreign button is a missing one."""
    rules = any_work.custody.rules
    with pytest.raises(ForbiddenError):
        await rules.set(R.CALL, 5, button_id=None, by=any_work.by(Role.SUPERVISOR))
    with pytest.raises(ForbiddenError):
        await rules.list(by=any_work.by(Role.AGENT))
    button = await any_work.button()
    other = await any_work.tenants.add(name="Other", retention_days=7)
    begun = await any_work.ready(())
    for button_id in (button.id, Id(new_id("btn"))):
        with pytest.raises(NotFoundError):
            await rules.set(R.CALL, 5, button_id=button_id, by=any_work.by(tenant_id=other))
    with pytest.raises(NotFoundError):
        await any_work.custody.standings.of_media(begun.media_id, by=any_work.by(tenant_id=other))
