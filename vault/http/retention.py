"""How long things are kept: ``/v1/retention-rules``, and why one thing is still here."""

from typing import Final

from pydantic import Field

from vault.errors import NotFoundError
from vault.http.ask import Answer, Ask
from vault.http.media import BUTTON_ID
from vault.http.route import Route
from vault.http.wire import In, Integer, Moment, Out
from vault.model import DAYS_MAX, RuleKind
from vault.policy import Permission
from vault.rights.rules import Rule, Source
from vault.rights.standing import Standing, Stays


class RuleQuery(In):
    """Which rule: a button's own, or the company's."""

    button_id: str | None = Field(
        None, pattern=BUTTON_ID, description="The rule of this button; else the company's."
    )


class RuleIn(In):
    """For how many days something is kept that begins from now on."""

    days: Integer = Field(ge=1, le=DAYS_MAX)


class RuleOut(Out):
    """What counts. ``source`` says who said so: the button, the company, or nobody (``house``)."""

    kind: RuleKind
    button_id: str | None
    days: int
    source: Source
    set_at: Moment | None


class RulesOut(Out):
    """What counts in general, one row for each kind, then what buttons have of their own.

    ``halted``: the clock jumped, and nothing is erased by time until the operator believes it again.
    """

    items: list[RuleOut]
    halted: bool


class StandingOut(Out):
    """Why something is still here and when it goes; ``until`` is null while nobody can tell.

    ``halted``: nothing is erased by time now, because the clock jumped.
    """

    object_id: str
    kind: RuleKind
    why: Stays
    since: Moment
    until: Moment | None
    erased_at: Moment | None
    held_until: Moment | None
    rule: RuleOut
    halted: bool


class StandingsOut(Out):
    """A call first, then its media, then the notes on it."""

    items: list[StandingOut]


async def list_rules(ask: Ask[None, None]) -> Answer:
    """Tell what counts."""
    found = await ask.services.custody.rules.list(by=ask.principal)
    halted = ask.services.custody.sentry.is_halted
    return Answer(body=RulesOut(items=[present_rule(one) for one in found], halted=halted))


async def set_rule(ask: Ask[RuleIn, RuleQuery]) -> Answer:
    """Set a rule."""
    rule = await ask.services.custody.rules.set(
        RuleKind(ask.path["kind"]), ask.body.days, button_id=ask.query.button_id, by=ask.principal
    )
    return Answer(body=present_rule(rule))


async def unset_rule(ask: Ask[None, RuleQuery]) -> Answer:
    """Let the more general rule count again."""
    rule = await ask.services.custody.rules.unset(
        RuleKind(ask.path["kind"]), button_id=ask.query.button_id, by=ask.principal
    )
    return Answer(body=present_rule(rule))


async def why_media(ask: Ask[None, None]) -> Answer:
    """Tell why a media item is still here."""
    found = await ask.services.custody.standings.of_media(ask.path["media_id"], by=ask.principal)
    return Answer(body=present_standing(found, halted=ask.services.custody.sentry.is_halted))


async def why_call(ask: Ask[None, None]) -> Answer:
    """Tell why a call, and what hangs from it, is still here."""
    found = await ask.services.custody.standings.of_call(ask.path["call_id"], by=ask.principal)
    halted = ask.services.custody.sentry.is_halted
    return Answer(body=StandingsOut(items=[present_standing(one, halted=halted) for one in found]))


def present_rule(rule: Rule) -> RuleOut:
    """Show a rule as the wire has it."""
    return RuleOut(
        kind=rule.kind, button_id=rule.button_id, days=rule.days, source=rule.source, set_at=rule.set_at
    )


def present_standing(one: Standing, *, halted: bool) -> StandingOut:
    """Show it as the wire has it."""
    return StandingOut(
        object_id=one.object_id,
        kind=one.kind,
        why=one.why,
        since=one.since,
        until=one.until,
        erased_at=one.erased_at,
        held_until=one.held_until,
        rule=present_rule(one.rule),
        halted=halted,
    )


_KINDS: Final = {"kind": "|".join(RuleKind)}
_RULE: Final = "/v1/retention-rules/{kind}"
ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/retention-rules",
        handler=list_rules,
        needs=Permission.RETENTION_READ,
        summary="How long things are kept.",
        tag="retention",
        responses={200: RulesOut},
    ),
    Route(
        method="PUT",
        path=_RULE,
        handler=set_rule,
        needs=Permission.RETENTION_MANAGE,
        summary="Set for how long something is kept that begins from now on.",
        tag="retention",
        body=RuleIn,
        query=RuleQuery,
        responses={200: RuleOut},
        errors=(NotFoundError,),
        patterns=_KINDS,
    ),
    Route(
        method="DELETE",
        path=_RULE,
        handler=unset_rule,
        needs=Permission.RETENTION_MANAGE,
        summary="Let the more general rule count again; the answer is that rule.",
        tag="retention",
        query=RuleQuery,
        responses={200: RuleOut},
        errors=(NotFoundError,),
        patterns=_KINDS,
    ),
    Route(
        method="GET",
        path="/v1/media/{media_id}/retention",
        handler=why_media,
        needs=Permission.MEDIA_LIST,
        summary="Why a media item is still here, and when it goes.",
        tag="retention",
        responses={200: StandingOut},
        errors=(NotFoundError,),
    ),
    Route(
        method="GET",
        path="/v1/calls/{call_id}/retention",
        handler=why_call,
        needs=Permission.MEDIA_LIST,
        summary="Why a call, its media and the notes on it are still here, and when they go.",
        tag="retention",
        responses={200: StandingsOut},
        errors=(NotFoundError,),
    ),
)
