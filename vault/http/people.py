"""People of a tenant: ``/v1/people``. The model of a resource module: wire models, handlers, rows."""

from collections.abc import Sequence
from typing import Final, Literal

from pydantic import Field

from vault.errors import ConflictError, NotFoundError
from vault.http.ask import Answer, Ask
from vault.http.paging import page_of
from vault.http.route import Route
from vault.http.wire import In, Moment, Out, PageQuery, Text
from vault.identity.people import Person
from vault.model import Id, Role
from vault.policy import Permission

PersonRole = Literal[Role.AGENT, Role.SUPERVISOR, Role.ADMIN, Role.AUDITOR, Role.SERVICE]


class PersonIn(In):
    """A person to add."""

    role: PersonRole
    name: Text = Field(min_length=1, max_length=200)
    email: Text = Field("", max_length=254)


class PersonChange(In):
    """What may change of a person."""

    role: PersonRole | None = None
    disabled: bool | None = None


class PersonOut(Out):
    """A person, as administrators see them."""

    id: str
    role: Role
    name: str
    email: str
    issuer_id: str | None
    created_at: Moment
    disabled_at: Moment | None


class PeopleQuery(PageQuery):
    """Filters of the list."""

    role: PersonRole | None = Field(None, description="Only people of this role.")


class PeoplePage(Out):
    """One page of people, newest first."""

    items: list[PersonOut]
    next_cursor: str | None


class SignInCode(Out):
    """A one-time code for a person; it is shown here and never again."""

    code: str


async def list_people(ask: Ask[None, PeopleQuery]) -> Answer:
    """List people, newest first."""
    people, who = ask.services.identity.people, ask.principal

    async def find(before: str | None, limit: int) -> Sequence[Person]:
        return await people.page(tenant_id=Id(who.tenant_id), after=before, limit=limit, role=ask.query.role)

    page = await page_of(ask, "people", find)
    shown = PeoplePage(items=[_present(person) for person in page.items], next_cursor=page.next_cursor)
    return Answer(body=shown, headers=page.headers)


async def add_person(ask: Ask[PersonIn, None]) -> Answer:
    """Add a person."""
    made = await ask.services.identity.people.add(
        tenant_id=ask.principal.tenant_id,
        role=ask.body.role,
        profile={"name": ask.body.name, "email": ask.body.email},
        by=ask.principal,
    )
    return Answer(status=201, body=_present(made), headers={"Location": f"/v1/people/{made.id}"})


async def show_person(ask: Ask[None, None]) -> Answer:
    """Show one person."""
    people = ask.services.identity.people
    return Answer(body=_present(await people.one(ask.path["person_id"], tenant_id=ask.principal.tenant_id)))


async def change_person(ask: Ask[PersonChange, None]) -> Answer:
    """Change a role, or turn a person off or on."""
    changed = await ask.services.identity.people.change(
        ask.path["person_id"], by=ask.principal, role=ask.body.role, disabled=ask.body.disabled
    )
    return Answer(body=_present(changed))


async def make_code(ask: Ask[None, None]) -> Answer:
    """Make a one-time sign-in code for a person."""
    sessions = ask.services.identity.sessions
    code = await sessions.make_code(
        person_id=ask.path["person_id"], tenant_id=ask.principal.tenant_id, by=ask.principal
    )
    return Answer(status=201, body=SignInCode(code=code))


def _present(person: Person) -> PersonOut:
    return PersonOut(
        id=person.id,
        role=person.role,
        name=person.name,
        email=person.email,
        issuer_id=person.issuer_id,
        created_at=person.created_at,
        disabled_at=person.disabled_at,
    )


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/people",
        handler=list_people,
        needs=Permission.PEOPLE_READ,
        summary="List people.",
        tag="people",
        query=PeopleQuery,
        responses={200: PeoplePage},
    ),
    Route(
        method="POST",
        path="/v1/people",
        handler=add_person,
        needs=Permission.PEOPLE_MANAGE,
        summary="Add a person.",
        tag="people",
        body=PersonIn,
        creates=True,
        responses={201: PersonOut},
        errors=(ConflictError,),
    ),
    Route(
        method="GET",
        path="/v1/people/{person_id}",
        handler=show_person,
        needs=Permission.PEOPLE_READ,
        summary="Show a person.",
        tag="people",
        responses={200: PersonOut},
        errors=(NotFoundError,),
    ),
    Route(
        method="PATCH",
        path="/v1/people/{person_id}",
        handler=change_person,
        needs=Permission.PEOPLE_MANAGE,
        summary="Change a role, or turn a person off or on.",
        tag="people",
        body=PersonChange,
        responses={200: PersonOut},
        errors=(NotFoundError, ConflictError),
    ),
    Route(
        method="POST",
        path="/v1/people/{person_id}/sign-in-codes",
        handler=make_code,
        needs=Permission.PEOPLE_MANAGE,
        summary="Make a one-time sign-in code for a person.",
        tag="people",
        responses={201: SignInCode},
        errors=(NotFoundError, ConflictError),
    ),
)
