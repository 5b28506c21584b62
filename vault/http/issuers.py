"""Identity providers of a tenant: ``/v1/issuers``."""

from typing import Any, Final, Literal

from pydantic import ConfigDict, Field

from vault.errors import ConflictError, NotFoundError
from vault.http.ask import Answer, Ask
from vault.http.people import PersonRole
from vault.http.route import Route
from vault.http.wire import In, Moment, Out, Text, one_of
from vault.identity.issuers import Issuer, NewIssuer
from vault.model import Role
from vault.policy import Permission


class IssuerIn(In):
    """An identity provider to trust for this tenant. Give `jwks_url` or `jwks`."""

    model_config = ConfigDict(json_schema_extra=one_of("jwks_url", "jwks"))

    name: Text = Field(min_length=1, max_length=100)
    issuer: Text = Field(min_length=1, max_length=500, description="The exact `iss` of its tokens.")
    audience: Text = Field(min_length=1, max_length=500, description="The exact `aud` meant for this vault.")
    algorithm: Literal["EdDSA", "ES256", "RS256"]
    jwks_url: Text | None = Field(None, max_length=1_000)
    jwks: dict[str, Any] | None = Field(None, max_length=10)
    role_claim: Text | None = Field(None, max_length=100)
    role_map: dict[Text, PersonRole] = Field(default_factory=dict, max_length=50)
    default_role: PersonRole | None = None


class IssuerChange(In):
    """Turn an identity provider off or on."""

    disabled: bool


class IssuerOut(Out):
    """An identity provider."""

    id: str
    name: str
    issuer: str
    audience: str
    algorithm: str
    jwks_url: str | None
    role_claim: str | None
    role_map: dict[str, Role]
    default_role: Role | None
    created_at: Moment
    disabled_at: Moment | None


class IssuerList(Out):
    """All identity providers of the tenant."""

    items: list[IssuerOut]


async def list_issuers(ask: Ask[None, None]) -> Answer:
    """List identity providers."""
    found = await ask.services.identity.issuers.all_of(ask.principal.tenant_id)
    return Answer(body=IssuerList(items=[_present(issuer) for issuer in found]))


async def add_issuer(ask: Ask[IssuerIn, None]) -> Answer:
    """Trust an identity provider."""
    body = ask.body
    new = NewIssuer(
        name=body.name,
        issuer=body.issuer,
        audience=body.audience,
        algorithm=body.algorithm,
        jwks_url=body.jwks_url,
        jwks=body.jwks,
        role_claim=body.role_claim,
        role_map=body.role_map,
        default_role=body.default_role,
    )
    made = await ask.services.identity.issuers.add(new, tenant_id=ask.principal.tenant_id, by=ask.principal)
    return Answer(status=201, body=_present(made), headers={"Location": f"/v1/issuers/{made.id}"})


async def show_issuer(ask: Ask[None, None]) -> Answer:
    """Show one identity provider."""
    issuers = ask.services.identity.issuers
    return Answer(body=_present(await issuers.one(ask.path["issuer_id"], tenant_id=ask.principal.tenant_id)))


async def change_issuer(ask: Ask[IssuerChange, None]) -> Answer:
    """Turn an identity provider off or on."""
    issuers = ask.services.identity.issuers
    changed = await issuers.set_disabled(ask.path["issuer_id"], disabled=ask.body.disabled, by=ask.principal)
    return Answer(body=_present(changed))


def _present(issuer: Issuer) -> IssuerOut:
    return IssuerOut(
        id=issuer.id,
        name=issuer.name,
        issuer=issuer.issuer,
        audience=issuer.audience,
        algorithm=issuer.algorithm,
        jwks_url=issuer.jwks_url,
        role_claim=issuer.role_claim,
        role_map=dict(issuer.role_map),
        default_role=issuer.default_role,
        created_at=issuer.created_at,
        disabled_at=issuer.disabled_at,
    )


def _row(method: Any, path: str, handler: Any, summary: str, **more: Any) -> Route:
    return Route(
        method=method,
        path=path,
        handler=handler,
        needs=Permission.ISSUERS_MANAGE,
        summary=summary,
        tag="issuers",
        **more,
    )


_ONE: Final = "/v1/issuers/{issuer_id}"
_GONE: Final = (NotFoundError,)
ROUTES: Final = (
    _row("GET", "/v1/issuers", list_issuers, "List identity providers.", responses={200: IssuerList}),
    _row(
        "POST",
        "/v1/issuers",
        add_issuer,
        "Trust an identity provider.",
        body=IssuerIn,
        creates=True,
        responses={201: IssuerOut},
        errors=(ConflictError,),
    ),
    _row("GET", _ONE, show_issuer, "Show an identity provider.", responses={200: IssuerOut}, errors=_GONE),
    _row(
        "PATCH",
        _ONE,
        change_issuer,
        "Turn an identity provider off or on.",
        body=IssuerChange,
        responses={200: IssuerOut},
        errors=_GONE,
    ),
)
