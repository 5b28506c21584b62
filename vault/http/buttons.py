"""Buttons of a tenant: ``/v1/buttons``."""

from typing import Final, Literal

from pydantic import Field

from vault.calls.buttons import Button, NewButton
from vault.calls.routing import EVERYONE, MAX_NAMED, RING_S, RING_S_MAX, RING_S_MIN, Routing
from vault.errors import NotFoundError
from vault.http.ask import Answer, Ask
from vault.http.route import Route
from vault.http.wire import In, Integer, Out, Text
from vault.model import DAYS_MAX, Id
from vault.policy import Permission

Origins = list[Text]


class TwoLanguages(In):
    """A text in both languages of the product."""

    fr: Text = Field(min_length=1, max_length=300)
    en: Text = Field(min_length=1, max_length=300)


class RoutingIn(In):
    """Whom a button rings; ``person_ids`` counts only for ``people``, ``team_ids`` only for ``teams``."""

    to: Literal["everyone", "people", "teams"] = Field(
        "everyone", description="Everyone who may answer, or some."
    )
    person_ids: list[Text] = Field(default_factory=list, max_length=MAX_NAMED)
    team_ids: list[Text] = Field(default_factory=list, max_length=MAX_NAMED)
    callbacks: Literal["inviter", "anyone"] = Field(
        "inviter", description="Whom call-backs ring: who invited, or others too where they are not there."
    )
    strategy: Literal["all", "longest_idle"] = Field(
        "all", description="All at once, or one after the other, the one idle longest first."
    )
    ring_s: Integer = Field(RING_S, ge=RING_S_MIN, le=RING_S_MAX, description="Seconds until the next.")

    def routing(self) -> Routing:
        """Give the setting without repeated people or teams."""
        named = tuple(Id(person_id) for person_id in dict.fromkeys(self.person_ids))
        teams = tuple(Id(team_id) for team_id in dict.fromkeys(self.team_ids))
        return Routing(
            self.to,
            named if self.to == "people" else (),
            self.strategy,
            self.ring_s,
            teams if self.to == "teams" else (),
            self.callbacks,
        )


class RoutingOut(Out):
    """Whom a button rings."""

    to: str
    person_ids: list[str]
    team_ids: list[str]
    strategy: str
    ring_s: int
    callbacks: str


class ButtonIn(In):
    """A button to make."""

    name: Text = Field(min_length=1, max_length=100)
    label: TwoLanguages
    purpose: TwoLanguages
    media: list[Literal["audio", "video"]] = Field(min_length=1, max_length=2)
    allowed_origins: Origins = Field(min_length=1, max_length=50)
    records: bool = False
    retention_days: Integer | None = Field(None, ge=1, le=DAYS_MAX)
    routing: RoutingIn | None = None
    requires_visitor_token: bool = Field(
        default=False, description="Only visitors vouched for by a signed token."
    )


class ButtonChange(In):
    """What may change of a button."""

    allowed_origins: Origins | None = Field(None, min_length=1, max_length=50)
    disabled: bool | None = None
    routing: RoutingIn | None = None
    requires_visitor_token: bool | None = None


class ButtonOut(Out):
    """A button."""

    id: str
    name: str
    label: dict[str, str]
    purpose: dict[str, str]
    media: list[str]
    allowed_origins: list[str]
    records: bool
    retention_days: int
    routing: RoutingOut
    requires_visitor_token: bool
    disabled: bool


class ButtonList(Out):
    """All buttons of a tenant; there are few, so there are no pages."""

    items: list[ButtonOut]


async def list_buttons(ask: Ask[None, None]) -> Answer:
    """List the tenant's buttons."""
    found = await ask.services.buttons.list(by=ask.principal)
    return Answer(body=ButtonList(items=[_present(button) for button in found]))


async def add_button(ask: Ask[ButtonIn, None]) -> Answer:
    """Make a button."""
    asked = ask.body
    made = await ask.services.buttons.create(
        NewButton(
            name=asked.name,
            label=asked.label.model_dump(),
            purpose=asked.purpose.model_dump(),
            media=tuple(kind for kind in ("audio", "video") if kind in asked.media or kind == "audio"),
            allowed_origins=tuple(asked.allowed_origins),
            records=asked.records,
            retention_days=asked.retention_days,
            routing=EVERYONE if asked.routing is None else asked.routing.routing(),
            requires_visitor_token=asked.requires_visitor_token,
        ),
        by=ask.principal,
    )
    return Answer(status=201, body=_present(made), headers={"Location": f"/v1/buttons/{made.id}"})


async def change_button(ask: Ask[ButtonChange, None]) -> Answer:
    """Change a button's origins or whom it rings, or switch it off or on."""
    origins, routing = ask.body.allowed_origins, ask.body.routing
    changed = await ask.services.buttons.change(
        ask.path["button_id"],
        by=ask.principal,
        allowed_origins=None if origins is None else tuple(origins),
        disabled=ask.body.disabled,
        routing=None if routing is None else routing.routing(),
        requires_visitor_token=ask.body.requires_visitor_token,
    )
    return Answer(body=_present(changed))


def _present(button: Button) -> ButtonOut:
    return ButtonOut(
        id=button.id,
        name=button.name,
        label=button.label,
        purpose=button.purpose,
        media=list(button.media),
        allowed_origins=list(button.allowed_origins),
        records=button.records,
        retention_days=button.retention_days,
        routing=RoutingOut(**button.routing.to_json()),
        requires_visitor_token=button.requires_visitor_token,
        disabled=button.disabled,
    )


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/buttons",
        handler=list_buttons,
        needs=Permission.BUTTONS_READ,
        summary="List buttons.",
        tag="buttons",
        responses={200: ButtonList},
    ),
    Route(
        method="POST",
        path="/v1/buttons",
        handler=add_button,
        needs=Permission.BUTTONS_MANAGE,
        summary="Make a button.",
        tag="buttons",
        body=ButtonIn,
        creates=True,
        responses={201: ButtonOut},
    ),
    Route(
        method="PATCH",
        path="/v1/buttons/{button_id}",
        handler=change_button,
        needs=Permission.BUTTONS_MANAGE,
        summary="Change a button.",
        tag="buttons",
        body=ButtonChange,
        responses={200: ButtonOut},
        errors=(NotFoundError,),
    ),
)
