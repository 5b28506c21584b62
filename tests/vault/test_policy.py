"""Who may do what: the table is complete, and silence is no."""

from dataclasses import replace

import pytest

from vault.errors import ForbiddenError, NotFoundError
from vault.model import Role, new_id
from vault.policy import (
    GRANTS,
    Permission,
    Principal,
    require,
    require_own_call,
    require_same_tenant,
    roles_with,
)

# Written out a second time on purpose: whoever changes who may do what says it twice.
MAY = {
    Permission.PUBLIC: set(Role),
    Permission.WHO_AM_I: set(Role) - {Role.VISITOR},
    Permission.CALL_CONSENT: {Role.VISITOR},
    Permission.CALL_WITHDRAW: {Role.VISITOR},
    Permission.CALL_OWN_LINK: {Role.VISITOR},
    Permission.CALL_KEPT: {Role.VISITOR},
    Permission.CALL_ERASE_OWN: {Role.VISITOR},
    Permission.CALL_JOIN: {Role.VISITOR, Role.AGENT, Role.SUPERVISOR, Role.ADMIN},
    Permission.CALL_ANSWER: {Role.AGENT, Role.SUPERVISOR, Role.ADMIN},
    Permission.CALL_PAUSE: {Role.AGENT, Role.SUPERVISOR, Role.ADMIN, Role.SERVICE},
    Permission.CALL_UNRECORD: {Role.AGENT, Role.SUPERVISOR, Role.ADMIN},
    Permission.CALL_READ: set(Role),
    Permission.CALL_LIST: set(Role) - {Role.VISITOR},
    Permission.CALL_PERSONAL: {Role.AGENT, Role.SUPERVISOR, Role.ADMIN},
    Permission.CALL_NOTE: {Role.AGENT, Role.SUPERVISOR, Role.ADMIN},
    Permission.EVENTS_LISTEN: set(Role),
    Permission.MEDIA_LIST: set(Role) - {Role.VISITOR},
    Permission.MEDIA_PLAY: {Role.AGENT, Role.SUPERVISOR, Role.ADMIN},
    Permission.MEDIA_HISTORY: {Role.AGENT, Role.SUPERVISOR, Role.ADMIN, Role.AUDITOR},
    Permission.MEDIA_EXPORT: {Role.SUPERVISOR, Role.ADMIN},
    Permission.MEDIA_ERASE: {Role.SUPERVISOR, Role.ADMIN, Role.AUDITOR},
    Permission.ERASURE_REQUEST: {Role.SUPERVISOR, Role.ADMIN, Role.AUDITOR, Role.SERVICE},
    Permission.ERASURE_READ: {Role.SUPERVISOR, Role.ADMIN, Role.AUDITOR, Role.SERVICE},
    Permission.RETENTION_READ: {Role.SUPERVISOR, Role.ADMIN, Role.AUDITOR},
    Permission.RETENTION_MANAGE: {Role.ADMIN, Role.AUDITOR},
    Permission.HOLDS_READ: {Role.SUPERVISOR, Role.ADMIN, Role.AUDITOR},
    Permission.HOLDS_MANAGE: {Role.ADMIN, Role.AUDITOR},
    Permission.RESTRICTIONS_READ: {Role.SUPERVISOR, Role.ADMIN, Role.AUDITOR},
    Permission.RESTRICTIONS_MANAGE: {Role.ADMIN, Role.AUDITOR},
    Permission.LEDGER_READ: {Role.ADMIN, Role.AUDITOR},
    Permission.EVIDENCE_READ: {Role.ADMIN, Role.AUDITOR},
    Permission.PEOPLE_READ: {Role.SUPERVISOR, Role.ADMIN, Role.AUDITOR},
    Permission.PEOPLE_MANAGE: {Role.ADMIN},
    Permission.BUTTONS_READ: set(Role) - {Role.VISITOR},
    Permission.BUTTONS_MANAGE: {Role.ADMIN},
    Permission.NOTES_MANAGE: {Role.ADMIN},
    Permission.ISSUERS_MANAGE: {Role.ADMIN},
    Permission.TENANT_READ: {Role.ADMIN, Role.AUDITOR},
    Permission.TENANT_MANAGE: {Role.ADMIN},
    Permission.TENANT_LEAVE: {Role.ADMIN},
}


def someone(role: Role) -> Principal:
    """A principal of a role."""
    call_id = new_id("call") if role is Role.VISITOR else None
    return Principal(new_id("per"), new_id("ten"), role, call_id=call_id)


def test_the_table_has_a_row_for_every_role_and_every_permission() -> None:
    """A new role or permission is decided on before it exists."""
    assert set(GRANTS) == set(Role)
    assert set(MAY) == set(Permission)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("permission", Permission)
def test_each_role_may_what_its_row_holds_and_nothing_else(role: Role, permission: Permission) -> None:
    """Deny by default: every pair of role and permission is tried."""
    principal = someone(role)
    if role in MAY[permission]:
        require(principal, permission)
        assert principal.may(permission)
    else:
        assert not principal.may(permission)
        with pytest.raises(ForbiddenError):
            require(principal, permission)


@pytest.mark.parametrize("permission", Permission)
def test_the_roles_with_a_permission_are_those_that_may(permission: Permission) -> None:
    """What a query asks the table of people for is the same table."""
    assert set(roles_with(permission)) == MAY[permission]


def test_who_sees_that_others_looked_plays_nothing() -> None:
    """The data protection officer and the company's own program have no way to a recording's content."""
    assert not someone(Role.AUDITOR).may(Permission.MEDIA_PLAY)
    assert not someone(Role.SERVICE).may(Permission.MEDIA_PLAY)


@pytest.mark.parametrize("role", Role)
def test_another_tenants_thing_looks_like_none(role: Role) -> None:
    """The answer does not tell that it exists, whatever the role."""
    principal = someone(role)
    require_same_tenant(principal, principal.tenant_id)
    with pytest.raises(NotFoundError):
        require_same_tenant(principal, new_id("ten"))


def test_a_visitors_rights_end_at_their_own_call() -> None:
    """Another call looks like none; people of the tenant are not bound to one call."""
    visitor = someone(Role.VISITOR)
    require_own_call(visitor, str(visitor.call_id))
    with pytest.raises(NotFoundError):
        require_own_call(visitor, new_id("call"))
    for role in set(Role) - {Role.VISITOR}:
        require_own_call(someone(role), new_id("call"))


def test_a_visitor_without_a_call_reaches_none() -> None:
    """A token that names no call opens no call."""
    lost = Principal(new_id("per"), new_id("ten"), Role.VISITOR)
    with pytest.raises(NotFoundError):
        require_own_call(lost, new_id("call"))


def test_a_visit_leaves_a_visitor_what_it_says_and_nobody_else_anything_more() -> None:
    """Written out a second time on purpose: look, withdraw, erase."""
    visitor = someone(Role.VISITOR)
    visit = replace(visitor, is_visit=True)
    left = {Permission.PUBLIC, Permission.CALL_KEPT, Permission.CALL_WITHDRAW, Permission.CALL_ERASE_OWN}
    assert {permission for permission in Permission if visit.may(permission)} == left
    assert left < {permission for permission in Permission if visitor.may(permission)}
    agent = replace(someone(Role.AGENT), is_visit=True)
    assert {permission for permission in Permission if agent.may(permission)} == {Permission.PUBLIC}
