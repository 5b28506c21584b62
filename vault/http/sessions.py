"""Browser sessions: ``POST /v1/sessions``, ``DELETE /v1/sessions/current``, ``GET /v1/me``."""

from typing import Final, Self

from pydantic import ConfigDict, Field, model_validator

from vault.http.ask import Answer, Ask
from vault.http.cookies import expired_cookie, session_cookie
from vault.http.route import Limit, Route
from vault.http.wire import In, Moment, Out, Text, one_of
from vault.identity.errors import TokenRefusedError
from vault.model import Id, Role
from vault.policy import GRANTS, Permission


class SessionRequest(In):
    """A one-time code, or an access token: exactly one of the two."""

    model_config = ConfigDict(json_schema_extra=one_of("code", "token"))

    code: Text | None = Field(None, min_length=1, max_length=200)
    token: Text | None = Field(None, min_length=1, max_length=8_192)

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.code is None) == (self.token is None):
            raise ValueError("give code or token")
        return self


class Session(Out):
    """A session that was opened; its secret is in the cookie only."""

    id: str
    expires_at: Moment
    role: Role


class Me(Out):
    """Who is signed in, and what that person may do."""

    id: str
    tenant_id: str
    tenant_name: str
    role: Role
    name: str
    email: str
    permissions: list[Permission]


async def open_session(ask: Ask[SessionRequest, None]) -> Answer:
    """Turn a one-time code or an access token into a cookie; the session it takes the place of ends."""
    identity = ask.services.identity
    if ask.body.code is not None:
        opened = await identity.sessions.open_with_code(ask.body.code)
    else:
        opened = await identity.sign_in_with_token(ask.body.token or "")
    if ask.who is not None:
        await identity.sessions.end(ask.who, how="replaced")
    settings = ask.services.settings
    cookie = session_cookie(opened.secret, settings=settings, max_age_s=int(settings.sessions.absolute_s))
    return Answer(
        status=201,
        body=Session(
            id=str(opened.principal.session_id), expires_at=opened.expires_at, role=opened.principal.role
        ),
        headers={"Location": "/v1/sessions/current"},
        cookies=(cookie,),
    )


async def close_session(ask: Ask[None, None]) -> Answer:
    """Sign out: the session ends, the browser forgets."""
    await ask.services.identity.sessions.end(ask.principal)
    return Answer(
        status=204,
        headers={"Clear-Site-Data": '"cache", "cookies", "storage"'},
        cookies=(expired_cookie(ask.services.settings),),
    )


async def me(ask: Ask[None, None]) -> Answer:
    """Tell who is signed in."""
    who = ask.principal
    identity = ask.services.identity
    person = await identity.people.shown(who.id, tenant_id=who.tenant_id)
    return Answer(
        body=Me(
            id=who.id,
            tenant_id=who.tenant_id,
            tenant_name=await identity.tenants.name_of(Id(who.tenant_id)),
            role=who.role,
            name=person.name,
            email=person.email,
            permissions=sorted(GRANTS[who.role]),
        )
    )


ROUTES: Final = (
    Route(
        method="POST",
        path="/v1/sessions",
        handler=open_session,
        needs=Permission.PUBLIC,
        summary="Sign in with a one-time code or an access token.",
        tag="sessions",
        limit=Limit.SIGN_IN,
        body=SessionRequest,
        responses={201: Session},
        errors=(TokenRefusedError,),
    ),
    Route(
        method="DELETE",
        path="/v1/sessions/current",
        handler=close_session,
        needs=Permission.WHO_AM_I,
        summary="Sign out.",
        tag="sessions",
        responses={204: None},
    ),
    Route(
        method="GET",
        path="/v1/me",
        handler=me,
        needs=Permission.WHO_AM_I,
        summary="Who is signed in, and what they may do.",
        tag="sessions",
        responses={200: Me},
    ),
)
