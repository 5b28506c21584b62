"""Call-back links: made and revoked by agents, opened by whoever holds one: ``/v1/invitations``."""

from datetime import timedelta
from typing import Final

from pydantic import Field

from vault.calls.invitations import LIFE, LIFE_MAX, LIFE_MIN, InvitationView
from vault.calls.notice import Language
from vault.calls.visitors import Visitor
from vault.errors import BusyError, LinkDeadError, NotFoundError, TooManyLegsError
from vault.http.ask import Answer, Ask
from vault.http.calls import MediaList, OpenedOut, VisitorIn, WidgetOut, present_opened
from vault.http.cookies import own_origin
from vault.http.proxies import limited_as
from vault.http.route import Limit, Route
from vault.http.wire import In, Integer, Moment, Out, Text
from vault.policy import Permission

SHAPE: Final = r"^[A-Za-z0-9_-]{22}$"


class InvitationIn(In):
    """Whom to invite, through which button. What is said of the visitor is sealed at once."""

    button_id: Text = Field(max_length=40)
    visitor: VisitorIn = VisitorIn()
    lifetime_s: Integer = Field(
        int(LIFE.total_seconds()), ge=int(LIFE_MIN.total_seconds()), le=int(LIFE_MAX.total_seconds())
    )


class MadeOut(Out):
    """A new invitation. ``url`` is shown here and never again."""

    id: str
    url: str
    expires_at: Moment


class InvitationOut(Out):
    """An invitation, as whoever made it sees it."""

    id: str
    button_id: str
    state: str
    visitor: dict[str, str]
    created_at: Moment
    expires_at: Moment
    opened_at: Moment | None


class InvitationList(Out):
    """The newest invitations."""

    items: list[InvitationOut]


class SecretIn(In):
    """What stands in the fragment of the link."""

    secret: Text = Field(pattern=SHAPE)


class InvitedCallIn(SecretIn):
    """A press on the page of the link."""

    language: Language
    media: MediaList = Field(min_length=1, max_length=2)


async def make_invitation(ask: Ask[InvitationIn, None]) -> Answer:
    """Make a call-back link."""
    made = await ask.services.invitations.make(
        ask.body.button_id,
        Visitor(**ask.body.visitor.model_dump()),
        by=ask.principal,
        life=timedelta(seconds=ask.body.lifetime_s),
    )
    # The secret stands in the fragment: browsers send that to nobody, so no log has it.
    url = f"{own_origin(ask.raw, ask.services.settings)}/i/{made.id}#{made.secret}"
    place = {"Location": f"/v1/invitations/{made.id}"}
    return Answer(status=201, body=MadeOut(id=made.id, url=url, expires_at=made.expires_at), headers=place)


async def list_invitations(ask: Ask[None, None]) -> Answer:
    """List call-back links."""
    found = await ask.services.invitations.list(by=ask.principal)
    return Answer(body=InvitationList(items=[_present(view) for view in found]))


async def revoke_invitation(ask: Ask[None, None]) -> Answer:
    """Revoke a call-back link."""
    await ask.services.invitations.revoke(ask.path["invitation_id"], by=ask.principal)
    return Answer(status=204)


async def look_at_invitation(ask: Ask[SecretIn, None]) -> Answer:
    """Tell the page of a link what its button says and offers."""
    button = await ask.services.invitations.look(ask.path["invitation_id"], ask.body.secret)
    return Answer(
        body=WidgetOut(
            label=button.label,
            media=list(button.media),
            tenant_name=button.tenant_name,
            languages=sorted(button.label),
            records=button.records,
        )
    )


async def open_invited_call(ask: Ask[InvitedCallIn, None]) -> Answer:
    """Open the call of a link; no room for it is told here, before the visitor is asked anything."""
    invitation_id, secret = ask.path["invitation_id"], ask.body.secret
    button = await ask.services.invitations.look(invitation_id, secret)
    ask.services.legs.seats.require_for_call(button.id, button.tenant_id, limited_as(ask.client))
    wanted = {"audio", *ask.body.media}
    opened = await ask.services.invitations.open(
        invitation_id,
        secret,
        language=ask.body.language,
        media=tuple(kind for kind in ("audio", "video") if kind in wanted),
    )
    return present_opened(ask, opened)


def _present(view: InvitationView) -> InvitationOut:
    return InvitationOut(
        id=view.id,
        button_id=view.button_id,
        state=view.state,
        visitor=view.visitor,
        created_at=view.created_at,
        expires_at=view.expires_at,
        opened_at=view.opened_at,
    )


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/invitations",
        handler=list_invitations,
        needs=Permission.CALL_ANSWER,
        summary="List one's call-back links.",
        tag="invitations",
        responses={200: InvitationList},
    ),
    Route(
        method="POST",
        path="/v1/invitations",
        handler=make_invitation,
        needs=Permission.CALL_ANSWER,
        summary="Make a call-back link.",
        tag="invitations",
        body=InvitationIn,
        responses={201: MadeOut},
    ),
    Route(
        method="DELETE",
        path="/v1/invitations/{invitation_id}",
        handler=revoke_invitation,
        needs=Permission.CALL_ANSWER,
        summary="Revoke a call-back link.",
        tag="invitations",
        responses={204: None},
        errors=(NotFoundError,),
    ),
    Route(
        method="POST",
        path="/v1/invitations/{invitation_id}/looks",
        handler=look_at_invitation,
        needs=Permission.PUBLIC,
        summary="What the page of a call-back link needs.",
        tag="invitations",
        body=SecretIn,
        responses={200: WidgetOut},
        errors=(LinkDeadError,),
        limit=Limit.CALLS,
    ),
    Route(
        method="POST",
        path="/v1/invitations/{invitation_id}/calls",
        handler=open_invited_call,
        needs=Permission.PUBLIC,
        summary="Open the call of a call-back link.",
        tag="invitations",
        body=InvitedCallIn,
        responses={201: OpenedOut},
        errors=(LinkDeadError, TooManyLegsError, BusyError),
        limit=Limit.CALLS,
    ),
)
