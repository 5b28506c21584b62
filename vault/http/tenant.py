"""The company itself: the rules it sets for its own calls."""

from typing import Any, Final

from vault.http.ask import Answer, Ask
from vault.http.route import Route
from vault.http.wire import In, Out
from vault.model import StopRule
from vault.policy import Permission


class TenantIn(In):
    """What a company may change."""

    on_withdrawal: StopRule


class TenantOut(Out):
    """A company and its rules. ``on_withdrawal``: what becomes of a recording whose consent is taken back."""

    id: str
    name: str
    on_withdrawal: StopRule


async def show(ask: Ask[None, None]) -> Answer:
    """Show the company's rules."""
    return await _shown(ask)


async def change(ask: Ask[TenantIn, None]) -> Answer:
    """Change the company's rules."""
    await ask.services.identity.tenants.set_on_withdrawal(
        ask.principal.tenant_id, ask.body.on_withdrawal, by=ask.principal
    )
    return await _shown(ask)


async def _shown(ask: Ask[Any, Any]) -> Answer:
    tenant = await ask.services.identity.tenants.one(ask.principal.tenant_id)
    return Answer(body=TenantOut(id=tenant.id, name=tenant.name, on_withdrawal=tenant.on_withdrawal))


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/tenant",
        handler=show,
        needs=Permission.TENANT_READ,
        summary="Show the company's rules.",
        tag="tenant",
        responses={200: TenantOut},
    ),
    Route(
        method="PATCH",
        path="/v1/tenant",
        handler=change,
        needs=Permission.TENANT_MANAGE,
        summary="Change the company's rules.",
        tag="tenant",
        body=TenantIn,
        responses={200: TenantOut},
    ),
)
